import { Release } from "../../shared/ota/release.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findRelease, tagged } from "../http/resources.ts";

export const handler = endpoint("getRelease", async ({ workspace, params }) => {
  const found = await findRelease(workspace, params.release);
  return tagged(found, view(Release, found));
});
