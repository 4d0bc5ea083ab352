/** The archive's last member: what the archive is made of. */
export const DETAILS_NAME = "package_details.json";

const BLOCK = 512;
const NAME_BYTES = 100;
const MAX_FILE_NAME_BYTES = 255;
const SIZE_DIGITS = 11;
const encoder = new TextEncoder();

/** Two empty blocks end a tar archive (POSIX.1-2024, pax, "ustar Interchange Format"). */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);

/** The zero bytes that fill a file's last block. */
export const padding = (size: number): Uint8Array => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);

const percentEncode = (text: string, isSafe: RegExp): string => {
  const byte = (value: number) => `%${value.toString(16).toUpperCase().padStart(2, "0")}`;
  return [...text].map((char) => (isSafe.test(char) ? char : [...encoder.encode(char)].map(byte).join(""))).join("");
};

/**
 * The file name of a release inside the archive: `{app}_{version}`, safe on every file system, and different for different
 * releases. ASCII letters, digits, `.`, `-`, `_`, `+`, `~` and `@` stay; every other byte is percent-encoded, and so is a
 * leading `.` or `-` (hidden files, options), and `_` in a version (so that app `a_b` version `c` is not app `a` version
 * `b_c`). The one release that would be called like the archive's details gets an encoded first letter.
 * @throws RangeError when the name has more than 255 bytes, which no usual file system takes
 */
export const memberName = (app: string, version: string): string => {
  const safeApp = percentEncode(app, /^[A-Za-z0-9._+~@-]$/).replace(/^[.-]/, (char) => (char === "." ? "%2E" : "%2D"));
  const name = `${safeApp}_${percentEncode(version, /^[A-Za-z0-9.+~@-]$/)}`;
  if (name.length > MAX_FILE_NAME_BYTES)
    throw new RangeError(`file name of more than 255 bytes: ${name.slice(0, 64)}…`);
  return name === DETAILS_NAME ? name.replace("p", "%70") : name;
};

const writeSize = (header: Uint8Array, at: number, size: number): void => {
  if (size < 8 ** SIZE_DIGITS) {
    header.set(encoder.encode(size.toString(8).padStart(SIZE_DIGITS, "0")), at);
    return;
  }
  // Base 256, as GNU tar writes and every current reader understands: 12 bytes, the first bit set.
  let rest = BigInt(size);
  for (let index = SIZE_DIGITS; index > 0; index -= 1) {
    header[at + index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  header[at] = 0x80;
};

const headerBlock = (name: Uint8Array, size: number, type: string): Uint8Array => {
  const header = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => header.set(encoder.encode(text), at);
  header.set(name.subarray(0, NAME_BYTES), 0);
  put(100, "0000644\0");
  put(108, "0000000\0"); // uid
  put(116, "0000000\0"); // gid
  writeSize(header, 124, size);
  put(136, "00000000000\0"); // mtime
  put(148, " ".repeat(8)); // the checksum counts its own field as spaces
  put(156, type);
  put(257, "ustar\x0000");
  put(329, "0000000\0"); // devmajor
  put(337, "0000000\0"); // devminor
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  put(148, `${checksum.toString(8).padStart(6, "0")}\0 `);
  return header;
};

/** A pax record's length counts the digits in which it is written. */
const paxRecord = (key: string, value: string): Uint8Array => {
  const body = encoder.encode(` ${key}=${value}\n`);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return encoder.encode(`${length} ${key}=${value}\n`);
};

/**
 * The tar header of a regular file (ustar; mode 0644, owner 0, mtime 0, so that equal files are equal bytes). 512 bytes, or
 * with a pax extended header before it when the name has more than 100 bytes. A size of 8 GiB or more is in base 256.
 */
export const tarHeader = (name: string, size: number): Uint8Array => {
  const bytes = encoder.encode(name);
  const header = headerBlock(bytes, size, "0");
  if (bytes.length <= NAME_BYTES) return header;
  const record = paxRecord("path", name);
  const extended = headerBlock(encoder.encode("PaxHeaders/member"), record.length, "x");
  return Uint8Array.of(...extended, ...record, ...padding(record.length), ...header);
};
