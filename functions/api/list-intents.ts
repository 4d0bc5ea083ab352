import { listIndex } from "../../shared/aws/table.ts";
import { isId } from "../../shared/ids.ts";
import { type StoredIntent, viewIntent } from "../../shared/intent/intent.ts";
import { indexes, keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";
import { decodeCursor, encodeCursor } from "../http/paging.ts";

export const handler = endpoint("listIntents", async ({ workspace, query }) => {
  const partition = `${workspace.id}#intent`;
  const after = query.cursor === undefined ? undefined : decodeCursor(partition, query.cursor);
  if (after !== undefined && (typeof after !== "string" || !isId(after, "intent"))) {
    throw new AppError("invalid-cursor", "cursor must be the nextCursor of this list's page before");
  }
  const { items, next } = await listIndex<StoredIntent>(indexes.intentsOfWorkspace, partition, {
    limit: query.limit,
    after: after === undefined ? undefined : { ...keys.intent(after), id: after, workspaceIntents: partition },
  });
  return {
    body: {
      items: items.map(viewIntent),
      ...(next !== undefined && { nextCursor: encodeCursor(partition, next.id) }),
    },
  };
});
