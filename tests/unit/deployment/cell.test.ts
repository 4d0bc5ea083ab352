import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addGeneration,
  cellKey,
  DEFAULT_RUNTIME,
  enterCell,
  firstCell,
  generationId,
  leaveCell,
  parseGenerationId,
  type StoredCell,
  type StoredGeneration,
  vacated,
} from "../../../shared/deployment/cell.ts";
import type { Item } from "../../../shared/writes.ts";
import { applied } from "../apply.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const targets = fc.uniqueArray(fc.constantFrom("grp_1", "grp_2", "grp_3", "nod_1"));
const runtime = fc.constantFrom("nucleus" as const, "nucleus-lite" as const);

describe("a cell's key", () => {
  test("does not depend on the order of the targets, and changes none of them", () => {
    const shuffled = targets.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(shuffled, runtime, ([one, other], nucleus) => {
        const before = [...other];
        expect(cellKey(other, nucleus)).toBe(cellKey(one, nucleus));
        expect(other).toEqual(before);
      }),
    );
  });

  test("differs for other targets and for another runtime", () => {
    fc.assert(
      fc.property(targets, targets, runtime, runtime, (one, other, nucleus, another) => {
        const same =
          nucleus === another && new Set([...one, ...other]).size === one.length && one.length === other.length;
        expect(cellKey(one, nucleus) === cellKey(other, another)).toBe(same);
      }),
    );
  });

  test("does not run two targets' names together", () => {
    expect(cellKey(["ab", "c"], "nucleus")).not.toBe(cellKey(["a", "bc"], "nucleus"));
    expect(cellKey(["a,b"], "nucleus")).not.toBe(cellKey(["a", "b"], "nucleus"));
    expect(cellKey([], "nucleus")).not.toBe(cellKey([""], "nucleus"));
  });

  test("is 16 hexadecimal digits, and stays what it was: cells in the tables are found by it", () => {
    expect(cellKey(["grp_2", "grp_1"], "nucleus")).toBe(cellKey(["grp_1", "grp_2"], "nucleus"));
    expect(cellKey([], "nucleus")).toMatch(/^[0-9a-f]{16}$/);
    expect(cellKey(["grp_1", "grp_2"], "nucleus-lite")).toBe("b09da7bfd32c7305");
  });
});

describe("the nodes of a cell", () => {
  test("are counted in and out, and the first one makes the cell", () => {
    const enter = enterCell("ws_1", ["grp_2", "grp_1"], "nucleus", NOW);
    const key = cellKey(["grp_1", "grp_2"], "nucleus");
    const first = applied(undefined, enter);
    expect(first).toEqual({
      pk: "ws_1#cell",
      sk: key,
      type: "cell",
      workspaceId: "ws_1",
      key,
      targets: ["grp_1", "grp_2"],
      runtime: "nucleus",
      nodes: 1,
      createdAt: NOW.toISOString(),
    });
    const second = applied(first, enter);
    expect(second?.nodes).toBe(2);
    expect(applied(second, leaveCell("ws_1", key))?.nodes).toBe(1);
  });

  test("leave alone what else the cell has", () => {
    const cell: Item = { ...firstCell("ws_1", "grp_1", NOW)[0], lastGeneration: 3, placed: 2 };
    const later = new Date(NOW.getTime() + 1_000);
    expect(applied(cell, enterCell("ws_1", ["grp_1"], DEFAULT_RUNTIME, later))).toEqual({ ...cell, nodes: 1 });
  });

  test("cannot leave a cell that is not there, which would make a cell of no one", () => {
    expect(() => applied(undefined, leaveCell("ws_1", "0123456789abcdef"))).toThrow("refused");
  });

  test("find a group's first cell where the group made it", () => {
    const [cell, generation] = firstCell("ws_1", "grp_1", NOW);
    const { pk, sk } = cell;
    const enter = enterCell("ws_1", ["grp_1"], DEFAULT_RUNTIME, NOW);
    expect(enter).toMatchObject({ do: "update", key: { pk, sk } });
    expect(cell).toEqual({ ...applied(undefined, enter), nodes: 0, lastGeneration: 1 });
    expect(generation).toMatchObject({ key: cell.key, generation: 1, targets: ["grp_1"], nodes: 0, leaseUntil: 0 });
  });
});

describe("the generations of a cell", () => {
  const [cell, first] = firstCell("ws_1", "grp_1", NOW);

  test("are numbered, no number twice, and one of two at once is refused", () => {
    const { generation, writes } = addGeneration(cell, NOW);
    expect(generation).toMatchObject({ ...first, sk: generation.sk, generation: 2 });
    expect(generation.sk > first.sk).toBe(true);
    const [count] = writes;
    if (count === undefined) throw new Error("nothing is written");
    const after = applied({ ...cell } as Item, count) as unknown as StoredCell;
    expect(after.lastGeneration).toBe(2);
    expect(() => applied({ ...after } as Item, count)).toThrow("refused");
    expect(count.otherwise?.code).toBe("busy");
    expect(addGeneration(after, NOW).generation.generation).toBe(3);
    const { lastGeneration: _, ...none } = cell;
    expect(addGeneration(none, NOW).generation.generation).toBe(1);
  });

  test("have names by which they are found", () => {
    expect(parseGenerationId(generationId(first))).toEqual({ key: first.key, generation: 1 });
    for (const wrong of ["", first.key, `${first.key}-0`, `${first.key}-1-1`]) {
      expect(() => parseGenerationId(wrong)).toThrow(RangeError);
    }
  });

  const one = (generation: number, more: Partial<StoredGeneration> = {}): StoredGeneration => ({
    ...first,
    generation,
    wasLeft: true,
    ...more,
  });
  const empty: StoredCell = { ...cell, targets: ["grp_1", "grp_2"] };

  test.each<{ note: string; of: StoredCell | undefined; all: StoredGeneration[]; go: number[] }>([
    { note: "one without nodes goes with the last node", of: empty, all: [one(1), one(2)], go: [1, 2] },
    { note: "one with nodes stays", of: empty, all: [one(1, { nodes: 1 }), one(2)], go: [2] },
    { note: "one that waits for its first node stays", of: empty, all: [{ ...first, generation: 3 }], go: [] },
    { note: "the lowest stays where nodes belong", of: { ...empty, nodes: 1 }, all: [one(2), one(3)], go: [3] },
    { note: "a group's own stays", of: cell, all: [one(4), one(5)], go: [5] },
    { note: "that of a group and lite goes", of: { ...cell, runtime: "nucleus-lite" }, all: [one(1)], go: [1] },
    { note: "that of a node goes", of: { ...cell, targets: ["nod_1"] }, all: [one(1)], go: [1] },
    { note: "what is being removed goes on", of: cell, all: [one(1, { removing: true }), one(2)], go: [1] },
    { note: "all go with the cell", of: undefined, all: [one(1), one(2)], go: [1, 2] },
  ])("are taken away without nodes: $note", ({ of, all, go }) => {
    expect(vacated(of, all).map(({ generation }) => generation)).toEqual(go);
    expect(
      vacated(of, [...all].reverse())
        .map(({ generation }) => generation)
        .sort(),
    ).toEqual(go);
  });
});
