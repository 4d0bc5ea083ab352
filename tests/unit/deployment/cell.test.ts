import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cellKey, DEFAULT_RUNTIME, enterCell, firstCell, leaveCell } from "../../../shared/deployment/cell.ts";
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
      generation: 1,
      leaseUntil: 0,
      createdAt: NOW.toISOString(),
    });
    const second = applied(first, enter);
    expect(second?.nodes).toBe(2);
    expect(applied(second, leaveCell("ws_1", key))?.nodes).toBe(1);
  });

  test("leave alone what else the cell has", () => {
    const cell: Item = { ...firstCell("ws_1", "grp_1", NOW), generation: 3, arn: "arn:aws:iot:x", leaseUntil: 5 };
    const later = new Date(NOW.getTime() + 1_000);
    expect(applied(cell, enterCell("ws_1", ["grp_1"], DEFAULT_RUNTIME, later))).toEqual({ ...cell, nodes: 1 });
  });

  test("cannot leave a cell that is not there, which would make a cell of no one", () => {
    expect(() => applied(undefined, leaveCell("ws_1", "0123456789abcdef"))).toThrow("refused");
  });

  test("find a group's first cell where the group made it", () => {
    const { pk, sk } = firstCell("ws_1", "grp_1", NOW);
    const enter = enterCell("ws_1", ["grp_1"], DEFAULT_RUNTIME, NOW);
    expect(enter).toMatchObject({ do: "update", key: { pk, sk } });
    expect(firstCell("ws_1", "grp_1", NOW)).toEqual({ ...applied(undefined, enter), nodes: 0 });
  });
});
