import fc from "fast-check";
import semver from "semver";
import { describe, expect, test } from "vitest";
import { emptyDeployment, type KeptComponent, type WantedComponent } from "../../../shared/deployment/deployment.ts";
import {
  contentHash,
  deploymentContent,
  type EffectiveSet,
  type Layer,
  layerOf,
  type PublishedVersion,
  resolve,
} from "../../../shared/deployment/resolve.ts";

type Published = Readonly<Record<string, readonly PublishedVersion[]>>;

const OLD = "grp_1";
const YOUNG = "grp_2";
const NODE = "nod_1";

/** Sees all that is published, unless a number says up to where. */
const kept = (wanted: WantedComponent, catalogue = 100): KeptComponent => ({ ...wanted, catalogue });

const layer = (
  target: string,
  version: string,
  { catalogue, ...more }: Partial<Layer> & { readonly catalogue?: number } = {},
): Layer => ({
  target,
  kind: target.startsWith("nod_") ? "node" : "node-group",
  priority: 0,
  components: { a: kept({ version }, catalogue) },
  ...more,
});

/** Published in this order, with the numbers 1, 2, … */
const published = (...versions: string[]): readonly PublishedVersion[] =>
  versions.map((version, index) => ({ version, catalogueNumber: index + 1 }));

const ALL: Published = { a: published("1.0.0", "1.1.0", "2.0.0", "1.2.0") };
const versionOf = (layers: readonly Layer[], versions = ALL) => resolve(layers, versions).components.a?.version;

describe("the version of a component", () => {
  test.each([
    { note: "an exact version", layers: [layer(OLD, "1.1.0")], version: "1.1.0" },
    { note: "the highest of a range, not the last published", layers: [layer(OLD, "*")], version: "2.0.0" },
    { note: "the highest of a caret range", layers: [layer(OLD, "^1.0.0")], version: "1.2.0" },
    {
      note: "what satisfies everyone, though the highest precedence alone would get more",
      layers: [layer(NODE, ">=1.0.0"), layer(OLD, "^1.0.0"), layer(YOUNG, "<1.2.0")],
      version: "1.1.0",
    },
    {
      note: "the node's wish where they disagree, even against a higher priority",
      layers: [layer(OLD, "2.0.0", { priority: 9 }), layer(NODE, "1.0.0")],
      version: "1.0.0",
    },
    {
      note: "the higher priority among groups, even of the younger one",
      layers: [layer(OLD, "2.0.0"), layer(YOUNG, "1.0.0", { priority: 1 })],
      version: "1.0.0",
    },
    {
      note: "the older target among equal priorities",
      layers: [layer(YOUNG, "2.0.0"), layer(OLD, "1.0.0")],
      version: "1.0.0",
    },
    {
      note: "nothing published after the component's catalogue number",
      layers: [layer(OLD, "*", { catalogue: 2 })],
      version: "1.1.0",
    },
    {
      note: "what every one of them sees, where one sees less",
      layers: [layer(OLD, "^1.0.0", { catalogue: 2 }), layer(YOUNG, "^1.0.0")],
      version: "1.1.0",
    },
    {
      note: "the winner's own sight where they disagree",
      layers: [layer(NODE, "^1.0.0"), layer(OLD, "2.0.0", { catalogue: 3 })],
      version: "1.2.0",
    },
    { note: "none where nothing satisfies", layers: [layer(OLD, "3.0.0")], version: undefined },
    { note: "none for nobody", layers: [], version: undefined },
  ])("is $note", ({ layers, version }) => {
    expect(versionOf(layers)).toBe(version);
    expect(versionOf([...layers].reverse())).toBe(version);
  });

  test("has its own sight: that of another component of the same deployment neither widens nor narrows it", () => {
    const versions = { a: published("1.0.0", "1.1.0", "1.2.0"), b: published("1.0.0", "1.1.0", "1.2.0") };
    const components = { a: kept({ version: "^1.0.0" }, 1), b: kept({ version: "^1.0.0" }, 2) };
    const { components: chosen, unresolved } = resolve([layer(OLD, "", { components })], versions);
    expect(unresolved).toEqual([]);
    expect([chosen.a?.version, chosen.b?.version]).toEqual(["1.0.0", "1.1.0"]);
  });

  test("that was all published after the component's catalogue number is none", () => {
    expect(resolve([layer(OLD, "2.0.0", { catalogue: 2 })], ALL)).toEqual({
      components: {},
      ambiguous: [],
      unresolved: [{ component: "a", requirement: "2.0.0", target: OLD }],
    });
  });

  test("that is a prerelease is taken only where it is asked for", () => {
    const versions = { a: published("1.0.0", "2.0.0-rc.1") };
    expect(versionOf([layer(OLD, "*")], versions)).toBe("1.0.0");
    expect(versionOf([layer(OLD, ">=2.0.0-rc.1")], versions)).toBe("2.0.0-rc.1");
  });

  test("that cannot be had is told with the requirement and the target that decide", () => {
    expect(resolve([layer(OLD, "1.0.0"), layer(NODE, "^7.0.0")], ALL)).toEqual({
      components: {},
      ambiguous: [],
      unresolved: [{ component: "a", requirement: "^7.0.0", target: NODE }],
    });
  });

  test.each(["constructor", "toString", "hasOwnProperty"])("of a component named %s is like any other", (name) => {
    const wants = layer(OLD, "1.0.0", { components: Object.fromEntries([[name, kept({ version: "1.0.0" })]]) });
    const bystander = layer(NODE, "1.1.0");
    const versions: Published = Object.fromEntries([...Object.entries(ALL), [name, published("1.0.0")]]);
    const set = resolve([wants, bystander], versions);

    expect(
      Object.entries(set.components).map(([component, { version, targets }]) => ({ component, version, targets })),
    ).toEqual(
      [
        { component: "a", version: "1.1.0", targets: [NODE] },
        { component: name, version: "1.0.0", targets: [OLD] },
      ].sort((a, b) => (a.component < b.component ? -1 : 1)),
    );
    expect(set.unresolved).toEqual([]);
    expect(Object.keys(deploymentContent(set))).toContain(name);
  });

  test.each(["constructor", "toString"])("of a component named %s that was never published is none", (name) => {
    const components = Object.fromEntries([[name, kept({ version: "*" })]]);
    expect(resolve([layer(OLD, "*", { components })], {}).unresolved).toEqual([
      { component: name, requirement: "*", target: OLD },
    ]);
  });
});

