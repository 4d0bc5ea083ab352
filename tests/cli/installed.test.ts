import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

test("npx finds the command where npm ci has put it", () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "cli/package.json"), "utf8")) as { version: string };
  const told = execFileSync("npx", ["--no", "--", "slipway", "--version"], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: "pipe",
  });
  expect(told.trim()).toBe(version);
});
