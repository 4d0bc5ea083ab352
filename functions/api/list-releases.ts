import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { otaPartitions } from "../../shared/keys.ts";
import { Release, type StoredRelease } from "../../shared/ota/release.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint(releaseRoutes, "listReleases", async ({ workspace, query }) =>
  pageOf({ partition: otaPartitions.releases(workspace.id), table: "ota" }, query, (stored: StoredRelease) =>
    view(Release, stored),
  ),
);
