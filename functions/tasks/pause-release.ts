import { getItem } from "../../shared/aws/table.ts";
import { otaKeys } from "../../shared/keys.ts";
import { changeAvailability } from "../../shared/ota/availability.ts";
import { countsOf, faultOfRollout, type StoredCounts } from "../../shared/ota/reports.ts";
import { theMoment } from "../moment.ts";
import { succeed } from "./activate.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

/** Pauses a rollout for what devices report of it, if that is still so and nobody has paused or withdrawn it meanwhile. */
export const handler = task("pause-release", async (input) => {
  const release = await desiredRelease(input);
  const counts = countsOf(await getItem<StoredCounts>(otaKeys.reports(release.id), "ota"));
  const reason = faultOfRollout(counts, release.pauseAbove);
  const isRollout = release.availability === "offered" && release.rollout < 100;
  if (reason === undefined || !isRollout) return succeed(input);
  const moment = theMoment();
  const { writes } = changeAvailability(release, "pause", { by: "reports of devices", reason }, moment);
  return succeed(input, writes, moment.now);
});
