import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Actual,
  deploymentPatch,
  Fleet,
  type FleetDeployment,
  fleetOf,
  fleetSteps,
  type Step,
} from "../../cli/fleet.ts";

const names = ["a", "b", "c"];
const deployment = fc.record({
  components: fc.dictionary(fc.constantFrom("x", "y"), fc.constantFrom("1.0.0", "^1.0.0", "2.0.0")),
  priority: fc.nat(2),
  autoUpdate: fc.boolean(),
}) satisfies fc.Arbitrary<FleetDeployment>;
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const group = fc.record({ description: maybe(fc.constantFrom("one", "two")), deployment: maybe(deployment) });
const node = fc.record({
  description: maybe(fc.constantFrom("one", "two")),
  groups: fc.uniqueArray(fc.constantFrom(...names)),
  runtime: fc.constantFrom("nucleus" as const, "nucleus-lite" as const),
  attributes: fc.dictionary(fc.constantFrom("site"), fc.constantFrom("here", "there")),
  deployment: maybe(deployment),
});
const release = fc.record({
  app: fc.constantFrom("os", "app"),
  environment: fc.constant("prod"),
  version: fc.constantFrom("1", "2"),
  attributes: fc.constantFrom<string[]>([], ["blue"]),
  sha256: fc.constantFrom("0", "1"),
});
const released = fc.uniqueArray(release, {
  selector: ({ app, version, attributes }) => `${app} ${version} ${attributes}`,
});
const parts = {
  groups: fc.dictionary(fc.constantFrom(...names), group),
  nodes: fc.dictionary(fc.constantFrom(...names), node),
};
const fleet = fc.record({ ...parts, releases: released.map((all) => all.map((one) => ({ ...one, file: "f" }))) });
const actual = fc.record({
  ...parts,
  releases: released.map((all) => all.map((one, index) => ({ ...one, id: `rel_${index}` }))),
});

const without = <T>(record: Readonly<Record<string, T>>, name: string) =>
  Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));

const patched = (before: FleetDeployment | undefined, patch: Readonly<Record<string, unknown>>): FleetDeployment => {
  const { components = {}, priority = 0, autoUpdate = false } = before ?? {};
  const { components: changed, ...settings } = patch as { components?: Record<string, { version: string } | null> };
  const merged = { ...components, ...changed } as Record<string, string | { version: string } | null>;
  const plain = Object.entries(merged).flatMap(([name, wish]) =>
    wish === null ? [] : [[name, typeof wish === "string" ? wish : wish.version]],
  );
  return { priority, autoUpdate, ...settings, components: Object.fromEntries(plain) };
};

/** What the API would make of a step. */
const done = (state: Actual, step: Step): Actual => {
  const { groups, nodes, releases } = state;
  if (step.what === "release") {
    if (step.do === "delete") return { ...state, releases: releases.filter(({ id }) => id !== step.id) };
    return { ...state, releases: [...releases, { ...(step.release as Actual["releases"][number]), id: step.name }] };
  }
  const of = step.what.startsWith("group") ? "groups" : "nodes";
  const there: Record<string, object | null> = of === "groups" ? groups : nodes;
  if (step.do === "delete") return { ...state, [of]: without(there, step.name) };
  const before = there[step.name] ?? {};
  if (step.what === "membership") {
    const { groups: former = [] } = before as { groups?: string[] };
    const moved = [...former.filter((group) => !step.remove.includes(group)), ...step.add];
    return { ...state, nodes: { ...nodes, [step.name]: { ...before, groups: moved } as Actual["nodes"][string] } };
  }
  if ("patch" in step) {
    const deployment = patched((before as { deployment?: FleetDeployment }).deployment, step.patch);
    return { ...state, [of]: { ...there, [step.name]: { ...before, deployment } } };
  }
  const { deployment: _later, ...made } = { ...before, ...(step.what === "node" ? step.node : {}) } as {
    deployment?: unknown;
  };
  const kept = step.do === "create" ? made : before;
  const description = "description" in step && step.description !== undefined ? { description: step.description } : {};
  return { ...state, [of]: { ...there, [step.name]: { ...kept, ...description } } };
};

