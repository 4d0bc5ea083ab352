import fc from "fast-check";
import semver from "semver";
import { describe, expect, test } from "vitest";
import type { Runtime } from "../../../shared/deployment/cell.ts";
import type { KeptComponent } from "../../../shared/deployment/deployment.ts";
import type { Layer } from "../../../shared/deployment/layers.ts";
import { type CellSet, cellContent, cellHash, contentHash, resolver } from "../../../shared/deployment/resolve.ts";
import type { Published, VersionFacts } from "../../../shared/deployment/versions.ts";

type Needs = Readonly<Record<string, string>>;

/** `["1.0.0", { lib: "^1.0.0" }]`, numbered in this order. */
const published = (...versions: (readonly [string, Needs?, Partial<VersionFacts>?])[]): VersionFacts[] =>
  versions.map(([version, needs = {}, more = {}], index) => ({
    version,
    catalogueNumber: index + 1,
    ...(Object.keys(needs).length > 0 && {
      dependencies: Object.fromEntries(
        Object.entries(needs).map(([name, requirement]) => [name, { requirement, type: "HARD" as const }]),
      ),
    }),
    ...more,
  }));

const layer = (target: string, components: Readonly<Record<string, string>>, catalogue = 100, priority = 0): Layer => ({
  target,
  kind: target.startsWith("nod_") ? "node" : "node-group",
  priority,
  components: Object.fromEntries(
    Object.entries(components).map(([name, version]): [string, KeptComponent] => [name, { version, catalogue }]),
  ),
});

const versionsOf = ({ components }: CellSet) =>
  Object.fromEntries([...components].map(([name, { facts }]) => [name, facts.version]));

const set = (versions: Published, layers: readonly Layer[], runtime: Runtime = "nucleus") =>
  resolver(versions).set(layers, runtime);

const LIB = published(["1.0.0"], ["1.1.0"], ["2.0.0"]);

