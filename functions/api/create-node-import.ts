import { presignUpload } from "../../shared/aws/presigned.ts";
import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { env } from "../../shared/env.ts";
import { createNodeImport, importObjects, viewNodeImport } from "../../shared/node-import/node-import.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(nodeRoutes, "createNodeImport", async ({ workspace, body, moment, commit }) => {
  const { nodeImport, writes } = createNodeImport(workspace, body, moment);
  const { upload: key } = importObjects(nodeImport);
  const upload = await presignUpload(
    { bucket: env("IMPORTS_BUCKET"), key, size: nodeImport.size, sha256: nodeImport.sha256 },
    moment.now,
  );
  return commit(writes, {
    body: { ...viewNodeImport(nodeImport), upload },
    headers: { location: `/v1/workspaces/${workspace.id}/node-imports/${nodeImport.id}` },
  });
});
