import { describe, expect, test } from "vitest";
import { inspectArchive, UNPACKED } from "../../../shared/component/unzip.ts";

interface Given {
  readonly name: string;
  readonly size?: number;
  readonly compressed?: number;
  readonly offset?: number;
  readonly flags?: number;
  readonly method?: number;
  /** Unix mode, by which links and devices are told. */
  readonly mode?: number;
  readonly extra?: Buffer;
}

const number = (bytes: number, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
};

/** An archive by its directory: entries' data are zeros, which nobody reads. */
const archive = (
  entries: readonly Given[],
  options: { readonly count?: number; readonly comment?: string; readonly large?: boolean } = {},
): { bytes: Buffer; size: number } => {
  let place = 0;
  const directory = Buffer.concat(
    entries.map((entry) => {
      const { compressed = 10, size = compressed, flags = 0x800, method = 8, mode = 0o100644 } = entry;
      const offset = entry.offset ?? place;
      place += 30 + compressed;
      const name = Buffer.from(entry.name);
      const extra = entry.extra ?? Buffer.alloc(0);
      return Buffer.concat([
        ...[number(4, 0x02014b50), number(2, 0x0314), number(2, 20), number(2, flags), number(2, method)],
        ...[number(4, 0), number(4, 0), number(4, compressed), number(4, size), number(2, name.length)],
        ...[
          number(2, extra.length),
          number(2, 0),
          number(2, 0),
          number(2, 0),
          number(4, mode * 65_536),
          number(4, offset),
        ],
        name,
        extra,
      ]);
    }),
  );
  const data = Buffer.alloc(Math.min(place, 200_000));
  const comment = Buffer.from(options.comment ?? "");
  const count = options.count ?? entries.length;
  const eight = (value: number) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigUInt64LE(BigInt(value));
    return buffer;
  };
  const large = options.large
    ? Buffer.concat([
        ...[number(4, 0x06064b50), eight(44), number(2, 45), number(2, 45), number(4, 0), number(4, 0)],
        ...[eight(count), eight(count), eight(directory.length), eight(data.length)],
        ...[number(4, 0x07064b50), number(4, 0), eight(data.length + directory.length), number(4, 1)],
      ])
    : Buffer.alloc(0);
  const end = Buffer.concat([
    ...[number(4, 0x06054b50), number(4, 0), number(2, 0), number(2, options.large ? 0xffff : count)],
    number(4, options.large ? 0xffff_ffff : directory.length),
    number(4, options.large ? 0xffff_ffff : data.length),
    ...[number(2, comment.length), comment],
  ]);
  const bytes = Buffer.concat([data, directory, large, end]);
  return { bytes, size: bytes.length };
};

const inspect = ({ bytes, size }: { bytes: Buffer; size: number }): Promise<string> =>
  inspectArchive("dist/app.zip", size, async (from, length) => {
    if (from < 0 || from + length > size) throw new Error(`a range outside the archive: ${from}, ${length}`);
    return bytes.subarray(from, from + length);
  }).then(
    () => "fine",
    (error: Error) => (error.name === "ArchiveRefused" ? error.message : Promise.reject(error)),
  );

const GB = 1024 ** 3;
const large = (size: number) => Buffer.concat([number(2, 1), number(2, 8), number(6, size), number(2, 0)]);

describe("an archive that is fine", () => {
  test.each<{ note: string; given: ReturnType<typeof archive> }>([
    { note: "of nothing", given: archive([]) },
    { note: "of a file", given: archive([{ name: "a" }]) },
    {
      note: "of folders and files",
      given: archive([{ name: "a/", compressed: 0 }, { name: "a/b" }, { name: "a/c/d" }]),
    },
    { note: "of a folder that is there twice", given: archive([{ name: "a/" }, { name: "a/" }, { name: "a/b" }]) },
    { note: "of names that differ in letter case, as Linux has them", given: archive([{ name: "a" }, { name: "A" }]) },
    { note: "with dots in its names", given: archive([{ name: "..a" }, { name: "a../b" }, { name: "./c" }]) },
    { note: "with a comment", given: archive([{ name: "a" }], { comment: "PK and more" }) },
    { note: "of stored data", given: archive([{ name: "a", method: 0 }]) },
    { note: "without a mode", given: archive([{ name: "a", mode: 0 }]) },
    { note: "that says it is a ZIP64 one", given: archive([{ name: "a" }], { large: true }) },
    { note: "of a name in an old code page", given: archive([{ name: "a", flags: 0 }]) },
    {
      note: "that grows much, but to little",
      given: archive([{ name: "a", size: UNPACKED.harmless, compressed: 60_000 }]),
    },
  ])("$note", async ({ given }) => {
    expect(await inspect(given)).toBe("fine");
  });
});

