import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { DeadLetters } from "../dead-letters.ts";
import type { Invoke, LambdaError, Log } from "../invoke.ts";
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
  /** Milliseconds. */
  readonly acceptedAt: number;
  /** How often the function ran and failed. */
  readonly attempts: number;
  /** How often it could not be run since the last attempt, or since this process began. */
  readonly unreached: number;
}

/** What became of one try. */
type Outcome =
  | { readonly kind: "delivered" }
  | { readonly kind: "failed"; readonly error: LambdaError; readonly reached: boolean };

/** Lambda tries a function that fails twice more. It waits one and two minutes, which is long for a local run. */
const MAX_ATTEMPTS = 3;
const BACKOFF_MS = [200, 1_000];
/** A function that is throttled, or Lambda itself, is tried for so long; Lambda's pauses are 1 s to 5 minutes. */
const MAX_AGE_MS = 6 * 3_600_000;
const UNREACHED_BACKOFF = { firstMs: 200, capMs: 30_000 };
const MAX_CONCURRENT = 32;
/** Nothing to try again for: the service would be told the same. */
const HOPELESS: ReadonlySet<string> = new Set(["ResourceNotFoundException", "RequestTooLargeException"]);

const SCHEMA = `CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  rule TEXT NOT NULL,
  function_name TEXT NOT NULL,
  dead_letter_queue TEXT NOT NULL,
  payload TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  accepted_at INTEGER NOT NULL
)`;

const toStored = (row: Record<string, unknown>): Stored => ({
  id: Number(row.id),
  rule: String(row.rule),
  functionName: String(row.function_name),
  deadLetterQueue: String(row.dead_letter_queue),
  payload: String(row.payload),
  attempts: Number(row.attempts),
  acceptedAt: Number(row.accepted_at),
  unreached: 0,
});

