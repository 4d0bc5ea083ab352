import { describe, expect, test } from "vitest";
import type { StoredComponent } from "../../../shared/component/component.ts";
import type { NewVersion, StoredVersion } from "../../../shared/component/version.ts";
import type { StoredIntent } from "../../../shared/intent/intent.ts";
import { keys } from "../../../shared/keys.ts";
import { AppError, type ProblemCode, problem } from "../../../shared/problems.ts";
import {
  answerEvent,
  finishPush,
  type Given,
  hashOfOrigin,
  isBeingFilled,
  isEndOf,
  isTheirs,
  type PushOrigin,
  pushAgain,
  pushVersion,
  resultOf,
  type StoredPush,
} from "../../../shared/push/push.ts";
import type { StoredWorkspace } from "../../../shared/workspace/workspace.ts";
import type { Item, Write } from "../../../shared/writes.ts";
import { applied } from "../apply.ts";
import { theMoment } from "../moment.ts";

const NOW = new Date("2026-07-01T12:00:00.000Z");
const WORKSPACE = { id: "ws_1", bucket: "ws-abc-acme-comp-artifacts", status: "active" } as StoredWorkspace;
const COMPONENT = { id: "cmp_1", name: "com.example.Hello", workspaceId: "ws_1" } as StoredComponent;
const DROP: PushOrigin = { bucket: "b", manifest: { key: "drop/a/slipway.json", etag: "1" }, sequencer: "0A" };
const GIVEN: Given = { publish: true, origin: DROP, folder: "drop/a/", files: undefined, recipeFile: undefined };
const INPUT: NewVersion = {
  version: "1.0.0",
  recipe: { platform: { os: "*" } },
  componentType: "aws.greengrass.generic",
};

const pushed = (given: Given = GIVEN) => {
  const { intent, writes } = pushVersion(WORKSPACE, COMPONENT, INPUT, given, theMoment(NOW));
  const items = writes.flatMap((write) => (write.do === "create" || write.do === "put" ? [write.item] : []));
  const of = <T>(type: string) => items.find((item) => item.type === type) as unknown as T;
  return { intent, writes, version: of<StoredVersion>("component-version"), push: of<StoredPush>("push") };
};
const codeOf = (work: () => unknown): ProblemCode | undefined => {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return undefined;
};
/** What an item becomes by those of these writes that are about it. */
const madeOf = (item: { pk: string; sk: string }, writes: readonly Write[]): Item | undefined =>
  writes
    .filter((write) => {
      const key = "key" in write ? write.key : write.item;
      return key.pk === item.pk && key.sk === item.sk;
    })
    .reduce<Item | undefined>((current, write) => applied(current, write), item as Item);

describe("the hash of what asked for a push", () => {
  const { manifest } = DROP as Extract<PushOrigin, { manifest: object }>;
  test("is the same for the same, however often it comes", () => {
    expect(hashOfOrigin("ws_1", { ...DROP })).toBe(hashOfOrigin("ws_1", DROP));
    expect(hashOfOrigin("ws_1", DROP)).toMatch(/^[0-9a-f]{64}$/);
  });

  test("is another one for another upload, workspace or event", () => {
    const origins: [string, PushOrigin][] = [
      ["ws_1", DROP],
      ["ws_2", DROP],
      ["ws_1", { ...DROP, sequencer: "0B" } as PushOrigin],
      ["ws_1", { ...DROP, manifest: { ...manifest, etag: "2" } } as PushOrigin],
      ["ws_1", { ...DROP, manifest: { ...manifest, key: "drop/b/slipway.json" } } as PushOrigin],
      ["ws_1", { event: "1" }],
      ["ws_1", { event: "2" }],
      ["ws_2", { event: "1" }],
    ];
    expect(new Set(origins.map(([id, origin]) => hashOfOrigin(id, origin))).size).toBe(origins.length);
  });

  test("is written once, and kept longer than an event can come again", () => {
    const write = answerEvent("h", NOW);
    const item = applied(undefined, write);
    expect(item).toMatchObject({ ...keys.pushEvent("h"), expiresAt: NOW.getTime() / 1_000 + 30 * 86_400 });
    expect(() => applied(item, write)).toThrow("refused");
  });
});

test("a version that is pushed is a draft whose files nobody else changes, with the intent that fills it", () => {
  const { intent, version, push } = pushed();
  expect(version).toMatchObject({ status: "draft", copying: "running", version: "1.0.0" });
  expect(intent).toMatchObject({ kind: "component-version.push", requestedBy: "push", parentId: "cmp_1" });
  expect(intent.subject.id).toBe(version.id);
  expect(push).toMatchObject({ ...keys.push(version.id), intentId: intent.id, componentId: "cmp_1", publish: true });
  expect(madeOf(version, [isBeingFilled(version)])).toEqual(version);
});

