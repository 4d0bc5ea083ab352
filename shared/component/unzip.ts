import { pipeline } from "node:stream/promises";
import { createInflateRaw } from "node:zlib";
import { AppError } from "../problems.ts";

/** So many bytes of an archive from a place on. */
export type ReadRange = (from: number, length: number) => Promise<Uint8Array>;

/** What a device is asked to unpack, at most: files of an archive, bytes of all, and bytes for each byte of an archive. */
export const UNPACKED = {
  entries: 20_000,
  bytes: 4 * 1024 ** 3,
  ratio: 100,
  /** Below this, any ratio does no harm. */
  harmless: 64 * 1024 ** 2,
} as const;

const MAX_DIRECTORY_BYTES = 16 * 1024 ** 2;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;

interface Directory {
  readonly entries: number;
  readonly offset: number;
  readonly size: number;
}

interface Entry {
  readonly name: string;
  /** The name as it stands there. */
  readonly nameBytes: Buffer;
  readonly method: number;
  readonly offset: number;
  readonly compressed: number;
  readonly size: number;
}

/** An archive as its directory tells of it. */
export interface Archive {
  readonly entries: readonly Entry[];
  /** Where the directory begins. */
  readonly end: number;
  /** What its entries have unpacked. */
  readonly bytes: number;
}

const refusing =
  (path: string): Refuse =>
  (why) => {
    throw new AppError("archive-refused", `${path}: ${why}`);
  };

/**
 * Whether a ZIP archive can be unpacked without harm, by its directory alone, which is read in ranges: no absolute or climbing
 * names, no two files of one name, no links, nothing encrypted, no overlapping data, and no more files and bytes than
 * {@link UNPACKED}. Whether the directory says the truth, {@link inspectData} finds out.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 *
 * @param path for the message
 * @throws AppError `archive-refused`
 */
export const inspectArchive = async (path: string, size: number, read: ReadRange): Promise<Archive> => {
  const refuse = refusing(path);
  const directory = await findDirectory(size, read);
  if (directory === undefined) return refuse("it is no ZIP archive, or a broken one");
  if (directory.entries > UNPACKED.entries) {
    return refuse(`it has ${directory.entries} entries; at most ${UNPACKED.entries} are taken`);
  }
  if (directory.size > MAX_DIRECTORY_BYTES || directory.offset + directory.size > size) {
    return refuse("its directory is broken");
  }
  const bytes = directory.size === 0 ? new Uint8Array() : await read(directory.offset, directory.size);
  const entries = entriesIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), directory.entries, refuse);
  expectNames(entries, refuse);
  const unpacked = expectSizes(entries, directory, refuse);
  return { entries, end: directory.offset, bytes: unpacked };
};

/**
 * Whether an archive is what its directory says: before its data each entry has the name, method and sizes that the directory
 * has, it unpacks to its size and no further, and nothing is there that the directory does not list. Readers go by the
 * directory or by what stands before the data (Java's ZipFile and ZipInputStream, of which versions of the nucleus have used
 * both), and none need stop at the size that is told.
 * https://github.com/aws-greengrass/aws-greengrass-nucleus/blob/main/src/main/java/com/aws/greengrass/componentmanager/Unarchiver.java
 *
 * @param path for the message
 * @param bytes the whole archive, which is read once, in order and in little memory
 * @throws AppError `archive-refused`
 */
