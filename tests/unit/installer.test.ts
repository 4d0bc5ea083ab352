import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { installer } from "../../functions/device/installer.ts";
import { programNamed, shells } from "../integration/support/installer.ts";

const FILE = fileURLToPath(new URL("../../functions/device/install.sh", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "slipway-installer-"));
chmodSync(folder, 0o755);
const SHELLS = shells(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Not every machine has it: npm brings none that is not fetched from elsewhere. */
const shellcheck = programNamed("shellcheck");

test.skipIf(shellcheck === undefined)("shellcheck has nothing to say of the installer as POSIX sh", () => {
  const { stdout, status } = spawnSync(shellcheck ?? "shellcheck", ["--shell=sh", "--norc", FILE], {
    encoding: "utf8",
  });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});

describe.each(SHELLS)("$name", ({ command: [shell = "sh", ...flags], path = process.env.PATH }) => {
  const run = (input: string, args: readonly string[]) =>
    spawnSync(shell, [...flags, "-s", "--", ...args], { input, encoding: "utf8", env: { PATH: path, HOME: folder } });

  test("takes the installer's grammar", () => {
    const { stderr, status } = spawnSync(shell, [...flags, "-n", FILE], { encoding: "utf8" });
    expect([stderr, status]).toEqual(["", 0]);
  });

  test("does nothing with a part of the installer", () => {
    const lines = installer.split("\n");
    const dir = join(folder, "never");
    for (let count = 1; count < lines.length - 1; count += 7) {
      const { stdout } = run(`${lines.slice(0, count).join("\n")}\n`, [
        "--api",
        "http://127.0.0.1:1",
        "--token",
        "t",
        "--dir",
        dir,
      ]);
      expect(stdout, `with ${count} lines`).toBe("");
    }
    expect(existsSync(dir)).toBe(false);
  });

  test.each([
    { args: ["--help"], status: 0, stdout: /^Usage: install\.sh/, stderr: /^$/ },
    { args: ["--check"], status: 0, stdout: /^curl .*OpenSSL .*has what it takes\.$/m, stderr: /^$/ },
    { args: ["--api"], status: 2, stdout: /^$/, stderr: /--api takes a value/ },
    { args: ["--wrong"], status: 2, stdout: /^$/, stderr: /there is no option --wrong/ },
    { args: ["secret"], status: 2, stdout: /^$/, stderr: /^slipway: an argument is no option; --help lists them\n$/ },
    { args: ["--runtime", "V1"], status: 2, stdout: /^$/, stderr: /--runtime is nucleus or nucleus-lite/ },
    { args: ["--mqtt-port", "x"], status: 2, stdout: /^$/, stderr: /--mqtt-port is a number/ },
    { args: ["--dir", 'a"b'], status: 2, stdout: /^$/, stderr: /a folder's name has a character/ },
    { args: ["--dir", "a\tb"], status: 2, stdout: /^$/, stderr: /a folder's name has a character/ },
    { args: ["--place", "relative"], status: 2, stdout: /^$/, stderr: /--place is an absolute path/ },
    { args: ["--token", "slw_0"], status: 2, stdout: /^$/, stderr: /--api is missing/ },
    { args: ["--api", "https://api.example.com"], status: 2, stdout: /^$/, stderr: /there is no token/ },
    {
      args: ["--api", "https://a", "--token", 'a","b'],
      status: 3,
      stdout: /^$/,
      stderr: /this is no registration token/,
    },
  ])("answers $args", ({ args, status, stdout, stderr }) => {
    const done = run(installer, args);
    expect(done).toMatchObject({
      status,
      stdout: expect.stringMatching(stdout),
      stderr: expect.stringMatching(stderr),
    });
  });
});

test("the installer tells what a device lacks", () => {
  const env = { PATH: folder };
  const done = spawnSync("/bin/sh", ["-s", "--", "--check"], { input: installer, encoding: "utf8", env });
  expect(done).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^slipway: this device lacks: curl openssl awk/),
  });
});
