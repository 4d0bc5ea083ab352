import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { promoteRelease } from "../../shared/ota/release.ts";
import { endpoint } from "../http/endpoint.ts";
import { findRelease } from "../http/resources.ts";

export const handler = endpoint(
  releaseRoutes,
  "promoteRelease",
  async ({ workspace, params, body, caller, moment, accept }) =>
    accept(promoteRelease(workspace, await findRelease(workspace, params.release), body, caller, moment)),
);
