import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { firstCell, type StoredCell, type StoredGeneration } from "../../../shared/deployment/cell.ts";
import {
  cellProgress,
  countedOut,
  executionsIn,
  leaseProgress,
  type Progress,
  progressed,
  releaseProgress,
  runsWhatWasDelivered,
  type StoredProgress,
} from "../../../shared/deployment/placement.ts";
import type { CellRef } from "../../../shared/deployment/steps.ts";
import { keys } from "../../../shared/keys.ts";
import type { Item, Write } from "../../../shared/writes.ts";
import { applied } from "../apply.ts";

const NOW = new Date(1_000_000);
const NODE = { workspaceId: "ws_1", id: "nod_1", cell: "a".repeat(16) };
const ref = (key: string, generation = 1): CellRef => ({ key: key.repeat(16), generation });
const REFS = [ref("a"), ref("a", 2), ref("b")] as const;
const BEGINNING: Progress = { cell: ref("a"), mayBeIn: [], renewals: 0, leftBehind: [], registrations: 0 };

/** The items that steps of a node touch, with every generation and cell there. */
const world = () => {
  const items = new Map<string, Item>();
  const put = (item: Item) => items.set(`${item.pk} ${item.sk}`, item);
  for (const { key, generation } of REFS) {
    put({ ...keys.cellGeneration("ws_1", key, generation), type: "cell-generation", nodes: 0 });
    put({ ...keys.cell("ws_1", key), type: "cell", key, nodes: 1, placed: 0 });
  }
  const write = (writes: readonly Write[]) => {
    const touched = writes.map((one) => (one.do === "create" || one.do === "put" ? one.item : one.key));
    expect(new Set(touched.map(({ pk, sk }) => `${pk} ${sk}`)).size).toBe(touched.length); // one write of an item
    for (const [at, one] of writes.entries()) {
      const name = `${touched[at]?.pk} ${touched[at]?.sk}`;
      const after = applied(items.get(name), one);
      if (after === undefined) items.delete(name);
      else items.set(name, after);
    }
  };
  const nodesIn = ({ key, generation }: CellRef) => {
    const { pk, sk } = keys.cellGeneration("ws_1", key, generation);
    return items.get(`${pk} ${sk}`)?.nodes;
  };
  const cell = (key: string) => {
    const { pk, sk } = keys.cell("ws_1", key);
    return items.get(`${pk} ${sk}`);
  };
  return { write, nodesIn, cell, put };
};

describe("a node on its way", () => {
  test("is counted once in each generation that it is to be in or may be in, and where it was placed", () => {
    const step = fc.record({
      cell: fc.constantFrom(...REFS),
      mayBeIn: fc.uniqueArray(fc.constantFrom(...REFS)),
      placed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), fc.boolean(), (steps, leaves) => {
        const { write, nodesIn, cell } = world();
        let progress: StoredProgress | undefined;
        for (const { placed, ...to } of steps) {
          const next: Progress = { ...BEGINNING, ...to, ...(placed && { placed: true as const }) };
          const made = progressed(NODE, progress, next, "me", NOW);
          write(made.writes);
          progress = made.progress;
          for (const one of REFS) {
            const counted = [to.cell, ...to.mayBeIn].includes(one) ? 1 : 0;
            expect(nodesIn(one)).toBe(counted);
          }
          for (const key of ["a", "b"].map((letter) => letter.repeat(16))) {
            expect(cell(key)?.placed).toBe(placed && to.cell.key === key ? 1 : 0);
          }
        }
        if (!leaves) return;
        const { writes, progress: gone } = countedOut(NODE, progress, "me", NOW);
        write(writes);
        expect(gone.leftBehind).toEqual(expect.arrayContaining([...(progress?.mayBeIn ?? [])]));
        for (const one of REFS) expect(nodesIn(one)).toBe(0);
        expect(cell(NODE.cell)).toMatchObject({ nodes: 0, placed: 0 });
      }),
    );
  });

  test("gets into no generation that is being removed", () => {
    const { write, put } = world();
    put({ ...keys.cellGeneration("ws_1", ref("a").key, 1), type: "cell-generation", nodes: 0, removing: true });
    const { writes } = progressed(NODE, undefined, BEGINNING, "me", NOW);
    expect(() => write(writes)).toThrow("refused");
    expect(writes.find((one) => one.do === "update")?.otherwise?.code).toBe("busy");
  });

  test("takes steps for one at a time", () => {
    const { progress, writes } = progressed(NODE, undefined, BEGINNING, "me", NOW);
    const [create] = writes;
    if (create === undefined) throw new Error("nothing is written");
    const item = applied(undefined, create);
    expect(() => applied(item, create)).toThrow("refused"); // two who find nothing there
    const other = leaseProgress(progress, "other", NOW.getTime() + 1);
    expect(() => applied(item, other)).toThrow("refused");
    expect(applied(item, leaseProgress(progress, "me", NOW.getTime() + 1))).toMatchObject({ lease: "me" });
    const late = applied(item, leaseProgress(progress, "other", NOW.getTime() + 60_000));
    expect(late).toMatchObject({ lease: "other" });
    const [again] = progressed(NODE, progress, BEGINNING, "me", NOW).writes;
    if (again === undefined) throw new Error("nothing is written");
    expect(() => applied(late, again)).toThrow("refused"); // who lost the lease writes nothing more
    const free = applied(item, releaseProgress(progress, "me"));
    expect(applied(free, leaseProgress(progress, "other", NOW.getTime()))).toMatchObject({ lease: "other" });
    expect(() => applied(free, releaseProgress(progress, "me"))).toThrow("refused");
  });

  test("lasts longer under its lease than the task may run", async () => {
    const { tasks } = await import("../../../workflows/tasks.ts");
    const { progress } = progressed(NODE, undefined, BEGINNING, "me", NOW);
    expect(progress.leaseUntil - NOW.getTime()).toBeGreaterThan(tasks["place-node"].timeoutSeconds * 1_000);
  });
});

