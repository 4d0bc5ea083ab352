import { deployNothing } from "../../shared/aws/greengrass.ts";
import { createThingGroup } from "../../shared/aws/iot.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { takeTurn } from "../../shared/aws/turns.ts";
import { parseGenerationId, type StoredGeneration } from "../../shared/deployment/cell.ts";
import type { StoredDrift } from "../../shared/deployment/drift.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import { task } from "./task.ts";

/** A drift's repair on AWS's side. @returns generations of cells that are to be delivered to once more */
export const handler = task("repair-drift", async ({ workspaceId, subjectId, intentId }) => {
  const drift = await getItem<StoredDrift>(keys.drift(workspaceId, subjectId));
  switch (drift?.kind) {
    case "cell-missing":
    case "cell-deployment":
      return { cells: await redeliver(drift) };
    case "group-missing": {
      const group = await getItem<StoredNodeGroup>(keys.nodeGroup(workspaceId, drift.subject.id));
      if (group !== undefined) {
        await takeTurn("CreateThingGroup");
        await createThingGroup(group.thingGroup, `Slipway node group ${group.id}`);
      }
      return { cells: [] };
    }
    case "group-deployment":
    case "thing-deployment":
      // What the other deployment brought leaves the devices; to delete that one would leave it there.
      if (drift.targetArn !== undefined) {
        await takeTurn("CreateDeployment");
        await deployNothing(drift.targetArn, intentId);
      }
      return { cells: [] };
    default:
      return { cells: [] }; // gone meanwhile
  }
});

/** The generation has its thing group, and is to be delivered to though it was given what it wants. */
const redeliver = async ({ workspaceId, kind, subject }: StoredDrift): Promise<string[]> => {
  const { key, generation } = parseGenerationId(subject.id);
  const found = await getItem<StoredGeneration>(keys.cellGeneration(workspaceId, key, generation));
  if (found === undefined || found.removing === true) return [];
  if (kind === "cell-missing") {
    await takeTurn("CreateThingGroup");
    await createThingGroup(awsNames.cell(env("STAGE"), workspaceId, key, generation), `Slipway cell ${key}`);
  }
  await transact([
    {
      do: "update",
      key: keys.cellGeneration(workspaceId, key, generation),
      set: { again: true },
      when: { type: "cell-generation", removing: { exists: false } },
      otherwise: { code: "busy", detail: "the cell is being removed" },
    },
  ]);
  return [subject.id];
};
