import { recordRoutes } from "../../shared/declared/routes/records.ts";
import { readAudit } from "../http/audit.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(recordRoutes, "listAudit", async ({ workspace, query: { limit, ...query } }) => ({
  body: await readAudit(workspace.id, query, limit),
}));
