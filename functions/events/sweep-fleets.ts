import middy from "@middy/core";
import { getItem, listItems, transact } from "../../shared/aws/table.ts";
import { generationId, type StoredGeneration } from "../../shared/deployment/cell.ts";
import type { StoredDrift } from "../../shared/deployment/drift.ts";
import { toldOf } from "../../shared/deployment/truth.ts";
import { keys, partitions } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import { AppError } from "../../shared/problems.ts";
import type { Key } from "../../shared/writes.ts";
import { type Log, loggerOf } from "../logger.ts";
import { type Facts, factsOf } from "../truth/facts.ts";
import { lookAtGeneration, lookAtGroup, lookAtNode } from "../truth/look.ts";
import { lookAtMembers } from "../truth/members.ts";

/** A run goes on for so long, and the next one, five minutes after its start, from there on. */
const BUDGET_MS = 240_000;
const A_PAGE = 25;
const AT_A_TIME = 4;

/** A node that is as it should be is looked at so often. */
const NODE_EVERY_MS = 24 * 3_600_000;
/** One whose device should have told something by now is: its event may be lost. */
const OVERDUE_MS = 10 * 60_000;
/** A cell's thing group, or a node group's, is. */
const PLACE_EVERY_MS = 3_600_000;
/** The things in a cell's thing group are, of which there may be many. */
const MEMBERS_EVERY_MS = 6 * 3_600_000;

const PHASES = ["cells", "groups", "nodes"] as const;
type Phase = (typeof PHASES)[number];

interface Place {
  readonly workspaceId: string;
  readonly phase: Phase;
  readonly after?: string | undefined;
}

interface Event {
  /** Looks at everything now, from the start, whenever it was last looked at. */
  readonly all?: boolean;
}

interface Sweep {
  readonly all: boolean;
  readonly deadline: number;
  readonly log: Log;
}

/**
 * Looks at what AWS has of all fleets: cells and node groups each hour, nodes each day, and nodes of which something is
 * expected, and whatever is known to be amiss, each time. It asks at the pace that sweeps have, so that a large fleet takes several runs. What
 * goes wrong with one thing is logged, and keeps no other from being looked at.
 */
export const handler = middy<Event, { looked: number }>().handler(async ({ all = false }, context) => {
  const log = loggerOf(context);
  const sweep: Sweep = { all, deadline: Date.now() + BUDGET_MS, log };
  const kept = all ? undefined : await getItem<{ place: Place }>(keys.fleetSweep());
  let looked = 0;
  let place = kept?.place;
  const workspaces = await workspacesFrom(place?.workspaceId);
  for (const workspaceId of workspaces) {
    const start: Place = place?.workspaceId === workspaceId ? place : { workspaceId, phase: "cells" };
    const done = await sweepWorkspace(start, sweep);
    looked += done.looked;
    place = done.stopped;
    if (place !== undefined) break;
  }
  await transact([
    place === undefined
      ? { do: "delete", key: keys.fleetSweep() }
      : { do: "put", item: { ...keys.fleetSweep(), type: "fleet-sweep", place } },
  ]);
  log.info(place === undefined ? "looked at all" : "the next run goes on", { looked });
  return { looked };
});

/** Workspaces in the order of their ids, from this one on. */
const workspacesFrom = async (first = ""): Promise<string[]> => {
  const workspaces: string[] = [];
  let after: string | undefined;
  do {
    const page: { items: Key[]; next?: string } = await listItems<Key>({
      partition: partitions.sweptWorkspaces(),
      after,
    });
    workspaces.push(...page.items.map(({ sk }) => sk).filter((id) => id >= first));
    after = page.next;
  } while (after !== undefined);
  return workspaces;
};

/** @returns how much was looked at, and where it stopped for want of time */
const sweepWorkspace = async (
  start: Place,
  sweep: Sweep,
): Promise<{ readonly looked: number; readonly stopped?: Place }> => {
  const { workspaceId } = start;
  let looked = 0;
  for (const phase of PHASES.slice(PHASES.indexOf(start.phase))) {
    let after = phase === start.phase ? start.after : undefined;
    do {
      if (Date.now() > sweep.deadline) return { looked, stopped: { workspaceId, phase, ...(after && { after }) } };
      const page = await PAGES[phase](workspaceId, after, sweep);
      looked += page.looked;
      after = page.next;
    } while (after !== undefined);
  }
  return { looked };
};

