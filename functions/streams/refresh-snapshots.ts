import middy from "@middy/core";
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from "aws-lambda";
import { workspaceOfCurrent } from "../../shared/keys.ts";
import { loggerOf } from "../logger.ts";
import { refreshSnapshot } from "../ota/refresh-snapshot.ts";

/**
 * Makes a workspace's snapshot anew when what devices may get has changed: once for all changes of a batch, so that a burst
 * costs few. Of a batch, Lambda repeats what comes from the first failure on.
 */
export const handler = middy<DynamoDBStreamEvent, DynamoDBBatchResponse>().handler(async (event, context) => {
  const log = loggerOf(context);
  const done = new Set<string>();
  for (const { dynamodb } of event.Records) {
    const workspaceId = workspaceOfCurrent(dynamodb?.Keys?.pk?.S ?? "");
    if (workspaceId === undefined || done.has(workspaceId)) continue;
    try {
      if (await refreshSnapshot(workspaceId, new Date())) log.info("refreshed", { workspace: workspaceId });
      done.add(workspaceId);
    } catch (error) {
      log.error("record failed", error instanceof Error ? error : new Error(String(error)));
      return { batchItemFailures: [{ itemIdentifier: dynamodb?.SequenceNumber ?? "" }] };
    }
  }
  return { batchItemFailures: [] };
});
