import { listedEventTypes } from "../../shared/event/schema.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("listEventTypes", async () => ({ body: { items: listedEventTypes() } }));
