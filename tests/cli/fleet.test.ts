import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CliError } from "../../cli/failures.ts";
import { type Actual, deploymentPatch, fleetSteps, type Step } from "../../cli/fleet.ts";
import { Fleet, type FleetDeployment, readFleetFile } from "../../cli/fleet-file.ts";

// A name that every object has a member of is a name like any other.
const names = ["a", "b", "constructor"];
const deployment = fc.record({
  components: fc.dictionary(fc.constantFrom("x", "constructor"), fc.constantFrom("1.0.0", "^1.0.0", "2.0.0")),
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
  cpuArch: fc.constantFrom<string[]>([], ["armv8"]),
  hardware: fc.constant<string[]>([]),
  rollout: maybe(fc.constantFrom(10, 100)),
  sha256: fc.constantFrom("0", "1"),
});
const released = fc.uniqueArray(release, {
  selector: ({ app, version, attributes, cpuArch }) => `${app} ${version} ${attributes} ${cpuArch}`,
});
const parts = {
  groups: fc.dictionary(fc.constantFrom(...names), group),
  nodes: fc.dictionary(fc.constantFrom(...names), node),
};
const plain = (...groups: string[]): Actual["nodes"][string] => ({ groups, runtime: "nucleus", attributes: {} });

/** As much of a thing as a file may say. */
const some = <T extends object>(all: fc.Arbitrary<T>) =>
  fc
    .tuple(all, fc.func(fc.boolean()))
    .map(([one, isSaid]) => Object.fromEntries(Object.entries(one).filter(([name]) => isSaid(name))) as Partial<T>);
const said = {
  groups: fc.dictionary(fc.constantFrom(...names), fc.record({ deployment: some(deployment) })),
  nodes: fc.dictionary(fc.constantFrom(...names), some(node)),
};
const fleet = fc.record({ ...said, releases: released.map((all) => all.map((one) => ({ ...one, file: "f" }))) });
const there = released.map((all) => all.map((one, index) => ({ ...one, id: `rel_${index}` })));
/** Nodes are in groups that are there. */
const actual = fc.record({ ...parts, releases: there }).map(({ nodes, ...rest }) => ({
  ...rest,
  nodes: Object.fromEntries(
    Object.entries(nodes).map(([name, one]) => [
      name,
      { ...one, groups: one.groups.filter((group) => Object.hasOwn(rest.groups, group)) },
    ]),
  ),
}));

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
    if (step.do === "update") {
      return { ...state, releases: releases.map((one) => (one.id === step.id ? { ...one, ...step.terms } : one)) };
    }
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
  test("leave as it is what the file does not say of a thing", () => {
    const deployment = { components: { x: "1.0.0", y: "1.0.0" }, priority: 4, autoUpdate: true };
    const node = { ...plain("g"), runtime: "nucleus-lite" as const, attributes: { site: "here" }, deployment };
    const there: Actual = { groups: { g: { deployment } }, nodes: { n: node }, releases: [] };
    const steps = (declared: Fleet) => fleetSteps(declared, there, true).map(({ what, changes }) => [what, changes]);
    expect(steps({ nodes: { n: null }, groups: { g: null } })).toEqual([]);
    expect(steps({ nodes: { n: { description: "told" } } })).toEqual([["node", ["description none → told"]]]);
    expect(steps({ groups: { g: { deployment: { priority: 5 } } } })).toEqual([
      ["group deployment", ["priority 4 → 5"]],
    ]);
    expect(steps({ nodes: { n: { deployment: { components: { x: "1.0.0" } } } } })).toEqual([
      ["node deployment", ["remove y"]],
    ]);
    expect(steps({ nodes: { n: { groups: [] } } })).toEqual([["membership", ["out of g"]]]);
  });

  test("do not empty a group for its deletion of nodes that the file does not say", () => {
    const nodes = Object.fromEntries(["a", "b", "c", "d"].map((name) => [name, plain("old")]));
    const there: Actual = { groups: { old: {}, new: {} }, nodes, releases: [] };
    const groups = { new: null };
    const told = (declared: Fleet) =>
      fleetSteps(declared, there, true).map((step) => [step.do, step.name, step.changes]);
    expect(told({ groups })).toEqual([
      ["impossible", "old", ["a, b, c and 1 more would stay in it: say where they go, or delete them"]],
    ]);
    expect(told({ groups, nodes: { a: { groups: ["new"] } } }).map(([doing, name]) => [doing, name])).toEqual([
      ["update", "a"],
      ...["b", "c", "d", "old"].map((name) => ["delete", name]),
    ]);
    expect(told({ groups, nodes: { a: null } })).toContainEqual([
      "impossible",
      "a",
      ["there will be no group old: declare it"],
    ]);
  });

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
    const there: Actual = { groups: { old: {} }, nodes: { gone: plain("old") }, releases: [] };
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

const wrong = async (text: string): Promise<unknown> => {
  const error = await readFleetFile(text, "fleet.yaml").catch((thrown: unknown) => thrown);
  if (!(error instanceof CliError)) throw new Error(`that is no error: ${text}`);
  const { exit, message, errors } = error;
  return [exit, message, ...errors.map(({ pointer, line, detail }) => `${line} ${pointer}: ${detail}`)];
};

