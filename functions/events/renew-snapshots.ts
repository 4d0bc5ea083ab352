import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { listItems } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { otaPartitions } from "../../shared/keys.ts";
import { isAging, type SnapshotEntry, seconds } from "../../shared/ota/snapshot.ts";
import { loggerOf } from "../logger.ts";
import { measure } from "../metrics.ts";
import { refreshSnapshot } from "../ota/refresh-snapshot.ts";
import { currentSigning } from "../ota/signing-keys.ts";

/** Workspaces that are renewed at once. KMS signs a thousand times a second for an account. */
const AT_A_TIME = 10;
/** The function has five minutes; what it has not come to, the next run does, a quarter of an hour later. */
const BUDGET_MS = 240_000;

/**
 * Renews the snapshots of which a third of the time is over, and those that another key than the stage's last one has
 * signed: so a new key of the stage is taken up. What goes wrong with one is logged, and keeps the others not waiting; an
 * alarm watches the age of the oldest.
 */
export const handler = middy<EventBridgeEvent<string, unknown>, { looked: number }>().handler(async (_, context) => {
  const log = loggerOf(context);
  const started = Date.now();
  const lifetime = Number(env("OTA_SNAPSHOT_HOURS")) * 3_600;
  const { key } = await currentSigning(new Date());
  let looked = 0;
  let oldest = 0;
  let after: string | undefined;
  const renew = async ({ workspaceId, issued, keyId }: SnapshotEntry) => {
    const now = new Date();
    const isDue = keyId !== key.keyId || isAging({ issued, expires: issued + lifetime }, seconds(now));
    try {
      if (isDue && Date.now() - started < BUDGET_MS && (await refreshSnapshot(workspaceId, now))) return;
    } catch (error) {
      log.error("a snapshot could not be renewed", error instanceof Error ? error : new Error(String(error)));
    }
    oldest = Math.max(oldest, seconds(now) - issued);
  };
  do {
    const page: { items: SnapshotEntry[]; next?: string } = await listItems<SnapshotEntry>({
      partition: otaPartitions.snapshots(),
      table: "ota",
      limit: AT_A_TIME,
      after,
    });
    await Promise.all(page.items.map(renew));
    looked += page.items.length;
    after = page.next;
  } while (after !== undefined);
  measure("OldestSnapshotSeconds", oldest);
  return { looked };
});
