import { keys } from "../../shared/keys.ts";
import { activate } from "./activate.ts";
import { task } from "./task.ts";

export const handler = task("finish-workspace", (input) => activate(input, keys.workspace(input.workspaceId)));
