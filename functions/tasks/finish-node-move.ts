import { succeed } from "./activate.ts";
import { task } from "./task.ts";

export const handler = task("finish-node-move", (input) => succeed(input));