describe("a version that is there", () => {
  const { version, push } = pushed();
  const failed: StoredVersion = { ...version, copying: "failed", description: "old", revision: 7 };
  const again = (former: StoredVersion, made: StoredPush | undefined = push) =>
    pushAgain(former, made, { ...INPUT, recipe: { platform: { os: "linux" } } }, GIVEN, theMoment(NOW));

  test.each<{ note: string; former: Partial<StoredVersion>; made?: null; code: ProblemCode | undefined }>([
    { note: "failed to be filled", former: {}, code: undefined },
    { note: "was left a draft", former: { copying: undefined }, code: undefined },
    { note: "failed to be published", former: { copying: undefined, status: "failed" }, code: undefined },
    { note: "is being filled", former: { copying: "running" }, code: "not-ready" },
    { note: "is being published", former: { copying: undefined, status: "publishing" }, code: "version-immutable" },
    { note: "is published", former: { copying: undefined, status: "published" }, code: "version-immutable" },
    { note: "is being deleted", former: { copying: undefined, status: "deleting" }, code: "version-immutable" },
    { note: "is people's own", former: { copying: undefined }, made: null, code: "name-taken" },
    { note: "is people's own and published", former: { status: "published" }, made: null, code: "version-immutable" },
  ])("and $note answers a push with $code", ({ former, made, code }) => {
    const found = { ...failed, ...former } as StoredVersion;
    const work = () => pushAgain(found, made === null ? undefined : push, INPUT, GIVEN, theMoment(NOW));
    expect(codeOf(work)).toBe(code);
  });

  test("is a draft again, with what is pushed now and nothing of what was before", () => {
    const { intent, writes } = again(failed);
    const next = madeOf(failed, writes);
    expect(next).toMatchObject({
      status: "draft",
      copying: "running",
      recipe: { platform: { os: "linux" } },
      revision: 8,
    });
    expect(next).not.toHaveProperty("description");
    expect(writes).toContainEqual({ do: "create", item: intent });
    expect(madeOf(keys.push(version.id), writes)).toMatchObject({ intentId: intent.id });
  });

  test("is left alone when it has changed since it was read", () => {
    const { writes } = again(failed);
    expect(() => madeOf({ ...failed, revision: 8 } as StoredVersion, writes)).toThrow("refused");
  });
});

describe("once all files are there", () => {
  test("the version is frozen, and its publication asked for", () => {
    const { version, push } = pushed();
    const writes = finishPush(version, push, theMoment(NOW));
    const next = madeOf(version, writes);
    expect(next).toMatchObject({ status: "publishing" });
    expect(next).not.toHaveProperty("copying");
    const intent = writes.flatMap((write) => (write.do === "create" ? [write.item] : []))[0] as unknown as StoredIntent;
    expect(intent).toMatchObject({ kind: "component-version.publish", subject: { id: version.id } });
    expect(madeOf(push, writes)).toMatchObject({ publishIntentId: intent.id });
    expect(() => madeOf({ ...version, status: "deleting" } as StoredVersion, writes)).toThrow("refused");
  });

  test("it is a draft like any other, where it is not to be published", () => {
    const { version, push } = pushed({ ...GIVEN, publish: false });
    const writes = finishPush(version, push, theMoment(NOW));
    expect(writes).toHaveLength(1);
    const next = madeOf(version, writes);
    expect(next).toMatchObject({ status: "draft" });
    expect(next).not.toHaveProperty("copying");
  });
});

describe("the end of a push", () => {
  const { push, version } = pushed();
  const filled: StoredPush = { ...push, publishIntentId: "int_2" };
  const intent = (id: string, status: string, more: object = {}) =>
    ({ id, status, updatedAt: "u", finishedAt: "f", ...more }) as StoredIntent;

  test.each<{ note: string; push: StoredPush; intent: StoredIntent; ends: boolean }>([
    { note: "that fails to be filled", push, intent: intent(push.intentId, "failed"), ends: true },
    {
      note: "that is filled, and published next",
      push: filled,
      intent: intent(push.intentId, "succeeded"),
      ends: false,
    },
    {
      note: "that is filled, and not to be published",
      push: { ...push, publish: false },
      intent: intent(push.intentId, "succeeded"),
      ends: true,
    },
    { note: "that is published", push: filled, intent: intent("int_2", "succeeded"), ends: true },
    { note: "whose publication fails", push: filled, intent: intent("int_2", "failed"), ends: true },
    {
      note: "whose version is published by hand later",
      push: filled,
      intent: intent("int_3", "succeeded"),
      ends: false,
    },
  ])("$note comes: $ends", ({ push, intent, ends }) => {
    expect(isEndOf(push, intent)).toBe(ends);
  });

  test("is told with the reason", () => {
    const why = problem("artifact-mismatch", "other bytes");
    expect(resultOf(push, intent("int_1", "failed", { problem: why }), version)).toEqual({
      status: "failed",
      workspaceId: "ws_1",
      component: "com.example.Hello",
      version: "1.0.0",
      intentId: "int_1",
      origin: DROP,
      problem: why,
      finishedAt: "f",
    });
    expect(resultOf(push, intent("int_1", "succeeded"), version)).toMatchObject({ status: "published" });
    expect(resultOf({ ...push, publish: false }, intent("int_1", "succeeded"), version)).toMatchObject({
      status: "draft",
    });
  });
});

test.each<[ProblemCode, boolean]>([
  ["invalid-request", true],
  ["name-taken", true],
  ["artifact-missing", true],
  ["throttled", false],
  ["busy", false],
  ["unavailable", false],
  ["aws-refused", false],
  ["internal", false],
])("whether %s is the fault of who pushed: %s", (code, theirs) => {
  expect(isTheirs(code)).toBe(theirs);
});
