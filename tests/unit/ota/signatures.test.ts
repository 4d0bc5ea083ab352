import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { CurrentRelease } from "../../../shared/ota/select.ts";
import { entryLines, releaseStatement, snapshotHeader } from "../../../shared/ota/statements.ts";
import {
  type MetadataEntry,
  Refused,
  type Trust,
  verifyFile,
  verifyRelease,
  verifySnapshot,
} from "../../../shared/ota/verify.ts";
import { programNamed, shells } from "../../integration/support/installer.ts";
import { makeRelease } from "./releases.ts";
import { aKey, documentOf, linkOf, metadataOf, signedRelease, type TestKey } from "./signing-world.ts";

const SCRIPT = fileURLToPath(new URL("../../../functions/device/verify.sh", import.meta.url));
const NOW = 1_795_300_000;
const DAY = 86_400;

const [first, second, third, stranger] = [aKey(), aKey(), aKey(), aKey()];
const content = "the bytes of the system, 1.1.0";
const bytesOf = (text: string) => ({
  size: text.length,
  sha256: createHash("sha256").update(text).digest("hex"),
});
const os = makeRelease("os_armv8", "prod", "1.1.0", [], bytesOf(content));
const elder = makeRelease("os_armv8", "prod", "1.0.0", [], bytesOf("the bytes of the system, 1.0.0"));
const beta = makeRelease("os_armv8", "beta", "2.0.0", [], bytesOf("the bytes of the system, 2.0.0"));
const game = makeRelease("score.board", "prod", "1.0.0", ["gamer"]);

const forArch = (...cpuArch: string[]) => ({ ...os, cpuArch }) as unknown as CurrentRelease;

/** What a device is given, what it knows, and what it asked for. */
interface Case {
  readonly document: string;
  readonly metadata: string;
  readonly file: string;
  readonly pinned: TestKey;
  readonly trust: Pick<Trust, "sequence" | "issued">;
  readonly now: number;
  readonly workspace: string;
  readonly app: string;
  readonly environment: string;
  readonly cpuArch: string;
}

const at = (sequence: number, workspace = "acme") => ({
  ...{ workspace, sequence, issued: NOW - DAY, expires: NOW + DAY },
});
const signed = (release: CurrentRelease, key = first, workspace = "acme") => signedRelease(key, workspace, release);
const honest = (more: Partial<Case> = {}): Case => ({
  document: documentOf(first, at(7), [os, beta, game]),
  metadata: metadataOf([signed(os), signed(game)]),
  file: content,
  pinned: first,
  trust: {},
  now: NOW,
  ...{ workspace: "acme", app: "os_armv8", environment: "prod", cpuArch: "armv8" },
  ...more,
});

const changed = (text: string, from: string | RegExp, to: string): string => {
  const other = text.replace(from, to);
  if (other === text) throw new Error(`nothing was changed: ${from}`);
  return other;
};
const links = [linkOf(first, second, NOW - DAY, NOW + DAY), linkOf(second, third, NOW - DAY, NOW + DAY)];
const rotated = (keyLinks = links) => ({
  document: documentOf(third, at(7), [os], keyLinks),
  metadata: metadataOf([signed(os, third)]),
});

const ACCEPTED: [rule: string, given: Case][] = [
  ["what was published is believed", honest()],
  ["a snapshot that was seen before is still one", honest({ trust: { sequence: 7, issued: NOW - DAY } })],
  [
    "a clock that is years behind is no hindrance",
    honest({ now: 1_000, trust: { sequence: 6, issued: NOW - 2 * DAY } }),
  ],
  ["names compare without case, as in the query", honest({ environment: "Prod", cpuArch: "ARMv8" })],
  [
    "a release for the device's architecture and another one",
    honest({
      document: documentOf(first, at(7), [forArch("ARMv8", "armv7")]),
      metadata: metadataOf([signed(forArch("ARMv8", "armv7"))]),
    }),
  ],
  ["a device that knows the first key alone follows two rotations", honest(rotated())],
  ["a device that is made with the last key needs no link", honest({ ...rotated([]), pinned: third })],
];

