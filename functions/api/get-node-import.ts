import { presignDownload } from "../../shared/aws/presigned.ts";
import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { env } from "../../shared/env.ts";
import { importObjects, LINK_SECONDS, viewNodeImport } from "../../shared/node-import/node-import.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNodeImport, tagged } from "../http/resources.ts";

/** Links are made anew each time, and only for those who could have created the nodes themselves. */
export const handler = endpoint(nodeRoutes, "getNodeImport", async ({ workspace, params, may, moment }) => {
  const found = await findNodeImport(workspace, params.nodeImport);
  const { results, faults } = importObjects(found);
  const link = (key: string, name: string) =>
    presignDownload({ bucket: env("IMPORTS_BUCKET"), key, name }, LINK_SECONDS, moment.now);
  const seesFiles = may("operator", "node-imports:write") && found.status !== "deleting";
  return tagged(found, {
    ...viewNodeImport(found),
    ...(seesFiles && found.resultsAre !== undefined && { results: await link(results, `${found.id}.csv`) }),
    ...(seesFiles && found.faultCount > 0 && { faultFile: await link(faults, `${found.id}-faults.jsonl`) }),
  });
});
