import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isId, makeId } from "../../shared/ids.ts";
import { afterFailure } from "../../shared/intent/failure.ts";
import {
  executionName,
  failIntent,
  INTENT_KINDS,
  Intent,
  type IntentKind,
  MAX_ATTEMPTS,
  parseExecutionName,
  requestIntent,
  retryIntent,
  type StoredIntent,
  startIntent,
  succeedIntent,
  viewIntent,
  type WorkflowInput,
  workflowInput,
  workflowOf,
} from "../../shared/intent/intent.ts";
import { indexes, keys, otaKeys } from "../../shared/keys.ts";
import { type ProblemCode, problem } from "../../shared/problems.ts";
import type { Item, Write } from "../../shared/writes.ts";
import { applied } from "./apply.ts";
import { theMoment } from "./moment.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const LATER = new Date("2026-01-02T03:05:05.678Z");
const WISH = {
  kind: "node.create",
  workspaceId: "ws_00000000000000000001",
  subject: { type: "node", id: "nod_00000000000000000001", name: "box", href: "/v1/workspaces/w/nodes/n" },
  requestedBy: "ann",
} as const;
const requested = requestIntent(WISH, theMoment(NOW));
const { id } = requested;
const write = (intent: StoredIntent, change: Write) =>
  applied({ ...intent } satisfies Item, change) as unknown as StoredIntent;
const why = problem("name-taken", "it is taken");

describe("an intent that is requested", () => {
  test("is open, in its first attempt, and found by its workspace", () => {
    expect(requested).toEqual({
      pk: id,
      sk: "intent",
      type: "intent",
      id,
      ...WISH,
      status: "requested",
      attempt: 1,
      revision: 1,
      createdAt: NOW.toISOString(),
      updatedAt: NOW.toISOString(),
      workspaceIntents: "ws_00000000000000000001#intent",
      open: "open",
    });
    expect(isId(id, "intent")).toBe(true);
    for (const { pk, sk } of [indexes.intentsOfWorkspace, indexes.openIntents])
      expect(requested).toMatchObject({ [pk]: expect.any(String), [sk]: expect.any(String) });
  });

  test("is shown without keys, indexes and who asked, in the form that the API declares", () => {
    const shown = viewIntent(requested);
    expect(shown).toEqual(Intent.parse(shown));
    expect(Object.keys(shown)).toEqual([
      "id",
      "kind",
      "status",
      "workspaceId",
      "subject",
      "attempt",
      "createdAt",
      "updatedAt",
    ]);
    const failed = viewIntent(write(requested, failIntent(id, 1, LATER, why)));
    expect(failed).toEqual(Intent.parse(failed));
    expect(failed).toMatchObject({ status: "failed", finishedAt: LATER.toISOString(), problem: why });
  });
});

