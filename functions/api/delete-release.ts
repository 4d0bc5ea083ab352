import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { deleteRelease } from "../../shared/ota/release.ts";
import { endpoint } from "../http/endpoint.ts";
import { findRelease } from "../http/resources.ts";

export const handler = endpoint(releaseRoutes, "deleteRelease", async ({ workspace, params, caller, moment, accept }) =>
  accept(deleteRelease(await findRelease(workspace, params.release), caller, moment)),
);