export const inspectData = async (
  path: string,
  { entries, end }: Archive,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> => {
  const refuse = refusing(path);
  const source = readerOf(bytes);
  const skipTo = async (offset: number): Promise<void> => {
    const between = offset - source.at();
    if (between < 0) refuse("the data of its entries overlaps");
    const head = await source.take(Math.min(between, UNLISTED_BYTES));
    if (head.includes(LOCAL_SIGNATURE)) refuse("it has data that its directory does not list");
    await source.skip(offset - source.at());
  };
  try {
    for (const entry of entries.toSorted((one, other) => one.offset - other.offset)) {
      await skipTo(entry.offset);
      await expectLocal(source, entry, refuse);
      const data = source.next(entry.compressed);
      if (entry.method === DEFLATED) await expectInflates(data, entry, refuse);
      else await source.skip(entry.compressed);
    }
    await skipTo(end);
  } finally {
    await source.close();
  }
};

/**
 * That a device can unpack these archives beside one another.
 * @param bytesOf what one has unpacked
 * @throws AppError `archive-refused`
 */
export const expectTogether = (paths: readonly string[], bytesOf: (path: string) => number): void => {
  const bytes = paths.reduce((sum, path) => sum + bytesOf(path), 0);
  if (bytes <= UNPACKED.bytes) return;
  const [first = "", ...others] = paths;
  refusing(first)(
    `with ${others.length} more it has ${bytes} bytes unpacked; at most ${UNPACKED.bytes} are taken together`,
  );
};

const LOCAL_SIGNATURE = Buffer.from("PK\x03\x04", "latin1");
/** Where a further entry could begin: behind the sizes that may follow an entry's data, 24 bytes at most. */
const UNLISTED_BYTES = 64;
const STORED = 0;
const DEFLATED = 8;
/** Sizes follow the data. */
const SIZES_FOLLOW = 8;

type Source = ReturnType<typeof readerOf>;

/** Bytes in their order, so many at a time; at their end there are fewer. */
const readerOf = (bytes: AsyncIterable<Uint8Array>) => {
  const chunks = bytes[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  let at = 0;
  async function* next(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      if (rest.length === 0) {
        const chunk = await chunks.next();
        if (chunk.done === true) return;
        rest = chunk.value;
        continue;
      }
      const piece = rest.subarray(0, left);
      rest = rest.subarray(piece.length);
      left -= piece.length;
      at += piece.length;
      yield piece;
    }
  }
  return {
    at: () => at,
    next,
    take: async (length: number): Promise<Buffer> => Buffer.concat(await Array.fromAsync(next(length))),
    skip: async (length: number): Promise<void> => {
      for await (const _ of next(length));
    },
    close: async (): Promise<void> => {
      await chunks.return?.();
    },
  };
};

/** What stands before an entry's data: the same as in the directory. */
const expectLocal = async (source: Source, entry: Entry, refuse: Refuse): Promise<void> => {
  const differs = () => refuse(`${entry.name} is not where, or not what, the directory says`);
  const header = await source.take(LOCAL_BYTES);
  if (header.length < LOCAL_BYTES || !header.subarray(0, 4).equals(LOCAL_SIGNATURE)) return differs();
  const [nameBytes, extraBytes] = [header.readUInt16LE(26), header.readUInt16LE(28)];
  const name = await source.take(nameBytes);
  const extra = await source.take(extraBytes);
  const flags = header.readUInt16LE(6);
  if (!name.equals(entry.nameBytes) || (flags & 1) !== 0 || header.readUInt16LE(8) !== entry.method) return differs();
  if ((flags & SIZES_FOLLOW) !== 0) return;
  const short = { size: header.readUInt32LE(22), compressed: header.readUInt32LE(18) };
  const { size, compressed } = withLarge(short, extra, refuse);
  if (size !== entry.size || compressed !== entry.compressed) differs();
};

const expectInflates = async (data: AsyncIterable<Uint8Array>, entry: Entry, refuse: Refuse): Promise<void> => {
  const otherLength = () => refuse(`the data of ${entry.name} is not as long as the directory says`);
  const inflate = createInflateRaw();
  let size = 0;
  try {
    await pipeline(data, inflate, async (unpacked: AsyncIterable<Uint8Array>) => {
      for await (const chunk of unpacked) {
        size += chunk.length;
        if (size > entry.size) refuse(`${entry.name} has more bytes unpacked than the ${entry.size} that it tells`);
      }
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith("Z_")) refuse(`the data of ${entry.name} is broken`);
    if (code === "ERR_STREAM_PREMATURE_CLOSE" && inflate.readableEnded) otherLength(); // it takes no more of the data
    throw error;
  }
  if (size !== entry.size || inflate.bytesWritten !== entry.compressed) otherLength();
};

type Refuse = (why: string) => never;

/** The end record, behind which there may be a comment; the larger one of ZIP64 where that says that there is one. */
const findDirectory = async (size: number, read: ReadRange): Promise<Directory | undefined> => {
  const length = Math.min(size, END_BYTES + MAX_COMMENT_BYTES);
  if (length < END_BYTES) return undefined;
  const tail = Buffer.from(await read(size - length, length));
  for (let at = tail.length - END_BYTES; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) !== 0x06054b50 || at + END_BYTES + tail.readUInt16LE(at + 20) !== tail.length) continue;
    const found = {
      entries: tail.readUInt16LE(at + 10),
      size: tail.readUInt32LE(at + 12),
      offset: tail.readUInt32LE(at + 16),
    };
    const large = found.entries === 0xffff || found.size === 0xffff_ffff || found.offset === 0xffff_ffff;
    return large ? largeDirectory(size, size - length + at, read) : found;
  }
  return undefined;
};

const largeDirectory = async (size: number, end: number, read: ReadRange): Promise<Directory | undefined> => {
  if (end < 20) return undefined;
  const locator = Buffer.from(await read(end - 20, 20));
  if (locator.readUInt32LE(0) !== 0x07064b50) return undefined;
  const at = Number(locator.readBigUInt64LE(8));
  if (at + 56 > size) return undefined;
  const record = Buffer.from(await read(at, 56));
  if (record.readUInt32LE(0) !== 0x06064b50) return undefined;
  return {
    entries: Number(record.readBigUInt64LE(32)),
    size: Number(record.readBigUInt64LE(40)),
    offset: Number(record.readBigUInt64LE(48)),
  };
};