describe("an intent", () => {
  const running = write(requested, startIntent(id, 1, LATER));
  const succeeded = write(running, succeedIntent(id, 1, LATER));
  const failed = write(running, failIntent(id, 1, LATER, why));
  const states = { requested, running, succeeded, failed };
  const changes = {
    start: startIntent(id, 1, LATER),
    succeed: succeedIntent(id, 1, LATER),
    fail: failIntent(id, 1, LATER, why),
    retry: retryIntent(id, 1, LATER),
  };
  const refused = undefined;

  test.each<{ from: keyof typeof states; change: keyof typeof changes; to: string | undefined }>([
    { from: "requested", change: "start", to: "running" },
    { from: "requested", change: "succeed", to: "succeeded" },
    { from: "requested", change: "fail", to: "failed" },
    { from: "requested", change: "retry", to: "requested" },
    { from: "running", change: "start", to: "running" },
    { from: "running", change: "succeed", to: "succeeded" },
    { from: "running", change: "fail", to: "failed" },
    { from: "running", change: "retry", to: "requested" },
    { from: "succeeded", change: "start", to: refused },
    { from: "succeeded", change: "succeed", to: refused },
    { from: "succeeded", change: "fail", to: refused },
    { from: "succeeded", change: "retry", to: refused },
    { from: "failed", change: "start", to: refused },
    { from: "failed", change: "succeed", to: refused },
    { from: "failed", change: "fail", to: refused },
    { from: "failed", change: "retry", to: refused },
  ])("that is $from and is to $change is $to", ({ from, change, to }) => {
    if (to === undefined) expect(() => write(states[from], changes[change])).toThrow("refused");
    else expect(write(states[from], changes[change]).status).toBe(to);
  });

  test.each(Object.entries(changes))("of another attempt is left alone by %s", (_, change) => {
    expect(() => write({ ...running, attempt: 2 }, change)).toThrow("refused");
  });

  test.each(Object.entries(changes))("that is not there is not made by %s", (_, change) => {
    expect(() => applied(undefined, change)).toThrow("refused");
  });

  test.each([succeeded, failed])("that has ended is no longer open, and is kept for 90 days", (ended) => {
    expect(ended).not.toHaveProperty("open");
    expect(ended).toMatchObject({
      finishedAt: LATER.toISOString(),
      updatedAt: LATER.toISOString(),
      expiresAt: Math.floor(LATER.getTime() / 1_000) + 90 * 86_400,
    });
  });

  test("tells why it failed, and has nothing to tell otherwise", () => {
    expect(failed.problem).toEqual(why);
    expect(succeeded.problem).toBeUndefined();
  });

  test("that is tried again is requested once more, as another attempt, and stays open", () => {
    const again = write(running, retryIntent(id, 1, LATER));
    expect(again).toMatchObject({ status: "requested", attempt: 2, open: "open", updatedAt: LATER.toISOString() });
    expect(executionName(id, again.attempt)).not.toBe(executionName(id, running.attempt));
    expect(MAX_ATTEMPTS).toBeGreaterThan(1);
  });
});

describe("the name of an execution", () => {
  const intentId = fc
    .tuple(fc.date({ min: new Date(0), max: NOW, noInvalidDate: true }), fc.uint8Array({ minLength: 8, maxLength: 8 }))
    .map(([at, random]) => makeId("intent", at, random));

  test("tells the intent and the attempt, and fits Step Functions", () => {
    fc.assert(
      fc.property(intentId, fc.integer({ min: 1 }), (of, attempt) => {
        const name = executionName(of, attempt);
        expect(parseExecutionName(name)).toEqual({ intentId: of, attempt });
        expect(name).toMatch(/^[a-zA-Z0-9_-]{1,80}$/);
      }),
    );
  });

  test("differs for every intent and attempt", () => {
    fc.assert(
      fc.property(
        intentId,
        intentId,
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        (a, b, one, two) => {
          expect(executionName(a, one) === executionName(b, two)).toBe(a === b && one === two);
        },
      ),
    );
  });

  test.each([
    "",
    "int_1-1",
    id,
    `${id}-`,
    `${id}-x`,
    `${id}-1-1`,
    `x${id}-1`,
    `${id}-1\n`,
    id.replace("int", "nod").concat("-1"),
    "int_iiiiiiiiiiiiiiiiiiii-1",
  ])("is none of an intent: %j", (name) => {
    expect(parseExecutionName(name)).toBeUndefined();
  });
});

describe("a workflow's input", () => {
  test("is ids alone", () => {
    expect(workflowInput(requested)).toEqual({
      intentId: id,
      attempt: 1,
      kind: "node.create",
      workspaceId: WISH.workspaceId,
      subjectId: WISH.subject.id,
      parentId: WISH.workspaceId,
    });
    expect(workflowInput({ ...requested, parentId: "cmp_1", attempt: 3 })).toMatchObject({
      parentId: "cmp_1",
      attempt: 3,
    });
  });

  test("goes to the workflow of the intent's kind", () => {
    expect(INTENT_KINDS.map(workflowOf)).toEqual(INTENT_KINDS.map((kind) => kind.replaceAll(".", "-")));
  });
});

