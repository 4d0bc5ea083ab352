import { keys } from "../../shared/keys.ts";
import { activate } from "./activate.ts";
import { task } from "./task.ts";

export const handler = task("finish-node", (input) => activate(input, keys.node(input.workspaceId, input.subjectId)));
