import { createThingGroup } from "../../shared/aws/iot.ts";
import { transact } from "../../shared/aws/table.ts";
import { takeTurn } from "../../shared/aws/turns.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import { desiredGeneration } from "./generation.ts";
import { cellTask } from "./task.ts";

/** The thing group of a cell's generation exists. */
export const handler = cellTask("create-cell", async (input) => {
  const { arn, workspaceId, key, generation } = await desiredGeneration(input);
  if (arn !== undefined) return;
  const name = awsNames.cell(env("STAGE"), workspaceId, key, generation);
  await takeTurn("CreateThingGroup");
  const made = await createThingGroup(name, `Slipway cell ${key}`);
  await transact([
    {
      do: "update",
      key: keys.cellGeneration(workspaceId, key, generation),
      set: { arn: made },
      when: { removing: { exists: false }, generation },
      otherwise: { code: "busy", detail: "the cell is being removed" },
    },
  ]);
});
