import { ANONYMOUS } from "../../shared/audit/audit.ts";
import { allItems, getItem, transact } from "../../shared/aws/table.ts";
import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { isId } from "../../shared/ids.ts";
import { otaKeys, otaPartitions } from "../../shared/keys.ts";
import type { Entry } from "../../shared/ota/entry.ts";
import {
  countReport,
  countsOf,
  reportedEntry,
  requestPause,
  type StoredCounts,
  weightOf,
} from "../../shared/ota/reports.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";
import { withinRate } from "../http/rate.ts";

/** Of one address, behind which a site of many devices may be. */
const REPORTS_PER_MINUTE = 600;

const workspaceIdOf = async (workspace: string): Promise<string> => {
  if (isId(workspace, "workspace")) return workspace;
  const found = await getItem<{ id: string }>(otaKeys.workspaceName(workspace), "ota");
  if (found === undefined) throw new AppError("not-found", `there is no workspace ${workspace}`);
  return found.id;
};

/** Counts what a device says of a release. A rollout of which too many fail is asked to be paused. */
export const handler = endpoint(releaseRoutes, "createReport", async ({ params, body, source, moment, commit }) => {
  await withinRate("report-source", source, REPORTS_PER_MINUTE, moment.now);
  const workspaceId = await workspaceIdOf(params.workspace);
  const entry = reportedEntry(
    body,
    await allItems<Entry>({ partition: otaPartitions.current(workspaceId), table: "ota" }),
  );
  const counts = () => getItem<StoredCounts>(otaKeys.reports(entry.releaseId), "ota");
  const weight = weightOf(countsOf(await counts()));
  if (Math.random() * weight >= 1) return commit([], { body: undefined }); // another one is counted for it
  await transact([countReport(body, entry, weight)]);
  const pause = requestPause(workspaceId, entry, (await counts()) ?? {}, moment);
  if (pause === undefined) return commit([], { body: undefined });
  const { type, id, name } = pause.intent.subject;
  const doer = { actor: ANONYMOUS, workspaceId, object: { type, id, name }, intent: pause.intent.id };
  try {
    return await commit(pause.writes, { body: undefined }, doer);
  } catch (error) {
    if (error instanceof AppError && error.code === "conflict") {
      return commit([], { body: undefined }); // another report has asked for the pause
    }
    throw error;
  }
});
