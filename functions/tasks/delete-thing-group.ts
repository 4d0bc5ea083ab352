import { deleteThingGroup } from "../../shared/aws/iot.ts";
import { desiredNodeGroup } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("delete-thing-group", async (input) =>
  deleteThingGroup((await desiredNodeGroup(input)).thingGroup),
);
