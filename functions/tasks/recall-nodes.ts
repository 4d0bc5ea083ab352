import { getItem, getItems, listItems, transact } from "../../shared/aws/table.ts";
import { generationId } from "../../shared/deployment/cell.ts";
import type { StoredDrift } from "../../shared/deployment/drift.ts";
import type { StoredProgress } from "../../shared/deployment/placement.ts";
import type { StoredIntent } from "../../shared/intent/intent.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { placeNode } from "../../shared/node/intents.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { theMoment } from "../moment.ts";
import { task } from "./task.ts";

/** So many intents are written at once. */
const AT_ONCE = 50;

/**
 * A thing group that was deleted and made again has none of its things. Each node that belongs in it is asked for an intent of
 * its own, as when it moves; a repeat asks once more, which does no harm.
 */
export const handler = task("recall-nodes", async ({ workspaceId, subjectId, intentId }) => {
  const drift = await getItem<StoredDrift>(keys.drift(workspaceId, subjectId));
  const intent = await getItem<StoredIntent>(keys.intent(intentId));
  if (drift === undefined || intent === undefined) return;
  const { subject, kind } = drift;
  if (kind === "group-missing") await recall(workspaceId, nodesOfGroup(subject.id), intent.requestedBy);
  if (kind === "cell-missing")
    await recall(workspaceId, nodesOfGeneration(workspaceId, subject.id), intent.requestedBy);
});

type Ids = AsyncGenerator<readonly string[]>;

async function* nodesOfGroup(groupId: string): Ids {
  let after: string | undefined;
  do {
    const page: { items: { nodeId: string }[]; next?: string } = await listItems<{ nodeId: string }>({
      partition: partitions.nodesOfGroup(groupId),
      after,
      limit: AT_ONCE,
    });
    yield page.items.map(({ nodeId }) => nodeId);
    after = page.next;
  } while (after !== undefined);
}

async function* nodesOfGeneration(workspaceId: string, generation: string): Ids {
  let after: string | undefined;
  do {
    const page: { items: StoredProgress[]; next?: string } = await listItems<StoredProgress>({
      partition: partitions.nodeProgress(workspaceId),
      attributes: ["nodeId", "cell", "gone"],
      after,
      limit: AT_ONCE,
    });
    yield page.items.flatMap(({ nodeId, cell, gone }) =>
      gone !== true && generationId(cell) === generation ? [nodeId] : [],
    );
    after = page.next;
  } while (after !== undefined);
}

const recall = async (workspaceId: string, pages: Ids, caller: string): Promise<void> => {
  for await (const ids of pages) {
    const nodes = await getItems<StoredNode>(ids.map((id) => keys.node(workspaceId, id)));
    const active = nodes.filter(({ status }) => status === "active");
    await transact(active.map((node) => ({ do: "create", item: placeNode(node, caller, theMoment()) })));
  }
};