describe("how far a cell has come", () => {
  const [made, first] = firstCell("ws_1", "grp_1", NOW);
  const delivered = { hash: "A", deploymentId: "d", jobId: "j", sequence: 1, at: 0, versions: {}, revisions: {} };
  const cell = (more: Partial<StoredCell>): StoredCell => ({ ...made, ...more });

  test.each<{ note: string; of: StoredCell; all: StoredGeneration[]; told: object }>([
    { note: "of no nodes", of: cell({}), all: [first], told: { nodes: { wanted: 0, delivered: 0, waiting: 0 } } },
    {
      note: "of nodes on their way",
      of: cell({ nodes: 5, placed: 3 }),
      all: [{ ...first, delivered }],
      told: { nodes: { wanted: 5, delivered: 3, waiting: 2 }, hash: "A", generations: 1 },
    },
    {
      note: "of nodes that are about to leave",
      of: cell({ nodes: 1, placed: 4 }),
      all: [],
      told: { nodes: { wanted: 1, delivered: 1, waiting: 0 } },
    },
    {
      note: "that cannot be delivered to",
      of: cell({ nodes: 1, placed: 1 }),
      all: [{ ...first, delivered, blocked: { code: "unresolvable", detail: "no such version" } }],
      told: { error: "no such version", hash: "A" },
    },
  ])("is told $note", ({ of, all, told }) => {
    expect(cellProgress(of, all)).toMatchObject(told);
  });

  test("tells no content while generations differ, or one is under way", () => {
    const second = { ...first, generation: 2, delivered: { ...delivered, hash: "B" } };
    expect(cellProgress(made, [{ ...first, delivered }, second]).hash).toBeUndefined();
    const pending = { ...first, delivered, pending: { hash: "B", sequence: 2 } };
    expect(cellProgress(made, [pending]).hash).toBeUndefined();
    expect(
      cellProgress(made, [
        { ...first, delivered },
        { ...second, removing: true },
      ]).hash,
    ).toBe("A");
  });
});

test("executions are told by the generation whose last delivery they are of", () => {
  const [, generation] = firstCell("ws_1", "grp_1", NOW);
  const delivered = { hash: "A", deploymentId: "d", jobId: "j-7", sequence: 7, at: 0, versions: {}, revisions: {} };
  const found = executionsIn(
    [{ ...generation, delivered }],
    [
      { jobId: "j-7", status: "FAILED", updatedAt: 5 },
      { jobId: "other", status: "QUEUED", updatedAt: 6 },
    ],
    new Map([["j-7", "NO_AVAILABLE_COMPONENT_VERSION"]]),
  );
  expect(found).toMatchObject([
    { cell: { key: generation.key, generation: 1 }, sequence: 7, error: "NO_AVAILABLE_COMPONENT_VERSION" },
    { cell: { key: "" }, sequence: 0, status: "QUEUED" },
  ]);
});

test.each([
  { versions: { a: "1.0.0" }, installed: { a: "1.0.0" }, same: true },
  { versions: { a: "1.0.0" }, installed: { a: "1.0.0", "aws.greengrass.Nucleus": "2.14.0" }, same: true },
  { versions: { a: "1.0.0" }, installed: { a: "1.0.0", b: "1.0.0" }, same: false },
  { versions: { a: "1.0.0" }, installed: { a: "2.0.0" }, same: false },
  { versions: { a: "1.0.0" }, installed: {}, same: false },
  { versions: {}, installed: {}, same: true },
])("a device with $installed has what was delivered, $versions: $same", ({ versions, installed, same }) => {
  expect(runsWhatWasDelivered(versions, new Map(Object.entries(installed)))).toBe(same);
});
