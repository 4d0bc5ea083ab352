import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { createEventRule, EventRule } from "../../shared/event-rule/event-rule.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { created } from "../http/resources.ts";
import { roleFor } from "../http/role-for.ts";

export const handler = endpoint(eventRoutes, "createEventRule", async ({ workspace, body, caller, moment, commit }) => {
  const { rule, writes } = createEventRule(workspace, body, roleFor(body.operations), caller, moment);
  return commit(writes, created(rule, view(EventRule, rule), `/v1/workspaces/${workspace.id}/event-rules/${rule.id}`));
});
