import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { changeAvailability } from "../../shared/ota/availability.ts";
import { Release } from "../../shared/ota/release.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findRelease, tagged } from "../http/resources.ts";

export const handler = endpoint(
  releaseRoutes,
  "pauseRelease",
  async ({ workspace, params, body, caller, moment, commit }) => {
    const found = await findRelease(workspace, params.release);
    const { next, writes } = changeAvailability(found, "pause", { by: caller, ...body }, moment);
    return commit(writes, tagged(next, view(Release, next)));
  },
);