test("what a file gets wrong is told with every place, its line and the rule", async () => {
  const text = `groups:
  a:
    deployment:
      components:
        com.example.A: 1
        com.example.B: newest
        com.example.C: { version: 1.0.0, merged: {} }
      rollout: { perMinute: 10 }
  "x y": {}
nodes:
  n1:
    groups: [a, a]
    runtime: v1
  n2: { group: a }
releases:
  - app: firmware
    environment: prod
`;
  expect(await wrong(text)).toEqual([
    "usage",
    "fleet.yaml is no fleet: 9 places are wrong",
    expect.stringMatching(/^5 \/groups\/a\/deployment\/components\/com\.example\.A: .*expected string/),
    "6 /groups/a/deployment/components/com.example.B: must be a version or an npm-style range",
    "7 /groups/a/deployment/components/com.example.C/merged: merged is not a member here",
    "8 /groups/a/deployment/rollout/perMinute: perMinute is not a member here",
    "9 /groups/x y: 1 to 64 of letters, digits, '.', '_' and '-', the first a letter or digit",
    "12 /nodes/n1/groups: must not repeat a group",
    expect.stringMatching(/^13 \/nodes\/n1\/runtime: .*nucleus-lite/),
    "14 /nodes/n2/group: group is not a member here",
    expect.stringMatching(/^16 \/releases\/0\/version: .*expected string/),
  ]);
  expect(await wrong("[]")).toMatchObject([
    "usage",
    "fleet.yaml is no fleet: one place is wrong",
    expect.stringMatching(/^1 : /),
  ]);
});

test.each([
  ["groups:\n  a: [\nnodes: {}\n", /^fleet\.yaml is neither JSON nor YAML: line 3: /],
  ["groups:\n  a: {}\n  a: {}\n", "fleet.yaml is neither JSON nor YAML: line 3: Map keys must be unique"],
  ["{}\n---\n{}\n", /: line 2: .*multiple documents/],
])("what is no YAML is told with its line: %j", async (text, message) => {
  await expect(readFleetFile(text, "fleet.yaml")).rejects.toThrow(message);
});

test("a node in a group that is neither there nor declared, or that goes, is not made", () => {
  const there: Actual = { groups: { old: {} }, nodes: {}, releases: [] };
  const steps = (text: object, prune: boolean) =>
    fleetSteps(Fleet.parse(text), there, prune).map((step) => `${step.do} ${step.what} ${step.name}`);
  expect(steps({ nodes: { n: { groups: ["none"] } } }, false)).toEqual(["impossible node n"]);
  expect(steps({ nodes: { n: { groups: ["old"] } } }, true)).toEqual(["create node n"]);
  expect(steps({ groups: {}, nodes: { n: { groups: ["old"] } } }, true)).toEqual([
    "impossible node n",
    "delete group old",
  ]);
});

test("a release that has another content, or no file, is not published silently", () => {
  const one = { app: "firmware", environment: "prod", version: "1", attributes: [], cpuArch: [], hardware: [] };
  const [none, other] = ["0".repeat(64), "1".repeat(64)];
  const there: Actual = { groups: {}, nodes: {}, releases: [{ ...one, sha256: none, id: "rel_1" }] };
  const steps = (release: object) => fleetSteps(Fleet.parse({ releases: [{ ...one, ...release }] }), there, false);
  expect(steps({ sha256: none })).toEqual([]);
  expect(steps({ sha256: other, file: "f" })).toMatchObject([{ do: "impossible" }]);
  expect(steps({ version: "2", sha256: other })).toMatchObject([{ do: "impossible" }]);
  expect(steps({ version: "2", file: "f" })).toMatchObject([{ do: "create", what: "release" }]);
});

test("releases of one version for other devices are others, and terms that are said are changed", () => {
  const one = { app: "firmware", environment: "prod", version: "1", attributes: [], cpuArch: ["armv8"], hardware: [] };
  const there: Actual = { groups: {}, nodes: {}, releases: [{ ...one, rollout: 10, id: "rel_1" }] };
  const steps = (release: object) => fleetSteps(Fleet.parse({ releases: [{ ...one, ...release }] }), there, false);
  expect(steps({})).toEqual([]);
  expect(steps({ rollout: 50 })).toMatchObject([
    { do: "update", what: "release", id: "rel_1", terms: { rollout: 50 }, changes: ["rollout 10 → 50"] },
  ]);
  expect(steps({ cpuArch: ["x86_64"], file: "f" })).toMatchObject([{ do: "create", what: "release" }]);
});

test("a release that was withdrawn is not as declared, and stays when others are pruned", () => {
  const one = { app: "firmware", environment: "prod", version: "1", attributes: [], cpuArch: [], hardware: [] };
  const there: Actual = { groups: {}, nodes: {}, releases: [{ ...one, withdrawn: true, id: "rel_1" }] };
  expect(fleetSteps({ releases: [one] }, there, false)).toMatchObject([
    { do: "impossible", changes: [expect.stringContaining("slipway release publish rel_1")] },
  ]);
  expect(fleetSteps({ releases: [] }, there, true)).toEqual([]);
});