describe("what a failed intent leaves of its subject", () => {
  const input = (kind: IntentKind): WorkflowInput => ({
    intentId: id,
    attempt: 1,
    kind,
    workspaceId: "ws_1",
    subjectId: "sub_1",
    parentId: "par_1",
  });

  const SUBJECTS: Readonly<Record<IntentKind, { key: object; table?: string } | undefined>> = {
    "workspace.create": { key: keys.workspace("ws_1") },
    "workspace.delete": { key: keys.workspace("ws_1") },
    "node-group.create": { key: keys.nodeGroup("ws_1", "sub_1") },
    "node-group.delete": { key: keys.nodeGroup("ws_1", "sub_1") },
    "node.create": { key: keys.node("ws_1", "sub_1") },
    "node.delete": { key: keys.node("ws_1", "sub_1") },
    "node-import.run": { key: keys.nodeImport("ws_1", "sub_1") },
    "node-import.delete": { key: keys.nodeImport("ws_1", "sub_1") },
    "certificate.revoke": undefined,
    "component.import": undefined,
    "component-version.copy": undefined,
    "component-version.push": undefined,
    "component-version.publish": { key: keys.version("par_1", "sub_1") },
    "component-version.delete": { key: keys.version("par_1", "sub_1") },
    "deployment.apply": undefined,
    "drift.repair": undefined,
    "node.move": undefined,
    "release.publish": { key: otaKeys.release("ws_1", "sub_1"), table: "ota" },
    "release.delete": { key: otaKeys.release("ws_1", "sub_1"), table: "ota" },
    "release.pause": undefined,
    "archive.create": { key: otaKeys.archive("ws_1", "sub_1"), table: "ota" },
  };

  test("is a certificate that may be revoked once more", () => {
    expect(afterFailure(input("certificate.revoke"), why, LATER)).toEqual([
      {
        do: "update",
        key: keys.certificate("par_1", "sub_1"),
        set: { status: "active" },
        when: { status: "revoking" },
      },
    ]);
  });

  test.each(["component-version.copy", "component-version.push"] as const)(
    "is a draft that lacks files after %s, and says so",
    (kind) => {
      expect(afterFailure(input(kind), why, LATER)).toMatchObject([
        {
          do: "update",
          key: keys.version("par_1", "sub_1"),
          set: { copying: "failed" },
          when: { copying: "running" },
        },
      ]);
    },
  );

  const ELSEWHERE: readonly IntentKind[] = ["certificate.revoke", "component-version.copy", "component-version.push"];

  test.each(INTENT_KINDS.filter((kind) => !ELSEWHERE.includes(kind)))("is, after %s, a subject that failed", (kind) => {
    const found = afterFailure(input(kind), why, LATER).at(-1);
    const subject = SUBJECTS[kind];
    if (subject === undefined) expect(found).toBeUndefined();
    else {
      expect(found).toEqual({
        do: "update",
        ...subject,
        set: { status: "failed", updatedAt: LATER.toISOString() },
        add: { revision: 1 },
        when: { status: { in: ["creating", "publishing", "running", "deleting"] } },
        otherwise: { code: "not-ready", detail: expect.any(String) },
      });
    }
  });

  const statusAfter = (kind: IntentKind, code: ProblemCode, status: string, more: object = {}) => {
    const ways = afterFailure(input(kind), problem(code, ""), LATER);
    for (const [index, way] of ways.entries()) {
      try {
        return applied({ pk: "", sk: "", status, ...more }, way)?.status;
      } catch (error) {
        if (index === ways.length - 1) throw error;
      }
    }
    throw new Error("no write");
  };

  test("is a published version where its deletion came to nothing, until it is given up", () => {
    const left = (more: object) => statusAfter("component-version.delete", "aws-refused", "deleting", more);
    expect(left({ catalogueNumber: 7, arn: "arn" })).toBe("published");
    expect(left({ arn: "arn" })).toBe("failed");
    expect(left({})).toBe("failed");
  });

  test.each<{ kind: IntentKind; code: ProblemCode; status: string }>([
    { kind: "workspace.delete", code: "workspace-not-empty", status: "active" },
    { kind: "node-group.delete", code: "node-group-not-empty", status: "active" },
    { kind: "node.delete", code: "aws-refused", status: "failed" },
    { kind: "workspace.delete", code: "timed-out", status: "failed" },
  ])("is $status after $kind was refused with $code", ({ kind, code, status }) => {
    expect(statusAfter(kind, code, "deleting")).toBe(status);
  });

  test("leaves alone what somebody else has moved on meanwhile", () => {
    for (const status of ["active", "published", "draft", "failed"]) {
      expect(() => statusAfter("node.create", "internal", status)).toThrow("refused");
    }
  });
});
