import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspectArchive } from "../../../shared/component/unzip.ts";
import { zip } from "../../../shared/component/zip.ts";
import { randomOf } from "../../integration/support/workload.ts";

type Files = Readonly<Record<string, Uint8Array>>;

async function* inChunks(content: Uint8Array, chunk: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += chunk) yield content.subarray(at, at + chunk);
}

const packed = async (files: readonly (readonly [string, Uint8Array])[], chunk = 65_536): Promise<Buffer> =>
  Buffer.concat(
    await Array.fromAsync(zip(files.map(([name, content]) => ({ name, read: () => inChunks(content, chunk) })))),
  );

const noise = (length: number): Buffer => {
  const random = randomOf(length);
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
};

const FILES: Files = {
  "main.py": Buffer.from("print('hello')\n"),
  "lib/empty": Buffer.alloc(0),
  "lib/grün/日本.txt": Buffer.from("text"),
  "lib/zeros": Buffer.alloc(3 * 1024 ** 2 + 17),
  "lib/noise": noise(1024 ** 2 + 1),
};

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "slipway-zip-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("an archive", () => {
  test("is whole for Info-ZIP and for Python, with every file's bytes and a mode that lets scripts run", async () => {
    const file = join(dir, "whole.zip");
    writeFileSync(file, await packed(Object.entries(FILES)));
    execFileSync("unzip", ["-q", "-d", join(dir, "whole"), file], { env: { ...process.env, LC_ALL: "C.UTF-8" } });
    for (const [name, content] of Object.entries(FILES)) {
      expect(readFileSync(join(dir, "whole", name)).equals(content), name).toBe(true);
    }
    expect(statSync(join(dir, "whole/main.py")).mode & 0o777).toBe(0o755);
    const script =
      "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(len(z.namelist()))";
    expect(execFileSync("python3", ["-c", script, file]).toString().trim()).toBe("5");
  });

  test("compresses what can be, and takes hardly more than the bytes of what cannot", async () => {
    const bytes = await packed([["lib/zeros", FILES["lib/zeros"] ?? Buffer.alloc(0)]]);
    expect(bytes.length).toBeLessThan(10_000);
    const random = await packed([["lib/noise", FILES["lib/noise"] ?? Buffer.alloc(0)]]);
    expect(random.length).toBeLessThan(1024 ** 2 * 1.001 + 200);
  });

  test("of nothing is one that can be read", async () => {
    await inspectArchive("a.zip", 22, async (from, length) => (await packed([])).subarray(from, from + length));
  });

  const name = fc.constantFrom("a", "a/b", "a-b", "B", "z/é", "日");
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.nat(2_000_000).map((size) => new Uint8Array(size).fill(7)),
  );

  test("has the same bytes whatever the order of the files and the chunks that they come in", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(name, content), { selector: ([one]) => one, maxLength: 5 }),
        fc.integer({ min: 1, max: 300_000 }),
        fc.nat(),
        async (files, chunk, seed) => {
          const random = randomOf(seed);
          const shuffled = files.map((file) => [random(), file] as const).sort(([a], [b]) => a - b);
          const one = await packed(files);
          const size = Math.max(chunk, ...files.map(([, { length }]) => Math.ceil(length / 50)));
          expect(
            (
              await packed(
                shuffled.map(([, file]) => file),
                size,
              )
            ).equals(one),
          ).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("is another where a name or a byte is another", async () => {
    const one = await packed([["a", Buffer.from("x")]]);
    expect((await packed([["b", Buffer.from("x")]])).equals(one)).toBe(false);
    expect((await packed([["a", Buffer.from("y")]])).equals(one)).toBe(false);
  });

  test("reads one file at a time, each once, and only when the bytes before it are taken", async () => {
    const read: string[] = [];
    const files = ["a", "b", "c"].map((name) => ({
      name,
      read: async function* () {
        read.push(name);
        yield Buffer.from(name);
      },
    }));
    const chunks = zip(files);
    await chunks.next(); // the header of the first
    expect(read).toEqual([]);
    await chunks.next();
    expect(read).toEqual(["a"]);
    await Array.fromAsync(chunks);
    expect(read).toEqual(["a", "b", "c"]);
  });

  test("of 65,535 files is refused, which ZIP64 would be needed for", async () => {
    const files = Array.from({ length: 65_535 }, (_, index) => ({
      name: `${index}`,
      read: () => inChunks(Buffer.alloc(0), 1),
    }));
    await expect(zip(files).next()).rejects.toThrow("65535 files");
  });

  test("whose file fails to be read fails with the same", async () => {
    const broken = {
      name: "a",
      read: async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.from("x");
        throw new Error("the disk is gone");
      },
    };
    await expect(Array.fromAsync(zip([broken]))).rejects.toThrow("the disk is gone");
  });
});
