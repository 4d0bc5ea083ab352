import { describe, expect, test } from "vitest";
import { emptyDeployment, type StoredDeployment } from "../../../shared/deployment/deployment.ts";
import type { Published } from "../../../shared/deployment/versions.ts";
import { wishOf } from "../../../shared/deployment/wish.ts";

const group = (id: string, versions: Record<string, string>, beside: Partial<StoredDeployment> = {}) => ({
  ...emptyDeployment("ws_1", { type: "node-group", id, name: `name-of-${id}` }, 9, new Date(0)),
  components: Object.fromEntries(Object.entries(versions).map(([name, version]) => [name, { version, catalogue: 9 }])),
  ...beside,
});

const published: Published = {
  app: [
    { version: "1.0.0", catalogueNumber: 1, dependencies: { lib: { requirement: "^1.0.0", type: "HARD" } } },
    { version: "2.0.0", catalogueNumber: 2, dependencies: { lib: { requirement: "^3.0.0", type: "SOFT" } } },
  ],
  lib: [
    { version: "1.0.0", catalogueNumber: 3 },
    { version: "1.2.0", catalogueNumber: 4 },
    { version: "1.3.0", catalogueNumber: 10 },
  ],
};

describe("what a cell should deliver", () => {
  test("names exact versions of components and of what they depend on, no newer than was seen", () => {
    expect(wishOf("nucleus", [group("grp_1", { app: "^1.0.0" })], published)).toMatchObject({
      content: { app: { componentVersion: "1.0.0" }, lib: { componentVersion: "1.2.0" } },
      versions: { app: "1.0.0", lib: "1.2.0" },
      settings: {},
    });
  });

  test("is done as the target of highest precedence says", () => {
    const low = group("grp_1", {}, { policies: { validationSeconds: 5, failureHandling: "rollback" } });
    const high = group("grp_2", {}, { priority: 3, policies: { failureHandling: "do-nothing" } });
    for (const deployments of [
      [low, high],
      [high, low],
    ]) {
      expect(wishOf("nucleus", deployments, published)).toMatchObject({
        settings: { policies: { validationSeconds: 5, failureHandling: "do-nothing" } },
      });
    }
  });

  test("is nothing where a requirement cannot be met, and says whose", () => {
    const wish = wishOf("nucleus", [group("grp_1", { app: "^7.0.0" })], published);
    expect(wish).toMatchObject({ code: "unresolvable" });
    expect(wish).toHaveProperty("detail", expect.stringMatching(/app.*name-of-grp_1.*\^7\.0\.0/));
  });

  test.each(["HARD", "SOFT"])("is nothing where a %s dependency cannot be met, and says what would help", (type) => {
    const version = type === "HARD" ? "1.0.0" : "2.0.0";
    const versions = type === "HARD" ? { ...published, lib: [] } : published;
    const wish = wishOf("nucleus", [group("grp_1", { app: version })], versions);
    expect(wish).toMatchObject({ code: "unmet-dependency" });
    expect(wish).toHaveProperty("detail", expect.stringMatching(/app \d\.0\.0 .*needs lib.*publish a version of lib/));
  });

  test("is nothing where it is more than a device takes", () => {
    const components = { lib: { version: "1.0.0", catalogue: 9, merge: { text: "x".repeat(31_000) } } };
    expect(wishOf("nucleus", [group("grp_1", {}, { components })], published)).toMatchObject({
      code: "deployment-too-large",
    });
  });

  test("is delivered where targets of equal priority disagree: someone decides later", () => {
    const wish = wishOf("nucleus", [group("grp_1", { lib: "1.0.0" }), group("grp_2", { lib: "1.2.0" })], published);
    expect(wish).toMatchObject({ versions: { lib: "1.0.0" } });
  });
});
