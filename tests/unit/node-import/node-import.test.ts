import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createNode, newNode } from "../../../shared/node/node.ts";
import {
  acceptFile,
  type Counts,
  countsOf,
  createNodeImport,
  deleteNodeImport,
  finishNodeImport,
  forgetNodeImport,
  hasLoose,
  importObjects,
  isLoose,
  NodeImport,
  recordBatch,
  recordResults,
  recordTrouble,
  refuseFile,
  type StoredBatch,
  type StoredNodeImport,
  shortfall,
  startNodeImport,
  viewNodeImport,
} from "../../../shared/node-import/node-import.ts";
import { deriveToken, faultOfToken } from "../../../shared/registration/token.ts";
import type { StoredWorkspace } from "../../../shared/workspace/workspace.ts";
import type { Item, Write } from "../../../shared/writes.ts";
import { applied } from "../apply.ts";
import { theMoment } from "../moment.ts";

const NOW = new Date("2026-01-02T03:04:05.000Z");
const LATER = new Date("2026-01-02T04:00:00.000Z");
const moment = theMoment(NOW);
const workspace = { id: "ws_11111111111111111111", name: "acme" } as StoredWorkspace;
const input = { format: "csv", size: 10, sha256: "0".repeat(64), tokenExpiresInSeconds: 3_600 } as const;
const { nodeImport: draft, writes: creation } = createNodeImport(workspace, input, moment);
const RUN = { intentId: "int_1", attempt: 1 };

/** What the import's item becomes by those of these writes that are its own. */
const changed = (item: StoredNodeImport, ...writes: readonly Write[]): StoredNodeImport =>
  writes
    .filter((write) => "key" in write && write.key.pk === item.pk && write.key.sk === item.sk)
    .reduce<Item | undefined>(applied, { ...item }) as unknown as StoredNodeImport;

const running = changed(draft, ...startNodeImport(draft, "olga", moment).writes);
const accepted = changed(running, acceptFile(running, { rows: 250, batches: 3, cells: ["c"] }, LATER));