describe("dependencies", () => {
  test.each([
    { note: "are pinned to the highest version that is taken", app: { lib: "^1.0.0" }, lib: "1.1.0" },
    { note: "are pinned where only one version will do", app: { lib: "1.0.0" }, lib: "1.0.0" },
  ])("$note", ({ app, lib }) => {
    const chosen = set({ app: published(["1.0.0", app]), lib: LIB }, [layer("grp_1", { app: "*" })]);
    expect(versionsOf(chosen)).toEqual({ app: "1.0.0", lib });
    expect(chosen.unmet).toEqual([]);
    expect(cellContent(chosen).lib).toEqual({ componentVersion: lib });
  });

  test("of dependencies come too, in a circle as well", () => {
    const versions = {
      app: published(["1.0.0", { lib: "*" }]),
      lib: published(["1.0.0", { core: "^1.0.0" }]),
      core: published(["1.0.0", { app: "*" }], ["2.0.0"]),
    };
    expect(versionsOf(set(versions, [layer("grp_1", { app: "*" })]))).toEqual({
      app: "1.0.0",
      lib: "1.0.0",
      core: "1.0.0",
    });
  });

  test("that a target names keep to what the target leaves, and within that to what is needed", () => {
    const versions = { app: published(["1.0.0", { lib: "<2.0.0" }]), lib: LIB };
    expect(versionsOf(set(versions, [layer("grp_1", { app: "*" }), layer("grp_2", { lib: "*" })])).lib).toBe("1.1.0");
    const pinned = set(versions, [layer("grp_1", { app: "*" }), layer("grp_2", { lib: "2.0.0" })]);
    expect(versionsOf(pinned).lib).toBe("2.0.0");
    expect(pinned.unmet).toEqual(["lib"]);
    expect(pinned.needs.get("lib")).toEqual([{ dependent: "app", requirement: "<2.0.0", type: "HARD" }]);
  });

  test("of which there is no version are told, and nothing is put in their place", () => {
    const chosen = set({ app: published(["1.0.0", { lib: "^9.0.0" }]), lib: LIB }, [layer("grp_1", { app: "*" })]);
    expect(versionsOf(chosen)).toEqual({ app: "1.0.0" });
    expect(chosen.unmet).toEqual(["lib"]);
  });

  test("see no more than the component that brings them in was named with", () => {
    const versions = { app: published(["1.0.0", { lib: "*" }]), lib: LIB };
    expect(versionsOf(set(versions, [layer("grp_1", { app: "*" }, 2)])).lib).toBe("1.1.0");
    expect(versionsOf(set(versions, [layer("grp_1", { app: "*" }, 3)])).lib).toBe("2.0.0");
  });

  test("of two components see what both see, or more where that would not do", () => {
    const versions = {
      app: published(["1.0.0", { lib: "*" }]),
      web: published(["1.0.0", { lib: ">=1.0.0" }]),
      new: published(["1.0.0", { lib: "^2.0.0" }]),
      lib: LIB,
    };
    const old = layer("grp_1", { app: "*" }, 1);
    expect(versionsOf(set(versions, [old, layer("grp_2", { web: "*" })])).lib).toBe("1.0.0");
    expect(versionsOf(set(versions, [old, layer("grp_2", { new: "*" })])).lib).toBe("2.0.0");
  });

  test("are taken back with the version that needed them", () => {
    const versions = {
      app: published(["1.0.0", { lib: "<2.0.0" }], ["2.0.0", { gone: "*" }]),
      web: published(["1.0.0", { app: "<2.0.0" }]),
      lib: LIB,
      gone: published(["1.0.0"]),
    };
    const chosen = set(versions, [layer("grp_1", { app: "*", web: "*" })]);
    expect(versionsOf(chosen)).toEqual({ app: "1.0.0", web: "1.0.0", lib: "1.1.0" });
    expect([...chosen.needs.keys()]).toEqual(["app", "lib"]);
  });

  test("on the nucleus are pinned for the nucleus, and none for lite, which has it built in", () => {
    const versions: Published = {
      app: published(["1.0.0", { "aws.greengrass.Nucleus": ">=2.0.0", "aws.greengrass.TokenExchangeService": "*" }]),
      "aws.greengrass.Nucleus": published(["2.14.0"], ["2.15.0"]),
      "aws.greengrass.TokenExchangeService": published(["2.0.3"]),
    };
    const layers = [layer("grp_1", { app: "*" })];
    expect(versionsOf(set(versions, layers))).toEqual({
      app: "1.0.0",
      "aws.greengrass.Nucleus": "2.15.0",
      "aws.greengrass.TokenExchangeService": "2.0.3",
    });
    expect(versionsOf(set(versions, layers, "nucleus-lite"))).toEqual({ app: "1.0.0" });
  });

  test("and components themselves are chosen among versions for the cell's runtime", () => {
    const versions = {
      app: published(["1.0.0", { lib: "*" }], ["2.0.0", {}, { runtimes: ["nucleus"] }]),
      lib: published(["1.0.0"], ["1.1.0", {}, { runtimes: ["nucleus"] }]),
    };
    const layers = [layer("grp_1", { app: "*" })];
    expect(versionsOf(set(versions, layers))).toEqual({ app: "2.0.0" });
    expect(versionsOf(set(versions, layers, "nucleus-lite"))).toEqual({ app: "1.0.0", lib: "1.0.0" });
  });

  test("that go round and round without end are broken off, and told", () => {
    // Each version of one asks for the other version of the other.
    const versions = {
      one: published(["1.0.0", { two: "1.0.0" }], ["2.0.0", { two: "2.0.0" }]),
      two: published(["1.0.0", { one: "2.0.0" }], ["2.0.0", { one: "1.0.0" }]),
    };
    const chosen = set(versions, [layer("grp_1", { one: "*" })]);
    expect(chosen.unmet.length).toBeGreaterThan(0);
  });

  test("that go round and round are put right by a node's own deployment that takes another version", () => {
    // Which version is left where the round is broken off depends on how many steps others take.
    const own = published(["1.0.0"], ["2.0.0"], ["3.0.0", { lib: "^1.0.0" }]);
    const versions = { lib: own, app: published(["1.0.0", { other: "*" }]), other: published(["1.0.0"]) };
    for (const wishes of [{ lib: "*" }, { lib: "*", app: "*", other: "*" }]) {
      const layers = [layer("grp_1", wishes), layer("nod_1", { lib: "2.0.0" })];
      expect(set(versions, layers.slice(0, 1)).unmet).toEqual(["lib"]);
      expect(set(versions, layers)).toMatchObject({ unmet: [], ambiguous: [] });
    }
  });
});

// --- properties ---

const NAMES = ["a", "b", "c", "d"] as const;
const requirement = fc.constantFrom("*", "^1.0.0", "1.0.0", "<2.0.0", "2.0.0", ">=1.1.0");
const versionsArbitrary: fc.Arbitrary<Published> = fc
  .record(
    Object.fromEntries(
      NAMES.map((name) => [
        name,
        fc.uniqueArray(
          fc.tuple(
            fc.constantFrom("1.0.0", "1.1.0", "2.0.0"),
            fc.dictionary(fc.constantFrom(...NAMES), requirement, { maxKeys: 2 }),
            fc.constantFrom({}, { runtimes: ["nucleus" as const] }, { runtimes: ["nucleus-lite" as const] }, {}),
          ),
          { selector: ([version]) => version, maxLength: 3 },
        ),
      ]),
    ),
  )
  .map((made) => Object.fromEntries(Object.entries(made).map(([name, versions]) => [name, published(...versions)])));
const layersArbitrary = fc.uniqueArray(
  fc
    .record({
      target: fc.constantFrom("grp_1", "grp_2", "nod_1"),
      components: fc.dictionary(fc.constantFrom(...NAMES), requirement, { maxKeys: 3 }),
      catalogue: fc.constantFrom(1, 2, 100),
      priority: fc.nat(1),
    })
    .map(({ target, components, catalogue, priority }) => layer(target, components, catalogue, priority)),
  { selector: ({ target }) => target, maxLength: 3 },
);
const runtimes = fc.constantFrom<Runtime>("nucleus", "nucleus-lite");

