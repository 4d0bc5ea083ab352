import { openapi } from "../../shared/api/openapi.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("getOpenapi", async () => ({ body: openapi() }));
