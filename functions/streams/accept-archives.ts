import middy from "@middy/core";
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from "aws-lambda";
import { transact } from "../../shared/aws/table.ts";
import { acceptArchive, type StoredArchive } from "../../shared/ota/stored-archive.ts";
import { AppError } from "../../shared/problems.ts";
import { measure } from "../metrics.ts";
import { theMoment } from "../moment.ts";
import { eachRecord } from "./records.ts";

/**
 * Makes an intent of each archive that devices have asked for; the control table's stream starts its workflow. The public
 * function that they ask writes to the `ota` table alone.
 */
export const handler = middy<DynamoDBStreamEvent, DynamoDBBatchResponse>().handler((event, context) =>
  eachRecord(event, context, async (image, log) => {
    const { intent, writes } = acceptArchive(image as unknown as StoredArchive, theMoment());
    try {
      await transact(writes);
    } catch (error) {
      if (!(error instanceof AppError && error.code === "conflict")) throw error; // accepted before, or asked for anew
      return;
    }
    measure("IntentsAccepted", 1, { kind: intent.kind });
    log.info("accepted", { intent: intent.id, kind: intent.kind });
  }),
);