describe("ambiguity", () => {
  test.each([
    { note: "two groups of equal priority disagree", layers: [layer(OLD, "1.0.0"), layer(YOUNG, "2.0.0")], told: true },
    { note: "they agree", layers: [layer(OLD, "^1.0.0"), layer(YOUNG, "1.1.0")], told: false },
    {
      note: "the priority decides",
      layers: [layer(OLD, "1.0.0", { priority: 1 }), layer(YOUNG, "2.0.0")],
      told: false,
    },
    { note: "the node decides", layers: [layer(NODE, "1.0.0"), layer(OLD, "2.0.0")], told: false },
    {
      note: "the node decides between groups that disagree",
      layers: [layer(NODE, "1.0.0"), layer(OLD, "1.1.0"), layer(YOUNG, "2.0.0")],
      told: false,
    },
    {
      note: "the two that decide agree, and only a lower priority is overruled",
      layers: [
        layer(OLD, "1.0.0", { priority: 1 }),
        layer(YOUNG, "1.0.0", { priority: 1 }),
        layer("grp_3", "2.0.0", { priority: 0 }),
      ],
      told: false,
    },
    {
      note: "the third of three equals disagrees",
      layers: [layer(OLD, "1.0.0"), layer(YOUNG, "1.0.0"), layer("grp_3", "2.0.0")],
      told: true,
    },
    {
      note: "they want the same, but one sees less than the other was given",
      layers: [layer(OLD, "2.0.0"), layer(YOUNG, "2.0.0", { catalogue: 2 })],
      told: true,
    },
  ])("is told ($told) where $note", ({ layers, told }) => {
    expect(resolve(layers, ALL).ambiguous).toEqual(told ? ["a"] : []);
    expect(resolve([...layers].reverse(), ALL).ambiguous).toEqual(told ? ["a"] : []);
  });
});

