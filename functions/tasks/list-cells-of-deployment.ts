import { isId } from "../../shared/ids.ts";
import { cellsOf } from "./cells.ts";
import { desiredNode } from "./desired.ts";
import { task } from "./task.ts";

/** For a node's own deployment, whether it came, changed or went, that is the cell that the node belongs in now. */
export const handler = task("list-cells-of-deployment", async (input) =>
  isId(input.subjectId, "node") ? [(await desiredNode(input)).cell] : cellsOf(input),
);
