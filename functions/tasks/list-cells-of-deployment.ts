import { generationsOf, generationsOfTarget } from "../../shared/aws/cells.ts";
import { getItem } from "../../shared/aws/table.ts";
import { generationId } from "../../shared/deployment/cell.ts";
import { isId } from "../../shared/ids.ts";
import { keys } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { task } from "./task.ts";

/**
 * The cells that a deployment reaches now. A node's own reaches the cell that the node belongs in; whether the node is in it
 * already, and another is to be left, is seen to after this.
 * @returns generations of cells, and whether a node is to be placed
 */
export const handler = task("list-cells-of-deployment", async ({ workspaceId, subjectId }) => {
  const places = isId(subjectId, "node");
  const node = places ? await getItem<StoredNode>(keys.node(workspaceId, subjectId)) : undefined;
  const found = places
    ? node === undefined
      ? []
      : await generationsOf(workspaceId, node.cell)
    : await generationsOfTarget(workspaceId, subjectId);
  const cells = found.filter(({ removing }) => removing === undefined).map(generationId);
  return { cells, places: node !== undefined };
});
