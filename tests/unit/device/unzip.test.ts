import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unzip } from "../../../local/device/unzip.ts";
import { zip } from "../../support/zip.ts";

let folder: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-unzip-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const to = () => {
  count += 1;
  return join(folder, String(count));
};

test("unpacks files, stored and deflated, into their folders, and lets be executed what may be", async () => {
  const into = to();
  const archive = zip([
    { name: "bin/" },
    { name: "bin/run.sh", content: "echo hello", mode: 0o755 },
    { name: "data/long.txt", content: "long ".repeat(10_000) },
    { name: "stored.txt", content: "as it is", stored: true },
    { name: "empty", content: "" },
  ]);
  await unzip(archive, into);
  expect(await readFile(join(into, "bin/run.sh"), "utf8")).toBe("echo hello");
  expect((await stat(join(into, "bin/run.sh"))).mode & 0o777).toBe(0o700);
  expect((await readFile(join(into, "data/long.txt"), "utf8")).length).toBe(50_000);
  expect((await stat(join(into, "data/long.txt"))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(into, "stored.txt"), "utf8")).toBe("as it is");
  expect(await readFile(join(into, "empty"), "utf8")).toBe("");
});

test.each(["../out", "a/../../out", "/etc/out", "a\\..\\out"])("writes nothing to %s", async (name) => {
  const into = to();
  await expect(unzip(zip([{ name, content: "x" }]), into)).rejects.toThrow("leads out");
  expect(await readdir(into)).toEqual([]);
});

test("refuses what is damaged, encrypted, or larger than it says", async () => {
  const good = zip([{ name: "a", content: "content" }]);
  await expect(unzip(Buffer.from("no archive at all, whatever it is called"), to())).rejects.toThrow("no ZIP archive");
  const damaged = Buffer.from(good);
  damaged[good.indexOf("a") + 2] = (damaged[good.indexOf("a") + 2] ?? 0) ^ 0xff;
  await expect(unzip(damaged, to())).rejects.toThrow();
  await expect(unzip(zip([{ name: "a", content: "x", flags: 1 }]), to())).rejects.toThrow("encrypted");
  const bomb = "0".repeat(1_000_000);
  const lying = { name: "a", packed: deflateRawSync(bomb), size: 10, checksum: crc32(bomb.slice(0, 10)) };
  await expect(unzip(zip([lying]), to())).rejects.toThrow();
  await expect(unzip(zip([{ ...lying, size: 2 ** 31 }]), to())).rejects.toThrow("more than");
});
