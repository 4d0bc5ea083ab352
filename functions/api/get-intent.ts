import { getItem } from "../../shared/aws/table.ts";
import { recordRoutes } from "../../shared/declared/routes/records.ts";
import { isId } from "../../shared/ids.ts";
import { type StoredIntent, viewIntent } from "../../shared/intent/intent.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";

/** Seen by who asked for it, also after its workspace is gone, and by the workspace's members. */
export const handler = endpoint(recordRoutes, "getIntent", async ({ params, caller }) => {
  const unknown = () => new AppError("not-found", `there is no intent ${params.intent}`);
  if (!isId(params.intent, "intent")) throw unknown();
  const intent = await getItem<StoredIntent>(keys.intent(params.intent));
  if (intent === undefined) throw unknown();
  if (intent.requestedBy !== caller && !(await getItem(keys.membership(caller, intent.workspaceId)))) throw unknown();
  return { body: viewIntent(intent) };
});
