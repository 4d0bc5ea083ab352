import {
  DescribeEventBusCommand,
  DescribeRuleCommand,
  type EventBridgeClient,
  ListEventBusesCommand,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  PutEventsCommand,
  type PutEventsRequestEntry,
  TestEventPatternCommand,
} from "@aws-sdk/client-eventbridge";
import { expect } from "vitest";
import type { Rule } from "../../local/events.ts";
import type { Row } from "./rows.ts";

export const REGION = "eu-central-1";
export const ACCOUNT = "123456789012";
/** What the world has: two rules on a bus of ours, one by schedule on the default bus. */
export const RULES: readonly Rule[] = [
  { name: "first", bus: "orders", pattern: { source: ["shop"] }, functionName: "work" },
  { name: "second", bus: "orders", pattern: { source: ["mill"] }, functionName: "work", input: { fixed: true } },
  { name: "nightly", bus: "default", schedule: "cron(0 3 * * ? *)", functionName: "sweep" },
];

export interface World {
  readonly client: EventBridgeClient;
}
type EventsRow = Row<World>;

const api = (name: string) => `https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_${name}.html`;
const guide = (page: string) => `https://docs.aws.amazon.com/eventbridge/latest/userguide/${page}.html`;
const arn = (resource: string) => `arn:aws:events:${REGION}:${ACCOUNT}:${resource}`;

const ENTRY = { Source: "shop", DetailType: "order.created", Detail: '{"id":1}' };
const ID = { EventId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) };
const put = (Entries: PutEventsRequestEntry[]): EventsRow["send"] => {
  return ({ client }) => client.send(new PutEventsCommand({ Entries }));
};
const taken = (when: string, entry: PutEventsRequestEntry, source: string): EventsRow => ({
  operation: "PutEvents",
  when,
  send: put([entry]),
  expect: { status: 200, fields: { FailedEntryCount: 0, Entries: [ID] } },
  source,
});
/** The request succeeds, and tells of the one entry that did not. */
const failed = (when: string, entry: PutEventsRequestEntry, code: string): EventsRow => ({
  operation: "PutEvents",
  when,
  send: put([ENTRY, entry, ENTRY]),
  expect: {
    status: 200,
    fields: { FailedEntryCount: 1, Entries: [ID, { ErrorCode: code, ErrorMessage: expect.any(String) }, ID] },
  },
  source: api("PutEventsResultEntry"),
});
const refused = (when: string, Entries: PutEventsRequestEntry[], source: string): EventsRow => ({
  operation: "PutEvents",
  when,
  send: put(Entries),
  expect: { status: 400, code: "ValidationException" },
  source,
});

/** Source, type and detail are 4 + 13 bytes and the frame of the JSON. */
const detailOf = (bytes: number): string => `{"x":"${"x".repeat(bytes - '{"x":""}'.length)}"}`;
const ALL_BUT_DETAIL = Buffer.byteLength(`${ENTRY.Source}${ENTRY.DetailType}`);
const MB = 1024 * 1024;

const putEvents: readonly EventsRow[] = [
  taken("an entry has all it needs", ENTRY, api("PutEvents")),
  taken("the bus is named by its name", { ...ENTRY, EventBusName: "orders" }, api("PutEventsRequestEntry")),
  taken(
    "the bus is named by its ARN",
    { ...ENTRY, EventBusName: arn("event-bus/orders") },
    api("PutEventsRequestEntry"),
  ),
  taken(
    "an entry has resources and a time",
    { ...ENTRY, Resources: ["a", "b"], Time: new Date(0) },
    api("PutEventsRequestEntry"),
  ),
  taken("the detail has an object's form and nothing in it", { ...ENTRY, Detail: "{}" }, api("PutEventsRequestEntry")),
  taken(
    "the entry is a byte less than 1 MB",
    { ...ENTRY, Detail: detailOf(MB - 1 - ALL_BUT_DETAIL) },
    guide("eb-putevents"),
  ),
  {
    operation: "PutEvents",
    when: "there are ten entries, whose ids come in their order",
    send: put(Array.from({ length: 10 }, () => ENTRY)),
    expect: { status: 200, fields: { FailedEntryCount: 0, Entries: Array.from({ length: 10 }, () => ID) } },
    source: api("PutEvents"),
  },
  failed("an entry has no source", { ...ENTRY, Source: undefined }, "InvalidArgument"),
  failed("an entry has no detail type", { ...ENTRY, DetailType: undefined }, "InvalidArgument"),
  failed("an entry has no detail", { ...ENTRY, Detail: undefined }, "InvalidArgument"),
  failed("a detail is no JSON", { ...ENTRY, Detail: "{" }, "MalformedDetail"),
  failed("a detail is no object", { ...ENTRY, Detail: "[]" }, "MalformedDetail"),
  failed("a source is one of AWS's", { ...ENTRY, Source: "aws.states" }, "NotAuthorizedForSourceException"),
  refused("there are no entries", [], api("PutEvents")),
  refused(
    "there are eleven entries",
    Array.from({ length: 11 }, () => ENTRY),
    api("PutEvents"),
  ),
  refused("the entry has 1 MB", [{ ...ENTRY, Detail: detailOf(MB - ALL_BUT_DETAIL) }], guide("eb-putevents")),
  refused(
    "the entries have 1 MB together, counting resources and 14 bytes for a time",
    [
      { ...ENTRY, Detail: detailOf(MB - 2 * ALL_BUT_DETAIL - 14 - 10 - 8) },
      { ...ENTRY, Detail: detailOf(8), Time: new Date(0), Resources: ["x".repeat(10)] },
    ],
    guide("eb-putevents"),
  ),
];