describe("the steps that make a fleet what is declared", () => {
  test("leave nothing to do but what cannot be done", () => {
    fc.assert(
      fc.property(fleet, actual, fc.boolean(), (declared, before, prune) => {
        const steps = fleetSteps(declared, before, prune);
        const can = steps.filter((step) => step.do !== "impossible");
        const after = fleetSteps(declared, can.reduce(done, before), prune);
        expect(after.filter((step) => step.do !== "impossible")).toEqual([]);
        expect(after.length).toBe(steps.length - can.length);
      }),
    );
  });

  test("are none for a fleet as it is", () => {
    fc.assert(
      fc.property(actual, fc.boolean(), (now, prune) => {
        const declared = { ...now, releases: now.releases.map(({ id: _id, ...one }) => one) };
        expect(fleetSteps(declared, now, prune)).toEqual([]);
      }),
    );
  });

  test("delete nothing unless that is wished, and nothing of a part that is not declared", () => {
    fc.assert(
      fc.property(fleet, actual, (declared, before) => {
        const deletions = (file: Fleet, prune: boolean) =>
          fleetSteps(file, before, prune).filter((step) => step.do === "delete");
        expect(deletions(declared, false)).toEqual([]);
        expect(deletions({}, true)).toEqual([]);
        expect(deletions({ groups: {} }, true).every(({ what }) => what === "group")).toBe(true);
      }),
    );
  });

  test("make groups before the nodes in them, and delete nodes before their groups", () => {
    const declared: Fleet = { groups: { g: null }, nodes: { n: null } };
    const there: Actual = { groups: { old: null }, nodes: { gone: null }, releases: [] };
    const steps = fleetSteps(declared, there, true);
    expect(steps.map((step) => `${step.do} ${step.what} ${step.name}`)).toEqual([
      ...["create group g", "create node n", "delete node gone", "delete group old"],
    ]);
  });
});

test("a patch names what differs, and nothing else", () => {
  const before = { components: { x: "1.0.0", y: "1.0.0" }, priority: 0, autoUpdate: false };
  const after = { components: { y: { version: "1.0.0", merge: { a: 1 } }, z: "^1" }, priority: 5, autoUpdate: false };
  expect(deploymentPatch(before, after)).toEqual({
    patch: { components: { x: null, y: { version: "1.0.0", merge: { a: 1 } }, z: { version: "^1" } }, priority: 5 },
    changes: ["y reconfigured", "add z ^1", "remove x", "priority 0 → 5"],
  });
  expect(deploymentPatch(after, after)).toBeUndefined();
});

test("what a file gets wrong is told with its place", () => {
  expect(() => fleetOf({ nodes: { n: { group: "g" } } }, "fleet.yaml")).toThrow(/^fleet.yaml: nodes.n: .*"group"/);
  expect(() => fleetOf([], "fleet.yaml")).toThrow("fleet.yaml: the whole: ");
});

test("a release that has another content, or no file, is not published silently", () => {
  const one = { app: "os", environment: "prod", version: "1", attributes: [] };
  const there: Actual = { groups: {}, nodes: {}, releases: [{ ...one, sha256: "0", id: "rel_1" }] };
  const steps = (release: object) => fleetSteps(Fleet.parse({ releases: [{ ...one, ...release }] }), there, false);
  expect(steps({ sha256: "0" })).toEqual([]);
  expect(steps({ sha256: "1", file: "f" })).toMatchObject([{ do: "impossible" }]);
  expect(steps({ version: "2", sha256: "1" })).toMatchObject([{ do: "impossible" }]);
  expect(steps({ version: "2", file: "f" })).toMatchObject([{ do: "create", what: "release" }]);
});