/** @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
const deadLetter = (delivery: Stored, functionArn: string, condition: string, error: LambdaError) => ({
  version: "1.0",
  timestamp: new Date().toISOString(),
  requestContext: {
    requestId: randomUUID(),
    functionArn,
    condition,
    approximateInvokeCount: delivery.attempts,
  },
  requestPayload: JSON.parse(delivery.payload),
  responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
  responsePayload: error,
  functionName: delivery.functionName,
  rule: delivery.rule,
});

/**
 * Opens `events.db`, where accepted events are until they are delivered.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
export const openDeliveries = (options: {
  dir: string;
  invoke: Invoke;
  deadLetters: DeadLetters;
  functionArn(functionName: string): string;
  now?: () => number;
  log: Log;
}): Deliveries => {
  const { invoke, deadLetters, log, now = Date.now } = options;
  const database = openDatabase(join(options.dir, "events.db"), SCHEMA);
  // A data folder from before events had an age.
  if (
    !database
      .prepare("PRAGMA table_info(deliveries)")
      .all()
      .some(({ name }) => name === "accepted_at")
  ) {
    database.exec(`ALTER TABLE deliveries ADD COLUMN accepted_at INTEGER NOT NULL DEFAULT ${now()}`);
  }
  const insert = database.prepare(
    "INSERT INTO deliveries (rule, function_name, dead_letter_queue, payload, accepted_at) VALUES (?, ?, ?, ?, ?)",
  );
  const tried = database.prepare("UPDATE deliveries SET attempts = ? WHERE id = ?");
  const remove = database.prepare("DELETE FROM deliveries WHERE id = ?");

  let closed = false;
  const onItsWay = new Map<string, number>();
  const queue: Stored[] = [];
  /** Those that wait to be tried again take no one's place. */
  const timers = new Set<NodeJS.Timeout>();
  const idlers = new Set<() => void>();
  let working = 0;

  const wakeIdlers = () => {
    for (const wake of idlers) wake();
    idlers.clear();
  };

  const attempt = async (delivery: Stored): Promise<Outcome> => {
    try {
      const result = await invoke(delivery.functionName, JSON.parse(delivery.payload));
      if ("functionError" in result) return { kind: "failed", error: result.functionError, reached: true };
      return { kind: "delivered" };
    } catch (error) {
      const [errorType, errorMessage] = error instanceof Error ? [error.name, error.message] : ["Error", String(error)];
      return { kind: "failed", error: { errorType, errorMessage }, reached: false };
    }
  };

  const giveUp = (delivery: Stored, condition: string, error: LambdaError) => {
    const letter = deadLetter(delivery, options.functionArn(delivery.functionName), condition, error);
    deadLetters.put(delivery.deadLetterQueue, letter);
    remove.run(delivery.id);
    log("an event went to the dead letter queue", { rule: delivery.rule, error: error.errorMessage });
  };

  /** Writes down what became of a try; answers the delivery if it is to be tried again, and after which pause. */
  const record = (delivery: Stored, outcome: Outcome): { again: Stored; afterMs: number } | undefined => {
    if (outcome.kind === "delivered") {
      remove.run(delivery.id);
      return undefined;
    }
    const { error, reached } = outcome;
    if (!reached) {
      const hopeless = HOPELESS.has(error.errorType);
      if (hopeless || now() - delivery.acceptedAt > MAX_AGE_MS) {
        giveUp(delivery, hopeless ? "RetriesExhausted" : "EventAgeExceeded", error);
        return undefined;
      }
      const { firstMs, capMs } = UNREACHED_BACKOFF;
      const afterMs = Math.min(firstMs * 2 ** delivery.unreached, capMs);
      return { again: { ...delivery, unreached: delivery.unreached + 1 }, afterMs };
    }
    const again = { ...delivery, attempts: delivery.attempts + 1, unreached: 0 };
    if (again.attempts >= MAX_ATTEMPTS) {
      giveUp(again, "RetriesExhausted", error);
      return undefined;
    }
    tried.run(again.attempts, again.id);
    return { again, afterMs: BACKOFF_MS[again.attempts - 1] ?? 0 };
  };

  const settle = ({ rule }: Stored) => {
    const left = (onItsWay.get(rule) ?? 1) - 1;
    if (left === 0) onItsWay.delete(rule);
    else onItsWay.set(rule, left);
    if (onItsWay.size === 0) wakeIdlers();
  };

  /** Nothing is written after `close`: the delivery is then left to the next process. */
  const deliver = async (delivery: Stored): Promise<void> => {
    const outcome = await attempt(delivery);
    if (closed) return;
    const next = record(delivery, outcome);
    if (next === undefined) return settle(delivery);
    const timer = setTimeout(() => {
      timers.delete(timer);
      queue.push(next.again);
      pump();
    }, next.afterMs);
    timers.add(timer);
  };

  const pump = () => {
    while (!closed && working < MAX_CONCURRENT) {
      const delivery = queue.shift();
      if (delivery === undefined) return;
      working += 1;
      deliver(delivery)
        .catch((error: unknown) => {
          if (closed) return;
          // It stays in the database, so the next start tries again.
          log("an event was not delivered", { rule: delivery.rule, error: String(error) });
          settle(delivery);
        })
        .finally(() => {
          working -= 1;
          pump();
        });
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
      const acceptedAt = now();
      const stored = inTransaction(database, () =>
        deliveries.map((delivery): Stored => {
          const { rule, functionName, deadLetterQueue, payload } = delivery;
          const { lastInsertRowid } = insert.run(rule, functionName, deadLetterQueue, payload, acceptedAt);
          return { ...delivery, id: Number(lastInsertRowid), acceptedAt, attempts: 0, unreached: 0 };
        }),
      );
      for (const delivery of stored) enqueue(delivery);
      // The sender gets its answer before the functions start.
      setImmediate(pump);
    },
    pending: (rule) => onItsWay.has(rule),
    idle: async () => {
      if (onItsWay.size > 0) await new Promise<void>((resolve) => idlers.add(resolve));
    },
    close: () => {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      wakeIdlers();
      database.close();
    },
  };
};