describe("for any versions and deployments", () => {
  test("what is not told as unmet is met, for every chosen component, and nothing else is chosen", () => {
    fc.assert(
      fc.property(versionsArbitrary, layersArbitrary, runtimes, (versions, layers, runtime) => {
        const chosen = set(versions, layers, runtime);
        const named = new Set(layers.flatMap(({ components }) => Object.keys(components)));
        const required = new Set<string>();
        for (const [name, { facts }] of chosen.components) {
          expect(facts.runtimes ?? [runtime]).toContain(runtime);
          for (const [dependency, need] of Object.entries(facts.dependencies ?? {})) {
            required.add(dependency);
            const version = chosen.components.get(dependency)?.facts.version;
            const met = version !== undefined && semver.satisfies(version, need.requirement);
            if (!chosen.unmet.includes(dependency)) expect({ name, dependency, met }).toMatchObject({ met: true });
          }
        }
        if (chosen.unmet.length > 0) return;
        for (const name of chosen.components.keys()) expect(named.has(name) || required.has(name)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test("the order of deployments and of versions does not matter, nor what the resolver was asked before", () => {
    fc.assert(
      fc.property(versionsArbitrary, layersArbitrary, runtimes, (versions, layers, runtime) => {
        const one = set(versions, layers, runtime);
        const turned = Object.fromEntries(
          Object.entries(versions)
            .reverse()
            .map(([name, list]) => [name, [...list].reverse()]),
        );
        const used = resolver(turned);
        for (let count = 0; count < layers.length; count += 1) used.set(layers.slice(count), runtime);
        const other = used.set([...layers].reverse(), runtime);
        expect(cellContent(other)).toEqual(cellContent(one));
        expect(cellHash(other)).toBe(cellHash(one));
        expect([other.ambiguous, other.unmet, [...other.needs]]).toEqual([one.ambiguous, one.unmet, [...one.needs]]);
      }),
      { numRuns: 500 },
    );
  });

  const all = ({ components, needs, unmet, ambiguous, unresolved }: CellSet) => ({
    components: [...components].map(([name, { text, choice }]) => [
      name,
      text,
      choice?.wishes.map(({ wanted }) => wanted),
    ]),
    needs: [...needs],
    unmet,
    ambiguous,
    unresolved: unresolved.map(({ component }) => component),
  });

  test("a node's own deployment makes of its groups' what it would make if nothing were known of theirs", () => {
    fc.assert(
      fc.property(versionsArbitrary, layersArbitrary, runtimes, (versions, layers, runtime) => {
        const used = resolver(versions);
        used.set(
          layers.filter(({ kind }) => kind === "node-group"),
          runtime,
        );
        // A group above all others is resolved with them, from the beginning.
        const asGroups = layers.map((one) =>
          one.kind === "node" ? { ...one, kind: "node-group" as const, priority: 9 } : one,
        );
        expect(all(used.set(layers, runtime))).toEqual(all(set(versions, asGroups, runtime)));
      }),
      { numRuns: 2_000 },
    );
  });

  test("a deployment that is revised makes of a cell what it would make if nothing were known of the cell", () => {
    const wishes = fc.dictionary(fc.constantFrom(...NAMES), fc.option(requirement), { maxKeys: 2 });
    fc.assert(
      fc.property(
        versionsArbitrary,
        layersArbitrary,
        fc.nat(2),
        wishes,
        runtimes,
        (versions, layers, at, edit, runtime) => {
          const now = layers.map((one, place) => {
            if (place !== at) return one;
            const components = { ...one.components };
            for (const [name, version] of Object.entries(edit)) {
              if (version === null) delete components[name];
              else components[name] = { version, catalogue: 2 };
            }
            return { ...one, components };
          });
          const used = resolver(versions);
          const revised = used.revised(used.set(layers, runtime), now, Object.keys(edit));
          expect(all(revised)).toEqual(all(set(versions, now, runtime)));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("the hash made from parts is the hash of the whole, for names that JavaScript puts first as well", () => {
    const names = fc.uniqueArray(fc.constantFrom("10", "9", "a", "B", "01", "4294967294", "4294967295", "é", "1.0"), {
      maxLength: 9,
      size: "max",
    });
    fc.assert(
      fc.property(names, (chosen) => {
        const versions = Object.fromEntries(chosen.map((name) => [name, published(["1.0.0"])]));
        const wishes = Object.fromEntries(chosen.map((name) => [name, "*"]));
        const made = set(versions, [layer("grp_1", wishes), layer("nod_1", { 5: "*" })]);
        expect(cellHash(made)).toBe(contentHash(cellContent(made)));
      }),
    );
  });
});
