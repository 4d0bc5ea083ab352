import * as z from "zod";
import type { Moment } from "../ids.ts";
import { requestIntent, type StoredIntent } from "../intent/intent.ts";
import { otaKeys } from "../keys.ts";
import { AppError } from "../problems.ts";
import type { Write } from "../writes.ts";
import type { Entry } from "./entry.ts";

const name = z.string().min(1).max(64);

/** What became of an update on a device. */
export const Report = z
  .strictObject({
    app: name,
    environment: name.default("prod"),
    version: name,
    outcome: z.enum(["installed", "failed", "rolled-back"]),
    reason: z
      .string()
      .max(200)
      .regex(/^[^\p{Cc}]*$/u, "without control characters")
      .optional()
      .meta({ description: "What went wrong; the last one is kept" }),
  })
  .meta({ id: "Report", description: "An anonymous device's word on a release; nobody checks it" });
export type Report = z.infer<typeof Report>;

/** How many devices have said what. Past the first thousand these are estimates. */
export const ReportCounts = z
  .object({
    installed: z.int(),
    failed: z.int(),
    rolledBack: z.int(),
    lastReason: z.string().optional().meta({ description: "Of a failure, in the words of the device" }),
  })
  .meta({ id: "ReportCounts" });
export type ReportCounts = z.infer<typeof ReportCounts>;

/** As the table has them: what was never said is absent. */
export type StoredCounts = Partial<ReportCounts> & {
  /** The publication for which a pause was asked for. */
  readonly pausedFor?: string;
};

export const countsOf = (stored: StoredCounts | undefined): ReportCounts => {
  const { installed = 0, failed = 0, rolledBack = 0, lastReason } = stored ?? {};
  return { installed, failed, rolledBack, ...(lastReason !== undefined && { lastReason }) };
};

const totalOf = ({ installed, failed, rolledBack }: ReportCounts): number => installed + failed + rolledBack;

/**
 * Of how many reports one is counted, for all of them: each up to a thousand, then one in ten, one in a hundred and so on.
 * So one item takes the reports of any fleet, and what is counted is right on average.
 */
export const weightOf = (counts: ReportCounts): number => {
  const digits = String(Math.floor(totalOf(counts))).length;
  return 10 ** Math.max(0, digits - 3);
};

const MEMBER = { installed: "installed", failed: "failed", "rolled-back": "rolledBack" } as const;

/** The release that a report is of: the one of that version that was published last. */
export const reportedEntry = ({ app, environment, version }: Report, entries: readonly Entry[]): Entry => {
  const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const [found] = entries
    .filter((one) => isSame(one.app, app) && isSame(one.environment, environment) && one.version === version)
    .sort((a, b) => ((a.publishedAt ?? "") < (b.publishedAt ?? "") ? 1 : -1));
  if (found === undefined) throw new AppError("not-found", "no such release is given to devices now");
  return found;
};

/** @param weight from {@link weightOf} */
export const countReport = ({ outcome, reason }: Report, { releaseId }: Entry, weight: number): Write => ({
  do: "update",
  table: "ota",
  key: otaKeys.reports(releaseId),
  set: { type: "report-counts", ...(outcome !== "installed" && reason !== undefined && { lastReason: reason }) },
  add: { [MEMBER[outcome]]: weight },
});

/** So many devices must have said something before a rollout is paused for what they said. */
export const LEAST_REPORTS = 20;

/** Why a rollout is to be paused for what devices report; undefined where it is not. */
export const faultOfRollout = (counts: ReportCounts, percent: number | undefined): string | undefined => {
  const [total, bad] = [totalOf(counts), counts.failed + counts.rolledBack];
  if (percent === undefined || total < LEAST_REPORTS || bad * 100 <= total * percent) return undefined;
  return `${bad} of ${total} reports are of failures: more than ${percent} %`;
};

/**
 * Asks for the pause of a rollout past its threshold, once for each publication: someone who resumes it has seen the reports.
 * @returns undefined where there is nothing to ask for
 */
export const requestPause = (
  workspaceId: string,
  entry: Entry,
  stored: StoredCounts,
  moment: Moment,
): { readonly intent: StoredIntent; readonly writes: readonly Write[] } | undefined => {
  const { releaseId, app, version, environment, publishedAt = "", rollout = 100, isPaused = false } = entry;
  if (isPaused || rollout >= 100 || stored.pausedFor === publishedAt) return undefined;
  if (faultOfRollout(countsOf(stored), entry.pauseAbove) === undefined) return undefined;
  const intent = requestIntent(
    {
      kind: "release.pause",
      workspaceId,
      subject: {
        type: "release",
        id: releaseId,
        name: `${app} ${version} (${environment})`,
        href: `/v1/workspaces/${workspaceId}/releases/${releaseId}`,
      },
      requestedBy: "reports of devices",
    },
    moment,
  );
  const unchanged = stored.pausedFor ?? { exists: false };
  return {
    intent,
    writes: [
      {
        do: "update",
        table: "ota",
        key: otaKeys.reports(releaseId),
        set: { pausedFor: publishedAt },
        when: { pausedFor: unchanged },
      },
      { do: "create", item: { ...intent } },
    ],
  };
};
