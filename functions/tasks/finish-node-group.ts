import { keys } from "../../shared/keys.ts";
import { activate } from "./activate.ts";
import { task } from "./task.ts";

export const handler = task("finish-node-group", (input) =>
  activate(input, keys.nodeGroup(input.workspaceId, input.subjectId)),
);
