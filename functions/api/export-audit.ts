import { EXPORT_FORMATS } from "../../shared/audit/export.ts";
import { recordRoutes } from "../../shared/declared/routes/records.ts";
import { readAudit } from "../http/audit.ts";
import { endpoint } from "../http/endpoint.ts";

const RECORDS = 1_000;

/** A record a line. What comes next is in the header, so that the lines are nothing but records. */
export const handler = endpoint(recordRoutes, "exportAudit", async ({ workspace, query, api }) => {
  const { media, head, line } = EXPORT_FORMATS[query.format];
  const { items, nextCursor } = await readAudit(workspace.id, query, RECORDS, line);
  const asked = Object.entries({ ...query, cursor: nextCursor }).filter(([, value]) => value !== undefined);
  const next = `${api}/v1/workspaces/${workspace.id}/audit/export?${new URLSearchParams(asked as [string, string][])}`;
  return {
    statusCode: 200,
    headers: {
      "content-type": media === "text/csv" ? `${media}; charset=utf-8` : media,
      "cache-control": "no-store",
      ...(nextCursor !== undefined && { link: `<${next}>; rel="next"` }),
    },
    body: (query.cursor === undefined ? head : "") + items.map(line).join(""),
  };
});
