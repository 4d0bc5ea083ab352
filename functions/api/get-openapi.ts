import { openapi } from "../../shared/api/openapi.ts";
import { recordRoutes } from "../../shared/declared/routes/records.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(recordRoutes, "getOpenapi", async () => ({ body: openapi() }));
