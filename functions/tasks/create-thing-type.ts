import { createThingType } from "../../shared/aws/iot.ts";
import { desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

/** Named as the bucket: the device role's policy derives the one from the other. */
export const handler = task("create-thing-type", async (input) => {
  const { bucket, id } = await desiredWorkspace(input);
  await createThingType(bucket, `Nodes of Slipway workspace ${id}`);
});
