import { randomUUID } from "node:crypto";
import { createAwsJsonServer } from "./aws-json-rpc.ts";
import type { DeadLetters } from "./dead-letters.ts";
import { type Delivery, openDeliveries } from "./events/deliveries.ts";
import { operationsOf } from "./events/operations.ts";
import { eventTime, type SentEvent } from "./events/put-events.ts";
import { type ActiveRule, activate, type Rule } from "./events/rules.ts";
import { parseSchedule } from "./events/schedule.ts";
import type { Faults } from "./faults.ts";
import type { Gate } from "./iam/gate.ts";
import type { Invoke, Log } from "./invoke.ts";
import { listen, shut } from "./listen.ts";

export type { Rule };

/** An event of an AWS service, for the default bus. */
export interface ServiceEvent {
  readonly source: string;
  readonly "detail-type": string;
  readonly detail: unknown;
  readonly resources?: readonly string[];
}

export interface EventsOptions {
  /** Where `events.db` is. */
  readonly dir: string;
  readonly port: number;
  readonly region: string;
  readonly accountId: string;
  readonly rules: readonly Rule[];
  readonly invoke: Invoke;
  readonly faults: Faults;
  /** Refuses what the caller's policy does not allow; all is allowed if it is not given. */
  readonly gate?: Gate | undefined;
  readonly deadLetters: DeadLetters;
  /** Buses besides the default one and those that rules name. */
  readonly buses?: readonly string[];
  /** Multiplies the time between two runs of a schedule. */
  readonly scheduleScale?: number;
  /** Is told of each event as rules see it. */
  readonly heard?: (bus: string, envelope: object) => void;
  /** Milliseconds, by which events grow old; the clock's by default. */
  readonly now?: () => number;
  readonly log: Log;
}

export interface Events {
  readonly port: number;
  readonly url: string;
  /** Accepts an event of an AWS service: it is durable when this returns. */
  publish(event: ServiceEvent): void;
  /** Invokes a function as AWS does for an event that needs no answer: durable when this returns, tried three times. */
  invokeLater(rule: string, functionName: string, event: object): void;
  /** Resolves when every accepted event is delivered or in a dead letter queue. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/** Calls `fire` whenever the schedule is due, until `signal` aborts. */
const runSchedule = (schedule: string, scale: number, signal: AbortSignal, fire: () => void) => {
  const nextRun = parseSchedule(schedule);
  let timer: NodeJS.Timeout | undefined;
  const arm = (delay: number) => {
    if (!Number.isFinite(delay)) return;
    // A timer cannot wait longer than MAX_TIMER_MS, so a long wait is made of several.
    timer = setTimeout(() => (delay > MAX_TIMER_MS ? arm(delay - MAX_TIMER_MS) : run()), Math.min(delay, MAX_TIMER_MS));
  };
  const run = () => {
    fire();
    next();
  };
  const next = () => {
    const now = Date.now();
    arm((nextRun(now) - now) * scale);
  };
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  next();
};

/**
 * EventBridge on loopback: accepts events, keeps them until they are delivered, and runs schedules.
 *
 * @throws `InvalidEventPattern`, `InvalidSchedule` for a malformed rule, `PortTaken`
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/Welcome.html
 */
export const startEvents = async (options: EventsOptions): Promise<Events> => {
  const { region, accountId, invoke, deadLetters, faults, log, scheduleScale = 1 } = options;
  const rules = options.rules.map((rule) => activate(rule, region, accountId));
  const buses = new Set(["default", ...(options.buses ?? []), ...rules.map(({ bus }) => bus)]);
  for (const { schedule } of rules) if (schedule !== undefined) parseSchedule(schedule);
  const deliveries = openDeliveries({
    dir: options.dir,
    invoke,
    deadLetters,
    functionArn: (functionName) => `arn:aws:lambda:${region}:${accountId}:function:${functionName}`,
    ...(options.now !== undefined && { now: options.now }),
    log,
  });

  const deliver = (rule: ActiveRule, envelope: object): Delivery => ({
    rule: rule.name,
    functionName: rule.functionName,
    deadLetterQueue: rule.deadLetterQueue ?? `${rule.name}-dead-letters`,
    payload: JSON.stringify(rule.input ?? envelope),
  });

  const envelopeOf = (event: Omit<SentEvent, "bus">) => ({
    version: "0",
    id: randomUUID(),
    "detail-type": event["detail-type"],
    source: event.source,
    account: accountId,
    time: event.time,
    region,
    resources: event.resources,
    detail: event.detail,
  });

  /** Matches the events, keeps all their deliveries in one transaction, and answers the events' ids. */
  const accept = (events: readonly SentEvent[]): string[] => {
    for (const bus of new Set(events.map((event) => event.bus))) {
      // AWS says nothing of it and drops the event, which is hard to find.
      if (!buses.has(bus)) log("events were sent to a bus that does not exist", { bus });
    }
    const envelopes = events.map((event) => ({ bus: event.bus, envelope: envelopeOf(event) }));
    deliveries.add(
      envelopes.flatMap(({ bus, envelope }) =>
        rules.filter((rule) => rule.bus === bus && rule.matches(envelope)).map((rule) => deliver(rule, envelope)),
      ),
    );
    for (const { bus, envelope } of envelopes) options.heard?.(bus, envelope);
    return envelopes.map(({ envelope }) => envelope.id);
  };

  const stopping = new AbortController();
  const fire = (rule: ActiveRule) => {
    // The last run is still at work: this one is left out, so that a schedule never overlaps itself.
    if (deliveries.pending(rule.name)) return;
    const event = {
      source: "aws.events",
      "detail-type": "Scheduled Event",
      resources: [rule.arn],
      detail: {},
      time: eventTime(Date.now()),
    };
    deliveries.add([deliver(rule, envelopeOf(event))]);
  };

  const server = createAwsJsonServer({
    iamPrefix: "events",
    target: "AWSEvents",
    version: "1.1",
    operations: operationsOf({ region, accountId, rules, buses, accept }),
    faults,
    gate: options.gate,
    log,
  });
  let closing: Promise<void> | undefined;
  const stop = async () => {
    stopping.abort();
    await shut(server);
    deliveries.close();
  };
  try {
    const port = await listen("EventBridge", server, options.port);
    deliveries.resume();
    for (const rule of rules) {
      if (rule.schedule !== undefined) runSchedule(rule.schedule, scheduleScale, stopping.signal, () => fire(rule));
    }
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      publish: (event) => {
        accept([{ resources: [], ...event, bus: "default", time: eventTime(Date.now()) }]);
      },
      invokeLater: (rule, functionName, event) => {
        deliveries.add([
          { rule, functionName, deadLetterQueue: `${rule}-dead-letters`, payload: JSON.stringify(event) },
        ]);
      },
      idle: deliveries.idle,
      close: () => {
        closing ??= stop();
        return closing;
      },
    };
  } catch (error) {
    deliveries.close();
    throw error;
  }
};
