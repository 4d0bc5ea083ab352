import fc from "fast-check";
import semver from "semver";
import { describe, expect, test } from "vitest";
import { cellKey } from "../../../shared/deployment/cell.ts";
import {
  Deployment,
  emptyDeployment,
  type KeptComponent,
  Requirement,
  type StoredDeployment,
  WantedComponent,
} from "../../../shared/deployment/deployment.ts";
import { DeploymentPatch, edited } from "../../../shared/deployment/edit.ts";
import { layerOf, type PublishedVersion, resolve } from "../../../shared/deployment/resolve.ts";
import { liftDeployment, reviseDeployment } from "../../../shared/deployment/revise.ts";
import type { StoredNode } from "../../../shared/node/node.ts";
import { applied } from "../apply.ts";
import { theMoment } from "../moment.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const LATER = new Date("2026-01-02T03:04:06.000Z");
const EMPTY = emptyDeployment("ws_1", { type: "node-group", id: "grp_1", name: "press" }, 7, NOW);
const BASE: StoredDeployment = {
  ...EMPTY,
  components: { a: { version: "1.0.0", catalogue: 4 }, b: { version: "2.0.0", reset: [""], catalogue: 7 } },
};

/** The next revision without the note on how it came to be. */
const patched = (
  deployment: StoredDeployment,
  patch: DeploymentPatch,
  catalogue: number,
  now: Date,
): StoredDeployment => {
  const { change, ...next } = edited(deployment, { edit: "patch", ...patch }, { catalogue, now });
  expect(change).toEqual({ kind: "patch" });
  return next;
};

