import { ARTIFACTS } from "../component/recipe.ts";
import { EFFECTIVE_DEPLOYMENT_CHANGED, INSTALLED_COMPONENT_CHANGED } from "../deployment/truth.ts";
import { EVENT_SOURCE } from "../event/event.ts";
import { sources } from "../event/sources.ts";
import { INTENT_REQUESTED } from "../event-rule/event-rule.ts";
import { DROP, MANIFEST } from "../push/manifest.ts";
import { PUSH_REQUESTED, PUSH_SOURCE } from "../push/push.ts";
import { DELIVERY_DUE, DELIVERY_SOURCE } from "../webhook/due.ts";
import type { TableName } from "../writes.ts";

/** A function that reads a table's stream. At most two may read one stream. */
export interface StreamDeclaration {
  readonly table: TableName;
  readonly function: string;
  /** Lambda event filter patterns; a record that matches none never reaches the function. */
  readonly filters: readonly object[];
  readonly batchSize: number;
  readonly maximumRetryAttempts: number;
  readonly maximumRecordAgeSeconds: number;
}

/** A rule that hands matching events of a bus to a function. */
export interface RuleDeclaration {
  readonly bus: "default" | "slipway";
  readonly pattern: object;
  readonly function: string;
}

/** A rule of AWS IoT, which hands messages of a topic to a function. */
export interface IotRuleDeclaration {
  /** A topic filter. */
  readonly topic: string;
  readonly function: string;
}

/** A function that runs by the clock. */
export interface ScheduleDeclaration {
  readonly every: `rate(${string})`;
  readonly function: string;
}

/** All that becomes of records of these types. */
const changesOf = (types: readonly string[]): readonly object[] => [
  { eventName: ["INSERT", "MODIFY"], dynamodb: { NewImage: { type: { S: types } } } },
  { eventName: ["REMOVE"], dynamodb: { OldImage: { type: { S: types } } } },
];

export const streams: Readonly<Record<string, StreamDeclaration>> = {
  "start-workflows": {
    table: "control",
    function: "start-workflows",
    // A new intent, or one that the sweep has put back to requested.
    filters: [
      {
        eventName: ["INSERT", "MODIFY"],
        dynamodb: { NewImage: { type: { S: ["intent"] }, status: { S: ["requested"] } } },
      },
    ],
    batchSize: 10,
    maximumRetryAttempts: 5,
    maximumRecordAgeSeconds: 86_400,
  },
  "publish-events": {
    table: "control",
    function: "publish-events",
    filters: changesOf(Object.keys(sources.control)),
    batchSize: 100, // ten events a request
    maximumRetryAttempts: 5,
    maximumRecordAgeSeconds: 86_400,
  },
  "follow-ota": {
    table: "ota",
    function: "follow-ota",
    filters: [
      ...changesOf(Object.keys(sources.ota)),
      // A device asked for an archive that is not stored, or no longer.
      {
        eventName: ["INSERT", "MODIFY"],
        dynamodb: { NewImage: { type: { S: ["archive"] }, status: { S: ["requested"] } } },
      },
    ],
    batchSize: 10,
    maximumRetryAttempts: 5,
    maximumRecordAgeSeconds: 86_400,
  },
  "refresh-snapshots": {
    table: "ota",
    function: "refresh-snapshots",
    // What devices may get was written or removed.
    filters: [
      { eventName: ["INSERT", "MODIFY"], dynamodb: { NewImage: { type: { S: ["current-release"] } } } },
      { eventName: ["REMOVE"], dynamodb: { OldImage: { type: { S: ["current-release"] } } } },
    ],
    batchSize: 100, // one snapshot for all changes of a workspace
    maximumRetryAttempts: 5,
    maximumRecordAgeSeconds: 86_400,
  },
};

/** Whatever is told of a workspace. */
const ofWorkspaces = (accountId: string): object => ({
  source: [EVENT_SOURCE],
  account: [accountId],
  "detail-type": [{ prefix: "slipway." }],
  detail: { workspaceid: [{ exists: true }] },
});

/**
 * An object was made in a workspace's bucket. https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 * @param key which keys, as a pattern says it
 * @param more what else the detail must have
 */