describe("an archive that is refused", () => {
  test.each<{ note: string; given: ReturnType<typeof archive>; why: RegExp }>([
    { note: "no archive", given: { bytes: Buffer.alloc(1_000), size: 1_000 }, why: /no ZIP archive/ },
    { note: "nothing at all", given: { bytes: Buffer.alloc(0), size: 0 }, why: /no ZIP archive/ },
    {
      note: "an archive cut short",
      given: { bytes: archive([{ name: "a" }]).bytes.subarray(0, -1), size: archive([{ name: "a" }]).size - 1 },
      why: /no ZIP archive/,
    },
    { note: "a directory that ends early", given: archive([{ name: "a" }], { count: 2 }), why: /directory is broken/ },
    { note: "an absolute name", given: archive([{ name: "/etc/passwd" }]), why: /absolute/ },
    { note: "an absolute name of Windows", given: archive([{ name: "C:\\a" }]), why: /absolute/ },
    { note: "an absolute name with a backslash", given: archive([{ name: "\\a" }]), why: /absolute/ },
    { note: "a climbing name", given: archive([{ name: "../a" }]), why: /climbs/ },
    { note: "a name that climbs within", given: archive([{ name: "a/../../b" }]), why: /climbs/ },
    { note: "a name that climbs by backslashes", given: archive([{ name: "a\\..\\..\\b" }]), why: /climbs/ },
    { note: "an empty name", given: archive([{ name: "" }]), why: /no name/ },
    { note: "a name with a null character", given: archive([{ name: "a\0b" }]), why: /no name/ },
    { note: "one name twice", given: archive([{ name: "a" }, { name: "b" }, { name: "a" }]), why: /a is there twice/ },
    {
      note: "one name twice, said in two ways",
      given: archive([{ name: "a/b" }, { name: "a//./b" }]),
      why: /a\/b is there twice/,
    },
    {
      note: "one name twice, once with backslashes",
      given: archive([{ name: "a/b" }, { name: "a\\b" }]),
      why: /twice/,
    },
    {
      note: "a file that is a folder too",
      given: archive([{ name: "a" }, { name: "a/b" }]),
      why: /a is a file, and a folder/,
    },
    { note: "a symbolic link", given: archive([{ name: "a", mode: 0o120777 }]), why: /a link or a device/ },
    { note: "a device", given: archive([{ name: "a", mode: 0o020666 }]), why: /a link or a device/ },
    { note: "encrypted data", given: archive([{ name: "a", flags: 0x801 }]), why: /encrypted/ },
    { note: "another method", given: archive([{ name: "a", method: 14 }]), why: /method 14/ },
    {
      note: "a bomb of one layer",
      given: archive([{ name: "a", size: GB, compressed: 1_000_000 }]),
      why: /more than 100 times/,
    },
    {
      note: "a bomb of many files",
      given: archive(
        Array.from({ length: 100 }, (_, index) => ({ name: `${index}`, size: 10_000_000, compressed: 1_000 })),
      ),
      why: /more than 100 times/,
    },
    {
      note: "more than 4 GB, by ZIP64",
      given: archive([{ name: "a", size: 0xffff_ffff, compressed: 100_000, extra: large(8 * GB) }]),
      why: /8589934592 bytes unpacked/,
    },
    {
      note: "an extra field that is cut short",
      given: archive([{ name: "a", size: 0xffff_ffff, extra: number(4, 1) }]),
      why: /directory is broken/,
    },
    {
      note: "entries that share their data",
      given: archive([
        { name: "a", offset: 0 },
        { name: "b", offset: 0 },
      ]),
      why: /overlaps/,
    },
    {
      note: "data that reaches into the directory",
      given: archive([
        { name: "a", compressed: 10 },
        { name: "b", offset: 70, compressed: 1_000 },
      ]),
      why: /overlaps|broken/,
    },
    { note: "too many entries", given: archive([{ name: "a" }], { count: 20_001 }), why: /20001 entries/ },
  ])("$note", async ({ given, why }) => {
    expect(await inspect(given)).toMatch(why);
  });
});