const doc = honest().document;
const meta = honest().metadata;
const REFUSED: [attack: string, reason: string, given: Case][] = [
  ["rollback: a snapshot from before the last one", "rollback", honest({ trust: { sequence: 8 } })],
  ["freeze: a snapshot whose time is over", "expired", honest({ now: NOW + DAY })],
  ["freeze: the same with the device's clock set back", "expired", honest({ now: NOW, trust: { issued: NOW + DAY } })],
  [
    "mix-and-match: an entry of before in the snapshot of now",
    "not-current",
    honest({
      metadata: metadataOf([signed(elder)]),
      file: "the bytes of the system, 1.0.0",
    }),
  ],
  [
    "mix-and-match: lines of another snapshot below this one's statement",
    "other-entries",
    honest({
      document: doc.replaceAll(/^entry .*\n/gm, "") + entryLines([elder]),
      metadata: metadataOf([signed(elder)]),
    }),
  ],
  [
    "mix-and-match: a line beside those of the snapshot",
    "other-entries",
    honest({
      document: doc + entryLines([elder]),
      metadata: metadataOf([signed(elder)]),
    }),
  ],
  [
    "mix-and-match: the entry of another environment",
    "other-release",
    honest({ metadata: metadataOf([signed(beta)]) }),
  ],
  [
    "mix-and-match: another environment's entry under this one's name",
    "wrong-signature",
    honest({
      metadata: changed(metadataOf([signed(beta)]), '"environment":"beta"', '"environment":"prod"'),
    }),
  ],
  [
    "mix-and-match: another app's entry under this one's name",
    "wrong-signature",
    honest({
      metadata: changed(metadataOf([signed(game)]), "score.board", "os_armv8"),
    }),
  ],
  [
    "mix-and-match: a release for another architecture",
    "other-release",
    honest({
      document: documentOf(first, at(7), [forArch("armv7")]),
      metadata: metadataOf([signed(forArch("armv7"))]),
    }),
  ],
  [
    "mix-and-match: the same, called one for all",
    "wrong-signature",
    honest({
      metadata: changed(metadataOf([signed(forArch("armv7"))]), '"cpuArch":"armv7"', '"cpuArch":"*"'),
    }),
  ],
  ["wrong key: a snapshot by a stranger", "unknown-key", honest({ document: documentOf(stranger, at(7), [os]) })],
  [
    "wrong key: by a stranger in the name of the right key",
    "wrong-signature",
    honest({
      document: changed(documentOf(stranger, at(7), [os]), stranger.keyId, first.keyId),
    }),
  ],
  ["wrong key: an entry by a stranger", "unknown-key", honest({ metadata: metadataOf([signed(os, stranger)]) })],
  [
    "wrong key: an entry by a stranger in the name of the right key",
    "wrong-signature",
    honest({
      metadata: metadataOf([{ ...signed(os, stranger), keyId: first.keyId }]),
    }),
  ],
  [
    "wrong key: a successor that a stranger has signed",
    "wrong-signature",
    honest({
      ...rotated([{ ...linkOf(stranger, third, NOW - DAY, NOW + DAY), keyId: first.keyId }]),
    }),
  ],
  ["wrong key: a successor of a stranger's", "unknown-key", honest(rotated([linkOf(stranger, third, 0, NOW + DAY)]))],
  ["wrong key: a successor whose time is over", "unknown-key", honest(rotated([linkOf(first, third, 0, NOW)]))],
  [
    "wrong key: a successor whose time is to come",
    "unknown-key",
    honest(rotated([linkOf(first, third, NOW + 1, NOW + DAY)])),
  ],
  ["wrong key: the elder one, after the device has gone over", "unknown-key", honest({ pinned: second })],
  [
    "wrong key: successors in a circle",
    "unknown-key",
    honest({
      document: documentOf(
        third,
        at(7),
        [os],
        [linkOf(first, second, 0, NOW + DAY), linkOf(second, first, 0, NOW + DAY)],
      ),
    }),
  ],
  [
    "wrong key: an entry by a key that has been replaced",
    "unknown-key",
    honest({
      ...rotated(),
      metadata: metadataOf([signed(os, first)]),
    }),
  ],
  ["altered: the sequence", "wrong-signature", honest({ document: changed(doc, "sequence 7", "sequence 9") })],
  ["altered: the expiry", "wrong-signature", honest({ document: changed(doc, /expires \d+/, `expires ${NOW * 2}`) })],
  [
    "altered: a number into none",
    "wrong-signature",
    honest({ document: changed(doc, /expires \d+/, "expires never") }),
  ],
  [
    "altered: the hash of the releases",
    "wrong-signature",
    honest({ document: changed(doc, /entries ./, "entries 0") }),
  ],
  [
    "altered: a listed release",
    "other-entries",
    honest({ document: changed(doc, "entry prod os_armv8", "entry prod os_armv9") }),
  ],
  ["altered: the version of the entry", "wrong-signature", honest({ metadata: changed(meta, '"1.1.0"', '"1.1.1"') })],
  [
    "altered: the hash of the entry",
    "wrong-signature",
    honest({
      metadata: changed(meta, os.sha256, bytesOf("evil").sha256),
      file: "evil",
    }),
  ],
  [
    "altered: the size of the entry",
    "wrong-signature",
    honest({ metadata: changed(meta, `"size":${os.size}`, '"size":4') }),
  ],
  [
    "altered: the signature of the entry",
    "wrong-signature",
    honest({ metadata: changed(meta, /"signature":"..../, '"signature":"AAAA') }),
  ],
  ["altered: the bytes", "other-file", honest({ file: changed(content, "bytes", "bitez") })],
  [
    "altered: a statement of a release as that of a snapshot",
    "malformed",
    honest({
      document: changed(doc, "slipway-snapshot-v1", "slipway-release-v1").replace(
        /^signature .*$/m,
        `signature ${first.keyId} ${first.sign(releaseStatement("acme", os))}`,
      ),
    }),
  ],
  ["truncated: nothing of the snapshot", "malformed", honest({ document: "" })],
  ["truncated: within the statement", "malformed", honest({ document: doc.slice(0, 60) })],
  ["truncated: before the signature", "malformed", honest({ document: doc.slice(0, doc.indexOf("signature")) })],
  ["truncated: within the releases", "other-entries", honest({ document: doc.slice(0, doc.lastIndexOf("entry ")) })],
  ["truncated: the binary", "other-file", honest({ file: content.slice(0, -1) })],
  ["other workspace: its snapshot", "other-workspace", honest({ document: documentOf(first, at(9, "other"), [os]) })],
  ["other workspace: its entry", "wrong-signature", honest({ metadata: metadataOf([signed(os, first, "other")]) })],
];

const folder = mkdtempSync(join(tmpdir(), "slipway-signatures-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Verdict {
  /** "accepted", or why not. */
  readonly said: string;
  readonly trust: Trust | undefined;
}

const byTypeScript = ({ document, metadata, file, pinned, trust, now, workspace, ...wanted }: Case): Verdict => {
  let kept: Trust | undefined;
  try {
    const snapshot = verifySnapshot(workspace, document, { publicKey: pinned.publicKey, ...trust }, now);
    kept = snapshot.trust;
    const entry = (JSON.parse(metadata) as Record<string, MetadataEntry>)[wanted.app];
    if (entry === undefined) throw new Error(`the metadata has no ${wanted.app}`);
    verifyFile(verifyRelease(snapshot, wanted, entry), Buffer.from(file));
    return { said: "accepted", trust: kept };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { said: error.reason, trust: kept };
  }
};

// The device's clock, for the shell.
const programs = join(folder, "programs");
mkdirSync(programs);
writeFileSync(join(programs, "date"), '#!/bin/sh\necho "$DEVICE_NOW"\n');
chmodSync(join(programs, "date"), 0o755);
const SHELLS = shells(folder);

let runs = 0;
const byShell = (given: Case, { command, path = process.env.PATH }: (typeof SHELLS)[number]): Verdict => {
  runs += 1;
  const dir = join(folder, `run-${runs}`);
  const state = join(dir, "state");
  mkdirSync(state, { recursive: true });
  const put = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const { sequence = 0, issued = 0 } = given.trust;
  if (Object.keys(given.trust).length > 0) put("state/last", `${sequence} ${issued}\n`);
  const options = {
    ...{ workspace: given.workspace, app: given.app, environment: given.environment, "cpu-arch": given.cpuArch },
    ...{ key: put("pinned.pem", given.pinned.pem), state, snapshot: put("snapshot", given.document) },
    ...{ metadata: put("metadata.json", given.metadata), file: put("file", given.file) },
  };
  const [shell = "sh", ...flags] = command;
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const env = { PATH: `${programs}:${path}`, DEVICE_NOW: String(given.now) };
  const { status, stdout, stderr } = spawnSync(shell, [...flags, SCRIPT, ...args], { encoding: "utf8", env });
  const said = status === 0 ? "accepted" : /^refused: ([a-z-]+): [^\n]+\n$/.exec(stderr)?.[1];
  if (said === undefined) throw new Error(`it ended with ${status} and said ${stderr}`);
  expect(stdout).toBe(status === 0 ? `${given.app} 1.1.0\n` : "");
  const read = (name: string) => readFileSync(join(state, name), "utf8");
  if (!existsSync(join(state, "key.pem"))) return { said, trust: undefined };
  const [kept, seen] = read("last").trim().split(" ").map(Number);
  const publicKey = read("key.pem").replaceAll(/-----.*-----|\s/g, "");
  return { said, trust: { publicKey, sequence: kept ?? 0, issued: seen ?? 0 } };
};

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
