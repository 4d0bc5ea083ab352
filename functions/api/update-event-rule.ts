import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { changeRuleRole, EventRule } from "../../shared/event-rule/event-rule.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { changeAnew, findEventRule, tagged } from "../http/resources.ts";
import { roleFor } from "../http/role-for.ts";

export const handler = endpoint(
  eventRoutes,
  "updateEventRule",
  async ({ workspace, params, body, ifMatch, moment, commit }) => {
    const found = await findEventRule(workspace, params.eventRule);
    const { next, write } = changeAnew(found, body, ifMatch, moment.now);
    const { operations } = body;
    const role = operations === undefined ? [] : [changeRuleRole(workspace.id, found, roleFor(operations))];
    return commit([write, ...role], tagged(next, view(EventRule, next)));
  },
);
