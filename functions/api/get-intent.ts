import { getItem } from "../../shared/aws/table.ts";
import { recordRoutes } from "../../shared/declared/routes/records.ts";
import { isId } from "../../shared/ids.ts";
import { type StoredIntent, viewIntent } from "../../shared/intent/intent.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { isSubjectOfCredential, type Membership } from "../../shared/workspace/access.ts";
import { hasEnded } from "../../shared/workspace/credential.ts";
import { endpoint } from "../http/endpoint.ts";

/**
 * Seen by who asked for it, also after its workspace is gone, and by the workspace's members. What a machine asked for it sees as
 * long as its credential works.
 */
export const handler = endpoint(recordRoutes, "getIntent", async ({ params, caller, moment }) => {
  const unknown = () => new AppError("not-found", `there is no intent ${params.intent}`);
  if (!isId(params.intent, "intent")) throw unknown();
  const intent = await getItem<StoredIntent>(keys.intent(params.intent));
  if (intent === undefined) throw unknown();
  const isOwn = intent.requestedBy === caller;
  const isMachine = isSubjectOfCredential(caller);
  if (!isOwn || isMachine) {
    const membership = await getItem<Membership>(keys.membership(caller, intent.workspaceId));
    const isMember = membership !== undefined && !hasEnded(membership, moment.now);
    if (!isMember && isOwn) throw new AppError("unauthorized", "the credential was revoked, or has ended");
    if (!isMember) throw unknown();
  }
  return { body: viewIntent(intent) };
});