const inBucketOfWorkspace = (accountId: string, key: object, more: object = {}): object => ({
  source: ["aws.s3"],
  account: [accountId],
  "detail-type": ["Object Created"],
  detail: { bucket: { name: [{ wildcard: "ws-*-comp-artifacts" }] }, object: { key: [key] }, ...more },
});

/**
 * @param stateMachines what the ARN of every state machine of the stage starts with
 * @param accountId whose events are heard, where a bus may be open to others
 * @param stage whose core devices are heard of
 */
export const rules = (
  stateMachines: string,
  accountId: string,
  stage = "",
): Readonly<Record<string, RuleDeclaration>> => ({
  "workflow-ended": {
    bus: "default",
    // What ended without a chance to say so itself; a success has recorded its own end.
    pattern: {
      source: ["aws.states"],
      "detail-type": ["Step Functions Execution Status Change"],
      detail: { status: ["FAILED", "TIMED_OUT", "ABORTED"], stateMachineArn: [{ prefix: stateMachines }] },
    },
    function: "workflow-ended",
  },
  // A manifest was put into a workspace's bucket.
  "accept-drop": {
    bus: "default",
    pattern: inBucketOfWorkspace(accountId, { wildcard: `${DROP}*/${MANIFEST}` }),
    function: "accept-drop",
  },
  // A file was sent by its URL, in one request.
  "remove-stray": {
    bus: "default",
    pattern: inBucketOfWorkspace(accountId, { prefix: ARTIFACTS }, { reason: ["PutObject"] }),
    function: "remove-stray",
  },
  // A device has ended a deployment, or a component of it has failed.
  // https://docs.aws.amazon.com/greengrass/v2/developerguide/deployment-health-notifications.html
  "note-reports": {
    bus: "default",
    pattern: {
      source: ["aws.greengrass"],
      account: [accountId],
      "detail-type": [EFFECTIVE_DEPLOYMENT_CHANGED, INSTALLED_COMPONENT_CHANGED],
      resources: [{ wildcard: `*:coreDevices:${stage}-ws_*` }],
    },
    function: "note-reports",
  },
  // Someone asks for a push by an event of their own.
  "accept-push": {
    bus: "slipway",
    pattern: { source: [PUSH_SOURCE], account: [accountId], "detail-type": [PUSH_REQUESTED] },
    function: "accept-push",
  },
  // Somebody asks for an intent by an event.
  "accept-intent": {
    bus: "slipway",
    pattern: { account: [accountId], "detail-type": [INTENT_REQUESTED] },
    function: "accept-intent",
  },
  "send-webhooks": {
    bus: "slipway",
    pattern: ofWorkspaces(accountId),
    function: "send-webhooks",
  },
  "keep-events": {
    bus: "slipway",
    pattern: ofWorkspaces(accountId),
    function: "keep-events",
  },
  "deliver-webhook": {
    bus: "slipway",
    pattern: { source: [DELIVERY_SOURCE], account: [accountId], "detail-type": [DELIVERY_DUE] },
    function: "deliver-webhook",
  },
  // An intent has ended that may be a push's last one.
  "report-push": {
    bus: "slipway",
    pattern: {
      source: [EVENT_SOURCE],
      account: [accountId],
      "detail-type": ["slipway.intent.succeeded", "slipway.intent.failed"],
      detail: { data: { kind: ["component-version.push", "component-version.publish"] } },
    },
    function: "report-push",
  },
});

export const schedules: Readonly<Record<string, ScheduleDeclaration>> = {
  "sweep-intents": { every: "rate(1 minute)", function: "sweep-intents" },
  "retry-webhooks": { every: "rate(1 minute)", function: "retry-webhooks" },
  "renew-snapshots": { every: "rate(15 minutes)", function: "renew-snapshots" },
  "sweep-fleets": { every: "rate(5 minutes)", function: "sweep-fleets" },
};

export const iotRules: Readonly<Record<string, IotRuleDeclaration>> = {
  presence: { topic: "$aws/events/presence/+/+", function: "presence" },
};

/** The function of every trigger, by the trigger's name. Each trigger has a dead letter queue. */
export const functionOfTrigger: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({ ...streams, ...rules("", ""), ...schedules, ...iotRules }).map(([name, trigger]) => [
    name,
    trigger.function,
  ]),
);
