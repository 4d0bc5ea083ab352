import fc from "fast-check";
import { expect, test } from "vitest";
import { cycleThrough } from "../../../shared/component/recipe-cycles.ts";

const graph = (edges: Record<string, string[]>) => new Map(Object.entries(edges));

test.each([
  ["of two", { b: ["a"] }, ["a", "b", "a"]],
  ["the shortest of several", { b: ["c", "d"], c: ["e"], d: ["a"], e: ["a"] }, ["a", "b", "d", "a"]],
  ["behind a circle that it is no part of", { b: ["c"], c: ["b", "d"], d: ["a"] }, ["a", "b", "c", "d", "a"]],
  ["none", { b: ["c", "d"], c: ["d"] }, undefined],
  ["none, beside a circle of others", { b: ["c"], c: ["b"], x: ["a"] }, undefined],
  ["none that anyone knows of", {}, undefined],
])("a circle through a and b: %s", (_note, edges, way) => {
  expect(cycleThrough("a", "b", graph(edges))).toEqual(way);
});

test("a way leads from the component by the dependency back to it, along what is known, whenever there is one", () => {
  const name = fc.constantFrom("a", "b", "c", "d", "e");
  fc.assert(
    fc.property(fc.dictionary(name, fc.uniqueArray(name)), (edges) => {
      const known = graph(edges);
      const way = cycleThrough("a", "b", known);
      const reached = new Set(["b"]);
      for (const at of reached) for (const next of at === "a" ? [] : (known.get(at) ?? [])) reached.add(next);
      expect(way !== undefined).toBe(reached.has("a"));
      if (way === undefined) return;
      expect([way[0], way[1], way.at(-1)]).toEqual(["a", "b", "a"]);
      expect(new Set(way).size).toBe(way.length - 1);
      for (const [index, at] of way.slice(1, -1).entries()) expect(known.get(at)).toContain(way[index + 2]);
    }),
  );
});
