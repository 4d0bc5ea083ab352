import { describe, expect, test } from "vitest";
import {
  type CellFacts,
  type CellWish,
  type Execution,
  generationFor,
  joined,
  joining,
  left,
  type NodeObservation,
  type NodeProgress,
  nextForCell,
  nextForNode,
  renewed,
  towards,
} from "../../../shared/deployment/steps.ts";

const cell = (more: Partial<CellFacts> = {}): CellFacts => ({
  ref: { key: "k", generation: 1 },
  created: true,
  nodes: 1,
  kept: false,
  ...more,
});

describe("a cell", () => {
  const wish: CellWish = { hash: "b" };
  test.each<{ note: string; cell: CellFacts; wish: CellWish | undefined; next: object }>([
    { note: "is made first", cell: cell({ created: false }), wish, next: { do: "create" } },
    { note: "delivers what it never did", cell: cell(), wish, next: { do: "deliver", hash: "b", sequence: 1 } },
    {
      note: "delivers what changed, with the next number",
      cell: cell({ delivered: { hash: "a", sequence: 4 } }),
      wish,
      next: { do: "deliver", hash: "b", sequence: 5 },
    },
    {
      note: "repeats a delivery whose end nobody knows, with its number",
      cell: cell({ delivered: { hash: "a", sequence: 4 }, pending: { hash: "b", sequence: 5 } }),
      wish,
      next: { do: "deliver", hash: "b", sequence: 5 },
    },
    {
      note: "delivers what it delivered before, when something else may have come between",
      cell: cell({ delivered: { hash: "b", sequence: 4 }, pending: { hash: "a", sequence: 5 } }),
      wish,
      next: { do: "deliver", hash: "b", sequence: 6 },
    },
    {
      note: "is settled with what it delivered",
      cell: cell({ delivered: { hash: "b", sequence: 4 } }),
      wish,
      next: { do: "settled" },
    },
    {
      note: "leaves what runs where it cannot be resolved",
      cell: cell({ delivered: { hash: "a", sequence: 4 } }),
      wish: { undeliverable: "no version" },
      next: { do: "blocked", reason: "no version" },
    },
    { note: "goes without nodes", cell: cell({ nodes: 0 }), wish: undefined, next: { do: "remove" } },
    { note: "goes without nodes, wanted or not", cell: cell({ nodes: 0 }), wish, next: { do: "remove" } },
    {
      note: "stays without nodes where it is a group's own",
      cell: cell({ nodes: 0, kept: true, delivered: { hash: "b", sequence: 1 } }),
      wish,
      next: { do: "settled" },
    },
    { note: "waits for its last nodes to go", cell: cell(), wish: undefined, next: { do: "settled" } },
    {
      note: "that was begun to be removed never comes back",
      cell: cell({ removing: true, nodes: 1, kept: true }),
      wish,
      next: { do: "remove" },
    },
  ])("$note", ({ cell: facts, wish: wanted, next }) => {
    expect(nextForCell(facts, wanted)).toEqual(next);
  });
});

const OLD = { key: "old", generation: 1 };
const NEW = { key: "new", generation: 1 };
const LIMITS = { lagMs: 100, executionMs: 1_000, renewals: 2 };
const AT = 10_000;

const progress = (more: Partial<NodeProgress> = {}): NodeProgress => ({ cell: NEW, mayBeIn: [], renewals: 0, ...more });
const seen = (more: Partial<NodeObservation> = {}): NodeObservation => ({
  memberOf: [],
  executions: [],
  delivered: { sequence: 3, at: 0 },
  delivering: false,
  ...more,
});
const execution = (status: Execution["status"], more: Partial<Execution> = {}): Execution => ({
  cell: NEW,
  sequence: 3,
  status,
  updatedAt: AT - 10,
  ...more,
});

