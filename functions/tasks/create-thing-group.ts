import { createThingGroup } from "../../shared/aws/iot.ts";
import { desiredNodeGroup } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("create-thing-group", async (input) => {
  const { thingGroup, id } = await desiredNodeGroup(input);
  await createThingGroup(thingGroup, `Slipway node group ${id}`);
});
