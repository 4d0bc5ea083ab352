import { createThingGroup } from "../../shared/aws/iot.ts";
import { transact } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import { desiredCell } from "./desired.ts";
import { cellTask } from "./task.ts";

/** The cell's thing group exists. @returns whether something has been delivered to it before. */
export const handler = cellTask("create-cell", async (input) => {
  const cell = await desiredCell(input);
  if (cell.arn === undefined) {
    const name = awsNames.cell(env("STAGE"), cell.workspaceId, cell.key, cell.generation);
    const arn = await createThingGroup(name, `Slipway cell ${cell.key}`);
    await transact([
      {
        do: "update",
        key: keys.cell(cell.workspaceId, cell.key),
        set: { arn },
        when: { generation: cell.generation },
      },
    ]);
  }
  return { delivers: cell.delivered !== undefined };
});
