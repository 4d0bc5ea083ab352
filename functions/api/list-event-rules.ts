import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { EventRule, type StoredEventRule } from "../../shared/event-rule/event-rule.ts";
import { partitions } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint(eventRoutes, "listEventRules", async ({ workspace, query }) =>
  pageOf({ partition: partitions.eventRules(workspace.id) }, query, (stored: StoredEventRule) =>
    view(EventRule, stored),
  ),
);
