import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { constants, crc32, createGunzip, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storedBlocks } from "../../../shared/deflate.ts";
import { compressSegment, gzipPrologue } from "../../../shared/ota/archive.ts";
import { crc32Combine } from "../../../shared/ota/crc32-combine.ts";
import { parseEntityTags } from "../../../shared/ota/entity-tags.ts";
import { answerPackage } from "../../../shared/ota/package.ts";
import type { CurrentRelease } from "../../../shared/ota/select.ts";
import { DETAILS_NAME, memberName, tarHeader } from "../../../shared/ota/tar.ts";
import { readTar } from "./read-tar.ts";
import { makeRelease } from "./releases.ts";

interface File {
  readonly app: string;
  readonly version: string;
  readonly content: Uint8Array;
}

async function* inChunks(content: Uint8Array, chunk: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += chunk) yield content.subarray(at, at + chunk);
}

const compress = async (name: string, content: Uint8Array, chunk = 65_536) => {
  const stream = compressSegment(name, content.length, inChunks(content, chunk));
  const bytes = Buffer.concat(await Array.fromAsync(stream.chunks));
  return { bytes, summary: stream.summary() };
};

/** Publishes the files and answers a device that has none of them: the archive's bytes and what was planned for them. */
const build = async (files: readonly File[], chunk?: number) => {
  const store = new Map<string, Buffer>();
  const selection: CurrentRelease[] = [];
  for (const [index, { app, version, content }] of files.entries()) {
    const { bytes, summary } = await compress(memberName(app, version), content, chunk);
    store.set(`segments/${index}`, bytes);
    selection.push(
      makeRelease(app, "prod", version, [], {
        size: content.length,
        segment: { key: `segments/${index}`, ...summary },
      }),
    );
  }
  const answer = answerPackage({
    payloadType: "fullPayload",
    selection,
    have: parseEntityTags(undefined),
    urlOf: (release) => `https://ota.example/${release.app}`,
  });
  if (answer.kind !== "archive") throw new Error(`answered ${answer.kind}`);
  const parts = answer.parts.map((part) =>
    part.kind === "bytes" ? part.bytes : (store.get(part.segment.key) ?? Buffer.alloc(0)),
  );
  return { bytes: Buffer.concat(parts), answer };
};

const random = (size: number, seed: number) => {
  const bytes = new Uint8Array(size);
  let state = seed + 1;
  for (let index = 0; index < size; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 23;
  }
  return bytes;
};
const LONG = "long-".repeat(24);
const FILES: readonly File[] = [
  { app: "empty", version: "1", content: new Uint8Array(0) },
  { app: LONG, version: "1.0.0", content: new TextEncoder().encode("short") },
  { app: "mixed", version: "2", content: Buffer.concat([Buffer.alloc(1_500_000, "text "), random(1_500_000, 3)]) },
  { app: "random", version: "3", content: random(300_000, 1) },
  { app: "spaces and 'quotes'", version: "v1_2", content: Buffer.alloc(512, "x") },
];
const NAMES = ["empty_1", `${LONG}_1.0.0`, "mixed_2", "random_3", "spaces%20and%20%27quotes%27_v1%5F2", DETAILS_NAME];

describe("crc32Combine", () => {
  test("equals zlib's CRC-32 of the concatenation", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.uint8Array({ maxLength: 3000 }), (a, b) => {
        expect(crc32Combine(crc32(a), crc32(b), b.length)).toBe(crc32(Buffer.concat([a, b])));
      }),
    );
  });

  test("is associative at lengths beyond 32 bits", () => {
    const length = fc.integer({ min: 0, max: 2 ** 46 });
    const crc = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(crc, crc, crc, length, length, (a, b, c, lengthB, lengthC) => {
        const left = crc32Combine(crc32Combine(a, b, lengthB), c, lengthC);
        expect(crc32Combine(a, crc32Combine(b, c, lengthC), lengthB + lengthC)).toBe(left);
      }),
    );
  });
});

describe("names in the archive", () => {
  test.each([
    ["scoreboard", "1.0.0", "scoreboard_1.0.0"],
    ["os_armv8", "1.1.0+build~2", "os_armv8_1.1.0+build~2"],
    ["../../etc/passwd", "1", "%2E.%2F..%2Fetc%2Fpasswd_1"],
    ["-rf", "1", "%2Drf_1"],
    ["a\\b:c", "1\n2", "a%5Cb%3Ac_1%0A2"],
    ["é", "1", "%C3%A9_1"],
    ["100%", "1", "100%25_1"],
    ["package", "details.json", "%70ackage_details.json"],
  ])("%j %j → %s", (app, version, expected) => {
    expect(memberName(app, version)).toBe(expected);
  });

  test("differ for different releases, and are safe", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "_", ".", "-", "/", "%", "é", " "), maxLength: 5 });
    fc.assert(
      fc.property(text, text, text, text, (appA, versionA, appB, versionB) => {
        const [a, b] = [memberName(appA, versionA), memberName(appB, versionB)];
        expect(a === b).toBe(appA === appB && versionA === versionB);
        expect(a).toMatch(/^[A-Za-z0-9_%+~@][A-Za-z0-9._%+~@-]*$/);
      }),
    );
  });

  test("that no file system takes are refused", () => {
    expect(() => memberName("é".repeat(43), "1")).toThrow(RangeError);
  });
});

