import { describe, expect, test } from "vitest";
import { NodeGroup, type StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import { born, entityTag, view } from "../../shared/resource.ts";
import { allows, isRole, ROLES } from "../../shared/workspace/access.ts";
import { leftovers } from "../../shared/workspace/workspace.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");

describe("a stored thing", () => {
  const stored: StoredNodeGroup = {
    pk: "ws_1#node-group",
    sk: "grp_1",
    type: "node-group",
    id: "grp_1",
    workspaceId: "ws_1",
    name: "press",
    status: "active",
    thingGroup: "dev-ws_1-grp_1",
    ...born(NOW),
  };

  test("starts as revision 1, created and updated now", () => {
    expect(born(NOW)).toEqual({ revision: 1, createdAt: NOW.toISOString(), updatedAt: NOW.toISOString() });
  });

  test("is shown without keys and inner attributes", () => {
    expect(view(NodeGroup, stored)).toEqual({
      id: "grp_1",
      name: "press",
      status: "active",
      thingGroup: "dev-ws_1-grp_1",
      createdAt: NOW.toISOString(),
      updatedAt: NOW.toISOString(),
    });
  });

  test("that is not what its schema says is not shown", () => {
    expect(() => view(NodeGroup, { ...stored, status: "odd" })).toThrow();
  });

  test("has a strong entity tag of its revision", () => {
    expect(entityTag(stored)).toBe('"1"');
    expect(entityTag({ revision: 12 })).toBe('"12"');
  });
});

describe("a role", () => {
  test.each(ROLES.flatMap((needed, n) => ROLES.map((has, h) => ({ needed, has, allowed: h >= n }))))(
    "$has does what needs $needed: $allowed",
    ({ needed, has, allowed }) => {
      expect(allows(needed, has)).toBe(allowed);
    },
  );

  test("is one of four words", () => {
    expect(ROLES.every(isRole)).toBe(true);
    expect(["", "Owner", "anyone", "caller", "admin", "constructor"].filter(isRole)).toEqual([]);
  });
});

describe("what is left in a workspace", () => {
  test("is nothing, or is named", () => {
    expect(leftovers({})).toBeUndefined();
    expect(leftovers({ nodes: false, releases: false })).toBeUndefined();
    expect(leftovers({ nodes: true, releases: false, components: true })).toContain("nodes, components");
  });
});
