import { getItem } from "../../shared/aws/table.ts";
import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { otaKeys } from "../../shared/keys.ts";
import { Release } from "../../shared/ota/release.ts";
import { countsOf, type StoredCounts } from "../../shared/ota/reports.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findRelease, tagged } from "../http/resources.ts";

export const handler = endpoint(releaseRoutes, "getRelease", async ({ workspace, params }) => {
  const found = await findRelease(workspace, params.release);
  const reports = countsOf(await getItem<StoredCounts>(otaKeys.reports(found.id), "ota"));
  return tagged(found, view(Release, { ...found, reports }));
});
