import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { editRelease } from "../../shared/ota/availability.ts";
import { Release } from "../../shared/ota/release.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { checkIfMatch, findRelease, tagged } from "../http/resources.ts";

export const handler = endpoint(
  releaseRoutes,
  "updateRelease",
  async ({ workspace, params, body, ifMatch, caller, moment, commit }) => {
    const found = await findRelease(workspace, params.release);
    checkIfMatch(found, ifMatch);
    const { next, writes } = editRelease(found, body, caller, moment);
    return commit(writes, tagged(next, view(Release, next)));
  },
);
