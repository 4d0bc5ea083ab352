import { headObject } from "../../shared/aws/objects.ts";
import { presignDownload } from "../../shared/aws/presigned.ts";
import { ComponentFile, isThere } from "../../shared/component/file.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findFile, keyOf } from "../http/files.ts";
import { findVersion } from "../http/resources.ts";

/** What is begun within it may go on. */
const LINK_SECONDS = 900;

export const handler = endpoint(componentRoutes, "getComponentFile", async ({ workspace, params, moment }) => {
  const version = await findVersion(workspace, params.component, params.version);
  const place = { version, bucket: workspace.bucket };
  const file = await findFile(place, params.path);
  const key = keyOf(place, file.path);
  const uploaded = isThere(file, await headObject(place.bucket, key), file);
  const name = file.path.split("/").at(-1) ?? file.path;
  const download = uploaded && {
    download: await presignDownload({ bucket: place.bucket, key, name }, LINK_SECONDS, moment.now),
  };
  return { body: { ...view(ComponentFile, file), uploaded, ...download } };
});
