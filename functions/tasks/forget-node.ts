import { forgetNode } from "../../shared/node/node.ts";
import { succeed } from "./activate.ts";
import { desiredNode } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("forget-node", async (input) => succeed(input, forgetNode(await desiredNode(input))));
