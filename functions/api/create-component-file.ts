import { presignUpload } from "../../shared/aws/buckets.ts";
import { artifactKey } from "../../shared/component/recipe.ts";
import { ComponentFile, declareFile } from "../../shared/component/version.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint("createComponentFile", async ({ workspace, params, body, moment, commit }) => {
  const version = await findVersion(workspace, params.component, params.version);
  const { file, writes } = declareFile(version, body, moment.now);
  const upload = await presignUpload(
    {
      bucket: workspace.bucket,
      key: artifactKey(version.component, version.version, file.path),
      size: file.size,
      sha256: file.sha256,
    },
    moment.now,
  );
  return commit(writes, { body: { ...view(ComponentFile, file), upload } });
});