describe("configuration", () => {
  const merged = (...merges: (Record<string, never> | WantedComponent["merge"])[]) =>
    resolve(
      merges.map((merge, index) =>
        layer(`grp_${index}`, "*", {
          priority: index,
          components: { a: kept({ version: "*", ...(merge !== undefined && { merge }) }) },
        }),
      ),
      ALL,
    ).components.a?.merge;

  test.each([
    { note: "one document stays as it is", merges: [{ x: { y: [1] } }], result: { x: { y: [1] } } },
    { note: "the higher precedence wins", merges: [{ x: 1, y: 1 }, { x: 2 }], result: { x: 2, y: 1 } },
    {
      note: "objects are merged at any depth",
      merges: [{ x: { y: { a: 1 } } }, { x: { y: { b: 2 } } }],
      result: { x: { y: { a: 1, b: 2 } } },
    },
    { note: "arrays are replaced", merges: [{ x: [1, 2] }, { x: [3] }], result: { x: [3] } },
    {
      note: "a null is kept for the device to act on",
      merges: [
        { x: 1, y: { z: 1 } },
        { x: null, y: { z: null } },
      ],
      result: { x: null, y: { z: null } },
    },
    { note: "a value replaces an object", merges: [{ x: { y: 1 } }, { x: "off" }], result: { x: "off" } },
    { note: "an object replaces a value", merges: [{ x: "off" }, { x: { y: 1 } }], result: { x: { y: 1 } } },
    { note: "nobody merges", merges: [undefined, undefined], result: undefined },
    { note: "an empty document is still one", merges: [{}], result: {} },
  ])("$note", ({ merges, result }) => {
    expect(merged(...merges)).toEqual(result);
  });

  test("keeps members with names that every object inherits", () => {
    const merge = { constructor: { toString: 1 } };
    expect(merged(merge, { valueOf: { x: 1 } })).toEqual({ constructor: { toString: 1 }, valueOf: { x: 1 } });
  });

  test("does not change what it was given", () => {
    const low = { x: { y: 1 } };
    const high = { x: { z: 2 } };
    merged(low, high);
    expect([low, high]).toEqual([{ x: { y: 1 } }, { x: { z: 2 } }]);
  });

  test("is reset where any of them says so, each path once", () => {
    const reset = (...paths: string[]) => ({ components: { a: kept({ version: "*", reset: paths }) } });
    const set = resolve(
      [layer(OLD, "*", reset("/b", "/a")), layer(YOUNG, "*", reset("/a", "")), layer(NODE, "*")],
      ALL,
    );
    expect(set.components.a?.reset).toEqual(["", "/a", "/b"]);
  });
});

// --- properties, over alphabets small enough for generated values to meet ---

const VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.0.0-rc.1"];
const REQUIREMENTS = ["1.0.0", "1.1.0", "^1.0.0", ">=1.1.0", "<2.0.0", "2.0.0", "*", ">=2.0.0-rc.1", "3.0.0"];

