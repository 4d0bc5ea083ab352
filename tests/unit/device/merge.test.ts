import fc from "fast-check";
import semver from "semver";
import { describe, expect, test } from "vitest";
import { DeploymentError, typesOf } from "../../../local/device/errors.ts";
import {
  inForce,
  isStale,
  leaveRoom,
  parseConfigurationArn,
  provenance,
  type Resolved,
  requirementsOf,
  satisfiesAll,
  startOrder,
  type Targets,
} from "../../../local/device/merge.ts";
import { resolveAll } from "../../../local/device/resolve.ts";

const targetOf = (components: Readonly<Record<string, string>>, revision = 1): Targets[string] => ({
  deploymentId: `d${revision}`,
  configurationArn: `arn:aws:greengrass:eu-west-1:123456789012:configuration:thinggroup/g:${revision}`,
  revision,
  components: Object.fromEntries(Object.entries(components).map(([name, version]) => [name, { version }])),
});

const resolvedOf = (version: string, needs: Readonly<Record<string, string>> = {}): Resolved => ({
  version,
  dependencies: Object.fromEntries(
    Object.entries(needs).map(([name, requirement]) => [name, { requirement, hard: true }]),
  ),
});

test.each([
  [
    "arn:aws:greengrass:eu-west-1:123456789012:configuration:thinggroup/cell-1:7",
    { target: "thinggroup/cell-1", revision: 7 },
  ],
  ["arn:aws:greengrass:eu-west-1:123456789012:configuration:thing/a:b:12", { target: "thing/a:b", revision: 12 }],
  [
    "arn:aws-cn:greengrass:cn-north-1:123456789012:configuration:thinggroup/g:1",
    { target: "thinggroup/g", revision: 1 },
  ],
  ["arn:aws:greengrass:eu-west-1:123456789012:components:a:versions:1.0.0", undefined],
  ["arn:aws:greengrass:eu-west-1:123456789012:configuration:thinggroup/g:", undefined],
])("%s is of %o", (arn, expected) => {
  expect(parseConfigurationArn(arn)).toEqual(expected);
});

describe("the targets in force", () => {
  const stored = { "thinggroup/a": targetOf({ x: "1.0.0" }, 2), "thinggroup/b": targetOf({}), "thing/t": targetOf({}) };

  test("are the groups that the device is in, its own, and the incoming one", () => {
    const incoming = { "thinggroup/new": targetOf({}) };
    expect(Object.keys(inForce(stored, incoming, new Set(["b"]))).sort()).toEqual([
      "thing/t",
      "thinggroup/b",
      "thinggroup/new",
    ]);
  });

  test("have the incoming revision in the place of the one before", () => {
    const incoming = { "thinggroup/a": targetOf({ y: "1.0.0" }, 3) };
    expect(inForce(stored, incoming, new Set(["a"]))["thinggroup/a"]?.components).toEqual({ y: { version: "1.0.0" } });
  });

  test.each([
    [1, true],
    [2, false],
    [3, false],
  ])("revision %i of one that has had the second is stale: %s", (revision, expected) => {
    expect(isStale(stored, "thinggroup/a", revision)).toBe(expected);
    expect(isStale(stored, "thinggroup/unknown", revision)).toBe(false);
  });
});

