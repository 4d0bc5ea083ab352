import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { endpoint } from "../http/endpoint.ts";
import { expectOpen, findFile, removeFile } from "../http/files.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint(
  componentRoutes,
  "deleteComponentFile",
  async ({ workspace, params, moment, commit }) => {
    const version = await findVersion(workspace, params.component, params.version);
    const place = { version, bucket: workspace.bucket };
    const file = await findFile(place, params.path);
    expectOpen(place);
    return commit([await removeFile(place, file, moment.now)], { body: undefined });
  },
);
