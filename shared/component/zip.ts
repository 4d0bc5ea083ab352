import { crc32 } from "node:zlib";
import { blocksOf, DEFLATE_END, deflatedBlock } from "../deflate.ts";

/**
 * The ZIP format, as far as a package needs it: deflate, sizes behind the data, no ZIP64.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export interface ZipFile {
  /** A relative path with slashes. */
  readonly name: string;
  /** The file's bytes, asked for when it is its turn. */
  readonly read: () => AsyncIterable<Uint8Array>;
}

/** Sizes that follow the data (bit 3), names in UTF-8 (bit 11). */
const FLAGS = 0x0808;
const DEFLATE = 8;
const VERSION = 20;
/** Unix (3) made it, so that the upper half of the external attributes are a mode. */
const MADE_BY = (3 << 8) | VERSION;
/** 1980-01-01, the first day that the format can say: equal files make equal bytes on any day. */
const DATE = 0x0021;
/** S3 keeps no mode; a script must be able to run wherever the archive is unpacked. */
const MODE = 0o100755;
/** Where ZIP64 would begin. */
const MAX_BYTES = 0xffff_ffff;
const MAX_ENTRIES = 0xffff;

interface Entry {
  readonly name: Uint8Array;
  readonly offset: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
}

/** Numbers of two or four bytes, little-endian, one after the other. */
const record = (...fields: readonly (readonly [bytes: 2 | 4, value: number])[]): Buffer => {
  const made = Buffer.alloc(fields.reduce((sum, [bytes]) => sum + bytes, 0));
  let at = 0;
  for (const [bytes, value] of fields) at = made.writeUIntLE(value, at, bytes);
  return made;
};

const localHeader = (name: Uint8Array): Buffer =>
  Buffer.concat([
    record(
      [4, 0x04034b50],
      [2, VERSION],
      [2, FLAGS],
      [2, DEFLATE],
      [2, 0],
      [2, DATE],
      [4, 0],
      [4, 0],
      [4, 0],
      [2, name.length],
      [2, 0],
    ),
    name,
  ]);

const dataDescriptor = ({ crc, compressed, size }: Entry): Buffer =>
  record([4, 0x08074b50], [4, crc], [4, compressed], [4, size]);

const centralHeader = ({ name, offset, crc, compressed, size }: Entry): Buffer =>
  Buffer.concat([
    record(
      [4, 0x02014b50],
      [2, MADE_BY],
      [2, VERSION],
      [2, FLAGS],
      [2, DEFLATE],
      [2, 0],
      [2, DATE],
      [4, crc],
      [4, compressed],
      [4, size],
      [2, name.length],
      [2, 0],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, MODE * 0x10000],
      [4, offset],
    ),
    name,
  ]);

/**
 * An archive of these files, as a stream that takes a few MiB of memory whatever the files' sizes. The bytes depend on names
 * and contents alone: not on the order of the files, the chunks in which they come, or the day.
 * @throws Error for what would need ZIP64: 65,535 files, 4 GiB
 */
export async function* zip(files: readonly ZipFile[]): AsyncGenerator<Uint8Array> {
  const sorted = files
    .map((file) => ({ ...file, bytes: Buffer.from(file.name) }))
    .sort((one, other) => one.bytes.compare(other.bytes));
  if (sorted.length >= MAX_ENTRIES) throw new Error(`${sorted.length} files are more than an archive takes`);
  const entries: Entry[] = [];
  let offset = 0;
  const counted = (bytes: Uint8Array): Uint8Array => {
    offset += bytes.length;
    if (offset >= MAX_BYTES) throw new Error("the archive would have 4 GiB or more");
    return bytes;
  };
  for (const { bytes: name, read } of sorted) {
    const start = offset;
    yield counted(localHeader(name));
    const data = offset;
    let crc = 0;
    let size = 0;
    for await (const block of blocksOf(read())) {
      crc = crc32(block, crc);
      size += block.length;
      yield counted(await deflatedBlock(block));
    }
    yield counted(DEFLATE_END);
    const entry = { name, offset: start, crc, compressed: offset - data, size };
    entries.push(entry);
    yield counted(dataDescriptor(entry));
  }
  const directory = offset;
  for (const entry of entries) yield counted(centralHeader(entry));
  const count = entries.length;
  yield record(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, offset - directory],
    [4, directory],
    [2, 0],
  );
}