describe("requirements", () => {
  test("are those of the targets and of what they lead to, by who has them", () => {
    const targets = { "thinggroup/a": targetOf({ x: "^1.0.0", y: "1.0.0" }), "thinggroup/b": targetOf({ x: "1.2.0" }) };
    const resolved = new Map([
      ["x", resolvedOf("1.2.0", { z: ">=2.0.0" })],
      ["y", resolvedOf("1.0.0", { z: "^2.0.0" })],
      ["left-over", resolvedOf("1.0.0", { w: "1.0.0" })],
    ]);
    expect(Object.fromEntries(requirementsOf(targets, resolved))).toEqual({
      x: { "thinggroup/a": "^1.0.0", "thinggroup/b": "1.2.0" },
      y: { "thinggroup/a": "1.0.0" },
      z: { x: ">=2.0.0", y: "^2.0.0" },
    });
    expect(provenance("z", targets, resolved)).toEqual({
      configurationArns: Object.values(targets).map(({ configurationArn }) => configurationArn),
      isRoot: false,
    });
    expect(provenance("y", targets, resolved)).toMatchObject({ configurationArns: [expect.any(String)], isRoot: true });
  });

  const range = fc.oneof(
    fc.constantFrom(
      "*",
      "^1.0.0",
      "~1.1.0",
      ">=1.1.0",
      "<1.2.0",
      "1.0.0 || 2.0.0",
      ">1.0.0 <2.0.0",
      "1.x",
      "<=1.0.0-a",
    ),
    fc
      .tuple(fc.constantFrom("", "^", "~", ">=", "<"), fc.nat(2), fc.nat(2), fc.constantFrom("", "-a", "-b"))
      .map(([operator, major, minor, tag]) => `${operator}${major}.${minor}.0${tag}`),
  );
  const versions = [0, 1, 2].flatMap((major) =>
    [0, 1, 2].flatMap((minor) => ["", "-a", "-b"].map((tag) => `${major}.${minor}.0${tag}`)),
  );

  test("leave room wherever some version meets them all", () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 4 }), (ranges) => {
        if (versions.some((version) => satisfiesAll(version, ranges))) expect(leaveRoom(ranges)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("leave none where exact versions differ, or one is outside of a range", () => {
    fc.assert(
      fc.property(fc.constantFrom(...versions), fc.constantFrom(...versions), range, (one, other, bound) => {
        expect(leaveRoom([one, other])).toBe(one === other);
        if (!semver.satisfies(one, bound, { includePrerelease: true })) expect(leaveRoom([one, bound])).toBe(false);
      }),
    );
  });

  test.each([
    [["^1.0.0", "^2.0.0"], false],
    [["1.0.0 || 3.0.0", "^2.0.0 || 3.0.0"], true],
    [["1.0.0 || 3.0.0", "^2.0.0", "*"], false],
    [[">=1.0.0 <2.0.0", ">=2.0.0"], false],
    [["no range"], false],
    [[], true],
  ])("%o leave room: %s", (ranges, expected) => {
    expect(leaveRoom(ranges)).toBe(expected);
  });
});

describe("the order of components", () => {
  test("has each after what it depends on, whatever they are", () => {
    const names = ["a", "b", "c", "d", "e"];
    // Each may need those before it: no circles.
    const graph = fc
      .tuple(...names.map((_, at) => fc.subarray(names.slice(0, at))))
      .map(
        (needs) =>
          new Map(
            needs.map((list, at) => [
              names[at] ?? "",
              resolvedOf("1.0.0", Object.fromEntries(list.map((n) => [n, "*"]))),
            ]),
          ),
      );
    fc.assert(
      fc.property(graph, (components) => {
        const order = startOrder(components);
        expect([...order].sort()).toEqual(names);
        for (const [name, { dependencies }] of components)
          for (const dependency of Object.keys(dependencies))
            expect(order.indexOf(dependency)).toBeLessThan(order.indexOf(name));
      }),
    );
  });

  test("does not exist for components that need each other", () => {
    const circle = new Map([
      ["a", resolvedOf("1.0.0", { b: "*" })],
      ["b", resolvedOf("1.0.0", { a: "*" })],
    ]);
    expect(() => startOrder(circle)).toThrow("a → b → a");
  });
});

/** A cloud that knows these versions of components, with what they need. */
type Catalogue = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;

const cloudOf = (catalogue: Catalogue) => async (name: string, requirements: Readonly<Record<string, string>>) => {
  const found = Object.keys(catalogue[name] ?? {})
    .filter((version) => satisfiesAll(version, Object.values(requirements)))
    .sort(semver.rcompare)[0];
  return found === undefined ? undefined : resolvedOf(found, catalogue[name]?.[found]);
};

const versionsOf = async (targets: Targets, catalogue: Catalogue) =>
  Object.fromEntries(
    [...(await resolveAll(targets, cloudOf(catalogue)))].map(([name, { version }]) => [name, version]),
  );

const failureOf = async (targets: Targets, catalogue: Catalogue) => {
  const error = await resolveAll(targets, cloudOf(catalogue)).catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(DeploymentError);
  return error as DeploymentError;
};

describe("resolving", () => {
  const catalogue: Catalogue = {
    app: { "1.0.0": { lib: "^1.0.0" }, "2.0.0": { lib: "^2.0.0" } },
    tool: { "1.0.0": { lib: "<1.5.0" } },
    lib: { "1.0.0": {}, "1.4.0": {}, "1.9.0": {}, "2.0.0": { extra: "*" } },
    extra: { "1.0.0": {} },
  };

  test("takes the highest version that all allow", async () => {
    expect(await versionsOf({ "thinggroup/a": targetOf({ app: "1.0.0", tool: "*" }) }, catalogue)).toEqual({
      app: "1.0.0",
      tool: "1.0.0",
      lib: "1.4.0",
    });
  });

  test("puts dependencies first", async () => {
    const resolved = await resolveAll({ "thinggroup/a": targetOf({ app: "2.0.0" }) }, cloudOf(catalogue));
    expect([...resolved.keys()]).toEqual(["extra", "lib", "app"]);
  });

  test("drops what an earlier choice brought in", async () => {
    // `app` is asked for first and brings lib 2 with extra; `user` then narrows app to 1.
    const more: Catalogue = { ...catalogue, user: { "1.0.0": { app: "1.0.0" } } };
    const targets = { "thinggroup/a": targetOf({ app: ">=1.0.0", user: "1.0.0" }) };
    expect(await versionsOf(targets, more)).toEqual({ app: "1.0.0", lib: "1.9.0", user: "1.0.0" });
  });

  test("names it as the nucleus does when groups want what no version is", async () => {
    const targets = { "thinggroup/a": targetOf({ lib: "1.0.0" }), "thinggroup/b": targetOf({ lib: "2.0.0" }) };
    const { codes, message } = await failureOf(targets, catalogue);
    expect(codes).toEqual(["NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"]);
    expect(typesOf(codes)).toEqual(["REQUEST_ERROR"]);
    expect(message).toContain("thinggroup/a requires 1.0.0, thinggroup/b requires 2.0.0");
  });

  test("tells of components that need each other", async () => {
    const circle: Catalogue = { a: { "1.0.0": { b: "*" } }, b: { "1.0.0": { a: "*" } } };
    expect((await failureOf({ "thinggroup/a": targetOf({ a: "*" }) }, circle)).codes).toEqual([
      "COMPONENT_CIRCULAR_DEPENDENCY_ERROR",
    ]);
  });

  test("meets every requirement of its result, or fails", async () => {
    const names = ["a", "b", "c"];
    const needs = fc.dictionary(fc.constantFrom(...names), fc.constantFrom("*", "^1.0.0", "1.0.0", ">=1.1.0"), {
      maxKeys: 1,
    });
    const catalogues = fc.record(
      Object.fromEntries(names.map((name) => [name, fc.dictionary(fc.constantFrom("1.0.0", "1.1.0", "2.0.0"), needs)])),
    );
    const roots = fc.dictionary(fc.constantFrom(...names), fc.constantFrom("*", "1.0.0", "^1.0.0", ">=1.1.0"));
    await fc.assert(
      fc.asyncProperty(catalogues, roots, roots, async (known, one, other) => {
        const targets = { "thinggroup/1": targetOf(one), "thinggroup/2": targetOf(other) };
        const result = await resolveAll(targets, cloudOf(known)).catch((error: unknown) => error);
        if (!(result instanceof Map)) {
          expect(result).toBeInstanceOf(DeploymentError);
          return;
        }
        const required = requirementsOf(targets, result as Map<string, Resolved>);
        expect([...required.keys()].sort()).toEqual([...result.keys()].sort());
        for (const [name, by] of required) expect(satisfiesAll(result.get(name).version, Object.values(by))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