const entriesIn = (directory: Buffer, count: number, refuse: Refuse): Entry[] => {
  const entries: Entry[] = [];
  let at = 0;
  while (entries.length < count) {
    if (at + ENTRY_BYTES > directory.length || directory.readUInt32LE(at) !== 0x02014b50) {
      refuse("its directory is broken");
    }
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ];
    const nameAt = at + ENTRY_BYTES;
    const next = nameAt + nameBytes + extraBytes + commentBytes;
    if (next > directory.length) refuse("its directory is broken");
    const bytes = directory.subarray(nameAt, nameAt + nameBytes);
    const name = textOf(bytes);
    if ((directory.readUInt16LE(at + 8) & 1) !== 0) refuse(`${name} is encrypted`);
    const method = directory.readUInt16LE(at + 10);
    if (method !== STORED && method !== DEFLATED)
      refuse(`${name} is compressed by method ${method}; 0 and 8 are known everywhere`);
    const isUnix = directory.readUInt8(at + 5) === 3;
    const kind = (directory.readUInt32LE(at + 38) >>> 16) & 0o170000;
    if (isUnix && kind !== 0 && kind !== 0o100000 && kind !== 0o040000) refuse(`${name} is a link or a device`);
    const short = {
      size: directory.readUInt32LE(at + 24),
      compressed: directory.readUInt32LE(at + 20),
      offset: directory.readUInt32LE(at + 42),
    };
    const extraAt = nameAt + nameBytes;
    const sizes = withLarge(short, directory.subarray(extraAt, extraAt + extraBytes), refuse);
    if (method === STORED && sizes.size !== sizes.compressed) refuse(`${name} is stored with two sizes`);
    entries.push({ name, nameBytes: bytes, method, ...sizes });
    at = next;
  }
  return entries;
};

/** Names are UTF-8, or of an old code page, which is taken byte for byte: what matters here is the same in all of them. */
const textOf = (bytes: Buffer): string => {
  const text = bytes.toString("utf8");
  return text.includes("\ufffd") ? bytes.toString("latin1") : text;
};

/** Sizes and place; those that do not fit are in the extra field 1, in this order. */
const withLarge = <Fields extends Readonly<Record<string, number>>>(
  short: Fields,
  extra: Buffer,
  refuse: Refuse,
): Fields => {
  const found: Record<string, number> = { ...short };
  for (let field = 0; field + 4 <= extra.length; field += 4 + extra.readUInt16LE(field + 2)) {
    if (extra.readUInt16LE(field) !== 1) continue;
    const end = Math.min(extra.length, field + 4 + extra.readUInt16LE(field + 2));
    let value = field + 4;
    for (const name of Object.keys(found).filter((one) => found[one] === 0xffff_ffff)) {
      if (value + 8 > end) refuse("its directory is broken");
      found[name] = Number(extra.readBigUInt64LE(value));
      value += 8;
    }
  }
  return found as Fields;
};

const expectNames = (entries: readonly Entry[], refuse: Refuse): void => {
  const files = new Set<string>();
  const folders = new Set<string>();
  for (const { name } of entries) {
    // Windows takes backslashes for slashes.
    const path = name.replaceAll("\\", "/");
    const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
    if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) refuse(`${name} is an absolute path`);
    if (segments.includes("..")) refuse(`${name} climbs out of the folder`);
    if (name.includes("\0") || segments.length === 0) refuse(`${JSON.stringify(name)} is no name of a file`);
    const own = segments.join("/");
    for (let depth = 1; depth < segments.length; depth += 1) folders.add(segments.slice(0, depth).join("/"));
    if (path.endsWith("/")) folders.add(own);
    else if (files.has(own)) refuse(`${own} is there twice`);
    else files.add(own);
  }
  for (const file of files) if (folders.has(file)) refuse(`${file} is a file, and a folder of others`);
};

/** @returns the bytes of all entries, unpacked */
const expectSizes = (entries: readonly Entry[], directory: Directory, refuse: Refuse): number => {
  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  const compressed = entries.reduce((sum, entry) => sum + entry.compressed, 0);
  if (size > UNPACKED.bytes) refuse(`it has ${size} bytes unpacked; at most ${UNPACKED.bytes} are taken`);
  if (size > UNPACKED.harmless && size > compressed * UNPACKED.ratio) {
    refuse(`it grows from ${compressed} to ${size} bytes, more than ${UNPACKED.ratio} times`);
  }
  const sorted = entries.toSorted((one, other) => one.offset - other.offset);
  for (const [index, { name, offset, compressed: length }] of sorted.entries()) {
    const next = sorted[index + 1]?.offset ?? directory.offset;
    if (offset + LOCAL_BYTES + length > next) refuse(`the data of ${name} overlaps with what follows`);
  }
  return size;
};
