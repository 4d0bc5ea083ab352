import { describe, expect, test } from "vitest";
import { emptyDeployment, type WantedComponent } from "../../../shared/deployment/deployment.ts";
import { inUse, usersOfVersion } from "../../../shared/deployment/users.ts";
import type { Published } from "../../../shared/deployment/versions.ts";

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
