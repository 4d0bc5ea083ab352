import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cellKey, type Runtime, targetsOfNode } from "../../../shared/deployment/cell.ts";
import { configurationSources } from "../../../shared/deployment/configuration.ts";
import { cellsOf, type FleetNode, layersOf, resolveFleet } from "../../../shared/deployment/fleet.ts";
import type { Layer } from "../../../shared/deployment/layers.ts";
import { cellContent, contentHash, resolver } from "../../../shared/deployment/resolve.ts";
import type { Published } from "../../../shared/deployment/versions.ts";

const VERSIONS: Published = {
  a: ["1.0.0", "1.1.0", "2.0.0"].map((version, at) => ({
    version,
    catalogueNumber: at,
    dependencies: { lib: { requirement: version === "2.0.0" ? "^2.0.0" : "^1.0.0", type: "HARD" as const } },
  })),
  b: ["1.0.0", "2.0.0"].map((version, at) => ({ version, catalogueNumber: at })),
  lib: ["1.0.0", "2.0.0"].map((version, at) => ({ version, catalogueNumber: at })),
};
const GROUPS = ["grp_1", "grp_2", "grp_3"] as const;
const IDS = ["nod_1", "nod_2", "nod_3", "nod_4"] as const;

const components = fc.dictionary(
  fc.constantFrom("a", "b", "lib"),
  fc.record({ version: fc.constantFrom("*", "^1.0.0", "2.0.0", "9.0.0"), catalogue: fc.constantFrom(0, 9) }),
);
const layers = fc
  .tuple(
    ...[...GROUPS, ...IDS].map((target) => fc.record({ target: fc.constant(target), priority: fc.nat(1), components })),
  )
  .map(
    (list) =>
      new Map(
        list.map((one): [string, Layer] => [
          one.target,
          { ...one, kind: one.target.startsWith("nod") ? "node" : "node-group" },
        ]),
      ),
  );
const fleet = fc.uniqueArray(
  fc.record({
    id: fc.constantFrom(...IDS),
    groups: fc.shuffledSubarray([...GROUPS]),
    runtime: fc.constantFrom<Runtime>("nucleus", "nucleus-lite"),
    ownDeployment: fc.boolean(),
  }),
  { selector: ({ id }) => id },
);

describe("the cells of a fleet", () => {
  test("count each node where its key says, and no other cells are there", () => {
    fc.assert(
      fc.property(fleet, (nodes: readonly FleetNode[]) => {
        const cells = cellsOf(nodes);
        const expected = Map.groupBy(nodes, (node) => cellKey(targetsOfNode(node), node.runtime));
        expect([...cells.keys()].sort()).toEqual([...expected.keys()].sort());
        for (const [key, list] of expected) {
          const [node] = list;
          expect(cells.get(key)).toEqual({
            key,
            targets: node && targetsOfNode(node),
            runtime: node?.runtime,
            nodes: list.length,
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  test("are resolved as each would be by itself, with nothing remembered", () => {
    fc.assert(
      fc.property(fleet, layers, (nodes, all) => {
        const cells = resolveFleet(nodes, all, resolver(VERSIONS));
        for (const node of nodes) {
          const targets = targetsOfNode(node);
          const alone = resolver(VERSIONS).set(layersOf(targets, all), node.runtime);
          const cell = cells.get(cellKey(targets, node.runtime));
          expect(cell?.hash).toBe(contentHash(cellContent(alone)));
          expect(cell?.ambiguous).toEqual(alone.ambiguous);
          expect(cell?.deliverable).toBe(alone.unresolved.length + alone.unmet.length === 0);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("do not depend on the order of nodes", () => {
    fc.assert(
      fc.property(fleet, layers, (nodes, all) => {
        const one = resolveFleet(nodes, all, resolver(VERSIONS));
        const other = resolveFleet([...nodes].reverse(), all, resolver(VERSIONS));
        expect(new Map([...other].sort())).toEqual(new Map([...one].sort()));
      }),
    );
  });
});

describe("where configuration comes from", () => {
  const wish = (target: string, merge: Record<string, unknown>) => ({
    layer: { target, kind: "node-group" as const, priority: 0, components: {} },
    wanted: { version: "*", catalogue: 1, merge },
  });

  test.each([
    { note: "each value's own", high: { x: 1 }, low: { y: 2 }, sources: { "/x": "high", "/y": "low" } },
    { note: "the winner's", high: { x: 1 }, low: { x: 2 }, sources: { "/x": "high" } },
    {
      note: "that of each member, at any depth",
      high: { o: { a: 1 } },
      low: { o: { b: 1, p: { c: 1 } } },
      sources: { "/o/a": "high", "/o/b": "low", "/o/p/c": "low" },
    },
    {
      note: "the winner's where a value replaces an object",
      high: { o: 1 },
      low: { o: { b: 1 } },
      sources: { "/o": "high" },
    },
    {
      note: "the winner's where an object replaces a value",
      high: { o: { b: 1 } },
      low: { o: 1 },
      sources: { "/o/b": "high" },
    },
    { note: "told for an empty object", high: {}, low: { o: {} }, sources: { "/o": "low" } },
    {
      note: "told of an empty object that is filled",
      high: { o: { b: 1 } },
      low: { o: {} },
      sources: { "/o/b": "high" },
    },
    { note: "the winner's for a null", high: { o: null }, low: { o: { b: 1 } }, sources: { "/o": "high" } },
    { note: "told by pointer (RFC 6901)", high: { "a/b": { "~": 1 } }, low: {}, sources: { "/a~1b/~0": "high" } },
  ])("is $note", ({ high, low, sources }) => {
    expect(configurationSources([wish("high", high), wish("low", low)])).toEqual(sources);
  });
});
