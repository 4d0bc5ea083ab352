import { createThing } from "../../shared/aws/iot.ts";
import { desiredNode, desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("create-thing", async (input) => {
  const node = await desiredNode(input);
  const { bucket } = await desiredWorkspace(input);
  await createThing(node.thing, bucket, { ...node.attributes, slipwayNode: node.id });
});
