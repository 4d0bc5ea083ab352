import { presignUpload } from "../../shared/aws/presigned.ts";
import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { env } from "../../shared/env.ts";
import { createRelease, Release } from "../../shared/ota/release.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(releaseRoutes, "createRelease", async ({ workspace, body, caller, moment, commit }) => {
  const { release, writes } = createRelease(workspace, body, caller, moment);
  const upload = await presignUpload(
    { bucket: env("OTA_BUCKET"), key: release.uploadKey, size: release.size, sha256: release.sha256 },
    moment.now,
  );
  return commit(writes, {
    body: { ...view(Release, release), upload },
    headers: { location: `/v1/workspaces/${workspace.id}/releases/${release.id}` },
  });
});
