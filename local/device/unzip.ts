import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32, inflateRawSync } from "node:zlib";

/** PKWARE's APPNOTE.TXT, 4.3: the parts of an archive without ZIP64, encryption and several disks. */
const END = 0x06054b50;
const ENTRY = 0x02014b50;
const FILE = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;
/** A bound on what one archive unpacks to: a small file can hold very much of nothing. */
const MAX_BYTES = 2 ** 30;

const endOf = (archive: Buffer): number => {
  for (let at = archive.length - 22; at >= 0; at -= 1) if (archive.readUInt32LE(at) === END) return at;
  throw new Error("it is no ZIP archive");
};

/** @throws Error for a name that leads out of the folder */
const safe = (name: string): string => {
  const parts = name.split("/").filter((part) => part !== "");
  if (name.startsWith("/") || /[\\\0]/.test(name) || parts.includes(".."))
    throw new Error(`${name} leads out of the folder`);
  return join(...parts, ".");
};

/**
 * Unpacks a ZIP archive into a folder. Permissions are those of the archive for what may be executed.
 * @throws Error for what is damaged, leads out of the folder, is larger than a gigabyte, or uses what is not served
 */
export const unzip = async (archive: Buffer, to: string): Promise<void> => {
  const end = endOf(archive);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  let total = 0;
  await mkdir(to, { recursive: true });
  for (let entry = 0; entry < count; entry += 1) {
    if (archive.readUInt32LE(at) !== ENTRY) throw new Error("its directory is damaged, or uses ZIP64");
    const flags = archive.readUInt16LE(at + 8);
    const method = archive.readUInt16LE(at + 10);
    const packed = archive.readUInt32LE(at + 20);
    const size = archive.readUInt32LE(at + 24);
    const nameLength = archive.readUInt16LE(at + 28);
    const mode = archive.readUInt32LE(at + 38) >>> 16;
    const local = archive.readUInt32LE(at + 42);
    const name = archive.toString("utf8", at + 46, at + 46 + nameLength);
    const checksum = archive.readUInt32LE(at + 16);
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
    const path = join(to, safe(name));
    if (name.endsWith("/")) {
      await mkdir(path, { recursive: true });
      continue;
    }
    total += size;
    if (total > MAX_BYTES) throw new Error(`it unpacks to more than ${MAX_BYTES} bytes`);
    if ((flags & 1) !== 0 || (method !== STORED && method !== DEFLATED))
      throw new Error(`${name} is encrypted, or packed by method ${method}`);
    if (archive.readUInt32LE(local) !== FILE) throw new Error(`${name} is not where the directory says`);
    const from = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const bytes = archive.subarray(from, from + packed);
    const content = method === STORED ? bytes : inflateRawSync(bytes, { maxOutputLength: Math.max(size, 1) });
    if (content.length !== size || crc32(content) !== checksum) throw new Error(`${name} is damaged`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: (mode & 0o111) === 0 ? 0o600 : 0o700 });
  }
};
