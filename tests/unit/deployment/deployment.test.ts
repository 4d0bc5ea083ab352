import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  emptyDeployment,
  PatchDeployment,
  patched,
  Requirement,
  reviseDeployment,
  type StoredDeployment,
  WantedComponent,
} from "../../../shared/deployment/deployment.ts";
import { applied } from "../apply.ts";
import { theMoment } from "../moment.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const LATER = new Date("2026-01-02T03:04:06.000Z");
const EMPTY = emptyDeployment("ws_1", { type: "node-group", id: "grp_1", name: "press" }, 7, NOW);
const BASE: StoredDeployment = {
  ...EMPTY,
  components: { a: { version: "1.0.0" }, b: { version: "2.0.0", reset: [""] } },
};

describe("a patch", () => {
  test.each<{ note: string; patch: PatchDeployment; components: StoredDeployment["components"] }>([
    {
      note: "adds a component",
      patch: { components: { c: { version: "^3.0.0" } } },
      components: { ...BASE.components, c: { version: "^3.0.0" } },
    },
    {
      note: "removes one by null",
      patch: { components: { a: null } },
      components: { b: { version: "2.0.0", reset: [""] } },
    },
    {
      note: "replaces one as a whole",
      patch: { components: { b: { version: "2.1.0" } } },
      components: { a: { version: "1.0.0" }, b: { version: "2.1.0" } },
    },
    { note: "removes what is not there", patch: { components: { z: null } }, components: BASE.components },
    { note: "changes the priority alone", patch: { priority: 5 }, components: BASE.components },
    {
      note: "takes a component of any lawful name",
      patch: { components: { constructor: { version: "1.0.0" } } },
      components: { ...BASE.components, constructor: { version: "1.0.0" } },
    },
  ])("$note", ({ patch, components }) => {
    const next = patched(BASE, patch, 9, LATER);
    expect(next).toEqual({
      ...BASE,
      components,
      priority: patch.priority ?? 0,
      revision: 2,
      catalogue: 9,
      updatedAt: LATER.toISOString(),
    });
    expect(BASE.revision).toBe(1);
  });

  test("leaves every component that it does not name as it was, and keeps names in order", () => {
    const names = ["a", "b", "c", "d"];
    const wanted: fc.Arbitrary<WantedComponent> = fc.constantFrom(
      { version: "1.0.0" },
      { version: "^2.0.0", reset: [""] },
    );
    const wishes = fc.dictionary(fc.constantFrom(...names), wanted);
    const change = fc.dictionary(fc.constantFrom(...names), fc.option(wanted));
    fc.assert(
      fc.property(wishes, change, (components, patch) => {
        const next = patched({ ...EMPTY, components }, { components: patch }, 7, LATER).components;
        for (const name of names) {
          const named = patch[name];
          expect(next[name]).toEqual(named === undefined ? components[name] : (named ?? undefined));
        }
        expect(Object.keys(next)).toEqual(Object.keys(next).sort());
      }),
    );
  });

  test("is refused where it changes nothing or holds what a deployment has not", () => {
    expect(PatchDeployment.safeParse({}).success).toBe(false);
    expect(PatchDeployment.safeParse({ components: {} }).success).toBe(true);
    expect(PatchDeployment.safeParse({ priority: 1001 }).success).toBe(false);
    expect(PatchDeployment.safeParse({ priority: 1, catalogue: 3 }).success).toBe(false);
    expect(PatchDeployment.safeParse({ components: { "a b": { version: "1.0.0" } } }).success).toBe(false);
    expect(PatchDeployment.safeParse({ components: { a: { versions: "1.0.0" } } }).success).toBe(false);
  });
});

describe("a requirement", () => {
  test.each(["1.0.0", "^1.2.0", ">=1.0.0 <2.0.0", "1.x", "*", "1.0.0 || 2.0.0", "1.0.0-rc.1"])("may be %j", (text) => {
    expect(Requirement.safeParse(text).success).toBe(true);
  });
  test.each(["", " ", "latest", "one", "1.0.0.0", "file:../x", `>=1.0.0 ${"|| 1.0.0 ".repeat(10)}`])(
    "may not be %j",
    (text) => {
      expect(Requirement.safeParse(text).success).toBe(false);
    },
  );
  test.each([
    { path: "", fine: true },
    { path: "/a/b", fine: true },
    { path: "a", fine: false },
    { path: "#/a", fine: false },
  ])("comes with reset paths that are JSON pointers: $path is $fine", ({ path, fine }) => {
    expect(WantedComponent.safeParse({ version: "*", reset: [path] }).success).toBe(fine);
  });
});

describe("a revision", () => {
  const next = patched(BASE, { priority: 3 }, 9, LATER);
  const { intent, writes } = reviseDeployment(next, "ann", theMoment(LATER));
  const [put, keep, check] = writes;

  test("replaces the revision that was read, and no other", () => {
    if (put === undefined) throw new Error("no write");
    expect(applied({ ...BASE }, put)).toEqual(next);
    expect(() => applied({ ...BASE, revision: 2 }, put)).toThrow("refused");
    expect(() => applied(undefined, put)).toThrow("refused");
    expect(put.otherwise?.code).toBe("conflict");
  });

  test("is kept with who made it, under a number that sorts", () => {
    expect(keep).toMatchObject({
      do: "create",
      item: { pk: "grp_1#revision", sk: "0000000002", requestedBy: "ann", priority: 3, components: next.components },
    });
  });

  test("is made only while its node group is active", () => {
    expect(check).toMatchObject({ do: "check", when: { status: "active" }, otherwise: { code: "not-ready" } });
  });

  test("asks for its delivery", () => {
    expect(intent).toMatchObject({
      kind: "deployment.apply",
      status: "requested",
      subject: { type: "deployment", id: "grp_1", name: "press" },
    });
  });
});
