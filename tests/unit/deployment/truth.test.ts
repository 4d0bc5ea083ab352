import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StoredGeneration } from "../../../shared/deployment/cell.ts";
import {
  type Components,
  type Effective,
  heardComponents,
  heardOf,
  type NodeFacts,
  seenComponents,
  seenOf,
  toldOf,
  whereIs,
} from "../../../shared/deployment/truth.ts";

const MADE = "2026-01-01T00:00:00.000Z";
const AT = Date.parse("2026-01-02T00:00:00.000Z");

const effective = (status: Effective["status"], at: number, more: Partial<Effective> = {}): Effective => ({
  deploymentId: "d1",
  status,
  at,
  ...more,
});

describe("what was heard of a deployment", () => {
  test("counts where it is later, and where it is of the same second as far as it goes on", () => {
    const running = effective("IN_PROGRESS", AT + 700);
    const done = effective("SUCCEEDED", AT, { reason: "done" });
    expect(heardOf([running], done)).toEqual([done]);
    expect(heardOf([done], running)).toEqual([done]);
    const failed = effective("FAILED", AT + 2_000);
    expect(heardOf([done], failed)).toEqual([{ ...failed, reason: "done" }]);
    expect(heardOf([failed], done)).toEqual([failed]);
  });

  test("keeps the target that a look has found, and the newest few", () => {
    const seen = effective("IN_PROGRESS", AT, { targetArn: "arn" });
    expect(heardOf([seen], effective("FAILED", AT + 1_000, { reason: "no" }))).toEqual([
      { deploymentId: "d1", targetArn: "arn", status: "FAILED", at: AT + 1_000, reason: "no" },
    ]);
    const many = Array.from({ length: 9 }, (_, at) => effective("SUCCEEDED", AT + at, { deploymentId: `d${at}` }));
    const kept = many.reduce<readonly Effective[]>((known, one) => heardOf(known, one), []);
    expect(kept.map(({ deploymentId }) => deploymentId)).toEqual(["d8", "d7", "d6", "d5", "d4"]);
  });

  test("ends the same, in whichever order it comes and however often", () => {
    const word = fc.record({
      deploymentId: fc.constantFrom("d1", "d2"),
      status: fc.constantFrom("IN_PROGRESS" as const, "SUCCEEDED" as const),
      at: fc.integer({ min: 0, max: 5 }).map((second) => AT + second * 1_000),
    });
    const ends = (words: readonly Effective[]) =>
      words.reduce<readonly Effective[]>((known, one) => heardOf(known, one), []);
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), fc.infiniteStream(fc.nat()), (words, picks) => {
        const shuffled = [...words, ...words]
          .map((one) => [picks.next().value ?? 0, one] as const)
          .sort(([a], [b]) => a - b)
          .map(([, one]) => one);
        expect(ends(shuffled)).toEqual(ends(words));
      }),
    );
  });
});

describe("what a look has seen", () => {
  test("takes the place of what is older, and of what is gone, but not of what was heard since", () => {
    const before = effective("IN_PROGRESS", AT - 9_000);
    expect(seenOf([before], [effective("SUCCEEDED", AT - 1_000)], AT)).toEqual([effective("SUCCEEDED", AT - 1_000)]);
    expect(seenOf([effective("SUCCEEDED", AT)], [before], AT - 5_000)).toEqual([effective("SUCCEEDED", AT)]);
    expect(seenOf([before], [], AT)).toEqual([]);
    const since = effective("FAILED", AT + 1_000, { deploymentId: "d2" });
    expect(seenOf([before, since], [], AT)).toEqual([since]);
  });

  test("so with components", () => {
    const one = (version: string, at: number) => ({ version, state: "RUNNING", at });
    const known: Components = { a: one("1", AT), b: one("1", AT), c: one("1", AT + 5_000) };
    expect(seenComponents(known, { a: one("2", AT + 1) }, AT + 2)).toEqual({ a: one("2", AT + 1), c: known.c });
    expect(heardComponents(known, { a: one("0", AT - 2_000), b: one("2", AT + 2_000) })).toEqual({
      ...known,
      b: one("2", AT + 2_000),
    });
  });
});

