import { deleteThing } from "../../shared/aws/iot.ts";
import { desiredNode } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("delete-thing", async (input) => deleteThing((await desiredNode(input)).thing));
