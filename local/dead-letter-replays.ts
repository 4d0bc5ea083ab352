import { setTimeout as pause } from "node:timers/promises";
import * as z from "zod";
import type { DeadLetter, DeadLetters } from "./dead-letters.ts";
import { batchItemFailuresOf } from "./event-source-mapping/batches.ts";
import { type Invoke, invokeSafely, type Log } from "./invoke.ts";

const LOOK_EVERY_MS = 250;

/** What a message of any queue is: some records of a stream, or an event, that a function failed on. */
const Body = z.looseObject({
  functionName: z.string(),
  requestContext: z.looseObject({ condition: z.string() }),
  responsePayload: z.unknown().optional(),
  records: z.array(z.looseObject({})).optional(),
  requestPayload: z.unknown().optional(),
});
const Failure = z.looseObject({ errorType: z.string(), errorMessage: z.string() });

/** A message in short, for a list. */
export interface Summary {
  readonly condition: string;
  readonly functionName: string;
  /** How many records of a stream it holds; 1 for an event. */
  readonly records: number;
  /** The first line of what the function failed with. */
  readonly error: string;
}

export const summaryOf = (letter: DeadLetter): Summary => {
  const body = Body.safeParse(letter.body).data;
  const failure = Failure.safeParse(body?.responsePayload).data;
  return {
    condition: body?.requestContext.condition ?? "",
    functionName: body?.functionName ?? "",
    records: body?.records?.length ?? 1,
    error: failure === undefined ? "" : `${failure.errorType}: ${failure.errorMessage}`.split("\n", 1).join(),
  };
};

/** Calls the function with what the message holds; answers why it failed again. */
const replay = async (letter: DeadLetter, invoke: Invoke): Promise<string | undefined> => {
  const parsed = Body.safeParse(letter.body);
  if (!parsed.success) return "the message does not say which function it was for";
  const { functionName, records, requestPayload } = parsed.data;
  const result = await invokeSafely(
    invoke,
    functionName,
    records === undefined ? requestPayload : { Records: records },
  );
  if ("functionError" in result) return `${result.functionError.errorType}: ${result.functionError.errorMessage}`;
  if (records === undefined) return undefined;
  // Every mapping here reports failures by record: an answer that is no report fails the batch.
  const failures = batchItemFailuresOf(result.payload);
  if (failures === undefined) return `${functionName} answered no report of failed records`;
  if (failures.length === 0) return undefined;
  return `${functionName} reported ${failures.length} of ${records.length} records as failed`;
};

/**
 * Replays the messages that someone asked for, one after the other. Requests come through the database, so that asking
 * needs no port; one that a killed process left behind is taken up again, as every delivery is at least once.
 */
export const startReplays = (options: { deadLetters: DeadLetters; invoke: Invoke; log: Log }) => {
  const { deadLetters, invoke, log } = options;
  const stopping = new AbortController();
  const { signal } = stopping;

  const work = async () => {
    for (const letter of deadLetters.replays()) {
      // Withdrawn or deleted while those before it were replayed.
      if (!deadLetters.beginReplay(letter.messageId)) continue;
      const error = await replay(letter, invoke);
      if (signal.aborted) return;
      deadLetters.endReplay(letter.messageId, error);
      log("a dead letter was replayed", { messageId: letter.messageId, queue: letter.queue, error });
    }
  };
  const loop = async () => {
    for (let seen: number | undefined; !signal.aborted; ) {
      try {
        const version = deadLetters.version();
        if (version !== seen) await work();
        seen = version;
        await pause(LOOK_EVERY_MS, undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        log("dead letters could not be replayed", { error: String(error) });
        await pause(LOOK_EVERY_MS);
      }
    }
  };
  void loop();
  // A function that runs is not waited for: the next start replays it again.
  return { close: () => stopping.abort() };
};
