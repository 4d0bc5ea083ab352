import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inspectArchive, inspectData, UNPACKED } from "../../../shared/component/unzip.ts";
import { zip as packed } from "../../../shared/component/zip.ts";
import { type ZipEntry, zip } from "../../support/zip.ts";

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

const verdictOf = (inspection: Promise<unknown>): Promise<string> =>
  inspection.then(
    () => "fine",
    (error: Error) => (error.name === "ArchiveRefused" ? error.message : Promise.reject(error)),
  );

const directoryOf = ({ bytes, size }: { bytes: Buffer; size: number }) =>
  inspectArchive("dist/app.zip", size, async (from, length) => {
    if (from < 0 || from + length > size) throw new Error(`a range outside the archive: ${from}, ${length}`);
    return bytes.subarray(from, from + length);
  });

const inspect = (given: { bytes: Buffer; size: number }): Promise<string> => verdictOf(directoryOf(given));

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

describe("the data of an archive", () => {
  /** The archive comes in chunks of some size. */
  async function* chunked(bytes: Buffer, length: number) {
    for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
  }
  const look = (bytes: Buffer, length = 1_000): Promise<string> =>
    verdictOf(
      directoryOf({ bytes, size: bytes.length }).then((found) =>
        inspectData("dist/app.zip", found, chunked(bytes, length)),
      ),
    );
  const directoryAt = (bytes: Buffer): number => bytes.readUInt32LE(bytes.length - 6);
  const changed = (bytes: Buffer, change: (bytes: Buffer) => void): Buffer => {
    change(bytes);
    return bytes;
  };
  /** An archive whose directory leaves out its first or last entry. */
  const unlisted = (entries: readonly ZipEntry[], which: "first" | "last"): Buffer => {
    const whole = zip(entries);
    const [at, end] = [directoryAt(whole), whole.length - 22];
    const nameLength = (which === "first" ? entries[0] : entries.at(-1))?.name.length ?? 0;
    const listed =
      which === "first" ? whole.subarray(at + 46 + nameLength, end) : whole.subarray(at, end - 46 - nameLength);
    const tail = Buffer.from(whole.subarray(end));
    tail.writeUInt16LE(entries.length - 1, 8);
    tail.writeUInt16LE(entries.length - 1, 10);
    tail.writeUInt32LE(listed.length, 12);
    return Buffer.concat([whole.subarray(0, at), listed, tail]);
  };
  const [a, b] = [
    { name: "a", content: "one" },
    { name: "evil", content: "two" },
  ];

  test("is what the directory says, of any files that Slipway or another tool packs, in chunks of any size", async () => {
    const file = fc.record({ content: fc.string({ maxLength: 200 }), stored: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(file, { maxLength: 5 }), fc.integer({ min: 1, max: 300 }), async (files, length) => {
        const entries = files.map((one, index) => ({ ...one, name: `folder/${index}` }));
        expect(await look(zip([{ name: "folder/", stored: true }, ...entries]), length)).toBe("fine");
        const sources = entries.map(({ name, content }) => ({ name, read: () => chunked(Buffer.from(content), 7) }));
        expect(await look(Buffer.concat(await Array.fromAsync(packed(sources))), length)).toBe("fine");
      }),
      { numRuns: 50 },
    );
  });

  test("may have other bytes before it and behind it", async () => {
    const bytes = zip([a]);
    const shebang = Buffer.from("#!/bin/sh\n".repeat(20));
    const moved = changed(Buffer.concat([shebang, bytes]), (all) => {
      const directory = shebang.length + directoryAt(bytes);
      all.writeUInt32LE(directory, all.length - 6);
      all.writeUInt32LE(shebang.length, directory + 42);
    });
    expect(await look(moved)).toBe("fine");
  });

  test.each<{ note: string; bytes: Buffer; why: RegExp }>([
    {
      note: "that unpacks to more than it tells",
      bytes: zip([{ name: "a", content: "small", packed: deflateRawSync(Buffer.alloc(10_000_000)) }]),
      why: /a has more bytes unpacked than the 5/,
    },
    { note: "that unpacks to less", bytes: zip([{ ...a, size: 4 }]), why: /not as long/ },
    {
      note: "with more behind its end, where another reader goes on",
      bytes: zip([{ ...a, packed: Buffer.concat([deflateRawSync("one"), zip([b])]) }]),
      why: /not as long/,
    },
    { note: "that is no deflated data", bytes: zip([{ ...a, packed: Buffer.alloc(9, 0xff) }]), why: /of a is broken/ },
    {
      note: "that is cut short",
      bytes: zip([{ ...a, packed: deflateRawSync("one").subarray(0, 3) }]),
      why: /of a is broken/,
    },
    {
      note: "stored with two sizes",
      bytes: zip([{ ...a, stored: true, size: 9 }]),
      why: /a is stored with two sizes/,
    },
    {
      note: "under another name than the directory's",
      bytes: changed(zip([a]), (bytes) => bytes.write("/", 30)),
      why: /a is not where, or not what/,
    },
    {
      note: "by another method than the directory's",
      bytes: changed(zip([a]), (bytes) => bytes.writeUInt16LE(0, 8)),
      why: /a is not where, or not what/,
    },
    {
      note: "of another size than the directory's",
      bytes: changed(zip([a]), (bytes) => bytes.writeUInt32LE(1, 18)),
      why: /a is not where, or not what/,
    },
    {
      note: "where there is no entry",
      bytes: changed(zip([a]), (bytes) => bytes.write("no", 0)),
      why: /a is not where, or not what/,
    },
    {
      note: "into which another entry reaches",
      bytes: changed(zip([a, b]), (bytes) => bytes.writeUInt16LE(20, 28)),
      why: /broken|overlaps|not as long/,
    },
    { note: "that the directory leaves out, at the end", bytes: unlisted([a, b], "last"), why: /does not list/ },
    { note: "that the directory leaves out, at the beginning", bytes: unlisted([b, a], "first"), why: /does not list/ },
  ])("is refused: $note", async ({ bytes, why }) => {
    for (const length of [1, 10_000_000]) expect(await look(bytes, length)).toMatch(why);
  });

  test("may be anything at all, and is fine or refused with a reason", async () => {
    const content = fc.constantFrom("", "a", "text\n".repeat(50));
    const entry = fc.record({ name: fc.constantFrom("a", "b/c", "d/"), content, stored: fc.boolean() });
    const change = fc.record({
      at: fc.nat(400),
      byte: fc.constantFrom(0, 1, 8, 0x50, 0x7f, 0xff),
      fromEnd: fc.boolean(),
    });
    const verdicts = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(entry, { maxLength: 3, selector: ({ name }) => name }),
        fc.array(change, { maxLength: 3 }),
        fc.option(fc.nat(400)),
        async (entries, changes, cut) => {
          const whole = zip(entries);
          const bytes = cut === null ? whole : Buffer.from(whole.subarray(0, cut));
          for (const { at, byte, fromEnd } of changes) {
            const place = fromEnd ? bytes.length - 1 - at : at;
            if (place >= 0 && place < bytes.length) bytes[place] = byte;
          }
          const verdict = await look(bytes);
          verdicts.add(verdict === "fine" ? verdict : "refused");
          if (verdict !== "fine") expect(verdict).toMatch(/^dist\/app\.zip: ./);
        },
      ),
      { numRuns: 3_000 },
    );
    expect([...verdicts].sort()).toEqual(["fine", "refused"]);
  });

  test("is read no further than to what is wrong, and let go of", async () => {
    const bytes = zip([{ ...a, size: 1 }, ...Array.from({ length: 100 }, (_, index) => ({ name: `${index}` }))]);
    let read = 0;
    let ended = false;
    async function* counted() {
      try {
        for await (const chunk of chunked(bytes, 10)) {
          read += chunk.length;
          yield chunk;
        }
      } finally {
        ended = true;
      }
    }
    const found = await directoryOf({ bytes, size: bytes.length });
    expect(await verdictOf(inspectData("dist/app.zip", found, counted()))).toMatch(/more bytes unpacked/);
    expect([read < 200, ended]).toEqual([true, true]);
  });
});
