import { describe, expect, test } from "vitest";
import { emptyDeployment, type WantedComponent } from "../../../shared/deployment/deployment.ts";
import { usersOfVersion } from "../../../shared/deployment/users.ts";

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
