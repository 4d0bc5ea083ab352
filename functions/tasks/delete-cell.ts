import { deleteThingGroup } from "../../shared/aws/iot.ts";
import { transact } from "../../shared/aws/table.ts";
import { takeTurn } from "../../shared/aws/turns.ts";
import { generationId } from "../../shared/deployment/cell.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import { driftOf } from "../truth/known.ts";
import { findGeneration } from "./generation.ts";
import { cellTask } from "./task.ts";

/** The number stays used on the cell, so that the thing group's name never comes again. */
export const handler = cellTask("delete-cell", async (input) => {
  const found = await findGeneration(input);
  if (found?.removing !== true) return; // a repeat, or nodes have come
  const { workspaceId, key, generation } = found;
  await takeTurn("DeleteThingGroup");
  await deleteThingGroup(awsNames.cell(env("STAGE"), workspaceId, key, generation));
  for (const { id } of await driftOf(workspaceId, generationId(found))) {
    await transact([{ do: "delete", key: keys.drift(workspaceId, id) }]);
  }
  await transact([{ do: "delete", key: keys.cellGeneration(workspaceId, key, generation) }]);
});
