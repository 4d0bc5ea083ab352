import { AppError } from "../problems.ts";

/** So many bytes of an archive from a place on. */
export type ReadRange = (from: number, length: number) => Promise<Uint8Array>;

/** What a device is asked to unpack, at most: files, bytes, and bytes for each byte that it downloads. */
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
  readonly offset: number;
  readonly compressed: number;
  readonly size: number;
}

/**
 * Whether a ZIP archive can be unpacked without harm, by its directory alone, which is read in ranges: no absolute or climbing
 * names, no two files of one name, no links, nothing encrypted, no overlapping data, and no more files and bytes than
 * {@link UNPACKED}. That data is as long as the directory says is left to whoever unpacks it.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 *
 * @param path for the message
 * @throws AppError `archive-refused`
 */
export const inspectArchive = async (path: string, size: number, read: ReadRange): Promise<void> => {
  const refuse = (why: string): never => {
    throw new AppError("archive-refused", `${path}: ${why}`);
  };
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
  expectSizes(entries, directory, refuse);
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
    const name = textOf(directory.subarray(nameAt, nameAt + nameBytes));
    if ((directory.readUInt16LE(at + 8) & 1) !== 0) refuse(`${name} is encrypted`);
    const method = directory.readUInt16LE(at + 10);
    if (method !== 0 && method !== 8) refuse(`${name} is compressed by method ${method}; 0 and 8 are known everywhere`);
    const isUnix = directory.readUInt8(at + 5) === 3;
    const kind = (directory.readUInt32LE(at + 38) >>> 16) & 0o170000;
    if (isUnix && kind !== 0 && kind !== 0o100000 && kind !== 0o040000) refuse(`${name} is a link or a device`);
    entries.push({ name, ...sizesOf(directory, at, nameAt + nameBytes, extraBytes, refuse) });
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
const sizesOf = (directory: Buffer, at: number, extraAt: number, extraBytes: number, refuse: Refuse) => {
  const found = {
    size: directory.readUInt32LE(at + 24),
    compressed: directory.readUInt32LE(at + 20),
    offset: directory.readUInt32LE(at + 42),
  };
  let field = extraAt;
  const end = extraAt + extraBytes;
  while (field + 4 <= end) {
    const length = directory.readUInt16LE(field + 2);
    if (directory.readUInt16LE(field) === 1) {
      let value = field + 4;
      for (const name of ["size", "compressed", "offset"] as const) {
        if (found[name] !== 0xffff_ffff) continue;
        if (value + 8 > Math.min(end, field + 4 + length)) refuse("its directory is broken");
        found[name] = Number(directory.readBigUInt64LE(value));
        value += 8;
      }
    }
    field += 4 + length;
  }
  return found;
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

const expectSizes = (entries: readonly Entry[], directory: Directory, refuse: Refuse): void => {
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
};
