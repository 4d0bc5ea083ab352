import { generationsOf, generationsOfTarget } from "../../shared/aws/cells.ts";
import { getItem } from "../../shared/aws/table.ts";
import { isId } from "../../shared/ids.ts";
import { keys } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { AppError } from "../../shared/problems.ts";
import { succeed } from "./activate.ts";
import { type TaskInput, task } from "./task.ts";

const reachedBy = async ({ workspaceId, subjectId }: TaskInput) => {
  if (!isId(subjectId, "node")) return generationsOfTarget(workspaceId, subjectId);
  const node = await getItem<StoredNode>(keys.node(workspaceId, subjectId));
  return node === undefined ? [] : generationsOf(workspaceId, node.cell);
};

/**
 * A cell to which nothing could be delivered has kept no other from being delivered to.
 * @throws AppError that tells why, once all that could be delivered is
 */
export const handler = task("finish-deployment", async (input) => {
  const blocked = (await reachedBy(input)).flatMap((one) => (one.removing ? [] : (one.blocked ?? [])));
  const [first] = blocked;
  if (first === undefined) return succeed(input);
  const details = [...new Set(blocked.map(({ detail }) => detail))];
  const more = details.length > 1 ? `; and ${details.length - 1} more` : "";
  throw new AppError(first.code, `${first.detail}${more}`);
});
