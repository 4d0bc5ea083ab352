import { cellsOf } from "./cells.ts";
import { task } from "./task.ts";

export const handler = task("list-cells-of-deployment", cellsOf);
