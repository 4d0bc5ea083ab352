import { deleteObject, headObject, presignUpload } from "../../shared/aws/buckets.ts";
import { artifactKey } from "../../shared/component/recipe.ts";
import { ComponentFile, declareFile } from "../../shared/component/version.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint("createComponentFile", async ({ workspace, params, body, moment, commit }) => {
  const version = await findVersion(workspace, params.component, params.version);
  const { file, writes } = declareFile(version, body, moment.now);
  const key = artifactKey(version.component, version.version, file.path);
  const upload = await presignUpload(
    {
      bucket: workspace.bucket,
      key,
      size: file.size,
      sha256: file.sha256,
      once: true,
    },
    moment.now,
  );
  const answer = await commit(writes, { body: { ...view(ComponentFile, file), upload } });
  // Other bytes from before make room. Were the version published right now, it would fail on them in any case.
  const former = await headObject(workspace.bucket, key);
  if (former !== undefined && former.sha256 !== file.sha256) await deleteObject(workspace.bucket, key);
  return answer;
});
