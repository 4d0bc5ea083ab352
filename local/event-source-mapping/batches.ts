import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import * as z from "zod";
import type { DeadLetters } from "../dead-letters.ts";
import type { Invoke, InvokeResult, Log } from "../invoke.ts";
import type { SourceRecord } from "./records.ts";

export interface BatchMapping {
  readonly name: string;
  readonly functionName: string;
  readonly maximumRetryAttempts: number;
  readonly maximumRecordAgeSeconds?: number;
  readonly bisectBatchOnFunctionError: boolean;
  readonly reportBatchItemFailures: boolean;
  readonly deadLetterQueue: string;
}

export interface BatchContext {
  readonly mapping: BatchMapping;
  readonly streamArn: string;
  readonly shardId: string;
  readonly functionArn: string;
  readonly invoke: Invoke;
  readonly deadLetters: DeadLetters;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Everything of this batch up to and including this record is done with. */
  done(record: SourceRecord): void;
  /** Whether this batch, or each part that it is split into, is to be delivered once more after it succeeded. */
  redelivers(): boolean;
}

type Batch = readonly SourceRecord[];

const BACKOFF = { firstMs: 50, capMs: 5_000 };
/** Exponential and jittered, between half of the step and the whole. */
const backoffMs = (attempt: number): number =>
  Math.min(BACKOFF.firstMs * 2 ** attempt, BACKOFF.capMs) * (0.5 + Math.random() / 2);

const BatchResponse = z.object({
  batchItemFailures: z.array(z.object({ itemIdentifier: z.string().min(1) })).nullish(),
});

/**
 * The identifiers of the records that a function reports as failed: none for no answer at all, `undefined` for an answer
 * that is malformed and fails the whole batch, as on AWS.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export const batchItemFailuresOf = (payload: unknown): string[] | undefined => {
  const response = BatchResponse.safeParse(payload ?? {});
  return response.success
    ? (response.data.batchItemFailures ?? []).map(({ itemIdentifier }) => itemIdentifier)
    : undefined;
};

/**
 * Where to go on in a batch: the index of the first record that is not done; its length when all are, and `undefined`
 * when the whole batch failed. A malformed response or an unknown identifier fails the batch, as on AWS.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export const firstFailure = (
  batch: Batch,
  result: InvokeResult,
  reportBatchItemFailures: boolean,
): number | undefined => {
  if ("functionError" in result) return undefined;
  if (!reportBatchItemFailures) return batch.length;
  const failures = batchItemFailuresOf(result.payload);
  if (failures === undefined) return undefined;
  const indexes = failures.map((itemIdentifier) =>
    batch.findIndex(({ event }) => event.dynamodb?.SequenceNumber === itemIdentifier),
  );
  if (indexes.includes(-1)) return undefined;
  return Math.min(batch.length, ...indexes);
};

/** @see https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html */
const deadLetter = (
  context: BatchContext,
  batch: Batch,
  condition: "RetryAttemptsExhausted" | "RecordAgeExceeded",
  attempts: number,
  result: InvokeResult | undefined,
) => ({
  requestContext: {
    requestId: randomUUID(),
    functionArn: context.functionArn,
    condition,
    approximateInvokeCount: attempts,
  },
  responseContext: {
    statusCode: 200,
    executedVersion: "$LATEST",
    functionError: result !== undefined && "functionError" in result ? "Unhandled" : null,
  },
  version: "1.0",
  timestamp: new Date().toISOString(),
  DDBStreamBatchInfo: {
    shardId: context.shardId,
    startSequenceNumber: String(batch[0]?.sequence),
    endSequenceNumber: String(batch.at(-1)?.sequence),
    approximateArrivalOfFirstRecord: new Date(batch[0]?.createdAt ?? 0).toISOString(),
    approximateArrivalOfLastRecord: new Date(batch.at(-1)?.createdAt ?? 0).toISOString(),
    batchSize: batch.length,
    streamArn: context.streamArn,
  },
  // AWS gives only the numbers, and the records are gone after a day; here the message is enough to replay them.
  functionName: context.mapping.functionName,
  responsePayload: result === undefined ? null : "functionError" in result ? result.functionError : result.payload,
  records: batch.map(({ event }) => event),
});

