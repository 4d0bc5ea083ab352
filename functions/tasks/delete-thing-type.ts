import { deleteThingType } from "../../shared/aws/iot.ts";
import { desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("delete-thing-type", async (input) =>
  deleteThingType((await desiredWorkspace(input)).bucket),
);