const generation = (more: Partial<StoredGeneration> = {}): StoredGeneration => ({
  pk: "ws#cell-generation",
  sk: "c#1",
  type: "cell-generation",
  workspaceId: "ws",
  key: "c",
  generation: 1,
  targets: [],
  runtime: "nucleus",
  nodes: 1,
  leaseUntil: 0,
  createdAt: MADE,
  delivered: {
    hash: "h",
    deploymentId: "d1",
    jobId: "j1",
    sequence: 1,
    at: AT,
    versions: { a: "1.0.0" },
    revisions: {},
  },
  ...more,
});

const facts = (more: Partial<NodeFacts> = {}): NodeFacts => ({
  node: { id: "nod_1", cell: "c", createdAt: MADE, connection: { connected: true, since: MADE } },
  progress: { cell: { key: "c", generation: 1 }, mayBeIn: [{ key: "c", generation: 1 }], placed: true },
  generation: generation(),
  deployments: [],
  report: undefined,
  ...more,
});
const reporting = (one: Effective): NodeFacts["report"] => ({ effective: [one] });
const away = { ...facts().node, connection: { connected: false, since: "2026-01-03T00:00:00.000Z" } };

describe("a node", () => {
  test("has succeeded or failed as its device says of the deployment that it was given, connected or not", () => {
    for (const node of [facts().node, away]) {
      const done = effective("SUCCEEDED", AT + 1);
      expect(toldOf(facts({ node, report: reporting(done) }))).toEqual({ state: "succeeded", since: AT + 1 });
      const failed = effective("FAILED", AT + 1, { reason: "it broke", errors: ["A", "B"] });
      expect(toldOf(facts({ node, report: reporting(failed) }))).toEqual({
        state: "failed",
        since: AT + 1,
        error: "it broke",
        errors: ["A", "B"],
      });
    }
    expect(toldOf(facts({ report: reporting(effective("REJECTED", AT)) }))).toMatchObject({ error: "REJECTED" });
    expect(toldOf(facts({ report: reporting(effective("FAILED", AT, { errors: ["A", "B"] })) })).error).toBe("B");
  });

  test("is in progress while what it has ended is not what is wanted now", () => {
    const done = reporting(effective("SUCCEEDED", AT));
    const older = reporting(effective("SUCCEEDED", AT, { deploymentId: "d0" }));
    const cases: Partial<NodeFacts>[] = [
      { report: undefined },
      { report: older },
      { report: done, generation: generation({ pending: { hash: "h2", sequence: 2 } }) },
      { report: done, generation: generation({ again: true }) },
      { report: done, node: { ...facts().node, cell: "another" } },
      { report: reporting(effective("IN_PROGRESS", AT)) },
      { report: undefined, generation: undefined, progress: undefined },
    ];
    for (const one of cases) expect(toldOf(facts(one)).state).toBe("in-progress");
    for (const one of cases)
      expect(toldOf(facts({ ...one, node: { ...away, ...one.node, ...{ connection: away.connection } } })).state).toBe(
        "unreachable",
      );
  });

  test("is unreachable since it went, since it was made, or, where no connection is told, since it was unhealthy", () => {
    expect(toldOf(facts({ node: away })).since).toBe(Date.parse(away.connection.since));
    const { connection: _, ...untold } = facts().node;
    expect(toldOf(facts({ node: untold }))).toEqual({ state: "unreachable", since: Date.parse(MADE) });
    const device = (status: "HEALTHY" | "UNHEALTHY") => ({ device: { status, at: AT + 5 }, effective: [] });
    expect(toldOf(facts({ node: untold, report: device("UNHEALTHY") }))).toEqual({
      state: "unreachable",
      since: AT + 5,
    });
    expect(toldOf(facts({ node: untold, report: device("HEALTHY") })).state).toBe("in-progress");
  });

  test("has failed where nothing can be delivered, with the reason", () => {
    const blocked = generation({ blocked: { code: "unresolvable", detail: "no version" } });
    expect(toldOf(facts({ generation: blocked }))).toMatchObject({ state: "failed", error: "no version" });
  });

  test("is where Greengrass delivers to it, and else where it goes", () => {
    const [here, there] = [
      { key: "c", generation: 1 },
      { key: "d", generation: 3 },
    ];
    expect(whereIs({ cell: there, mayBeIn: [here] })).toEqual(here);
    expect(whereIs({ cell: there, mayBeIn: [here, there] })).toEqual(there);
    expect(whereIs({ cell: there, mayBeIn: [] })).toEqual(there);
  });
});
