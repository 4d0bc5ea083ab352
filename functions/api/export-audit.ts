import { recordRoutes } from "../../shared/declared/routes/records.ts";
import { routes } from "../../shared/declared/routes.ts";
import { readAudit } from "../http/audit.ts";
import { endpoint } from "../http/endpoint.ts";

const RECORDS = 1_000;

/** A record a line. What comes next is in the header, so that the lines are nothing but records. */
export const handler = endpoint(recordRoutes, "exportAudit", async ({ workspace, query, api }) => {
  const { items, nextCursor } = await readAudit(workspace.id, query, RECORDS);
  const asked = Object.entries({ ...query, cursor: nextCursor }).filter(([, value]) => value !== undefined);
  const next = `${api}/v1/workspaces/${workspace.id}/audit/export?${new URLSearchParams(asked as [string, string][])}`;
  return {
    statusCode: 200,
    headers: {
      "content-type": routes.exportAudit.media,
      "cache-control": "no-store",
      ...(nextCursor !== undefined && { link: `<${next}>; rel="next"` }),
    },
    body: items.map((record) => `${JSON.stringify(record)}\n`).join(""),
  };
});
