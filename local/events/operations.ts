import * as z from "zod";
import { type Operation, ServiceError } from "../aws-json-rpc.ts";
import { compilePattern, InvalidEventPattern } from "../event-pattern.ts";
import { type EntryError, readPutEvents, type SentEvent } from "./put-events.ts";
import { type ActiveRule, busNameOf } from "./rules.ts";

/** What the operations work on. */
export interface Bridge {
  readonly region: string;
  readonly accountId: string;
  readonly rules: readonly ActiveRule[];
  readonly buses: ReadonlySet<string>;
  /** Keeps the events and answers their ids. */
  accept(events: readonly SentEvent[]): string[];
}

const MAX_PAGE = 100;
const Paging = {
  Limit: z.int().min(1).max(MAX_PAGE).default(MAX_PAGE),
  NextToken: z.string().min(1).max(2048).optional(),
};
const EventBusName = z.string().min(1).max(1600).optional().transform(busNameOf);
const RuleName = z.string().min(1).max(64);
const DescribeRuleInput = z.object({ Name: RuleName, EventBusName });
const ListRulesInput = z.object({ ...Paging, NamePrefix: z.string().min(1).max(64).default(""), EventBusName });
const ListTargetsInput = z.object({ ...Paging, Rule: RuleName, EventBusName });
const DescribeBusInput = z.object({ Name: EventBusName });
const ListBusesInput = z.object({ ...Paging, NamePrefix: z.string().min(1).max(256).default("") });
const TestPatternInput = z.object({ EventPattern: z.string().max(4096), Event: z.string() });
/** What an event must have to be tested. */
const TestedEvent = z.looseObject({
  id: z.string(),
  account: z.string(),
  source: z.string(),
  time: z.string(),
  region: z.string(),
  resources: z.array(z.string()),
  "detail-type": z.string(),
});

const describeRule = (rule: ActiveRule) => ({
  Name: rule.name,
  Arn: rule.arn,
  EventBusName: rule.bus,
  State: "ENABLED",
  ...(rule.pattern === undefined ? {} : { EventPattern: JSON.stringify(rule.pattern) }),
  ...(rule.schedule === undefined ? {} : { ScheduleExpression: rule.schedule }),
});

/** The names after the token's, as many as the page takes; the token of the next page if there is one. */
const page = <T>(all: readonly T[], nameOf: (one: T) => string, limit: number, token: string | undefined) => {
  const after = token === undefined ? undefined : Buffer.from(token, "base64url").toString();
  if (after !== undefined && !all.some((one) => nameOf(one) === after)) {
    throw new ServiceError("InvalidToken", "The token is not valid.");
  }
  const sorted = all.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  const rest = sorted.filter((one) => after === undefined || nameOf(one) > after);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  const more = rest.length > limit && last !== undefined;
  return { items, ...(more && { NextToken: Buffer.from(nameOf(last)).toString("base64url") }) };
};

const missing = (what: string) => new ServiceError("ResourceNotFoundException", `${what} does not exist.`);

const parseJson = (name: string, text: string): object => {
  try {
    return z.looseObject({}).parse(JSON.parse(text));
  } catch {
    throw new ServiceError("ValidationException", `${name} is not a JSON object.`);
  }
};

/** EventBridge's operations by their SDK names. */
export const operationsOf = (bridge: Bridge): ReadonlyMap<string, Operation> => {
  const buses = [...bridge.buses];
  const describeBus = (Name: string) => ({
    Name,
    Arn: `arn:aws:events:${bridge.region}:${bridge.accountId}:event-bus/${Name}`,
  });
  const needBus = (bus: string): void => {
    if (!buses.includes(bus)) throw missing(`Event bus ${bus}`);
  };
  const needRule = (bus: string, name: string): ActiveRule => {
    needBus(bus);
    const found = bridge.rules.find((rule) => rule.bus === bus && rule.name === name);
    if (found === undefined) {
      throw new ServiceError("ResourceNotFoundException", `Rule ${name} does not exist on EventBus ${bus}.`);
    }
    return found;
  };

  const operations: Record<string, Operation> = {
    PutEvents: (input) => {
      const entries = readPutEvents(input);
      const isError = (entry: SentEvent | EntryError): entry is EntryError => "ErrorCode" in entry;
      const ids = bridge.accept(entries.filter((entry): entry is SentEvent => !isError(entry)));
      const Entries = entries.map((entry) => (isError(entry) ? entry : { EventId: ids.shift() }));
      return { FailedEntryCount: entries.filter(isError).length, Entries };
    },
    DescribeRule: (input) => {
      const { Name, EventBusName: bus } = DescribeRuleInput.parse(input);
      return describeRule(needRule(bus, Name));
    },
    ListRules: (input) => {
      const { NamePrefix, EventBusName: bus, Limit, NextToken } = ListRulesInput.parse(input);
      needBus(bus);
      const found = bridge.rules.filter((rule) => rule.bus === bus && rule.name.startsWith(NamePrefix));
      const { items, ...next } = page(found, ({ name }) => name, Limit, NextToken);
      return { Rules: items.map(describeRule), ...next };
    },
    ListTargetsByRule: (input) => {
      const { Rule, EventBusName: bus } = ListTargetsInput.parse(input);
      const { functionName, input: instead } = needRule(bus, Rule);
      const Arn = `arn:aws:lambda:${bridge.region}:${bridge.accountId}:function:${functionName}`;
      return { Targets: [{ Id: functionName, Arn, ...(instead !== undefined && { Input: JSON.stringify(instead) }) }] };
    },
    DescribeEventBus: (input) => {
      const { Name } = DescribeBusInput.parse(input);
      needBus(Name);
      return describeBus(Name);
    },
    ListEventBuses: (input) => {
      const { NamePrefix, Limit, NextToken } = ListBusesInput.parse(input);
      const found = buses.filter((name) => name.startsWith(NamePrefix));
      const { items, ...next } = page(found, (name) => name, Limit, NextToken);
      return { EventBuses: items.map(describeBus), ...next };
    },
    TestEventPattern: (input) => {
      const { EventPattern, Event } = TestPatternInput.parse(input);
      const event = TestedEvent.parse(parseJson("Event", Event));
      try {
        return { Result: compilePattern(parseJson("EventPattern", EventPattern))(event) };
      } catch (error) {
        if (error instanceof InvalidEventPattern)
          throw new ServiceError(error.name, `Event pattern is not valid. Reason: ${error.message}`);
        throw error;
      }
    },
  };
  return new Map(Object.entries(operations));
};