describe("an import", () => {
  test("is a draft in a workspace that is active", () => {
    expect(draft).toMatchObject({ status: "draft", revision: 1, created: 0, faults: [] });
    expect(creation[0]).toMatchObject({ do: "check", when: { status: "active" } });
  });

  test.each([
    { status: "draft", starts: true, deletes: true },
    { status: "running", starts: false, deletes: false },
    { status: "succeeded", starts: false, deletes: true },
    { status: "failed", starts: true, deletes: true },
    { status: "deleting", starts: false, deletes: false },
  ] as const)("that is $status can be started: $starts, and deleted: $deletes", ({ status, starts, deletes }) => {
    const item = { ...draft, status };
    const start = () => changed(item, ...startNodeImport(item, "olga", moment).writes);
    const remove = () => changed(item, ...deleteNodeImport(item, "olga", moment).writes);
    if (starts) expect(start()).toMatchObject({ status: "running", startedBy: "olga", revision: 2 });
    else expect(start).toThrow("refused");
    if (deletes) expect(remove()).toMatchObject({ status: "deleting", revision: 2 });
    else expect(remove).toThrow("refused");
  });

  test("names its latest run, which names it", () => {
    const { intent } = startNodeImport(draft, "olga", moment);
    expect(intent).toMatchObject({ kind: "node-import.run", subject: { type: "node-import", id: draft.id } });
    expect(running.intent).not.toBeUndefined();
  });

  test("is shown with its counts and without what is its own business", () => {
    const shown = viewNodeImport(changed(accepted, recordTrouble(accepted, "int_1", "throttled: x", LATER)));
    expect(shown.counts).toEqual({ rows: 250, created: 0, existing: 0, failed: 0, tokens: 0 });
    expect(Object.keys(shown).filter((member) => !(member in NodeImport.shape))).toEqual([]);
    for (const hidden of ["cells", "batches", "trouble", "startedBy", "resultsAre", "pk"]) {
      expect(shown).not.toHaveProperty(hidden);
    }
  });

  test("has its objects where no other has any, each place under permissions of its own", () => {
    const other = importObjects({ workspaceId: workspace.id, id: "imp_2" });
    const own = importObjects(draft);
    const keys = (objects: typeof own) => [
      ...Object.values(objects).filter((key) => typeof key === "string"),
      objects.part(0, "a"),
      objects.part(0, "b"),
      objects.part(1, "a"),
    ];
    expect(new Set([...keys(own), ...keys(other)]).size).toBe(keys(own).length * 2);
    for (const key of keys(own)) expect(key).toMatch(/^(uploads|faults|batches|work|results)\//);
    for (const key of [own.secret, own.rows, own.part(0, "a")]) expect(key.startsWith(own.work)).toBe(true);
  });

  test("changes only while it runs", () => {
    for (const write of [
      acceptFile(draft, { rows: 1, batches: 1, cells: [] }, LATER),
      refuseFile(draft, 1, [], LATER),
      recordTrouble(draft, "int_1", "", LATER),
      recordResults(draft, "complete", LATER),
      finishNodeImport(draft, LATER),
    ]) {
      expect(() => changed(draft, write)).toThrow("refused");
      expect(changed(running, write).revision).toBe(running.revision + 1);
    }
    expect(() => applied({ ...running }, forgetNodeImport(running))).toThrow("refused");
  });

  test("loses the faults of a file that it once had when it has none any more", () => {
    const faults = Array.from({ length: 150 }, (_, line) => ({ line, rule: "syntax", detail: "x" }));
    const refused = changed(running, refuseFile(running, 150, faults, LATER));
    expect(refused.faults).toHaveLength(100);
    expect(refused.faultCount).toBe(150);
    expect(changed(refused, acceptFile(refused, { rows: 1, batches: 1, cells: [] }, LATER))).toMatchObject({
      faultCount: 0,
      faults: [],
    });
  });
});

describe("a batch", () => {
  const counts = fc
    .record({ created: fc.nat(50), existing: fc.nat(50), failed: fc.nat(50) })
    .map((one): Counts => ({ ...one, tokens: one.created }));

  test("that is recorded again and again counts as it was recorded last, and others beside it", () => {
    const runs = fc.array(fc.record({ number: fc.nat(2), counts }), { minLength: 1 });
    fc.assert(
      fc.property(runs, (recorded) => {
        let item = accepted;
        const batches = new Map<number, StoredBatch>();
        for (const [run, { number, counts }] of recorded.entries()) {
          const former = batches.get(number);
          const writes = recordBatch(item, { number, part: `p${run}`, counts }, former, RUN, LATER);
          item = changed(item, ...writes);
          const [put] = writes;
          if (put === undefined) throw new Error("no write");
          batches.set(number, applied(former && { ...former }, put) as unknown as StoredBatch);
        }
        for (const name of ["created", "existing", "failed", "tokens"] as const) {
          expect(item[name]).toBe([...batches.values()].reduce((sum, batch) => sum + batch[name], 0));
        }
      }),
    );
  });

  test("is recorded by one of two runs that meet", () => {
    const done = { number: 0, counts: { created: 1, existing: 0, failed: 0, tokens: 1 } };
    const [first] = recordBatch(accepted, { ...done, part: "a" }, undefined, RUN, LATER);
    const [second] = recordBatch(accepted, { ...done, part: "b" }, undefined, RUN, LATER);
    if (first === undefined || second === undefined) throw new Error("no write");
    const stored = applied(undefined, first);
    expect(() => applied(stored, second)).toThrow("refused");
    const [third] = recordBatch(accepted, { ...done, part: "c" }, stored as unknown as StoredBatch, RUN, LATER);
    const [fourth] = recordBatch(accepted, { ...done, part: "d" }, stored as unknown as StoredBatch, RUN, LATER);
    if (third === undefined || fourth === undefined) throw new Error("no write");
    expect(() => applied(applied(stored, third), fourth)).toThrow("refused");
  });

  test("moves the intent of its run, and is none of a run that has ended", () => {
    const counts = { created: 1, existing: 0, failed: 0, tokens: 1 };
    const touch = recordBatch(accepted, { number: 0, part: "a", counts }, undefined, RUN, LATER).at(-1);
    if (touch === undefined) throw new Error("no write");
    const intent = { pk: "int_1", sk: "intent", attempt: 1, status: "running", updatedAt: "" };
    expect(applied(intent, touch)).toMatchObject({ updatedAt: LATER.toISOString() });
    expect(() => applied({ ...intent, status: "failed" }, touch)).toThrow("refused");
    expect(() => applied({ ...intent, attempt: 2 }, touch)).toThrow("refused");
  });

  test("is counted by the status of its rows", () => {
    const row = (status: "created" | "existing" | "failed", token?: string) => ({
      line: 1,
      name: "a",
      status,
      ...(token !== undefined && { token }),
    });
    expect(
      countsOf([row("created", "t"), row("created"), row("existing"), row("failed"), row("created", "u")]),
    ).toEqual({ created: 3, existing: 1, failed: 1, tokens: 2 });
  });
});

describe("an import that falls short", () => {
  const short = { ...accepted, created: 200, existing: 10, failed: 3 };

  test.each([
    {
      note: "nodes that were refused",
      stored: short,
      says: "40 of 250 nodes were not created; for 3 of them the results say why",
    },
    { note: "nothing to tell", stored: { ...short, failed: 0 }, says: "40 of 250 nodes were not created" },
    {
      note: "trouble in this run",
      stored: { ...short, failed: 0, trouble: { intentId: "int_1", detail: "throttled: x" } },
      says: "40 of 250 nodes were not created; what came in between last: throttled: x",
    },
    {
      note: "trouble in a run before",
      stored: { ...short, failed: 0, trouble: { intentId: "int_0", detail: "throttled: x" } },
      says: "40 of 250 nodes were not created",
    },
  ])("says so, with $note", ({ stored, says }) => {
    expect(shortfall(stored, "int_1")).toBe(says);
  });

  test("may have left nodes of its own that were begun", () => {
    expect(hasLoose(short)).toBe(true);
    expect(hasLoose({ ...short, created: 240 })).toBe(false);
    expect(hasLoose(draft)).toBe(false);
    const { node } = newNode(
      workspace.id,
      { name: "a", runtime: "nucleus" },
      [],
      { thing: (id) => id, token: { token: "t", lifeSeconds: 60 }, importId: short.id },
      "olga",
      moment,
    );
    expect(isLoose(short, node)).toBe(true);
    expect(isLoose(short, { ...node, status: "active" })).toBe(false);
    expect(isLoose(short, { ...node, importId: "imp_2" })).toBe(false);
  });
});

test("a node of an import is written as one that is created by itself", () => {
  const wish = { name: "a", groups: ["g"], runtime: "nucleus", attributes: { site: "oslo" } } as const;
  const group = { id: "grp_1", name: "g" };
  const options = { thing: (id: string) => `thing-${id}`, token: "slw_x" };
  const alone = createNode(
    workspace,
    { ...wish, groups: [...wish.groups], tokenExpiresInSeconds: 60 },
    [group as never],
    options,
    "olga",
    theMoment(NOW),
  );
  const imported = newNode(
    workspace.id,
    { ...wish, groups: [...wish.groups] },
    [group],
    { thing: options.thing, token: { token: options.token, lifeSeconds: 60 } },
    "olga",
    theMoment(NOW),
  );
  expect(imported.writes).toEqual(alone.writes);
});

test("the tokens of an import are the same each time, differ by name and secret, and are tokens", () => {
  const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const name = fc.constantFrom("a", "b", "a-b", "0");
  fc.assert(
    fc.property(secret, secret, name, name, (one, other, first, second) => {
      const token = deriveToken(one, first);
      expect(faultOfToken(token)).toBeUndefined();
      const same = Buffer.from(one).equals(Buffer.from(other)) && first === second;
      expect(deriveToken(other, second) === token).toBe(same);
    }),
  );
});
