import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { DeadLetters } from "../dead-letters.ts";
import { type Invoke, type InvokeResult, invokeSafely, type Log } from "../invoke.ts";
import { inTransaction, openDatabase } from "../sqlite.ts";

/** One event for one rule's function. */
export interface Delivery {
  readonly rule: string;
  readonly functionName: string;
  readonly deadLetterQueue: string;
  /** The function's event, as JSON. */
  readonly payload: string;
}

export interface Deliveries {
  /** Takes up what an earlier process left undelivered; before the first `add`. */
  resume(): void;
  /** Keeps the deliveries, all or none, and starts to work on them. */
  add(deliveries: readonly Delivery[]): void;
  /** Whether a delivery of this rule is still on its way. */
  pending(rule: string): boolean;
  idle(): Promise<void>;
  /** Stops; what is not delivered stays in the database. */
  close(): void;
}

interface Stored extends Delivery {
  readonly id: number;
  readonly attempts: number;
}

/** Lambda's asynchronous invocation tries twice more; it waits one and two minutes, which is long for a local run. */
const MAX_ATTEMPTS = 3;
const BACKOFF_MS = [200, 1_000];
const MAX_CONCURRENT = 32;

const SCHEMA = `CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  rule TEXT NOT NULL,
  function_name TEXT NOT NULL,
  dead_letter_queue TEXT NOT NULL,
  payload TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0
)`;

const toStored = (row: Record<string, unknown>): Stored => ({
  id: Number(row.id),
  rule: String(row.rule),
  functionName: String(row.function_name),
  deadLetterQueue: String(row.dead_letter_queue),
  payload: String(row.payload),
  attempts: Number(row.attempts),
});

/** @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
const deadLetter = (delivery: Stored, functionArn: string, result: InvokeResult) => ({
  version: "1.0",
  timestamp: new Date().toISOString(),
  requestContext: {
    requestId: randomUUID(),
    functionArn,
    condition: "RetriesExhausted",
    approximateInvokeCount: delivery.attempts,
  },
  requestPayload: JSON.parse(delivery.payload),
  responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
  responsePayload: "functionError" in result ? result.functionError : result.payload,
  functionName: delivery.functionName,
  rule: delivery.rule,
});

/** Opens `events.db`, where accepted events are until they are delivered. */
export const openDeliveries = (options: {
  dir: string;
  invoke: Invoke;
  deadLetters: DeadLetters;
  functionArn(functionName: string): string;
  log: Log;
}): Deliveries => {
  const { invoke, deadLetters, log } = options;
  const database = openDatabase(join(options.dir, "events.db"), SCHEMA);
  const insert = database.prepare(
    "INSERT INTO deliveries (rule, function_name, dead_letter_queue, payload) VALUES (?, ?, ?, ?)",
  );
  const tried = database.prepare("UPDATE deliveries SET attempts = ? WHERE id = ?");
  const remove = database.prepare("DELETE FROM deliveries WHERE id = ?");

  const stopping = new AbortController();
  const { signal } = stopping;
  const onItsWay = new Map<string, number>();
  const queue: Stored[] = [];
  const idlers = new Set<() => void>();
  let working = 0;

  const wakeIdlers = () => {
    for (const wake of idlers) wake();
    idlers.clear();
  };

  /** Tries a delivery to its end. Nothing is written after `close`: the delivery is then left to the next process. */
  const deliver = async (given: Stored): Promise<void> => {
    for (let delivery = given; ; ) {
      const result = await invokeSafely(invoke, delivery.functionName, JSON.parse(delivery.payload));
      if (signal.aborted) return;
      if (!("functionError" in result)) {
        remove.run(delivery.id);
        return;
      }
      delivery = { ...delivery, attempts: delivery.attempts + 1 };
      if (delivery.attempts >= MAX_ATTEMPTS) {
        deadLetters.put(
          delivery.deadLetterQueue,
          deadLetter(delivery, options.functionArn(delivery.functionName), result),
        );
        remove.run(delivery.id);
        log("an event went to the dead letter queue", {
          rule: delivery.rule,
          error: result.functionError.errorMessage,
        });
        return;
      }
      tried.run(delivery.attempts, delivery.id);
      await pause(BACKOFF_MS[delivery.attempts - 1], undefined, { signal });
    }
  };

  const settle = (delivery: Stored) => {
    working -= 1;
    const left = (onItsWay.get(delivery.rule) ?? 1) - 1;
    if (left === 0) onItsWay.delete(delivery.rule);
    else onItsWay.set(delivery.rule, left);
    pump();
    if (working === 0 && queue.length === 0) wakeIdlers();
  };

  const pump = () => {
    while (!signal.aborted && working < MAX_CONCURRENT) {
      const delivery = queue.shift();
      if (delivery === undefined) return;
      working += 1;
      deliver(delivery)
        .catch((error: unknown) => {
          // It stays in the database, so the next start tries again.
          if (!signal.aborted) log("an event was not delivered", { rule: delivery.rule, error: String(error) });
        })
        .finally(() => settle(delivery));
    }
  };

  const enqueue = (delivery: Stored) => {
    queue.push(delivery);
    onItsWay.set(delivery.rule, (onItsWay.get(delivery.rule) ?? 0) + 1);
  };

  return {
    resume: () => {
      for (const row of database.prepare("SELECT * FROM deliveries ORDER BY id").all()) enqueue(toStored(row));
      pump();
    },
    add: (deliveries) => {
      if (deliveries.length === 0) return;
      const stored = inTransaction(database, () =>
        deliveries.map((delivery): Stored => {
          const { rule, functionName, deadLetterQueue, payload } = delivery;
          const { lastInsertRowid } = insert.run(rule, functionName, deadLetterQueue, payload);
          return { ...delivery, id: Number(lastInsertRowid), attempts: 0 };
        }),
      );
      for (const delivery of stored) enqueue(delivery);
      // The sender gets its answer before the functions start.
      setImmediate(pump);
    },
    pending: (rule) => onItsWay.has(rule),
    idle: async () => {
      if (working > 0 || queue.length > 0) await new Promise<void>((resolve) => idlers.add(resolve));
    },
    close: () => {
      stopping.abort();
      wakeIdlers();
      database.close();
    },
  };
};
