import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { EventRule } from "../../shared/event-rule/event-rule.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findEventRule, tagged } from "../http/resources.ts";

export const handler = endpoint(eventRoutes, "getEventRule", async ({ workspace, params }) => {
  const rule = await findEventRule(workspace, params.eventRule);
  return tagged(rule, view(EventRule, rule));
});
