import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { firstCell, type StoredGeneration } from "../../../shared/deployment/cell.ts";
import {
  isSettled,
  leaseCell,
  leaseForRemoval,
  recordBlocked,
  recordDelivery,
  releaseCell,
  revisionsOf,
  startDelivery,
} from "../../../shared/deployment/delivery.ts";
import { emptyDeployment, type StoredDeployment } from "../../../shared/deployment/deployment.ts";
import { nextForCell } from "../../../shared/deployment/steps.ts";
import type { Item, Write } from "../../../shared/writes.ts";
import { applied } from "../apply.ts";

const [, NEW] = firstCell("ws_1", "grp_1", new Date(0));
const delivered = (hash: string, sequence: number, revisions: Readonly<Record<string, number>> = { grp_1: 1 }) => ({
  hash,
  sequence,
  deploymentId: `d-${sequence}`,
  jobId: `j-${sequence}`,
  at: 0,
  versions: {},
  revisions,
});
const deployment = (id: string, revision: number): StoredDeployment => ({
  ...emptyDeployment("ws_1", { type: id.startsWith("nod_") ? "node" : "node-group", id, name: id }, 0, new Date(0)),
  revision,
});
const write = (cell: StoredGeneration, change: Write) =>
  applied({ ...cell } satisfies Item, change) as unknown as StoredGeneration;

const GIVEN = { deploymentId: "d", jobId: "j", at: 0, versions: {} };

/** The delivery that a cell needs next; the one that it has had, if it needs none. */
const nextDelivery = (cell: StoredGeneration, hash: string): { hash: string; sequence: number } => {
  const action = nextForCell({ ...cell, ref: cell, created: true, kept: true }, { hash });
  if (action.do === "settled" && cell.delivered?.hash === hash) return { hash, sequence: cell.delivered.sequence };
  if (action.do !== "deliver") throw new Error(`nothing is to be delivered: ${action.do}`);
  return { hash: action.hash, sequence: action.sequence };
};

describe("the number of the next delivery", () => {
  test.each([
    { note: "1 for a new cell", cell: {}, next: 1 },
    { note: "the next one after what was delivered", cell: { delivered: delivered("B", 4) }, next: 5 },
    {
      note: "the same again after a crash between start and record",
      cell: { pending: { hash: "A", sequence: 1 } },
      next: 1,
    },
    {
      note: "the same again after such a crash, past an earlier delivery",
      cell: { delivered: delivered("B", 4), pending: { hash: "A", sequence: 5 } },
      next: 5,
    },
    {
      note: "a new one where something else is wanted since the crash",
      cell: { delivered: delivered("A", 4), pending: { hash: "B", sequence: 5 } },
      next: 6,
    },
    { note: "a new one where the first delivery ever crashed", cell: { pending: { hash: "B", sequence: 1 } }, next: 2 },
  ])("is $note", ({ cell, next }) => {
    expect(nextDelivery({ ...NEW, ...cell }, "A")).toEqual({ hash: "A", sequence: next });
  });

  test("never stands for two contents, rises, and is the same again only for a repeat", () => {
    const step = fc.record({
      hash: fc.constantFrom("A", "B", "C"),
      crash: fc.boolean(),
      gaveBack: fc.boolean(),
      /** What happened to the deployment while this was delivered. */
      revised: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const contentOf = new Map<number, string>();
        let cell = NEW;
        let current = deployment("grp_1", 1);
        let last: { hash: string; sequence: number; crashed: boolean } | undefined;
        for (const { hash, crash, gaveBack, revised } of steps) {
          const resolvedFrom = [current];
          cell = write(cell, leaseCell(cell, "int_1", 1));
          const next = nextDelivery(cell, hash);
          if (cell.pending === undefined && next.sequence === cell.delivered?.sequence) continue; // nothing to deliver
          expect(contentOf.get(next.sequence) ?? hash).toBe(hash);
          const repeats = last?.crashed === true && last.hash === hash;
          expect(next.sequence).toBe(repeats ? last?.sequence : (last?.sequence ?? 0) + 1);
          contentOf.set(next.sequence, hash);
          cell = write(cell, startDelivery(cell, next, "int_1"));
          expect(cell.pending).toEqual(next);
          expect(isSettled(cell, resolvedFrom)).toBe(false);
          if (revised) current = { ...current, revision: current.revision + 1 };
          if (!crash) {
            const revisions = revisionsOf(resolvedFrom);
            cell = write(cell, recordDelivery(cell, { ...next, ...GIVEN, revisions }, "int_1"));
            expect(cell).toMatchObject({ delivered: { ...next, revisions }, leaseUntil: 0 });
            expect(cell.pending).toBeUndefined();
            expect(cell.lease).toBeUndefined();
            expect(isSettled(cell, [current])).toBe(!revised);
          } else if (gaveBack) {
            const before = cell;
            cell = write(cell, releaseCell(cell, "int_1"));
            expect(cell).toMatchObject({ pending: next, leaseUntil: 0 });
            expect(cell.delivered).toEqual(before.delivered);
            expect(isSettled(cell, [current])).toBe(false);
          }
          last = { ...next, crashed: crash };
        }
      }),
    );
  });
});

