import { createHash } from "node:crypto";
import type { CurrentRelease } from "../../../shared/ota/select.ts";
import { entryLines, releaseStatement } from "../../../shared/ota/statements.ts";
import type { Trust } from "../../../shared/ota/verify.ts";
import { makeRelease } from "./releases.ts";
import { aKey, documentOf, linkOf, metadataOf, signedRelease, type TestKey } from "./signing-world.ts";

/* What a device may be given: what it is to believe, and every attack that it is to see through. */

export const NOW = 1_795_300_000;
export const DAY = 86_400;

export const [first, second, third, stranger] = [aKey(), aKey(), aKey(), aKey()];
const content = "the bytes of the system, 1.1.0";
const bytesOf = (text: string) => ({
  size: text.length,
  sha256: createHash("sha256").update(text).digest("hex"),
});
export const os = makeRelease("os_armv8", "prod", "1.1.0", [], bytesOf(content));
const elderContent = "the bytes of the system, 1.0.0";
const elder = makeRelease("os_armv8", "prod", "1.0.0", [], bytesOf(elderContent));
const betaContent = "the bytes of the system, 2.0.0";
export const beta = makeRelease("os_armv8", "beta", "2.0.0", [], bytesOf(betaContent));
export const game = makeRelease("score.board", "prod", "1.0.0", ["gamer"]);

const forArch = (...cpuArch: string[]) => ({ ...os, cpuArch }) as unknown as CurrentRelease;

/** What a device is given, what it knows, and what it asked for. */
export interface Case {
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
  /** What it believed before, from which it has what it knows. */
  readonly before?: Case;
}

export const at = (sequence: number, workspace = "acme") => ({
  ...{ workspace, sequence, issued: NOW - DAY, expires: NOW + DAY },
});
const signed = (release: CurrentRelease, key = first, workspace = "acme") => signedRelease(key, workspace, release);
export const honest = (more: Partial<Case> = {}): Case => ({
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
export const rotated = (keyLinks = links) => ({
  document: documentOf(third, at(7), [os], keyLinks),
  metadata: metadataOf([signed(os, third)]),
});

export const ACCEPTED: [rule: string, given: Case][] = [
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
/** By the right key, in a form that verifiers of today cannot know. */
const later = (): string => {
  const text = changed(doc, "slipway-snapshot-v1", "slipway-snapshot-v2");
  const statement = text.split("\n", 6).map((line) => `${line}\n`);
  return changed(text, /^signature .*$/m, `signature ${first.keyId} ${first.sign(statement.join(""))}`);
};
/** Some time after all others. */
const seenLater = honest({
  document: documentOf(first, { ...at(8), issued: NOW + DAY, expires: NOW + 3 * DAY }, [os]),
  now: NOW + DAY,
});
const stale = honest({ document: documentOf(first, at(9), [os]) });
const misSized = { ...os, size: os.size + 1 };
export const REFUSED: [attack: string, reason: string, given: Case][] = [
  ["rollback: a snapshot from before the last one", "rollback", honest({ trust: { sequence: 8 } })],
  ["freeze: a snapshot whose time is over", "expired", honest({ now: NOW + DAY })],
  ["freeze: the same with the device's clock set back", "expired", honest({ now: NOW, trust: { issued: NOW + DAY } })],
  ["rollback: an older one is shown again after a newer one", "rollback", honest({ before: stale })],
  ["freeze: the clock is set back after a newer one was seen", "expired", { ...stale, before: seenLater }],
  [
    "freeze: the same, with one in between that says it is older",
    "expired",
    {
      ...stale,
      before: {
        ...honest({ document: documentOf(first, { ...at(9), expires: NOW + 3 * DAY }, [os]), now: NOW + DAY }),
        before: seenLater,
      },
    },
  ],
  [
    "mix-and-match: an entry of before in the snapshot of now",
    "not-current",
    honest({
      metadata: metadataOf([signed(elder)]),
      file: elderContent,
    }),
  ],
  [
    "mix-and-match: lines of another snapshot below this one's statement",
    "other-entries",
    honest({
      document: doc.replaceAll(/^entry .*\n/gm, "") + entryLines([elder]),
      metadata: metadataOf([signed(elder)]),
      file: elderContent,
    }),
  ],
  [
    "mix-and-match: a line beside those of the snapshot",
    "other-entries",
    honest({
      document: doc + entryLines([elder]),
      metadata: metadataOf([signed(elder)]),
      file: elderContent,
    }),
  ],
  [
    "mix-and-match: the entry of another environment",
    "other-release",
    honest({ metadata: metadataOf([signed(beta)]), file: betaContent }),
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
    "wrong key: the elder one, which the device has followed to another",
    "unknown-key",
    { ...stale, before: honest(rotated()) },
  ],
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
  ["altered: a snapshot in a later form, which may mean something else", "malformed", honest({ document: later() })],
  [
    "altered: a release that was signed with another size",
    "other-file",
    honest({ document: documentOf(first, at(7), [misSized]), metadata: metadataOf([signed(misSized)]) }),
  ],
  ["truncated: nothing of the snapshot", "malformed", honest({ document: "" })],
  ["truncated: within the statement", "malformed", honest({ document: doc.slice(0, 60) })],
  ["truncated: before the signature", "malformed", honest({ document: doc.slice(0, doc.indexOf("signature")) })],
  ["truncated: within the releases", "other-entries", honest({ document: doc.slice(0, doc.lastIndexOf("entry ")) })],
  ["truncated: the binary", "other-file", honest({ file: content.slice(0, -1) })],
  ["other workspace: its snapshot", "other-workspace", honest({ document: documentOf(first, at(9, "other"), [os]) })],
  ["other workspace: its entry", "wrong-signature", honest({ metadata: metadataOf([signed(os, first, "other")]) })],
];
