import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { deleteEventRule } from "../../shared/event-rule/event-rule.ts";
import { endpoint } from "../http/endpoint.ts";
import { findEventRule } from "../http/resources.ts";

export const handler = endpoint(eventRoutes, "deleteEventRule", async ({ workspace, params, commit }) =>
  commit(deleteEventRule(workspace.id, await findEventRule(workspace, params.eventRule)), { body: undefined }),
);