describe("the lease of a cell", () => {
  const now = 1_000_000;
  const leased: StoredGeneration = { ...NEW, lease: "other", leaseUntil: now + 10 };

  test.each([
    { note: "nobody holds it", cell: NEW, taken: true },
    { note: "another holds it", cell: leased, taken: false },
    { note: "it runs out just now", cell: { ...leased, leaseUntil: now }, taken: false },
    { note: "it has run out", cell: { ...leased, leaseUntil: now - 1 }, taken: true },
    { note: "it is the holder's own, from before a crash", cell: { ...leased, lease: "me" }, taken: true },
  ])("where $note: taken is $taken", ({ cell, taken }) => {
    const lease = leaseCell(cell, "me", now);
    expect(lease.otherwise?.code).toBe("busy");
    if (!taken) expect(() => write(cell, lease)).toThrow("refused");
    else expect(write(cell, lease)).toMatchObject({ lease: "me", leaseUntil: expect.any(Number) });
  });

  test("goes to one of two who saw it free", () => {
    const one = leaseCell(NEW, "one", now);
    const two = leaseCell(NEW, "two", now);
    expect(() => write(write(NEW, one), two)).toThrow("refused");
  });

  test("lasts longer than the function that delivers may run", async () => {
    const { tasks } = await import("../../../workflows/tasks.ts");
    const { leaseUntil } = write(NEW, leaseCell(NEW, "me", now));
    expect(leaseUntil - now).toBeGreaterThan(tasks["deliver-cell"].timeoutSeconds * 1_000);
  });

  test("once lost, lets its former holder neither start nor record a delivery", () => {
    const delivery = { hash: "A", sequence: 1 };
    const busy = { otherwise: { code: "busy" } };
    for (const late of [
      startDelivery(leased, delivery, "me"),
      recordDelivery(leased, { ...delivery, ...GIVEN, revisions: {} }, "me"),
    ]) {
      expect(() => write(leased, late)).toThrow("refused");
      expect(late).toMatchObject(busy);
    }
  });

  test("given back, is free for another at once, and the cell is otherwise as it was", () => {
    const cell: StoredGeneration = {
      ...leased,
      lease: "me",
      arn: "arn:aws:iot:x",
      delivered: delivered("A", 4),
      pending: { hash: "B", sequence: 5 },
    };
    const { lease: _, ...rest } = cell;
    const free = write(cell, releaseCell(cell, "me"));
    expect(free).toStrictEqual({ ...rest, leaseUntil: 0 });
    expect(write(free, leaseCell(free, "other", now))).toMatchObject({ lease: "other" });
  });

  test.each([
    { note: "another holds it", cell: leased },
    {
      note: "another took it once it had run out",
      cell: write({ ...leased, lease: "me" }, leaseCell({ ...leased, lease: "me" }, "other", now + 11)),
    },
    { note: "nobody holds it", cell: NEW },
    {
      note: "the delivery was recorded already",
      cell: write({ ...leased, lease: "me" }, recordDelivery(leased, delivered("A", 1), "me")),
    },
  ])("is not given back by who does not hold it: $note", ({ cell }) => {
    const release = releaseCell(cell, "me");
    expect(() => write(cell, release)).toThrow("refused");
    expect(release.otherwise?.code ?? "conflict").toBe("conflict"); // which the delivering task takes for: not mine
  });

  test("is given back with the reason where nothing can be delivered, which the next delivery takes away", () => {
    const before = { ...leased, delivered: delivered("A", 4) };
    const blocked = write(before, recordBlocked(before, { code: "unresolvable", detail: "no such version" }, "other"));
    expect(blocked).toMatchObject({
      blocked: { detail: "no such version" },
      delivered: delivered("A", 4),
      leaseUntil: 0,
    });
    expect(blocked.lease).toBeUndefined();
    const again = write(blocked, leaseCell(blocked, "me", now));
    expect(write(again, recordDelivery(again, delivered("B", 5), "me")).blocked).toBeUndefined();
  });

  test("given back does not make a cell where there is none any more", () => {
    expect(() => applied(undefined, releaseCell(leased, "other"))).toThrow("refused");
  });
});