const markDone = (context: BatchContext, batch: Batch) => {
  const last = batch.at(-1);
  if (last !== undefined) context.done(last);
};

const giveUp = (
  context: BatchContext,
  batch: Batch,
  condition: "RetryAttemptsExhausted" | "RecordAgeExceeded",
  attempts: number,
  result?: InvokeResult,
) => {
  const { mapping, log } = context;
  if (batch.length === 0) return;
  context.deadLetters.put(mapping.deadLetterQueue, deadLetter(context, batch, condition, attempts, result));
  log("records went to the dead letter queue", { mapping: mapping.name, condition, records: batch.length });
  markDone(context, batch);
};

const tooOld = ({ mapping }: BatchContext, record: SourceRecord): boolean =>
  mapping.maximumRecordAgeSeconds !== undefined &&
  mapping.maximumRecordAgeSeconds >= 0 &&
  Date.now() - record.createdAt > mapping.maximumRecordAgeSeconds * 1000;

/** The batch without its leading records that are too old, which are given up. */
const dropOld = (context: BatchContext, batch: Batch, attempts: number): Batch => {
  const firstYoung = batch.findIndex((record) => !tooOld(context, record));
  const old = firstYoung === -1 ? batch : batch.slice(0, firstYoung);
  giveUp(context, old, "RecordAgeExceeded", attempts);
  return batch.slice(old.length);
};

/** Invokes until the function is reached: what does not reach it is no attempt, and goes on until the batch is too old. */
const reach = async (context: BatchContext, batch: Batch): Promise<InvokeResult | "too old"> => {
  const { mapping, signal, log } = context;
  const event = { Records: batch.map((record) => record.event) };
  for (let tries = 0; ; tries += 1) {
    try {
      return await context.invoke(mapping.functionName, event);
    } catch (error) {
      signal.throwIfAborted();
      log("a function could not be reached", { mapping: mapping.name, tries: tries + 1, error: String(error) });
    }
    await pause(backoffMs(tries), undefined, { signal });
    if (batch.some((record) => tooOld(context, record))) return "too old";
  }
};

/**
 * Brings a batch to its end, in order: processed, or in the dead letter queue. Rejects only when `signal` aborts.
 * Progress within a batch counts as success: the attempts are those of the record that comes first. Attempts count when
 * the function was reached and failed: a throttled one is tried until the record is too old.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 */
export const processBatch = async (context: BatchContext, given: Batch): Promise<void> => {
  const { mapping, signal, log } = context;
  let batch = given;
  let attempts = 0;
  let again = context.redelivers();
  for (;;) {
    signal.throwIfAborted();
    batch = dropOld(context, batch, attempts);
    if (batch.length === 0) return;
    const result = await reach(context, batch);
    signal.throwIfAborted();
    if (result === "too old") continue;
    attempts += 1;

    const failedAt = firstFailure(batch, result, mapping.reportBatchItemFailures);
    if (failedAt === batch.length && again) {
      again = false;
      attempts = 0;
      log("a batch is delivered once more on purpose", { mapping: mapping.name, records: batch.length });
      continue;
    }
    if (failedAt === batch.length) return markDone(context, batch);
    if (failedAt !== undefined && failedAt > 0) {
      markDone(context, batch.slice(0, failedAt));
      batch = batch.slice(failedAt);
      // The remainder gets a try of its own before it is split or counted against.
      attempts = 0;
      await pause(backoffMs(0), undefined, { signal });
      continue;
    }
    if (mapping.bisectBatchOnFunctionError && batch.length > 1) {
      // Splitting does not use up attempts; it ends with the poison record alone, and the others processed.
      await pause(backoffMs(0), undefined, { signal });
      const half = Math.ceil(batch.length / 2);
      await processBatch(context, batch.slice(0, half));
      return processBatch(context, batch.slice(half));
    }
    if (mapping.maximumRetryAttempts >= 0 && attempts > mapping.maximumRetryAttempts) {
      return giveUp(context, batch, "RetryAttemptsExhausted", attempts, result);
    }
    await pause(backoffMs(attempts - 1), undefined, { signal });
  }
};