describe("a patch", () => {
  test.each<{ note: string; patch: DeploymentPatch; components: StoredDeployment["components"] }>([
    {
      note: "adds a component",
      patch: { components: { c: { version: "^3.0.0" } } },
      components: { ...BASE.components, c: { version: "^3.0.0", catalogue: 9 } },
    },
    {
      note: "removes one by null",
      patch: { components: { a: null } },
      components: { b: { version: "2.0.0", reset: [""], catalogue: 7 } },
    },
    {
      note: "replaces one as a whole",
      patch: { components: { b: { version: "2.1.0" } } },
      components: { a: { version: "1.0.0", catalogue: 4 }, b: { version: "2.1.0", catalogue: 9 } },
    },
    {
      note: "that says the same again lets one see what was published since",
      patch: { components: { a: { version: "1.0.0" } } },
      components: { ...BASE.components, a: { version: "1.0.0", catalogue: 9 } },
    },
    {
      note: "removes one and changes another",
      patch: { components: { a: null, b: { version: "^2.0.0" } }, priority: 2 },
      components: { b: { version: "^2.0.0", catalogue: 9 } },
    },
    { note: "removes what is not there", patch: { components: { z: null } }, components: BASE.components },
    { note: "changes the priority alone", patch: { priority: 5 }, components: BASE.components },
    {
      note: "takes a component of any lawful name",
      patch: { components: { constructor: { version: "1.0.0" } } },
      components: { ...BASE.components, constructor: { version: "1.0.0", catalogue: 9 } },
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
    const keptOnes: fc.Arbitrary<KeptComponent> = fc
      .record({ wanted, catalogue: fc.nat(7) })
      .map((one) => ({ ...one.wanted, catalogue: one.catalogue }));
    const wishes = fc.dictionary(fc.constantFrom(...names), keptOnes);
    const change = fc.dictionary(fc.constantFrom(...names), fc.option(wanted));
    fc.assert(
      fc.property(wishes, change, fc.integer({ min: 7, max: 9 }), (components, patch, catalogue) => {
        const next = patched({ ...EMPTY, components }, { components: patch }, catalogue, LATER).components;
        for (const name of names) {
          const named = patch[name];
          if (named === undefined) expect(next[name]).toEqual(components[name]);
          else expect(next[name]).toEqual(named === null ? undefined : { ...named, catalogue });
        }
        expect(Object.keys(next)).toEqual(Object.keys(next).sort());
      }),
    );
  });

  test("by an edit that saw less than a concurrent one takes back nothing that the other could see", () => {
    const next = patched(BASE, { components: { c: { version: "*" } } }, 5, LATER);
    expect(next.catalogue).toBe(7);
    expect(next.components).toMatchObject(BASE.components);
    expect(patched(BASE, { priority: 1 }, 5, LATER)).toMatchObject({ catalogue: 7, components: BASE.components });
  });

  test("is refused where it changes nothing or holds what a deployment has not", () => {
    expect(DeploymentPatch.safeParse({}).success).toBe(false);
    expect(DeploymentPatch.safeParse({ components: {} }).success).toBe(true);
    expect(DeploymentPatch.safeParse({ priority: 1001 }).success).toBe(false);
    expect(DeploymentPatch.safeParse({ priority: 1, catalogue: 3 }).success).toBe(false);
    expect(DeploymentPatch.safeParse({ components: { a: { version: "1.0.0", catalogue: 3 } } }).success).toBe(false);
    expect(DeploymentPatch.safeParse({ components: { "a b": { version: "1.0.0" } } }).success).toBe(false);
    expect(DeploymentPatch.safeParse({ components: { a: { versions: "1.0.0" } } }).success).toBe(false);
  });
});

describe("in any history of publications and patches", () => {
  const NAMES = ["a", "b"] as const;
  type Name = (typeof NAMES)[number];
  const wanted: fc.Arbitrary<WantedComponent> = fc.record({
    version: fc.constantFrom("*", "^1.0.0", "<1.2.0", "1.1.0"),
  });
  const wishes = fc.record({ a: fc.option(wanted), b: fc.option(wanted) }, { requiredKeys: [] });
  const publication = fc.record({
    publish: fc.constantFrom(...NAMES),
    version: fc.constantFrom("1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0"),
  });
  const patch: fc.Arbitrary<DeploymentPatch> = fc.oneof(
    { weight: 3, arbitrary: wishes.map((components): DeploymentPatch => ({ components })) },
    { weight: 1, arbitrary: fc.nat(3).map((priority): DeploymentPatch => ({ priority })) },
  );
  const history = fc.array(
    fc.oneof(
      publication,
      patch.map((edit) => ({ edit })),
    ),
    { maxLength: 16, size: "max" },
  );

  /** What happens at each patch: the versions before and after it, and all that is published. */
  const atEachPatch = (
    check: (facts: {
      name: Name;
      edit: DeploymentPatch;
      before: string | undefined;
      after: string | undefined;
      published: readonly PublishedVersion[];
    }) => void,
  ) =>
    fc.assert(
      fc.property(history, (steps) => {
        let deployment = emptyDeployment("ws_1", EMPTY.target, 0, NOW);
        let published: Record<Name, readonly PublishedVersion[]> = { a: [], b: [] };
        let count = 0;
        const versionOf = (name: Name) => resolve([layerOf(deployment)], published).components[name]?.version;
        for (const step of steps) {
          const before = { a: versionOf("a"), b: versionOf("b") };
          if ("publish" in step) {
            const { publish: name, version } = step;
            if (published[name].some((one) => one.version === version)) continue;
            count += 1;
            published = { ...published, [name]: [...published[name], { version, catalogueNumber: count }] };
            expect({ a: versionOf("a"), b: versionOf("b") }).toEqual(before);
          } else {
            const { edit } = step;
            deployment = patched(deployment, edit, count, LATER);
            expect(deployment.catalogue).toBe(count);
            for (const name of NAMES) {
              check({ name, edit, before: before[name], after: versionOf(name), published: published[name] });
            }
          }
        }
      }),
      { numRuns: 1_000 },
    );

  test("a patch that does not name a component does not move it to another version", () => {
    atEachPatch(({ name, edit, before, after }) => {
      if (edit.components?.[name] === undefined) expect(after).toBe(before);
    });
  });

  test("one that names it moves it to the highest version that is published and satisfies", () => {
    atEachPatch(({ name, edit, after, published }) => {
      const wish = edit.components?.[name];
      if (wish === undefined) return;
      const fitting = published.flatMap(({ version }) =>
        wish !== null && semver.satisfies(version, wish.version) ? [version] : [],
      );
      expect(after).toBe(semver.maxSatisfying(fitting, "*") ?? undefined);
    });
  });

  test("no component sees more than its deployment's own number, which never falls, whatever an edit has seen", () => {
    const edits = fc.array(fc.record({ edit: patch, catalogue: fc.nat(9) }), { maxLength: 10 });
    fc.assert(
      fc.property(edits, (steps) => {
        let deployment = emptyDeployment("ws_1", EMPTY.target, 3, NOW);
        for (const { edit, catalogue } of steps) {
          const next = patched(deployment, edit, catalogue, LATER);
          expect(next.catalogue).toBe(Math.max(deployment.catalogue, catalogue));
          expect(next.revision).toBe(deployment.revision + 1);
          for (const one of Object.values(next.components)) expect(one.catalogue).toBeLessThanOrEqual(next.catalogue);
          deployment = next;
        }
      }),
    );
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
  const { intent, writes } = reviseDeployment({ next, current: BASE }, "ann", theMoment(LATER));
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

  test("is shown and kept with the number up to which each component sees versions", () => {
    expect(Deployment.parse(next).components).toEqual(BASE.components);
    expect(keep).toMatchObject({ item: { catalogue: 9, components: BASE.components } });
    const { catalogue: _, ...numberless } = BASE.components.a ?? {};
    expect(Deployment.safeParse({ ...next, components: { a: numberless } }).success).toBe(false);
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

describe("a node's own deployment", () => {
  const NODE = {
    pk: "ws_1#node",
    sk: "nod_1",
    id: "nod_1",
    workspaceId: "ws_1",
    name: "box",
    status: "active",
    groups: ["grp_1"],
    runtime: "nucleus",
    cell: cellKey(["grp_1"], "nucleus"),
    revision: 4,
  } as unknown as StoredNode;
  const OWN = cellKey(["grp_1", "nod_1"], "nucleus");
  const start = { ...emptyDeployment("ws_1", { type: "node", id: "nod_1", name: "box" }, 7, NOW), revision: 0 };
  const first = patched(start, { components: { a: { version: "1.0.0" } } }, 9, LATER);
  const counted = (nodes: number) => ({ pk: "", sk: "", nodes });

  test("is made under a condition that there is none, and moves the node to a cell of its own", () => {
    const { intent, writes } = reviseDeployment(
      { next: first, current: undefined, node: NODE },
      "ann",
      theMoment(LATER),
    );
    const [create, keep, node, enter, leave, ...more] = writes;
    if (!create || !keep || !node || !enter || !leave) throw new Error("a write is missing");
    expect(more).toEqual([]);
    expect(applied(undefined, create)).toEqual(first);
    expect(() => applied({ ...first }, create)).toThrow("refused");
    expect(keep).toMatchObject({ item: { pk: "nod_1#revision", sk: "0000000001", revision: 1 } });
    expect(applied({ ...NODE }, node)).toMatchObject({ cell: OWN, ownDeployment: true, revision: 5 });
    for (const other of [{ cell: "another" }, { status: "deleting" }])
      expect(() => applied({ ...NODE, ...other }, node)).toThrow("refused");
    expect([create, keep, node].map(({ otherwise }) => otherwise?.code)).toEqual(["conflict", undefined, "conflict"]);
    expect(applied(undefined, enter)).toMatchObject({ key: OWN, targets: ["grp_1", "nod_1"], nodes: 1 });
    expect(applied(counted(3), leave)).toMatchObject({ nodes: 2 });
    expect(intent.subject.href).toBe("/v1/workspaces/ws_1/nodes/nod_1/deployment");
  });

  test("is edited as a group's, without another move", () => {
    const next = patched(first, { priority: 1 }, 9, LATER);
    const { writes } = reviseDeployment({ next, current: first, node: NODE }, "ann", theMoment(LATER));
    expect(writes.map((write) => write.do)).toEqual(["put", "create", "check"]);
    expect(writes[2]).toMatchObject({ key: { pk: "ws_1#node", sk: "nod_1" }, when: { status: "active" } });
  });

  test("is lifted: its last revision stays, the node goes back to the cell of its groups", () => {
    const own = { ...NODE, ownDeployment: true, cell: OWN };
    const next = edited(first, { edit: "delete" }, { catalogue: 9, now: LATER });
    const { writes } = liftDeployment({ next, current: first, node: own }, "ann", theMoment(LATER));
    const [remove, keep, node, enter, leave] = writes;
    if (!remove || !keep || !node || !enter || !leave) throw new Error("a write is missing");
    expect(applied({ ...first }, remove)).toBeUndefined();
    expect(() => applied({ ...first, revision: 2 }, remove)).toThrow("refused");
    expect(keep).toMatchObject({ item: { revision: 2, components: {}, change: { kind: "delete" } } });
    const moved = applied({ ...own }, node);
    expect(moved).toMatchObject({ cell: NODE.cell, revision: 5 });
    expect(moved).not.toHaveProperty("ownDeployment");
    expect(applied(counted(0), enter)).toMatchObject({ key: NODE.cell, nodes: 1 });
    expect(leave).toMatchObject({ key: { sk: OWN } });
  });

  test.each(["creating", "deleting", "failed"] as const)("is not begun on a node that is %s", (status) => {
    const node = { ...NODE, status };
    expect(() => reviseDeployment({ next: first, current: undefined, node }, "ann", theMoment(LATER))).toThrow(
      "the node box is not active",
    );
  });
});
