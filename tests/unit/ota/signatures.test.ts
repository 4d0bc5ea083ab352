import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { entryLines, releaseStatement, snapshotHeader } from "../../../shared/ota/statements.ts";
import { programNamed, shells } from "../../integration/support/installer.ts";
import {
  ACCEPTED,
  at,
  beta,
  type Case,
  DAY,
  first,
  game,
  honest,
  NOW,
  os,
  REFUSED,
  rotated,
  third,
} from "./attacks.ts";
import { byTypeScript, SCRIPT, shellVerifier, type Verdict } from "./verifiers.ts";

const folder = mkdtempSync(join(tmpdir(), "slipway-signatures-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHELLS = shells(folder);
const byShell = shellVerifier(folder);

const VERIFIERS: [name: string, verify: (given: Case) => Verdict][] = [
  ["in TypeScript", byTypeScript],
  ...SHELLS.map((shell): [string, (given: Case) => Verdict] => [`in ${shell.name}`, (given) => byShell(given, shell)]),
];

describe.each(VERIFIERS)("the verifier %s", (_, verify) => {
  test.each(ACCEPTED)("%s", (_rule, given) => {
    expect(verify(given).said).toBe("accepted");
  });

  test.each(REFUSED)("refuses %s: %s", (_attack, reason, given) => {
    expect(verify(given).said).toBe(reason);
  });

  test("keeps the last key and the last snapshot, of what it believed alone", () => {
    const issued = NOW - DAY;
    expect(verify(honest()).trust).toEqual({ publicKey: first.publicKey, sequence: 7, issued });
    expect(verify(honest(rotated())).trust).toEqual({ publicKey: third.publicKey, sequence: 7, issued });
    // The snapshot is right, and the release is not: what is known of the snapshot stays.
    expect(verify(honest({ file: "evil" })).trust).toEqual({ publicKey: first.publicKey, sequence: 7, issued });
    const stale = verify(honest({ now: NOW + DAY })).trust;
    expect(stale).toBeUndefined();
  });
});

test("the verifier in shell has at most 100 lines, and shellcheck nothing to say of it", () => {
  expect(readFileSync(SCRIPT, "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(100);
  const shellcheck = programNamed("shellcheck");
  if (shellcheck === undefined) return;
  expect(spawnSync(shellcheck, ["--shell=sh", "--norc", SCRIPT], { encoding: "utf8" }).stdout).toBe("");
});

test("the verifier in shell tells how it is called", () => {
  const { status, stderr } = spawnSync("sh", [SCRIPT, "--workspace", "acme"], { encoding: "utf8" });
  expect([status, stderr.split("\n")[0]]).toEqual([
    2,
    "Usage: verify.sh --workspace NAME --key PINNED.pem --state DIR --snapshot FILE",
  ]);
});

describe("statements", () => {
  test.each(["", "two words", "line\nbreak", "tab\t", "ümlaut", "\u0000"])("have no place for %j", (version) => {
    expect(() => releaseStatement("acme", { ...os, version })).toThrow(RangeError);
    expect(() => entryLines([{ ...os, version }])).toThrow(RangeError);
  });

  test("are the same bytes for the same release", () => {
    expect(releaseStatement("acme", { ...os, sha256: "ab" })).toBe(
      "slipway-release-v1\nworkspace acme\napp os_armv8\nenvironment prod\ncpuArch *\nversion 1.1.0\n" +
        `size ${os.size}\nsha256 ab\n`,
    );
  });

  test("list each release once, in the order of bytes", () => {
    const lines = entryLines([os, game, beta, os]);
    expect(lines).toBe(entryLines([beta, os, game]));
    expect(lines.split("\n").map((line) => line.split(" ").slice(1, 3).join(" "))).toEqual([
      "beta os_armv8",
      "prod os_armv8",
      "prod score.board",
      "",
    ]);
    expect(entryLines([])).toBe("");
  });

  test("of a snapshot go into a header, as a dictionary of RFC 8941", () => {
    const head = { ...at(7), entries: "ab", keyId: "cd", signature: "ZQ==" };
    expect(snapshotHeader(head, "/snapshots/ws_1/7")).toBe(
      `url="/snapshots/ws_1/7", sequence=7, issued=${NOW - DAY}, expires=${NOW + DAY}, ` +
        'entries="ab", key="cd", signature="ZQ=="',
    );
  });
});
