import { deleteThingGroup } from "../../shared/aws/iot.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import { cellTask } from "./task.ts";

/** The key holds the ids of targets, which never come back: neither does the thing group's name. */
export const handler = cellTask("delete-cell", async (input) => {
  const cell = await getItem<StoredCell>(keys.cell(input.workspaceId, input.cell));
  if (cell === undefined) return; // a repeat
  await deleteThingGroup(awsNames.cell(env("STAGE"), cell.workspaceId, cell.key, cell.generation));
  await transact([{ do: "delete", key: keys.cell(cell.workspaceId, cell.key) }]);
});
