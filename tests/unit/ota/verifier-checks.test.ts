import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { REFUSED } from "./attacks.ts";
import { SCRIPT, shellVerifier } from "./verifiers.ts";

const folder = mkdtempSync(join(tmpdir(), "slipway-checks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const verify = shellVerifier(folder);
const script = readFileSync(SCRIPT, "utf8");

/** Each refusal of the script by how its text begins, an attack, and what becomes of that where the script goes on instead. */
const REFUSALS: readonly (readonly [refusal: string, attack: string, then: string])[] = [
  ["malformed: it is no snapshot", "altered: a snapshot in a later form, which may mean something else", "accepted"],
  // The next check refuses it too, and has another name for it.
  ["malformed: it does not begin", "truncated: before the signature", "unknown-key"],
  // Without a link there is nothing to go on with.
  ["unknown-key: no link leads", "wrong key: a snapshot by a stranger", "broke off"],
  ["wrong-signature: key", "wrong key: a successor that a stranger has signed", "accepted"],
  ["unknown-key: the successor", "wrong key: a successor whose time is over", "accepted"],
  ["unknown-key: the successor", "wrong key: a successor whose time is to come", "accepted"],
  ["wrong-signature: of the snapshot", "altered: the sequence", "accepted"],
  ["wrong-signature: of the snapshot", "altered: the expiry", "accepted"],
  ["wrong-signature: of the snapshot", "wrong key: by a stranger in the name of the right key", "accepted"],
  ["other-workspace", "other workspace: its snapshot", "accepted"],
  ["rollback", "rollback: a snapshot from before the last one", "accepted"],
  ["rollback", "rollback: an older one is shown again after a newer one", "accepted"],
  ["expired", "freeze: a snapshot whose time is over", "accepted"],
  ["other-entries", "mix-and-match: lines of another snapshot below this one's statement", "accepted"],
  ["other-entries", "mix-and-match: a line beside those of the snapshot", "accepted"],
  ["other-release: it is for $of", "mix-and-match: the entry of another environment", "accepted"],
  ["other-release: it is for $arch", "mix-and-match: a release for another architecture", "accepted"],
  // No signature by another key is one by this key.
  ["unknown-key: the entry", "wrong key: an entry by a key that has been replaced", "wrong-signature"],
  ["wrong-signature: of $app", "other workspace: its entry", "accepted"],
  ["wrong-signature: of $app", "wrong key: an entry by a stranger in the name of the right key", "accepted"],
  ["not-current", "mix-and-match: an entry of before in the snapshot of now", "accepted"],
  ["other-file: it has not", "altered: a release that was signed with another size", "accepted"],
  ["other-file: it has another SHA-256", "altered: the bytes", "accepted"],
];

/** What the script remembers, as it stands there, and the attack that it would not see through without. */
const MEMORY: readonly (readonly [what: string, from: string, attack: string])[] = [
  [
    "the key that it has followed to",
    'cp "$run/key.pem" "$run/trusted.pem" && mv "$run/trusted.pem" "$state/key.pem"',
    "wrong key: the elder one, which the device has followed to another",
  ],
  [
    "the number of the last snapshot",
    `printf '%s %s\\n' "$sequence" "$issued" >"$run/last" && mv "$run/last" "$state/last"`,
    "rollback: an older one is shown again after a newer one",
  ],
  [
    "the time of the last snapshot, as its clock",
    '[ "$now" -ge "$seen" ] || now=$seen',
    "freeze: the clock is set back after a newer one was seen",
  ],
  [
    "the latest of all those times",
    '[ "$issued" -ge "$seen" ] || issued=$seen',
    "freeze: the same, with one in between that says it is older",
  ],
];

let files = 0;
const verdictOf = (changed: string, attack: string): string => {
  const given = REFUSED.find(([name]) => name === attack)?.[2];
  if (given === undefined) throw new Error(`no attack is called ${attack}`);
  files += 1;
  const file = join(folder, `verify-${files}.sh`);
  writeFileSync(file, changed);
  return verify(given, { name: "sh", command: ["sh"] }, file).said;
};

/** @throws Error unless the text stands there just once */
const replaced = (from: string, to: string): string => {
  const parts = script.split(from);
  if (parts.length !== 2) throw new Error(`it stands there ${parts.length - 1} times: ${from}`);
  return parts.join(to);
};

const lines = script.split("\n").filter((line) => /refuse ['"]/.test(line));
const lineOf = (refusal: string): string => {
  const found = lines.filter((line) => /refuse ['"](.*)['"]/.exec(line)?.[1]?.startsWith(refusal));
  if (found.length !== 1) throw new Error(`${found.length} lines refuse with ${refusal}`);
  return found[0] ?? "";
};

describe("every check of the verifier in shell holds off an attack, which without it", () => {
  test.each(REFUSALS)("%s: %s is %s", (refusal, attack, then) => {
    const line = lineOf(refusal);
    expect(verdictOf(replaced(line, line.replace(/refuse (?=['"])/, ": ")), attack)).toBe(then);
  });

  test.each(MEMORY)("(memory) %s, is accepted", (_what, from, attack) => {
    expect(verdictOf(replaced(from, ":"), attack)).toBe("accepted");
  });

  test("and none is left out here", () => {
    expect(new Set(REFUSALS.map(([refusal]) => lineOf(refusal)))).toEqual(new Set(lines));
  });
});

describe("the verifier in shell", () => {
  const whole = { workspace: "w", key: "k", state: join(folder, "never"), snapshot: "s" };
  const entry = { metadata: "m", app: "a", environment: "e", "cpu-arch": "c" };
  const without = (name: string) =>
    Object.fromEntries(Object.entries({ ...whole, ...entry }).filter(([n]) => n !== name));
  const calls = [
    ...Object.keys(whole).map((name) => [`no --${name}`, without(name)] as const),
    ...Object.keys(entry).map((name) => [`a file, and no --${name}`, { ...without(name), file: "f" }] as const),
    ["a file alone", { ...whole, file: "f" }] as const,
    ["an option that it does not know", { ...whole, insecure: "yes" }] as const,
  ];
  test.each(calls)("says nothing of a release that it was not told how to check: %s", (_name, options) => {
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const { status, stdout } = spawnSync("sh", [SCRIPT, ...args], { encoding: "utf8" });
    expect([status, stdout]).toEqual([2, ""]);
  });
});
