import { thingsInGroup } from "../../shared/aws/iot.ts";
import { getItems, listItems } from "../../shared/aws/table.ts";
import { takeTurn } from "../../shared/aws/turns.ts";
import type { StoredGeneration } from "../../shared/deployment/cell.ts";
import type { StoredProgress } from "../../shared/deployment/placement.ts";
import { sameCell } from "../../shared/deployment/steps.ts";
import { env } from "../../shared/env.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { nodeOfClientId } from "../../shared/names.ts";
import type { LookAtMembers } from "./look.ts";

/** At most so many strangers are told of a thing group. */
const STRANGERS = 20;

/** Goes through the things of a cell's thing group, page by page, at the pace that sweeps have. */
export const lookAtMembers: LookAtMembers = async (generation, name) => {
  const { workspaceId } = generation;
  const nodes = new Set<string>();
  const strangers: string[] = [];
  for await (const page of thingsInGroup(name)) {
    await takeTurn("SweepReads");
    for (const thing of page) {
      const node = nodeOfClientId(env("STAGE"), thing);
      if (node?.workspaceId === workspaceId && node.main) nodes.add(node.nodeId);
      else if (strangers.length < STRANGERS) strangers.push(thing);
    }
  }
  return { strangers, misplaced: await misplaced(generation, nodes) };
};

/** Nodes whose own looks will tell why they are in the thing group, or not. Only where numbers differ all are gone through. */
const misplaced = async (generation: StoredGeneration, members: ReadonlySet<string>): Promise<string[]> => {
  const { workspaceId } = generation;
  const ids = [...members];
  const known = await getItems<StoredProgress>(ids.map((id) => keys.nodeProgress(workspaceId, id)));
  const counted = new Set(
    known.filter(({ mayBeIn }) => mayBeIn.some((one) => sameCell(one, generation))).map(({ nodeId }) => nodeId),
  );
  const extra = ids.filter((id) => !counted.has(id));
  if (counted.size >= generation.nodes) return extra;
  let after: string | undefined;
  do {
    const page: { items: StoredProgress[]; next?: string } = await listItems<StoredProgress>({
      partition: partitions.nodeProgress(workspaceId),
      attributes: ["nodeId", "cell", "placed", "gone"],
      after,
    });
    for (const { nodeId, cell, placed, gone } of page.items) {
      if (placed === true && gone !== true && sameCell(cell, generation) && !members.has(nodeId)) extra.push(nodeId);
    }
    after = page.next;
  } while (after !== undefined);
  return extra;
};
