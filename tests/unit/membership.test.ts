import { describe, expect, test } from "vitest";
import { cellKey } from "../../shared/deployment/cell.ts";
import { changeMemberships, EditMemberships } from "../../shared/node/membership.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import { theMoment } from "./moment.ts";

const moment = theMoment(new Date(0));
const node = (groups: readonly string[], more: object = {}) =>
  ({
    pk: "ws_1#node",
    sk: "nod_1",
    id: "nod_1",
    name: "press",
    workspaceId: "ws_1",
    status: "active",
    runtime: "nucleus",
    groups,
    cell: cellKey(groups, "nucleus"),
    ...more,
  }) as unknown as StoredNode;
const group = (id: string) => ({ id, name: `name-of-${id}`, workspaceId: "ws_1" }) as unknown as StoredNodeGroup;

describe("a node that changes groups", () => {
  test("is counted in the cell that follows, on the condition that nobody else has moved it", () => {
    const before = node(["grp_1", "grp_2"]);
    const { intent, writes } = changeMemberships(before, [group("grp_3")], [group("grp_1")], "ann", moment);
    const [update, ...others] = writes;
    const cell = cellKey(["grp_2", "grp_3"], "nucleus");
    expect(update).toMatchObject({
      set: { groups: ["grp_2", "grp_3"], cell },
      when: { status: "active", cell: before.cell },
      otherwise: { code: "conflict" },
    });
    expect(others).toMatchObject([
      { do: "check", key: { sk: "grp_3" }, when: { status: "active" } },
      { do: "put", item: { pk: "grp_3#node", sk: "nod_1" } },
      { do: "delete", key: { pk: "grp_1#node", sk: "nod_1" } },
      { key: { sk: cell }, add: { nodes: 1 } },
      { key: { sk: before.cell }, add: { nodes: -1 } },
    ]);
    expect(intent).toMatchObject({ kind: "node.move", subject: { type: "node", id: "nod_1" } });
  });

  test("keeps its own deployment", () => {
    const own = node(["grp_1"], { ownDeployment: true, cell: cellKey(["grp_1", "nod_1"], "nucleus") });
    const [update] = changeMemberships(own, [], [group("grp_1")], "ann", moment).writes;
    expect(update).toMatchObject({ set: { groups: [], cell: cellKey(["nod_1"], "nucleus") } });
  });

  test("writes nothing where it is in the groups already, and is looked at all the same", () => {
    const { intent, writes } = changeMemberships(node(["grp_1"]), [group("grp_1")], [group("grp_2")], "ann", moment);
    expect(writes).toEqual([]);
    expect(intent.kind).toBe("node.move");
  });

  test("is in nine groups at most, and active", () => {
    const nine = Array.from({ length: 9 }, (_, at) => `grp_${at}`);
    const refused = (code: string) => expect.objectContaining({ code });
    expect(() => changeMemberships(node(nine), [group("grp_x")], [], "ann", moment)).toThrow(
      refused("too-many-groups"),
    );
    expect(changeMemberships(node(nine), [group("grp_x")], [group("grp_0")], "ann", moment).writes).not.toEqual([]);
    for (const status of ["creating", "failed", "deleting"]) {
      const change = () => changeMemberships(node([], { status }), [group("grp_1")], [], "ann", moment);
      expect(change).toThrow(refused("not-ready"));
    }
  });

  test.each([
    { edit: {}, valid: false },
    { edit: { add: [] }, valid: false },
    { edit: { add: ["a", "a"] }, valid: false },
    { edit: { add: ["a"], remove: ["b"] }, valid: true },
    { edit: { remove: ["b"] }, valid: true },
    { edit: { groups: ["a"] }, valid: false },
  ])("is asked for by $edit: $valid", ({ edit, valid }) => {
    expect(EditMemberships.safeParse(edit).success).toBe(valid);
  });
});
