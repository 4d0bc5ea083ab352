import { describe, expect, test } from "vitest";
import { recordKeys, successorOf, withKey } from "../../../shared/ota/signing-keys.ts";
import {
  entriesHash,
  isSnapshotDue,
  listed,
  nextSnapshot,
  recordSnapshot,
  type StoredSnapshot,
  seconds,
  snapshotKey,
} from "../../../shared/ota/snapshot.ts";
import { hashOf, keyIdOf } from "../../../shared/ota/statements.ts";
import { makeRelease, SAMPLE } from "./releases.ts";
import { aKey, linkOf } from "./signing-world.ts";

const NOW = new Date("2026-11-21T12:00:00.500Z");
const HOUR = 3_600;
const [first, second] = [aKey(), aKey()];
const link = linkOf(first, second, 0, 1);
const entries = entriesHash(SAMPLE);
const last: StoredSnapshot = {
  ...{ workspace: "acme", sequence: 7, issued: seconds(NOW), expires: seconds(NOW) + 72 * HOUR, entries },
  ...{ keyId: first.keyId, signature: "ZQ==", key: "snapshots/ws_1/7", size: 10, links: 0 },
};
const wanted = { entries, keyId: first.keyId, links: [] };
const later = (hours: number) => new Date(NOW.getTime() + hours * HOUR * 1_000);

describe("a snapshot is due", () => {
  test.each([
    ["not while it is right and young", last, wanted, NOW, false],
    ["not just before a third of its time is over", last, wanted, later(23.9), false],
    ["when a third of its time is over", last, wanted, later(24), true],
    ["when other releases are current", last, { ...wanted, entries: entriesHash(SAMPLE.slice(1)) }, NOW, true],
    ["when none is current any more", last, { ...wanted, entries: hashOf("") }, NOW, true],
    ["when another key signs", last, { ...wanted, keyId: second.keyId }, NOW, true],
    ["when there is another link", last, { ...wanted, links: [link] }, NOW, true],
    ["when there is none, and a release", undefined, wanted, NOW, true],
    ["not where there never was a release", undefined, { ...wanted, entries: hashOf("") }, NOW, false],
  ] as const)("%s", (_when, snapshot, what, now, expected) => {
    expect(isSnapshotDue(snapshot, what, now)).toBe(expected);
  });
});

describe("the next snapshot", () => {
  test("has the time for its number, and is good for as long as the stage says", () => {
    expect(nextSnapshot("acme", undefined, entries, 72 * HOUR, NOW)).toEqual({
      ...{ workspace: "acme", entries, sequence: 1_795_262_400, issued: 1_795_262_400 },
      expires: 1_795_262_400 + 72 * HOUR,
    });
  });

  test.each([
    ["made in the same second", { ...last, sequence: seconds(NOW) }, seconds(NOW) + 1],
    ["made by a clock that was ahead", { ...last, sequence: seconds(NOW) + 500 }, seconds(NOW) + 501],
    ["that a restored table does not know", { ...last, sequence: 7 }, seconds(NOW)],
  ])("has a higher number than one %s", (_which, before, sequence) => {
    expect(nextSnapshot("acme", before, entries, HOUR, NOW).sequence).toBe(sequence);
  });

  test("is at a place of its own, also where two of one number were made", () => {
    expect(snapshotKey("ws_1", 7, "a")).toMatch(/^snapshots\/ws_1\/7-[0-9a-f]{16}$/);
    expect(snapshotKey("ws_1", 7, "a")).not.toBe(snapshotKey("ws_1", 7, "b"));
  });

  test("is recorded where the one that was read is still the last, of this workspace", () => {
    const [update] = recordSnapshot("ws_1", last, { ...last, sequence: 8 });
    expect(update).toMatchObject({ when: { id: "ws_1", snapshotSequence: 7 }, set: { snapshotSequence: 8 } });
    const [created] = recordSnapshot("ws_1", undefined, last);
    expect(created).toMatchObject({ when: { id: "ws_1", snapshotSequence: { exists: false } } });
  });
});

test("a snapshot lists what devices may get, and nothing that is paused", () => {
  const paused = { ...makeRelease("game", "prod", "2.0.0"), isPaused: true };
  expect(listed([...SAMPLE, paused])).toEqual(SAMPLE);
  expect(entriesHash([...SAMPLE, paused])).toBe(entries);
  expect(entriesHash(SAMPLE.toReversed())).toBe(entries);
});

describe("keys", () => {
  const none = { keys: [], links: [] };
  const one = withKey(none, "alias/one", first.publicKey);
  const two = withKey(one, "alias/two", second.publicKey, link);

  test("are numbered by who signed whom, and each has the hash of its public half for its id", () => {
    expect(two.keys.map(({ keyId, alias }) => [keyId, alias])).toEqual([
      [keyIdOf(first.publicKey), "alias/one"],
      [keyIdOf(second.publicKey), "alias/two"],
    ]);
    expect(two.links).toEqual([link]);
  });

  test("are recorded where nobody else has recorded one meanwhile", () => {
    expect(recordKeys(none, one)).toMatchObject({ do: "create", item: { count: 1 } });
    expect(recordKeys(one, two)).toMatchObject({ do: "put", item: { count: 2 }, when: { count: 1 } });
  });

  test("are followed for ten years, by clocks that are a day behind as well", () => {
    const { notBefore, notAfter } = successorOf(second.publicKey, seconds(NOW));
    expect(seconds(NOW) - notBefore).toBe(86_400);
    expect(notAfter - seconds(NOW)).toBe(3_650 * 86_400);
  });
});
