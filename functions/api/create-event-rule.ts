import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { type Route, routes } from "../../shared/declared/routes.ts";
import { createEventRule, EventRule } from "../../shared/event-rule/event-rule.ts";
import { view } from "../../shared/resource.ts";
import { isRole, ROLES, type Role } from "../../shared/workspace/access.ts";
import { endpoint } from "../http/endpoint.ts";

/** The least role that may do all of these. */
const roleFor = (operations: readonly (keyof typeof routes)[]): Role => {
  const needed = operations.map((operation) => (routes[operation] as Route).access).filter(isRole);
  return needed.reduce((most, role) => (ROLES.indexOf(role) > ROLES.indexOf(most) ? role : most), ROLES[0]);
};

export const handler = endpoint(eventRoutes, "createEventRule", async ({ workspace, body, caller, moment, commit }) => {
  const { rule, writes } = createEventRule(workspace, body, roleFor(body.operations), caller, moment);
  const headers = { location: `/v1/workspaces/${workspace.id}/event-rules/${rule.id}` };
  return commit(writes, { body: view(EventRule, rule), headers });
});