describe("a cell is settled", () => {
  const from = (revisions: Record<string, number>): Partial<StoredGeneration> => ({
    delivered: delivered("A", 4, revisions),
  });
  const one = [deployment("grp_1", 3)];
  const two = [deployment("grp_1", 3), deployment("nod_1", 2)];

  test.each<{ note: string; cell: Partial<StoredGeneration>; deployments: StoredDeployment[]; settled: boolean }>([
    {
      note: "just these revisions were delivered",
      cell: from({ grp_1: 3, nod_1: 2 }),
      deployments: two,
      settled: true,
    },
    { note: "they are read in another order", cell: from({ nod_1: 2, grp_1: 3 }), deployments: two, settled: true },
    { note: "nothing is wanted, and that was delivered", cell: from({}), deployments: [], settled: true },
    {
      note: "someone has the lease, with nothing under way",
      cell: { ...from({ grp_1: 3 }), lease: "other", leaseUntil: 9 },
      deployments: one,
      settled: true,
    },
    { note: "nothing was delivered", cell: {}, deployments: one, settled: false },
    { note: "nothing was delivered and nothing is wanted", cell: {}, deployments: [], settled: false },
    { note: "one was revised since", cell: from({ grp_1: 3, nod_1: 1 }), deployments: two, settled: false },
    { note: "a later revision than was read is delivered", cell: from({ grp_1: 4 }), deployments: one, settled: false },
    { note: "a deployment has come", cell: from({ grp_1: 3 }), deployments: two, settled: false },
    { note: "a deployment has gone", cell: from({ grp_1: 3, nod_1: 2 }), deployments: one, settled: false },
    { note: "all have gone", cell: from({ grp_1: 3 }), deployments: [], settled: false },
    { note: "another has its place", cell: from({ grp_2: 3 }), deployments: one, settled: false },
    {
      note: "the first ever is under way",
      cell: { pending: { hash: "A", sequence: 1 } },
      deployments: one,
      settled: false,
    },
    {
      note: "other content is under way, though these revisions were delivered before",
      cell: { ...from({ grp_1: 3 }), pending: { hash: "B", sequence: 5 } },
      deployments: one,
      settled: false,
    },
    {
      note: "the same content is under way again",
      cell: { ...from({ grp_1: 3 }), pending: { hash: "A", sequence: 5 } },
      deployments: one,
      settled: false,
    },
  ])("($settled) where $note", ({ cell, deployments, settled }) => {
    expect(isSettled({ ...NEW, ...cell }, deployments)).toBe(settled);
  });

  test("by just the revisions that were delivered, whatever their content's hash", () => {
    const revisions = fc.dictionary(fc.constantFrom("grp_1", "grp_2", "nod_1"), fc.integer({ min: 1, max: 3 }));
    fc.assert(
      fc.property(revisions, revisions, fc.constantFrom("A", "B"), fc.boolean(), (before, now, hash, reversed) => {
        const listOf = (made: Record<string, number>) =>
          Object.entries(made).map(([id, revision]) => deployment(id, revision));
        const cell: StoredGeneration = { ...NEW, delivered: delivered(hash, 1, revisionsOf(listOf(before))) };
        const deployments = reversed ? listOf(now).reverse() : listOf(now);
        const same = ["grp_1", "grp_2", "nod_1"].every((id) => before[id] === now[id]);
        expect(isSettled(cell, deployments)).toBe(same);
      }),
      { numRuns: 500 },
    );
  });

  test("once content that was delivered already is written down for new revisions, as the same delivery", () => {
    const revised = [deployment("grp_1", 4)];
    const before: StoredGeneration = { ...NEW, ...from({ grp_1: 3 }), lease: "me", leaseUntil: 9 };
    expect(isSettled(before, revised)).toBe(false);
    const again = { ...delivered("A", 4), revisions: revisionsOf(revised) };
    const after = write(before, recordDelivery(before, again, "me"));
    expect(after.delivered).toEqual({
      hash: "A",
      sequence: 4,
      deploymentId: "d-4",
      jobId: "j-4",
      at: 0,
      versions: {},
      revisions: { grp_1: 4 },
    });
    expect(isSettled(after, revised)).toBe(true);
    expect(nextDelivery(after, "B").sequence).toBe(5);
  });
});

test("revisions are told by target", () => {
  expect(revisionsOf([deployment("nod_1", 2), deployment("grp_1", 7)])).toEqual({ grp_1: 7, nod_1: 2 });
  expect(revisionsOf([])).toEqual({});
});

describe("the lease under which a cell is taken away", () => {
  test("marks the cell, and is had only when no delivery is under way", () => {
    const now = 1_000_000;
    const removing = write(NEW, leaseForRemoval(NEW, "deletion", now));
    expect(removing).toMatchObject({ removing: true, lease: "deletion" });
    const busy = write(NEW, leaseCell(NEW, "delivery", now));
    expect(() => write(busy, leaseForRemoval(busy, "deletion", now + 1))).toThrow("refused");
    expect(write(busy, leaseForRemoval(busy, "deletion", now + 60_000))).toMatchObject({ removing: true });
  });

  test("is not had while a node is in it, or on its way to it", () => {
    const entered = { ...NEW, nodes: 1 };
    expect(() => write(entered, leaseForRemoval(entered, "deletion", 1_000_000))).toThrow("refused");
  });
});
