import { deleteCoreDevice } from "../../shared/aws/core-devices.ts";
import { desiredNode } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("delete-core-device", async (input) => deleteCoreDevice((await desiredNode(input)).thing));
