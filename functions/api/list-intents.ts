import { listIndex } from "../../shared/aws/table.ts";
import { recordRoutes } from "../../shared/declared/routes/records.ts";
import { isId } from "../../shared/ids.ts";
import { type StoredIntent, viewIntent } from "../../shared/intent/intent.ts";
import { indexes, keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";
import { decodeCursor, encodeCursor } from "../http/paging.ts";

export const handler = endpoint(recordRoutes, "listIntents", async ({ workspace, query }) => {
  const partition = `${workspace.id}#intent`;
  const after = query.cursor === undefined ? undefined : decodeCursor(partition, query.cursor);
  if (after !== undefined && (typeof after !== "string" || !isId(after, "intent"))) {
    throw new AppError("invalid-cursor", "cursor must be the nextCursor of this list's page before");
  }
  const { items: found } = await listIndex<StoredIntent>(indexes.intentsOfWorkspace, partition, {
    limit: query.limit + 1, // one more tells whether there is more, so that no last page is empty
    after: after === undefined ? undefined : { ...keys.intent(after), id: after, workspaceIntents: partition },
  });
  const items = found.slice(0, query.limit);
  const last = found.length > query.limit ? items.at(-1) : undefined;
  return {
    body: {
      items: items.map(viewIntent),
      ...(last !== undefined && { nextCursor: encodeCursor(partition, last.id) }),
    },
  };
});
