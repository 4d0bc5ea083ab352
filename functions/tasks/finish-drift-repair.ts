import { getItem } from "../../shared/aws/table.ts";
import { parseGenerationId, type StoredGeneration } from "../../shared/deployment/cell.ts";
import type { StoredDrift } from "../../shared/deployment/drift.ts";
import { keys } from "../../shared/keys.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import { AppError } from "../../shared/problems.ts";
import { lookAtGeneration, lookAtGroup, lookAtNode } from "../truth/look.ts";
import { succeed } from "./activate.ts";
import { task } from "./task.ts";

/**
 * Looks again, so that what was put right is told of no more.
 * @throws AppError with the reason why the cell can be given nothing
 */
export const handler = task("finish-drift-repair", async (input) => {
  const { workspaceId, subjectId } = input;
  const drift = await getItem<StoredDrift>(keys.drift(workspaceId, subjectId));
  if (drift !== undefined) await lookAt(drift);
  await succeed(input);
});

const lookAt = async ({ workspaceId, subject }: StoredDrift): Promise<void> => {
  if (subject.type === "node") return lookAtNode(workspaceId, subject.id);
  if (subject.type === "node-group") {
    const group = await getItem<StoredNodeGroup>(keys.nodeGroup(workspaceId, subject.id));
    return group && lookAtGroup(group);
  }
  const { key, generation } = parseGenerationId(subject.id);
  const found = await getItem<StoredGeneration>(keys.cellGeneration(workspaceId, key, generation));
  if (found?.blocked !== undefined) throw new AppError(found.blocked.code, found.blocked.detail);
  if (found !== undefined) await lookAtGeneration(found);
};