describe("a node", () => {
  const inNew = progress({ mayBeIn: [NEW], joinedAt: AT - 500 });
  test.each<{ note: string; progress: NodeProgress; seen: NodeObservation; next: object }>([
    {
      note: "stays where it is until its cell delivers",
      progress: progress({ mayBeIn: [OLD] }),
      seen: seen({ delivered: undefined, memberOf: [OLD] }),
      next: { do: "prepare", cell: NEW },
    },
    {
      note: "leaves the old cell first",
      progress: progress({ mayBeIn: [OLD] }),
      seen: seen({ memberOf: [OLD] }),
      next: { do: "leave", cells: [OLD] },
    },
    {
      note: "leaves a cell that it may have joined, though it is not shown yet",
      progress: progress({ mayBeIn: [OLD] }),
      seen: seen(),
      next: { do: "leave", cells: [OLD] },
    },
    {
      note: "leaves a cell that somebody else put it into",
      progress: inNew,
      seen: seen({ memberOf: [NEW, OLD] }),
      next: { do: "leave", cells: [OLD] },
    },
    {
      note: "waits until what it left is not shown any more",
      progress: progress({ leftAt: AT - 50 }),
      seen: seen({ memberOf: [OLD] }),
      next: { do: "wait", for: "removal", until: AT + 50 },
    },
    {
      note: "leaves again what is shown for too long",
      progress: progress({ leftAt: AT - 100 }),
      seen: seen({ memberOf: [OLD] }),
      next: { do: "leave", cells: [OLD] },
    },
    {
      note: "waits until its device must have heard that it left",
      progress: progress({ leftAt: AT - 50 }),
      seen: seen(),
      next: { do: "wait", for: "removal", until: AT + 50 },
    },
    {
      note: "waits until nothing is queued from the cell it left",
      progress: progress({ leftAt: AT - 500 }),
      seen: seen({ executions: [execution("QUEUED", { cell: OLD })] }),
      next: { do: "wait", for: "removal", until: AT + 100 },
    },
    {
      note: "does not wait for what its device is at",
      progress: progress({ leftAt: AT - 500 }),
      seen: seen({ executions: [execution("IN_PROGRESS", { cell: OLD })] }),
      next: { do: "join", cell: NEW },
    },
    {
      note: "waits for a delivery that is under way, which cancels the job before it",
      progress: inNew,
      seen: seen({ memberOf: [NEW], delivering: true, executions: [execution("CANCELED")] }),
      next: { do: "wait", for: "delivery", until: AT + 100 },
    },
    { note: "then joins", progress: progress(), seen: seen(), next: { do: "join", cell: NEW } },
    {
      note: "joins again a cell in which it did nothing since, as its execution stands",
      progress: progress(),
      seen: seen({ executions: [execution("SUCCEEDED"), execution("REMOVED", { cell: OLD, updatedAt: AT })] }),
      next: { do: "join", cell: NEW },
    },
    {
      note: "does not join again a cell whose job it ran before another one's",
      progress: progress(),
      seen: seen({ executions: [execution("SUCCEEDED"), execution("SUCCEEDED", { cell: OLD, updatedAt: AT })] }),
      next: { do: "renew", reason: "no-execution" },
    },
    {
      note: "is not joined twice while that is not shown",
      progress: progress({ mayBeIn: [NEW], joinedAt: AT - 10 }),
      seen: seen(),
      next: { do: "wait", for: "execution", until: AT + 990 },
    },
    {
      note: "waits for an execution",
      progress: inNew,
      seen: seen({ memberOf: [NEW] }),
      next: { do: "wait", for: "execution", until: AT + 500 },
    },
    {
      note: "waits for an execution of what was delivered after it joined",
      progress: inNew,
      seen: seen({
        memberOf: [NEW],
        delivered: { sequence: 3, at: AT - 1 },
        executions: [execution("SUCCEEDED", { sequence: 2 })],
      }),
      next: { do: "wait", for: "execution", until: AT + 999 },
    },
    {
      note: "gets a fresh generation when none comes",
      progress: progress({ mayBeIn: [NEW], joinedAt: AT - 1_000 }),
      seen: seen({ memberOf: [NEW] }),
      next: { do: "renew", reason: "no-execution" },
    },
    {
      note: "joins once more where the note that it joined was lost, and no execution comes",
      progress: progress({ mayBeIn: [NEW] }),
      seen: seen({ memberOf: [NEW], executions: [execution("REMOVED")] }),
      next: { do: "join", cell: NEW },
    },
    {
      note: "does not join where it may be shown as it was before it left",
      progress: progress({ mayBeIn: [NEW], leftAt: AT - 50 }),
      seen: seen({ memberOf: [NEW] }),
      next: { do: "wait", for: "removal", until: AT + 50 },
    },
    {
      note: "waits for its device for as long as that takes",
      progress: progress({ mayBeIn: [NEW], joinedAt: 0 }),
      seen: seen({ memberOf: [NEW], executions: [execution("QUEUED", { updatedAt: 0 })] }),
      next: { do: "wait", for: "device" },
    },
    {
      note: "waits for its device's report",
      progress: inNew,
      seen: seen({ memberOf: [NEW], executions: [execution("SUCCEEDED")] }),
      next: { do: "wait", for: "device" },
    },
    {
      note: "is settled with what was delivered",
      progress: inNew,
      seen: seen({ memberOf: [NEW], executions: [execution("SUCCEEDED")], runsIt: true }),
      next: { do: "settled" },
    },
    {
      note: "gets a fresh generation when it kept something of the cell it left",
      progress: inNew,
      seen: seen({ memberOf: [NEW], executions: [execution("SUCCEEDED")], runsIt: false }),
      next: { do: "renew", reason: "runs-something-else" },
    },
    {
      note: "gets a fresh generation when it failed since it counted the cell it left",
      progress: inNew,
      seen: seen({ memberOf: [NEW], executions: [execution("FAILED", { error: "NO_AVAILABLE_COMPONENT_VERSION" })] }),
      next: { do: "renew", reason: "stale-membership" },
    },
    {
      note: "is given up when that does not help",
      progress: { ...inNew, renewals: 2 },
      seen: seen({ memberOf: [NEW], executions: [execution("FAILED", { error: "NO_AVAILABLE_COMPONENT_VERSION" })] }),
      next: { do: "failed", status: "FAILED", error: "NO_AVAILABLE_COMPONENT_VERSION" },
    },
    {
      note: "has failed with its device's error",
      progress: inNew,
      seen: seen({ memberOf: [NEW], executions: [execution("FAILED", { error: "COMPONENT_BROKEN" })] }),
      next: { do: "failed", status: "FAILED", error: "COMPONENT_BROKEN" },
    },
  ])("$note", ({ progress: where, seen: what, next }) => {
    expect(nextForNode(where, what, LIMITS, AT)).toEqual(next);
  });

  test("is written down as in a cell before it joins, and until after it left", () => {
    const before = joining(progress({ mayBeIn: [OLD] }));
    expect(before.mayBeIn).toEqual([OLD, NEW]);
    expect(joined(before, 5)).toEqual({ ...before, joinedAt: 5 });
    expect(left(before, [OLD], 7)).toEqual({ ...before, mayBeIn: [NEW], leftAt: 7 });
  });

  test("starts over with another wish, and goes on with the same", () => {
    const there = joined(progress({ renewals: 1, leftAt: 3 }), 5);
    expect(towards(there, { key: NEW.key, generation: 9 })).toBe(there);
    expect(towards(there, OLD)).toEqual({ cell: OLD, mayBeIn: [NEW], leftAt: 3, renewals: 0 });
    expect(renewed(there, { ...NEW, generation: 2 })).toEqual({
      cell: { ...NEW, generation: 2 },
      mayBeIn: [NEW],
      leftAt: 3,
      renewals: 2,
    });
  });
});

describe("the generation for a node", () => {
  const generations = [
    { generation: 3, sequence: 1 },
    { generation: 2, sequence: 5 },
  ];
  const ran = (generation: number, sequence: number, status: Execution["status"] = "SUCCEEDED") =>
    execution(status, { cell: { key: "k", generation }, sequence });
  test.each([
    { note: "the lowest there is", executions: [], generation: 2 },
    { note: "the next one, when its device ran the first one's job", executions: [ran(2, 5)], generation: 3 },
    { note: "the lowest, when its device ran an earlier job of it", executions: [ran(2, 4)], generation: 2 },
    { note: "the lowest, when that job was taken back", executions: [ran(2, 5, "REMOVED")], generation: 2 },
    { note: "one that never was, when its device ran them all", executions: [ran(2, 5), ran(3, 1)], generation: 5 },
    { note: "not the one that did not work", executions: [], avoid: 2, generation: 3 },
  ])("is $note", ({ executions, avoid, generation }) => {
    expect(generationFor("k", generations, 4, executions, avoid)).toEqual({ key: "k", generation });
  });
});
