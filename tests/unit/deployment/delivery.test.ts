import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { firstCell, type StoredCell } from "../../../shared/deployment/cell.ts";
import { leaseCell, nextDelivery, recordDelivery, startDelivery } from "../../../shared/deployment/delivery.ts";
import type { Item, Write } from "../../../shared/writes.ts";
import { applied } from "../apply.ts";

const NEW = firstCell("ws_1", "grp_1", new Date(0));
const delivered = (hash: string, sequence: number) => ({ hash, sequence, deploymentId: `d-${sequence}` });
const write = (cell: StoredCell, change: Write) => applied({ ...cell } satisfies Item, change) as unknown as StoredCell;

describe("the number of the next delivery", () => {
  test.each([
    { note: "1 for a new cell", cell: {}, next: 1 },
    { note: "the next one after what was delivered", cell: { delivered: delivered("B", 4) }, next: 5 },
    { note: "a new one for what was delivered before: A, B, A", cell: { delivered: delivered("A", 4) }, next: 5 },
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
    const step = fc.record({ hash: fc.constantFrom("A", "B", "C"), crash: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const contentOf = new Map<number, string>();
        let cell = NEW;
        let last: { hash: string; sequence: number; crashed: boolean } | undefined;
        for (const { hash, crash } of steps) {
          cell = write(cell, leaseCell(cell, "int_1", 1));
          const next = nextDelivery(cell, hash);
          expect(contentOf.get(next.sequence) ?? hash).toBe(hash);
          const repeats = last?.crashed === true && last.hash === hash;
          expect(next.sequence).toBe(repeats ? last?.sequence : (last?.sequence ?? 0) + 1);
          contentOf.set(next.sequence, hash);
          cell = write(cell, startDelivery(cell, next, "int_1"));
          expect(cell.pending).toEqual(next);
          if (!crash) {
            cell = write(cell, recordDelivery(cell, { ...next, deploymentId: "d" }, "int_1"));
            expect(cell).toMatchObject({ delivered: next, leaseUntil: 0 });
            expect(cell.pending).toBeUndefined();
            expect(cell.lease).toBeUndefined();
          }
          last = { ...next, crashed: crash };
        }
      }),
    );
  });
});

describe("the lease of a cell", () => {
  const now = 1_000_000;
  const leased: StoredCell = { ...NEW, lease: "other", leaseUntil: now + 10 };

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
      recordDelivery(leased, { ...delivery, deploymentId: "d" }, "me"),
    ]) {
      expect(() => write(leased, late)).toThrow("refused");
      expect(late).toMatchObject(busy);
    }
  });
});
