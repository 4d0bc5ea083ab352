import { recordRoutes } from "../../shared/declared/routes/records.ts";
import { listedEventTypes } from "../../shared/event/schema.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(recordRoutes, "listEventTypes", async () => ({ body: { items: listedEventTypes() } }));