describe("tar headers", () => {
  test("a size of 8 GiB and more is in base 256", () => {
    expect(Buffer.from(tarHeader("a", 8 ** 11 - 1)).toString("latin1", 124, 136)).toBe("77777777777\0");
    const big = tarHeader("a", 8 ** 11);
    expect([...big.subarray(124, 136)]).toEqual([0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
  });
});

describe("compressSegment", () => {
  test("what does not compress is stored, what does is deflated, each part of a file on its own", async () => {
    const text = await compress("a_1", Buffer.alloc(3_000_000, "text "));
    const noise = await compress("a_1", random(3_000_000, 1));
    const mixed = await compress("a_1", Buffer.concat([Buffer.alloc(3_000_000, "text "), random(3_000_000, 1)]));
    expect(text.summary.size).toBeLessThan(20_000);
    expect(noise.summary.size).toBeLessThan(3_000_000 + 2_000);
    expect(mixed.summary.size).toBeLessThan(4_100_000);
  });

  test("the bytes do not depend on the chunks of the source", async () => {
    const content = random(2_100_000, 2);
    const whole = await compress("a_1", content, 10_000_000);
    for (const chunk of [4_099, 1_048_576]) expect(await compress("a_1", content, chunk)).toEqual(whole);
  });

  test.each([
    [5, "has more bytes where 5"],
    [7, "has 6 bytes where 7"],
  ])("a source of 6 bytes where %i were declared fails", async (size, message) => {
    const stream = compressSegment("a_1", size, inChunks(new Uint8Array(6), 4));
    await expect(Array.fromAsync(stream.chunks)).rejects.toThrow(message);
    expect(() => stream.summary()).toThrow("not read to its end");
  });

  test("a failing source fails the segment", async () => {
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(3);
      throw new Error("the disk is gone");
    };
    await expect(Array.fromAsync(compressSegment("a_1", 6, failing()).chunks)).rejects.toThrow("the disk is gone");
  });

  test("memory is bounded, however large the file", async () => {
    const chunk = random(1024 * 1024, 5);
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < 96; sent += 1) yield chunk;
    };
    const before = process.memoryUsage.rss();
    let largest = 0;
    const stream = compressSegment("big_1", 96 * chunk.length, source());
    for await (const piece of stream.chunks) largest = Math.max(largest, piece.length);
    expect(stream.summary().length).toBe(96 * chunk.length + 512);
    expect(largest).toBeLessThan(1.1 * 1024 * 1024);
    expect(process.memoryUsage.rss() - before).toBeLessThan(80 * 1024 * 1024);
  });
});

describe("the archive", () => {
  test("opens, has every file, and its length, CRC and size are as planned", async () => {
    const file = fc.record({
      app: fc.constantFrom("a", "b_c", "né", LONG),
      version: fc.constantFrom("1", "2_0"),
      content: fc.oneof(
        fc.uint8Array({ maxLength: 2000 }),
        fc.nat(3000).map((size) => new Uint8Array(size)),
      ),
    });
    const files = fc.uniqueArray(file, {
      minLength: 1,
      maxLength: 5,
      selector: ({ app, version }) => `${app} ${version}`,
    });
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 700 }), async (set, chunk) => {
        const { bytes, answer } = await build(set, chunk);
        expect(bytes.length).toBe(answer.contentLength);
        const tar = gunzipSync(bytes); // verifies CRC-32 and ISIZE
        expect(bytes.readUInt32LE(bytes.length - 8)).toBe(crc32(tar));
        expect(bytes.readUInt32LE(bytes.length - 4)).toBe(tar.length);
        const members = readTar(tar);
        expect(members.map(({ name }) => name)).toEqual([
          ...set.map(({ app, version }) => memberName(app, version)),
          DETAILS_NAME,
        ]);
        for (const [index, { content }] of set.entries()) expect(members[index]?.content.equals(content)).toBe(true);
        const rebuilt = await build(set, 333);
        expect(rebuilt.bytes.equals(bytes)).toBe(true);
        expect(rebuilt.answer.etag).toBe(answer.etag);
      }),
      { numRuns: 60 },
    );
  });

  test("its length modulo 2^32 is in the trailer of one beyond 4 GiB", () => {
    const big = makeRelease("big", "prod", "1", [], {
      segment: { key: "k", size: 9, crc32: 1, length: 2 ** 32 + 512 },
    });
    const answer = answerPackage({
      payloadType: "fullPayload",
      selection: [big],
      have: parseEntityTags(""),
      urlOf: () => "u",
    });
    if (answer.kind !== "archive") throw new Error(answer.kind);
    const last = answer.parts.at(-1);
    if (last?.kind !== "bytes") throw new Error("no epilogue");
    const isize = Buffer.from(last.bytes).readUInt32LE(last.bytes.length - 4);
    expect(isize).toBe(512 + 512 + 512 + 1024); // the segment modulo 2^32, and header, details and end
  });

  test("the prologue has no time and no machine in it", () => {
    expect(Buffer.from(gzipPrologue()).toString("hex")).toBe("1f8b08000000000000ff");
  });

  test("stored blocks beyond 64 KiB", () => {
    const content = random(200_000, 9);
    const { bytes } = {
      bytes: Buffer.concat([gzipPrologue(), storedBlocks(content), Uint8Array.of(3, 0), Buffer.alloc(8)]),
    };
    bytes.writeUInt32LE(crc32(content), bytes.length - 8);
    bytes.writeUInt32LE(content.length, bytes.length - 4);
    expect(gunzipSync(bytes).equals(content)).toBe(true);
  });
});

