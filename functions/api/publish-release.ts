import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { publishRelease } from "../../shared/ota/release.ts";
import { endpoint } from "../http/endpoint.ts";
import { findRelease } from "../http/resources.ts";

export const handler = endpoint(
  releaseRoutes,
  "publishRelease",
  async ({ workspace, params, caller, moment, accept }) =>
    accept(publishRelease(await findRelease(workspace, params.release), caller, moment)),
);
