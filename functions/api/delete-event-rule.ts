import { getItem } from "../../shared/aws/table.ts";
import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { deleteEventRule, type StoredEventRule } from "../../shared/event-rule/event-rule.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(eventRoutes, "deleteEventRule", async ({ workspace, params, commit }) => {
  const rule = await getItem<StoredEventRule>(keys.eventRule(workspace.id, params.eventRule));
  if (rule === undefined) throw new AppError("not-found", `there is no event rule ${params.eventRule}`);
  return commit(deleteEventRule(workspace.id, rule), { body: undefined });
});