describe("readers that devices have", () => {
  let folder = "";
  let path = "";
  let bytes = Buffer.alloc(0);
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ota-archive-"));
    path = join(folder, "package.tar.gz");
    ({ bytes } = await build(FILES));
    writeFileSync(path, bytes);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const python = (mode: string) =>
    `import sys, tarfile\nwith tarfile.open(sys.argv[1], "${mode}") as archive: archive.extractall(sys.argv[2])`;
  /** Without a module: what a device would be built with. */
  const go = `package main
import ("archive/tar"; "compress/gzip"; "io"; "os"; "path/filepath")
func check(err error) { if err != nil { panic(err) } }
func main() {
  file, err := os.Open(os.Args[1]); check(err)
  unzipped, err := gzip.NewReader(file); check(err)
  members := tar.NewReader(unzipped)
  for {
    header, err := members.Next()
    if err == io.EOF { break }
    check(err)
    out, err := os.Create(filepath.Join(os.Args[2], header.Name)); check(err)
    _, err = io.Copy(out, members); check(err)
    check(out.Close())
  }
  _, err = io.Copy(io.Discard, unzipped); check(err)
}`;
  const goFile = () => {
    const file = join(folder, "read.go");
    writeFileSync(file, go);
    return file;
  };
  /** npm has a reader of its own, beside the program that runs it. */
  const npmTar = join(dirname(realpathSync(process.env.npm_execpath ?? process.execPath)), "../node_modules/tar");
  const node = `require(${JSON.stringify(npmTar)}).x({ file: process.argv[1], cwd: process.argv[2], sync: true, strict: true })`;
  const isInstalled = (program: string) => spawnSync(program, ["--help"]).error === undefined;
  const readers: [name: string, isThere: boolean, program: string, args: (into: string) => string[]][] = [
    ["GNU or BSD tar", isInstalled("tar"), "tar", (into) => ["-xzf", path, "-C", into]],
    ["busybox tar", isInstalled("busybox"), "busybox", (into) => ["tar", "-xzf", path, "-C", into]],
    ["bsdtar", isInstalled("bsdtar"), "bsdtar", (into) => ["-xzf", path, "-C", into]],
    [
      "Python, seeking",
      isInstalled("python3"),
      "python3",
      (into) => ["-W", "ignore", "-c", python("r:gz"), path, into],
    ],
    [
      "Python, streaming",
      isInstalled("python3"),
      "python3",
      (into) => ["-W", "ignore", "-c", python("r|gz"), path, into],
    ],
    ["Node, npm's tar", existsSync(npmTar), process.execPath, (into) => ["-e", node, path, into]],
    ["Go", isInstalled("go"), "go", (into) => ["run", goFile(), path, into]],
  ];

  for (const [name, isThere, program, args] of readers) {
    test.skipIf(!isThere)(`${name} unpacks every file as it was`, () => {
      const into = mkdtempSync(join(folder, "unpacked-"));
      const { status, stderr } = spawnSync(program, args(into), { encoding: "utf8" });
      expect([status, stderr]).toEqual([0, ""]);
      expect(readdirSync(into).sort()).toEqual([...NAMES].sort());
      for (const [index, { content }] of FILES.entries())
        expect(readFileSync(join(into, NAMES[index] ?? "")).equals(content)).toBe(true);
      expect(Object.keys(JSON.parse(readFileSync(join(into, DETAILS_NAME), "utf8")))).toHaveLength(FILES.length);
    });
  }

  test.skipIf(!isInstalled("gzip"))("gzip finds nothing wrong and nothing after the end", () => {
    expect(spawnSync("gzip", ["-tv", path], { encoding: "utf8" })).toMatchObject({ status: 0 });
  });

  test("a browser's DecompressionStream gives all of it", async () => {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const tar = Buffer.from(await new Response(stream).arrayBuffer());
    expect(readTar(tar).map(({ name }) => name)).toEqual(NAMES);
  });

  test("a reader that gets the archive byte by byte gives what it has so far", async () => {
    const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
    gunzip.end(bytes.subarray(0, 2000));
    const first = Buffer.concat(await Array.fromAsync(gunzip));
    expect(first.toString("utf8", 0, 7)).toBe("empty_1");
  });
});
