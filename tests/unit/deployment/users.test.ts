import { describe, expect, test } from "vitest";
import type { StoredDependant } from "../../../shared/component/dependant.ts";
import { emptyDeployment, type WantedComponent } from "../../../shared/deployment/deployment.ts";
import { dependencesOn, inUse, leftWithout, usersOfVersion } from "../../../shared/deployment/users.ts";
import type { Published, VersionFacts } from "../../../shared/deployment/versions.ts";

const deployment = (
  name: string,
  components: Record<string, WantedComponent>,
  type: "node-group" | "node" = "node-group",
) => ({
  ...emptyDeployment("ws_1", { type, id: `id-of-${name}`, name }, 0, new Date(0)),
  components: Object.fromEntries(
    Object.entries(components).map(([component, wanted]) => [component, { ...wanted, catalogue: 100 }]),
  ),
});
const version = { component: "a", version: "1.2.0", catalogueNumber: 100 };

describe("a version is in use", () => {
  test.each([
    { wish: "1.2.0", used: true },
    { wish: "^1.0.0", used: true },
    { wish: "*", used: true },
    { wish: "<1.2.0", used: false },
    { wish: "1.2.1", used: false },
    { wish: "^2.0.0", used: false },
  ])("by a deployment that wants $wish: $used", ({ wish, used }) => {
    expect(usersOfVersion(version, [deployment("press", { a: { version: wish } })])).toEqual(
      used ? ["node-group press"] : [],
    );
  });

  test("by no deployment that last named the component before it was published, or when it never was", () => {
    const wishes = [deployment("press", { a: { version: "*" } })];
    expect(usersOfVersion({ ...version, catalogueNumber: 101 }, wishes)).toEqual([]);
    expect(usersOfVersion({ component: "a", version: "1.2.0" }, wishes)).toEqual([]);
  });

  test("by each deployment that wants it, named for people", () => {
    const users = usersOfVersion(version, [
      deployment("press", { a: { version: "1.2.0" } }),
      deployment("oven", { b: { version: "1.2.0" } }),
      deployment("box", { a: { version: "~1.2.0" } }, "node"),
      deployment("idle", {}),
    ]);
    expect(users).toEqual(["node-group press", "node box"]);
  });

  test("as a prerelease, only by who names one", () => {
    const candidate = { component: "a", version: "2.0.0-rc.1", catalogueNumber: 7 };
    expect(usersOfVersion(candidate, [deployment("all", { a: { version: "*" } })])).toEqual([]);
    expect(usersOfVersion(candidate, [deployment("next", { a: { version: ">=2.0.0-rc.0" } })])).toEqual([
      "node-group next",
    ]);
  });

  test("by no deployment that does not have the component, whatever its name", () => {
    for (const component of ["constructor", "toString", "__proto__"]) {
      expect(usersOfVersion({ component, version: "1.0.0" }, [deployment("press", { a: { version: "*" } })])).toEqual(
        [],
      );
    }
  });
});

describe("a version that nobody names is in use", () => {
  const needs = (name: string, requirement: string) => ({ [name]: { requirement, type: "HARD" as const } });
  const published: Published = {
    app: [
      { version: "1.0.0", catalogueNumber: 1, dependencies: needs("lib", "^1.0.0") },
      { version: "2.0.0", catalogueNumber: 2, dependencies: needs("lib", "^2.0.0") },
      { version: "3.0.0", catalogueNumber: 101, dependencies: needs("lib", "^3.0.0") },
    ],
    lib: [
      { version: "1.0.0", catalogueNumber: 3, dependencies: needs("base", "*") },
      { version: "2.0.0", catalogueNumber: 4 },
      { version: "3.0.0", catalogueNumber: 5 },
    ],
  };
  const lib = (version: string, catalogueNumber: number) => ({ component: "lib", version, catalogueNumber });
  const wants = (version: string) => [deployment("press", { app: { version } })];

  test.each([
    { note: "by what depends on it", of: lib("1.0.0", 3), wish: "1.0.0", used: true },
    { note: "by none that takes another", of: lib("2.0.0", 4), wish: "1.0.0", used: false },
    { note: "by any version that may be chosen", of: lib("2.0.0", 4), wish: "*", used: true },
    { note: "not by a version that came later", of: lib("3.0.0", 5), wish: "*", used: false },
    { note: "not when it came later itself", of: lib("1.9.0", 102), wish: "1.0.0", used: false },
    {
      note: "by what depends on what depends on it",
      of: { component: "base", version: "0.1.0", catalogueNumber: 6 },
      wish: "1.0.0",
      used: true,
    },
  ])("$note: $used", ({ of, wish, used }) => {
    expect(usersOfVersion(of, wants(wish), published)).toEqual(used ? ["node-group press"] : []);
  });

  test("by whom it was delivered to, whatever is wanted by now", () => {
    const delivered = { hash: "h", deploymentId: "d", jobId: "j", sequence: 1, at: 0, revisions: {} };
    const cell = (targets: string[], versions: Record<string, string>) => ({
      targets,
      runtime: "nucleus" as const,
      delivered: { ...delivered, versions },
    });
    const cells = [cell(["id-of-press"], { lib: "2.0.0" }), cell(["id-of-mill"], { lib: "1.0.0" })];
    const deployments = [deployment("press", {}), deployment("mill", {})];
    expect(usersOfVersion(lib("2.0.0", 4), deployments, published, cells)).toEqual(["node-group press"]);
    expect(usersOfVersion(lib("3.0.0", 5), deployments, published, cells)).toEqual([]);
    const gone = [cell(["id-of-nobody"], { lib: "2.0.0" })];
    expect(usersOfVersion(lib("2.0.0", 4), deployments, published, gone)).toEqual(["devices that it was delivered to"]);
  });
});

