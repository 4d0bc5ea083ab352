/// <reference path="../.sst/platform/config.d.ts" />
import { streams } from "../shared/declared/triggers.ts";
import { type DeadLetters, deadLetterQueue } from "./dead-letters.ts";
import { type Functions, functionNamed } from "./functions.ts";
import type { Stage } from "./stage.ts";
import type { Storage } from "./storage.ts";

/** Every declared reader of a table's stream, with the queue for what it gave up on. */
export const streamReaders = (stage: Stage, { tables }: Storage, functions: Functions): DeadLetters =>
  Object.fromEntries(
    Object.entries(streams).map(([name, stream]) => {
      const queue = deadLetterQueue(stage, name);
      new aws.lambda.EventSourceMapping(name, {
        eventSourceArn: tables[stream.table].streamArn,
        functionName: functionNamed(functions, stream.function).arn,
        // A mapping made anew begins with what the stream still has: to see a record again is harmless, to miss one is not.
        startingPosition: "TRIM_HORIZON",
        batchSize: stream.batchSize,
        filterCriteria: { filters: stream.filters.map((filter) => ({ pattern: JSON.stringify(filter) })) },
        functionResponseTypes: ["ReportBatchItemFailures"],
        bisectBatchOnFunctionError: true,
        maximumRetryAttempts: stream.maximumRetryAttempts,
        maximumRecordAgeInSeconds: stream.maximumRecordAgeSeconds,
        parallelizationFactor: stage.settings.streams.parallelBatches,
        destinationConfig: { onFailure: { destinationArn: queue.arn } },
      });
      return [name, queue];
    }),
  );