const FIRST = {
  Name: "first",
  Arn: arn("rule/orders/first"),
  EventBusName: "orders",
  EventPattern: '{"source":["shop"]}',
  State: "ENABLED",
};
const NIGHTLY = {
  Name: "nightly",
  Arn: arn("rule/nightly"),
  EventBusName: "default",
  ScheduleExpression: "cron(0 3 * * ? *)",
  State: "ENABLED",
};
const missing = (operation: string, when: string, send: EventsRow["send"]): EventsRow => ({
  operation,
  when,
  send,
  expect: { status: 400, code: "ResourceNotFoundException" },
  source: api(operation),
});

const reading: readonly EventsRow[] = [
  {
    operation: "DescribeRule",
    when: "the rule has a pattern, and its bus is named",
    send: ({ client }) => client.send(new DescribeRuleCommand({ Name: "first", EventBusName: "orders" })),
    expect: { status: 200, fields: FIRST },
    source: api("DescribeRule"),
  },
  {
    operation: "DescribeRule",
    when: "the rule has a schedule, and is on the default bus",
    send: ({ client }) => client.send(new DescribeRuleCommand({ Name: "nightly" })),
    expect: { status: 200, fields: NIGHTLY },
    source: api("DescribeRule"),
  },
  missing("DescribeRule", "the rule is on another bus", ({ client }) =>
    client.send(new DescribeRuleCommand({ Name: "first" })),
  ),
  missing("DescribeRule", "there is no such bus", ({ client }) =>
    client.send(new DescribeRuleCommand({ Name: "first", EventBusName: "nowhere" })),
  ),
  {
    operation: "DescribeRule",
    when: "the name has 65 characters",
    send: ({ client }) => client.send(new DescribeRuleCommand({ Name: "x".repeat(65) })),
    expect: { status: 400, code: "ValidationException" },
    source: api("DescribeRule"),
  },
  {
    operation: "ListRules",
    when: "no bus is named: those of the default bus",
    send: ({ client }) => client.send(new ListRulesCommand({})),
    expect: { status: 200, fields: { Rules: [NIGHTLY], NextToken: undefined } },
    source: api("ListRules"),
  },
  {
    operation: "ListRules",
    when: "a prefix is given, and the bus by its ARN",
    send: ({ client }) =>
      client.send(new ListRulesCommand({ EventBusName: arn("event-bus/orders"), NamePrefix: "fi" })),
    expect: { status: 200, fields: { Rules: [FIRST] } },
    source: api("ListRules"),
  },
  {
    operation: "ListRules",
    when: "a page takes one: the second page",
    send: async ({ client }) => {
      const page = { EventBusName: "orders", Limit: 1 };
      const first = await client.send(new ListRulesCommand(page));
      return client.send(new ListRulesCommand({ ...page, NextToken: first.NextToken }));
    },
    expect: { status: 200, fields: { Rules: [{ Name: "second" }], NextToken: undefined } },
    source: api("ListRules"),
  },
  {
    operation: "ListRules",
    when: "the limit is 101",
    send: ({ client }) => client.send(new ListRulesCommand({ Limit: 101 })),
    expect: { status: 400, code: "ValidationException" },
    source: api("ListRules"),
  },
  missing("ListRules", "there is no such bus", ({ client }) =>
    client.send(new ListRulesCommand({ EventBusName: "nowhere" })),
  ),
  {
    operation: "ListTargetsByRule",
    when: "the rule has a function and an input of its own",
    send: ({ client }) => client.send(new ListTargetsByRuleCommand({ Rule: "second", EventBusName: "orders" })),
    expect: {
      status: 200,
      fields: {
        Targets: [
          {
            Id: expect.any(String),
            Arn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:work`,
            Input: '{"fixed":true}',
          },
        ],
      },
    },
    source: api("ListTargetsByRule"),
  },
  missing("ListTargetsByRule", "there is no such rule", ({ client }) =>
    client.send(new ListTargetsByRuleCommand({ Rule: "third", EventBusName: "orders" })),
  ),
  {
    operation: "DescribeEventBus",
    when: "none is named: the default bus",
    send: ({ client }) => client.send(new DescribeEventBusCommand({})),
    expect: { status: 200, fields: { Name: "default", Arn: arn("event-bus/default") } },
    source: api("DescribeEventBus"),
  },
  missing("DescribeEventBus", "there is no such bus", ({ client }) =>
    client.send(new DescribeEventBusCommand({ Name: "nowhere" })),
  ),
  {
    operation: "ListEventBuses",
    when: "a prefix is given",
    send: ({ client }) => client.send(new ListEventBusesCommand({ NamePrefix: "ord" })),
    expect: { status: 200, fields: { EventBuses: [{ Name: "orders", Arn: arn("event-bus/orders") }] } },
    source: api("ListEventBuses"),
  },
  {
    operation: "ListEventBuses",
    when: "nothing is given: the default bus is among them",
    send: ({ client }) => client.send(new ListEventBusesCommand({})),
    expect: {
      status: 200,
      fields: { EventBuses: expect.arrayContaining([expect.objectContaining({ Name: "default" })]) },
    },
    source: api("ListEventBuses"),
  },
];

const EVENT = {
  id: "1",
  account: ACCOUNT,
  source: "shop",
  time: "2026-01-01T00:00:00Z",
  region: REGION,
  resources: [],
  "detail-type": "order.created",
  detail: { state: "paid", amount: 5, tags: ["a", "b"] },
};
const CASES: readonly (readonly [when: string, pattern: object, result: boolean])[] = [
  ["a value is one of those listed", { detail: { state: ["new", "paid"] } }, true],
  ["a value is none of those listed", { detail: { state: ["new"] } }, false],
  ["one of two fields does not match", { source: ["shop"], detail: { state: ["new"] } }, false],
  ["an element of an array matches", { detail: { tags: ["b"] } }, true],
  ["a prefix matches", { "detail-type": [{ prefix: "order." }] }, true],
  ["a suffix matches", { "detail-type": [{ suffix: ".created" }] }, true],
  ["all but a value", { detail: { state: [{ "anything-but": ["paid"] }] } }, false],
  ["a number is within a range", { detail: { amount: [{ numeric: [">", 0, "<=", 5] }] } }, true],
  ["a number is asked for as a text", { detail: { amount: ["5"] } }, false],
  ["a field exists", { detail: { state: [{ exists: true }] } }, true],
  ["a field is absent", { detail: { other: [{ exists: false }] } }, true],
  ["the case is no matter", { detail: { state: [{ "equals-ignore-case": "PAID" }] } }, true],
  ["a wildcard matches", { "detail-type": [{ wildcard: "*.crea*" }] }, true],
  ["one of two alternatives", { $or: [{ source: ["mill"] }, { detail: { state: ["paid"] } }] }, true],
];
const test = (pattern: object | string, event: object = EVENT): EventsRow["send"] => {
  const EventPattern = typeof pattern === "string" ? pattern : JSON.stringify(pattern);
  return ({ client }) => client.send(new TestEventPatternCommand({ EventPattern, Event: JSON.stringify(event) }));
};

const patterns: readonly EventsRow[] = [
  ...CASES.map(
    ([when, pattern, Result]): EventsRow => ({
      operation: "TestEventPattern",
      when,
      send: test(pattern),
      expect: { status: 200, fields: { Result } },
      source: guide("eb-create-pattern-operators"),
    }),
  ),
  ...[
    ["a value is no list", { source: "shop" }],
    ["an operator is unknown", { source: [{ starts: "s" }] }],
    ["a list is empty", { source: [] }],
  ].map(
    ([when, pattern]): EventsRow => ({
      operation: "TestEventPattern",
      when: String(when),
      send: test(pattern as object),
      expect: { status: 400, code: "InvalidEventPatternException" },
      source: api("TestEventPattern"),
    }),
  ),
  {
    operation: "TestEventPattern",
    when: "the event has no account",
    send: test({ source: ["shop"] }, { ...EVENT, account: undefined }),
    expect: { status: 400, code: "ValidationException" },
    source: api("TestEventPattern"),
  },
];

export const eventsRows: readonly EventsRow[] = [...putEvents, ...reading, ...patterns];