/** Some at a time; a failure is logged with what it was. */
const each = async <T>(
  items: readonly T[],
  sweep: Sweep,
  name: (item: T) => string,
  look: (item: T) => Promise<void>,
) => {
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) {
      try {
        await look(item);
      } catch (error) {
        const reason = error instanceof Error ? error : new Error(String(error));
        sweep.log.error(`${name(item)} could not be looked at`, reason);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
};

type PageSweep = (
  workspaceId: string,
  after: string | undefined,
  sweep: Sweep,
) => Promise<{ readonly looked: number; readonly next?: string | undefined }>;

const PAGES: Readonly<Record<Phase, PageSweep>> = {
  cells: async (workspaceId, after, sweep) => {
    const partition = partitions.cellGenerations(workspaceId);
    const { items, next } = await listItems<StoredGeneration>({ partition, limit: A_PAGE, after });
    const now = Date.now();
    const amiss = await subjectsAmiss(workspaceId, items.map(generationId));
    const due = items.filter((one) => sweep.all || amiss.has(generationId(one)) || isOld(one, now));
    await each(due, sweep, generationId, async (generation) => {
      const withMembers = sweep.all || (generation.membersLookedAt ?? 0) + MEMBERS_EVERY_MS < now;
      const nodes = await lookAtGeneration(generation, withMembers ? lookAtMembers : undefined);
      await each(nodes, sweep, String, (id) => lookAtNode(workspaceId, id));
      const key = keys.cellGeneration(workspaceId, generation.key, generation.generation);
      await noteLook(key, { lookedAt: now, ...(withMembers && { membersLookedAt: now }) });
    });
    return { looked: due.length, next };
  },

  groups: async (workspaceId, after, sweep) => {
    const partition = partitions.nodeGroups(workspaceId);
    const { items, next } = await listItems<StoredNodeGroup>({ partition, limit: A_PAGE, after });
    const now = Date.now();
    const ids = items.map(({ id }) => id);
    const amiss = await subjectsAmiss(workspaceId, ids);
    const due = items.filter((one) => one.status === "active" && (sweep.all || amiss.has(one.id) || isOld(one, now)));
    await each(
      due,
      sweep,
      ({ id }) => id,
      async (group) => {
        await lookAtGroup(group);
        await noteLook(keys.nodeGroup(workspaceId, group.id), { lookedAt: now });
      },
    );
    return { looked: due.length, next };
  },

  nodes: async (workspaceId, after, sweep) => {
    const partition = partitions.nodes(workspaceId);
    const { items, next } = await listItems<StoredNode>({ partition, limit: A_PAGE, after });
    const active = items.filter(({ status }) => status === "active");
    const ids = active.map(({ id }) => id);
    const [facts, amiss] = await Promise.all([factsOf(workspaceId, active), subjectsAmiss(workspaceId, ids)]);
    const due = facts.filter((one) => sweep.all || isDue(one, amiss, Date.now()));
    await each(
      due,
      sweep,
      ({ node }) => node.id,
      ({ node }) => lookAtNode(workspaceId, node.id),
    );
    return { looked: due.length, next };
  },
};

const isOld = ({ lookedAt = 0 }: { readonly lookedAt?: number }, now: number): boolean =>
  now - lookedAt > PLACE_EVERY_MS;

/** When a thing group was looked at; its revision stays as it is, and so does its ETag. What went meanwhile is let go. */
const noteLook = async (key: Key, set: Readonly<Record<string, number>>): Promise<void> => {
  try {
    await transact([{ do: "update", key, set, when: { type: { exists: true } } }]);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "conflict")) throw error;
  }
};

/** Whether there is a reason to look at a node. */
const isDue = (facts: Facts, amiss: ReadonlySet<string>, now: number): boolean => {
  const { node, report } = facts;
  const lookedAt = report?.lookedAt ?? 0;
  if (now - lookedAt > NODE_EVERY_MS || amiss.has(node.id)) return true;
  const { state, since } = toldOf(facts);
  return state === "in-progress" && now - Math.max(since, lookedAt) > OVERDUE_MS;
};

/** Those of a page of things of which drift is known: what is known lies in the order of their ids. */
const subjectsAmiss = async (workspaceId: string, ids: readonly string[]): Promise<Set<string>> => {
  const sorted = [...ids].sort();
  const last = `${sorted.at(-1)}.~`;
  const found = new Set<string>();
  let after = sorted[0];
  while (after !== undefined) {
    const page: { items: Pick<StoredDrift, "id" | "subject">[]; next?: string } = await listItems<StoredDrift>({
      partition: partitions.drift(workspaceId),
      attributes: ["id", "subject"],
      after,
    });
    for (const { subject } of page.items) found.add(subject.id);
    after = page.next !== undefined && page.next <= last ? page.next : undefined;
  }
  return found;
};
