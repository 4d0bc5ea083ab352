import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { otaPartitions } from "../../shared/keys.ts";
import { ReleaseChange } from "../../shared/ota/history.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";
import { findRelease } from "../http/resources.ts";

export const handler = endpoint(releaseRoutes, "listReleaseChanges", async ({ workspace, params, query }) => {
  const { id } = await findRelease(workspace, params.release);
  const list = { partition: otaPartitions.releaseChanges(id), table: "ota", newestFirst: true } as const;
  return pageOf(list, query, (stored: object) => view(ReleaseChange, stored));
});