const leaf = fc.constantFrom(1, "x", null, false);
/** Keys that hold values only, and keys that hold objects only: what one merge document can say of two (RFC 7396). */
const merge = fc.record(
  {
    p: leaf,
    q: leaf,
    o: fc.record({ p: leaf, q: leaf, o: fc.record({ p: leaf }, { requiredKeys: [] }) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

const wanted: fc.Arbitrary<KeptComponent> = fc.record(
  {
    version: fc.constantFrom(...REQUIREMENTS),
    catalogue: fc.constantFrom(2, 4, 6, 6),
    merge,
    reset: fc.subarray(["", "/p", "/o/q"]),
  },
  { requiredKeys: ["version", "catalogue"] },
);

const layersOf = fc.uniqueArray(
  fc
    .record({
      target: fc.constantFrom("grp_1", "grp_2", "grp_3", "nod_1"),
      priority: fc.nat(1),
      components: fc.record({ a: wanted, b: wanted }, { requiredKeys: ["a"] }),
    })
    .map((made): Layer => ({ ...made, kind: made.target.startsWith("nod_") ? "node" : "node-group" })),
  { selector: ({ target }) => target, maxLength: 4, size: "max" },
);

const publications = fc.shuffledSubarray(VERSIONS).map((versions) => published(...versions));
const publishedOf = fc.record({ a: publications, b: publications }, { requiredKeys: [] });

const situation = fc.record({ layers: layersOf, versions: publishedOf });

/** Who wants a component, by precedence: the node, then priorities from the highest, then ages. */
const askers = (layers: readonly Layer[], component: string) =>
  layers
    .flatMap((one) => {
      const wish = one.components[component];
      return wish === undefined ? [] : [{ ...one, wish }];
    })
    .sort(
      (a, b) =>
        Number(b.kind === "node") - Number(a.kind === "node") ||
        b.priority - a.priority ||
        a.target.localeCompare(b.target, "en"),
    );
type Asker = ReturnType<typeof askers>[number];

const accepts = (asker: Asker, { version, catalogueNumber }: PublishedVersion) =>
  catalogueNumber <= asker.wish.catalogue && semver.satisfies(version, asker.wish.version);
const top = (versions: readonly PublishedVersion[]) =>
  versions.reduce<string | undefined>(
    (best, { version }) => (best === undefined || semver.gt(version, best) ? version : best),
    undefined,
  );

const forEachComponent = (
  check: (facts: {
    component: string;
    asking: readonly Asker[];
    known: readonly PublishedVersion[];
    set: EffectiveSet;
  }) => void,
) =>
  fc.assert(
    fc.property(situation, ({ layers, versions }) => {
      const set = resolve(layers, versions);
      for (const component of ["a", "b"] as const) {
        const asking = askers(layers, component);
        if (asking.length > 0) check({ component, asking, known: versions[component] ?? [], set });
      }
    }),
    { numRuns: 1_000 },
  );

describe("for any deployments and any published versions", () => {
  test("every wanted component is either resolved or told as unresolved, and nothing else is", () => {
    fc.assert(
      fc.property(situation, ({ layers, versions }) => {
        const { components, ambiguous, unresolved } = resolve(layers, versions);
        const told = [...Object.keys(components), ...unresolved.map(({ component }) => component)];
        expect([...told].sort()).toEqual([...new Set(layers.flatMap((one) => Object.keys(one.components)))].sort());
        expect(Object.keys(components)).toEqual(expect.arrayContaining([...ambiguous]));
        expect(new Set(ambiguous).size).toBe(ambiguous.length);
      }),
    );
  });

  test("the order of deployments, of their components and of published versions never matters", () => {
    const shuffled = situation.chain(({ layers, versions }) =>
      fc.record({
        layers: fc.constant(layers),
        versions: fc.constant(versions),
        otherLayers: fc
          .shuffledSubarray(layers, { minLength: layers.length })
          .map((list) =>
            list.map((one) => ({ ...one, components: Object.fromEntries(Object.entries(one.components).reverse()) })),
          ),
        otherVersions: fc.record({
          a: fc.shuffledSubarray([...(versions.a ?? [])], { minLength: versions.a?.length ?? 0 }),
          b: fc.shuffledSubarray([...(versions.b ?? [])], { minLength: versions.b?.length ?? 0 }),
        }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ layers, versions, otherLayers, otherVersions }) => {
        const set = resolve(layers, versions);
        const other = resolve(otherLayers, otherVersions);
        expect(other).toEqual(set);
        expect(JSON.stringify(deploymentContent(other))).toBe(JSON.stringify(deploymentContent(set)));
      }),
    );
  });

  test("a resolved component has one exact version, a published one", () => {
    forEachComponent(({ component, known, set }) => {
      const version = set.components[component]?.version;
      if (version !== undefined) expect(known.map((one) => one.version)).toContain(version);
    });
  });

  test("the highest version that satisfies everyone and that everyone sees is taken, if there is one", () => {
    forEachComponent(({ component, asking, known, set }) => {
      const agreed = top(known.filter((one) => asking.every((asker) => accepts(asker, one))));
      if (agreed !== undefined) expect(set.components[component]?.version).toBe(agreed);
    });
  });

  test("otherwise what the highest precedence wants, and of the others all that leave a choice, in their order", () => {
    forEachComponent(({ component, asking, known, set }) => {
      if (known.some((one) => asking.every((asker) => accepts(asker, one)))) return;
      const [first] = asking;
      const possible = known.filter((one) => first !== undefined && accepts(first, one));
      expect(set.unresolved.filter((one) => one.component === component)).toEqual(
        possible.length === 0 ? [{ component, requirement: first?.wish.version, target: first?.target }] : [],
      );
      const chosen = known.find(({ version }) => version === set.components[component]?.version);
      if (chosen === undefined) return expect(possible).toEqual([]);
      const met = asking.filter((asker) => accepts(asker, chosen));
      expect(met[0]).toBe(first);
      expect(chosen.version).toBe(top(known.filter((one) => met.every((asker) => accepts(asker, one)))));
      for (const [rank, asker] of asking.entries()) {
        if (met.includes(asker)) continue;
        const before = asking.slice(0, rank).filter((one) => met.includes(one));
        expect(known.filter((one) => accepts(asker, one) && before.every((other) => accepts(other, one)))).toEqual([]);
      }
    });
  });

  test("the targets that asked are told by precedence", () => {
    forEachComponent(({ component, asking, set }) => {
      const resolved = set.components[component];
      if (resolved !== undefined) expect(resolved.targets).toEqual(asking.map(({ target }) => target));
    });
  });

  test("ambiguous is just what one of the targets that decide together did not want or does not see", () => {
    forEachComponent(({ component, asking, known, set }) => {
      const chosen = known.find(({ version }) => version === set.components[component]?.version);
      const deciding = asking.filter(
        ({ kind, priority }) => kind === asking[0]?.kind && priority === asking[0].priority,
      );
      const disagree = chosen !== undefined && !deciding.every((asker) => accepts(asker, chosen));
      expect(set.ambiguous.includes(component)).toBe(disagree);
    });
  });

  test("nothing published after a component's catalogue number is chosen for its target", () => {
    forEachComponent(({ component, asking, known, set }) => {
      const [first, ...others] = asking;
      const chosen = known.find(({ version }) => version === set.components[component]?.version);
      if (first === undefined || chosen === undefined) return;
      expect(chosen.catalogueNumber).toBeLessThanOrEqual(first.wish.catalogue);
      if (others.length === 0) expect(chosen.version).toBe(top(known.filter((one) => accepts(first, one))));
    });
  });

  test("a version published later than all of a component's numbers changes nothing, whatever other components see", () => {
    const later = fc.record({
      version: fc.constantFrom("1.3.0", "2.1.0", "9.0.0"),
      after: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(situation, later, ({ layers, versions }, { version, after }) => {
        const withLater = (component: "a" | "b") => {
          const seen = askers(layers, component).map(({ wish }) => wish.catalogue);
          return [...(versions[component] ?? []), { version, catalogueNumber: Math.max(0, ...seen) + after }];
        };
        const set = resolve(layers, versions);
        expect(resolve(layers, { a: withLater("a"), b: withLater("b") })).toEqual(set);
        const both = [{ version, catalogueNumber: 6 + after }];
        const everywhere = { a: [...(versions.a ?? []), ...both], b: [...(versions.b ?? []), ...both] };
        expect(resolve(layers, everywhere)).toEqual(set);
      }),
      { numRuns: 500 },
    );
  });

  test("what one component's number is changes no other component", () => {
    fc.assert(
      fc.property(situation, fc.constantFrom(0, 2, 4, 100), ({ layers, versions }, catalogue) => {
        const changed = layers.map((one) => {
          const a = one.components.a;
          return a === undefined ? one : { ...one, components: { ...one.components, a: { ...a, catalogue } } };
        });
        const [before, after] = [resolve(layers, versions), resolve(changed, versions)];
        const toldOfB = (set: EffectiveSet) => ({
          chosen: set.components.b,
          ambiguous: set.ambiguous.includes("b"),
          unresolved: set.unresolved.filter(({ component }) => component === "b"),
        });
        expect(toldOfB(after)).toEqual(toldOfB(before));
      }),
    );
  });

  test("the merge does to any configuration what the deployments' own would, from the lowest precedence to the highest", () => {
    /** RFC 7396, section 2. */
    const patch = (target: unknown, change: unknown): unknown => {
      if (typeof change !== "object" || change === null || Array.isArray(change)) return change;
      const result = new Map(typeof target === "object" && target !== null ? Object.entries(target) : []);
      for (const [key, value] of Object.entries(change)) {
        if (value === null) result.delete(key);
        else result.set(key, patch(result.get(key), value));
      }
      return Object.fromEntries(result);
    };
    fc.assert(
      fc.property(situation, merge, ({ layers, versions }, device) => {
        const set = resolve(layers, versions);
        for (const [component, resolved] of Object.entries(set.components)) {
          const configuration = patch({}, device);
          const lowestFirst = askers(layers, component).reverse();
          const inTurn = lowestFirst.reduce(
            (now, { wish }) => (wish.merge === undefined ? now : patch(now, wish.merge)),
            configuration,
          );
          expect(resolved.merge === undefined ? configuration : patch(configuration, resolved.merge)).toEqual(inTurn);
        }
      }),
    );
  });

  test("what is reset is the union of what they reset", () => {
    forEachComponent(({ component, asking, set }) => {
      const resolved = set.components[component];
      if (resolved === undefined) return;
      const united = new Set(asking.flatMap(({ wish }) => wish.reset ?? []));
      expect(resolved.reset ?? []).toEqual([...united].sort());
    });
  });
});

describe("a deployment's content", () => {
  test("is what CreateDeployment takes", () => {
    const set: EffectiveSet = {
      components: {
        a: { version: "1.0.0", targets: [OLD] },
        b: { version: "2.0.0", merge: { y: 1, x: { d: 1, c: [{ f: 1, e: 2 }] } }, reset: ["/z"], targets: [OLD] },
        c: { version: "3.0.0", reset: [""], targets: [OLD] },
      },
      ambiguous: [],
      unresolved: [],
    };
    expect(deploymentContent(set)).toEqual({
      a: { componentVersion: "1.0.0" },
      b: {
        componentVersion: "2.0.0",
        configurationUpdate: { merge: '{"x":{"c":[{"e":2,"f":1}],"d":1},"y":1}', reset: ["/z"] },
      },
      c: { componentVersion: "3.0.0", configurationUpdate: { reset: [""] } },
    });
    expect(deploymentContent({ components: {}, ambiguous: [], unresolved: [] })).toEqual({});
  });

  test("has the same bytes and hash for equal sets, whatever the order of their members", () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, reversed(inner)]),
      );
    };
    fc.assert(
      fc.property(situation, ({ layers, versions }) => {
        const set = resolve(layers, versions);
        const same = reversed(set) as EffectiveSet;
        expect(same).toEqual(set);
        expect(contentHash(deploymentContent(same))).toBe(contentHash(deploymentContent(set)));
      }),
    );
  });

  test("does not depend on the catalogue number, only on what is chosen", () => {
    const contents = [2, 3, 100].map((catalogue) =>
      deploymentContent(resolve([layer(OLD, "<1.2.0", { catalogue })], ALL)),
    );
    expect(contents[0]).toEqual({ a: { componentVersion: "1.1.0" } });
    expect(new Set(contents.map(contentHash)).size).toBe(1);
  });

  test("does not depend on who asked, only on what is delivered", () => {
    const [one, two] = [layer(OLD, "1.0.0"), layer(NODE, "<1.1.0")].map((only) =>
      contentHash(deploymentContent(resolve([only], ALL))),
    );
    expect(one).toBe(two);
    expect(one).toMatch(/^[0-9a-f]{64}$/);
  });

  test("has another hash where a version, a merge document or a reset differs", () => {
    const contents = [
      { version: "1.0.0" },
      { version: "1.1.0" },
      { version: "1.0.0", merge: {} },
      { version: "1.0.0", merge: { x: 1 } },
      { version: "1.0.0", merge: { x: "1" } },
      { version: "1.0.0", reset: [""] },
      { version: "1.0.0", reset: ["/x"] },
      { version: "1.0.0", merge: { x: 1 }, reset: ["/x"] },
    ].map((a) => deploymentContent(resolve([layer(OLD, "", { components: { a: kept(a) } })], ALL)));
    expect(new Set(contents.map(contentHash)).size).toBe(contents.length);
  });
});

describe("a stored deployment as a layer", () => {
  test.each(["node-group", "node"] as const)(
    "has the precedence of its %s, and each component's own number",
    (type) => {
      const components = { a: kept({ version: "^1.0.0", reset: [""] }, 3), b: kept({ version: "*" }, 5) };
      const target = { type, id: "id_1", name: "press" };
      const stored = { ...emptyDeployment("ws_1", target, 9, new Date(0)), priority: 4, components };
      expect(layerOf(stored)).toEqual({ target: "id_1", kind: type, priority: 4, components });
    },
  );
});