describe("a version that others depend on", () => {
  type Made = Pick<VersionFacts, "runtimes">;
  const lib = (version: string, more: Made = {}) => ({ version, catalogueNumber: 1, ...more });
  const self = { id: "cv_lib", component: "lib", version: "1.2.0", catalogueNumber: 7 };
  const app = (requirement: string, more: Partial<StoredDependant> = {}): StoredDependant => ({
    pk: "ws_1#dependant",
    sk: "cv_app",
    type: "dependant",
    id: "cv_app",
    component: "app",
    version: "3.0.0",
    dependencies: { lib: { requirement, type: "HARD" } },
    ...more,
  });
  const soft = { lib: { requirement: "^1.0.0", type: "SOFT" as const } };
  const lite = { runtimes: ["nucleus-lite"] as const };
  const classic = { runtimes: ["nucleus"] as const };

  test.each<{ note: string; of?: Made; needs: StoredDependant; others?: VersionFacts[]; blocks: boolean | "none" }>([
    { note: "that nothing else meets", needs: app("^1.0.0"), blocks: true },
    { note: "softly: a device installs it all the same", needs: app("", { dependencies: soft }), blocks: true },
    { note: "that another version meets", needs: app("^1.0.0"), others: [lib("1.0.0")], blocks: false },
    {
      note: "that one deprecated meets",
      needs: app("*"),
      others: [{ ...lib("1.3.0"), deprecated: "old" }],
      blocks: false,
    },
    { note: "that others do not meet", needs: app("~1.2.0"), others: [lib("1.1.0"), lib("2.0.0")], blocks: true },
    { note: "that it does not meet", needs: app("^2.0.0"), blocks: "none" },
    { note: "of something else", needs: app("", { dependencies: { base: soft.lib } }), blocks: "none" },
    { note: "of a runtime that others lack", needs: app("*"), others: [lib("1.3.0", classic)], blocks: true },
    { note: "for the other runtime alone", needs: app("*", classic), others: [lib("1.3.0", classic)], blocks: false },
    { note: "of a runtime that it is not for", of: classic, needs: app("*", lite), blocks: "none" },
    { note: "of its own", needs: app("*", { id: "cv_lib" }), blocks: "none" },
    { note: "by a name of every object", needs: app("", { dependencies: {} }), blocks: "none" },
  ])("for a requirement $note: $blocks", ({ of, needs, others = [], blocks }) => {
    const found = dependencesOn({ ...self, ...of }, [needs], others);
    expect(found.map(({ onlyThis }) => onlyThis)).toEqual(blocks === "none" ? [] : [blocks]);
    expect(leftWithout(found)).toHaveLength(blocks === true ? 1 : 0);
  });

  test("is told with what they require", () => {
    const found = dependencesOn(self, [app("~1.2.0")], []);
    expect(found).toEqual([{ id: "cv_app", name: "app 3.0.0", requirement: "~1.2.0", onlyThis: true }]);
    expect(leftWithout(found)).toEqual(["component-version app 3.0.0 (which requires ~1.2.0)"]);
  });

  test("was published", () => {
    expect(dependencesOn({ ...self, catalogueNumber: undefined }, [app("*")], [])).toEqual([]);
  });
});

describe("a refusal to delete", () => {
  test("names the users, of very many the first", () => {
    const users = Array.from({ length: 22 }, (_, index) => `node n${index}`);
    expect(inUse([])).toBeUndefined();
    expect(inUse(users.slice(0, 2))).toEqual({
      code: "version-in-use",
      detail: "the version is used by node n0, node n1",
    });
    expect(inUse(users.slice(0, 20))?.detail).toMatch(/node n19$/);
    expect(inUse(users)?.detail).toMatch(/node n19, and 2 more, which its usage lists$/);
  });
});
