import type { Permission } from "../shared/declared/permissions.ts";
import { handlerName, type Route, type RouteName, routes } from "../shared/declared/routes.ts";
import type { EnvironmentName } from "../shared/env.ts";
import { ASKABLE } from "../shared/event-rule/event-rule.ts";
import { LOOKS, type TaskDeclaration, tasks } from "../workflows/tasks.ts";

export interface FunctionDeclaration {
  /** The module, below the project's folder and without `.ts`; it exports `handler`. */
  readonly module: string;
  readonly environment: readonly EnvironmentName[];
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  /** What the function asks of AWS, beside its logs and traces. */
  readonly permissions: readonly Permission[];
}

const api = (
  operation: string,
  environment: readonly EnvironmentName[],
  permissions: readonly Permission[],
): FunctionDeclaration => ({
  module: `functions/api/${handlerName(operation)}`,
  environment,
  timeoutSeconds: 29, // an HTTP API waits 30 s
  memoryMb: 512,
  permissions,
});

/** Whether an operation leaves a record of who did what. To get an access token does nothing yet. */
const isAudited = ({ method, readOnly, oauth }: Route): boolean => method !== "GET" && !readOnly && !oauth;

/** A step that ends its intent, and records how. */
const endsIntent = (task: string): boolean =>
  /^(finish|forget)-/.test(task) ||
  ["fail-intent", "pause-release", "revoke-certificate", "delete-node-import"].includes(task);

/** What the wrapper of every operation of this kind asks of AWS. */
const permissionsOf = (route: Route): Permission[] => {
  const { access, method, status, repeatable, updates, permissions = [] } = route;
  const writes = method !== "GET" && !route.readOnly;
  return [
    // Finds the workspace, and the caller's membership; or that alone, of a machine.
    ...(access === "anyone" ? [] : (["control:GetItem"] as const)),
    ...(access === "anyone" || access === "caller" ? [] : (["control:BatchGetItem"] as const)),
    ...(writes ? (["control:GetItem"] as const) : []),
    ...(writes && updates !== false ? (["control:UpdateItem"] as const) : []),
    // The record of an Idempotency-Key is claimed, taken over, answered and given up.
    ...(method === "POST" && !repeatable ? (["control:PutItem", "control:DeleteItem"] as const) : []),
    ...(status === 202 || isAudited(route) ? (["control:PutItem"] as const) : []), // the intent, the record
    ...permissions,
  ];
};

const apiFunctionName = (operation: string): string => `api-${handlerName(operation)}`;

/** The function that answers what no route matches: 404, or 405 with `Allow`. */
export const NO_ROUTE = apiFunctionName("noSuchRoute");

/** The function that tells the gateway whose a bearer token is. */
export const AUTHORIZER = "authorize";
/** For how long the gateway keeps what it says of a header. */
export const AUTHORIZER_TTL_SECONDS = 300;

/** The function of a route, as a key of {@link functions}. */
export const functionOfRoute = (operation: RouteName): string => apiFunctionName(operation);

const SNAPSHOT_ENVIRONMENT = [
  "CONTROL_TABLE",
  "OTA_TABLE",
  "OTA_BUCKET",
  "OTA_SIGNING_KEYS",
  "OTA_SNAPSHOT_HOURS",
] as const satisfies EnvironmentName[];
const SNAPSHOT_PERMISSIONS: readonly Permission[] = [
  "control:GetItem",
  "ota:GetItem",
  "ota:Query",
  "ota:PutItem",
  "ota:UpdateItem",
  "ota-object:PutSnapshot",
  "signing:Sign",
  "signing:GetPublicKey",
];

/** What it asks of AWS to make a version of what was dropped, or to tell why not. */
const ACCEPT_PUSH: readonly Permission[] = [
  "control:GetItem",
  "control:PutItem",
  "control:UpdateItem",
  "control:ConditionCheckItem",
  "drop:List",
  "drop:Get",
];

/** Who fails a publication that its workflow did not fail itself takes what it made out of Greengrass. */
const UNDO: readonly Permission[] = ["greengrass:DescribeComponent", "greengrass:DeleteComponent"];
/** What it takes to send to a webhook. */
const DELIVERS = {
  environment: ["CONTROL_TABLE", "WEBHOOK_KEY", "WEBHOOK_LOOPBACK", "WEBHOOK_TRIES", "WEBHOOK_RETRY_SECONDS"],
  permissions: ["control:GetItem", "control:UpdateItem", "webhook-key:GenerateMac"],
} as const satisfies { environment: EnvironmentName[]; permissions: Permission[] };

/** Every function of a stage by name; on AWS its name is `{stage}-{name}`. */
export const functions: Readonly<Record<string, FunctionDeclaration>> = {
  ...Object.fromEntries(
    Object.entries<Route>(routes).map(([operation, route]) => [
      apiFunctionName(operation),
      api(operation, ["STAGE", "CONTROL_TABLE", "AUDIT_DAYS", ...(route.environment ?? [])], permissionsOf(route)),
    ]),
  ),
  [NO_ROUTE]: api("noSuchRoute", ["STAGE"], []),
  [AUTHORIZER]: {
    module: "functions/access/authorize",
    environment: ["CONTROL_TABLE", "TOKEN_ISSUER", "TOKEN_AUDIENCES"],
    timeoutSeconds: 10,
    memoryMb: 512,
    permissions: ["control:GetItem"],
  },
  ...Object.fromEntries(
    Object.entries<TaskDeclaration>(tasks).map(([name, declared]) => {
      const audits = endsIntent(name);
      return [
        name,
        {
          ...declared,
          module: `functions/tasks/${name}`,
          environment: [...declared.environment, ...(audits ? (["AUDIT_DAYS"] as const) : [])],
          permissions: [...declared.permissions, ...(audits ? (["control:PutItem"] as const) : [])],
        },
      ];
    }),
  ),
  "start-workflows": {
    module: "functions/streams/start-workflows",
    environment: ["STAGE", "STATE_MACHINE_PREFIX"],
    timeoutSeconds: 30,
    memoryMb: 256,
    permissions: ["states:StartExecution"],
  },
  "publish-events": {
    module: "functions/streams/publish-events",
    environment: ["STAGE", "EVENT_BUS", "EVENT_SCHEMAS"],
    timeoutSeconds: 60,
    memoryMb: 256,
    permissions: ["events:PutEvents"],
  },
  "follow-ota": {
    module: "functions/streams/follow-ota",
    environment: ["STAGE", "CONTROL_TABLE", "OTA_TABLE", "EVENT_BUS", "EVENT_SCHEMAS"],
    timeoutSeconds: 60,
    memoryMb: 256,
    permissions: ["control:PutItem", "ota:UpdateItem", "events:PutEvents"],
  },
  "refresh-snapshots": {
    module: "functions/streams/refresh-snapshots",
    environment: SNAPSHOT_ENVIRONMENT,
    timeoutSeconds: 120,
    memoryMb: 256,
    permissions: SNAPSHOT_PERMISSIONS,
  },
  "workflow-ended": {
    module: "functions/events/workflow-ended",
    environment: ["CONTROL_TABLE", "AUDIT_DAYS", "OTA_TABLE", "ACCOUNT_ID"],
    timeoutSeconds: 30,
    memoryMb: 256,
    permissions: ["control:GetItem", "control:PutItem", "control:UpdateItem", "ota:UpdateItem", ...UNDO],
  },
  "accept-drop": {
    module: "functions/events/accept-drop",
    environment: ["STAGE", "CONTROL_TABLE", "AUDIT_DAYS"],
    timeoutSeconds: 60,
    memoryMb: 512,
    permissions: [...ACCEPT_PUSH, "drop:Put"],
  },
  "remove-stray": {
    module: "functions/events/remove-stray",
    environment: ["CONTROL_TABLE"],
    timeoutSeconds: 20, // less than the lease that it takes
    memoryMb: 256,
    permissions: [
      "control:GetItem",
      "control:PutItem",
      "control:UpdateItem",
      "control:DeleteItem",
      "control:ConditionCheckItem",
      "artifact:Find",
      "artifact:Delete",
    ],
  },
  "accept-push": {
    module: "functions/events/accept-push",
    environment: ["STAGE", "CONTROL_TABLE", "AUDIT_DAYS"],
    timeoutSeconds: 60,
    memoryMb: 512,
    permissions: ACCEPT_PUSH,
  },
  "report-push": {
    module: "functions/events/report-push",
    environment: ["CONTROL_TABLE"],
    timeoutSeconds: 60,
    memoryMb: 512,
    permissions: [
      "control:GetItem",
      "control:Query",
      "control:UpdateItem",
      "drop:List",
      "drop:Get",
      "drop:Put",
      "drop:Delete",
    ],
  },
  "note-reports": {
    module: "functions/events/note-reports",
    environment: ["STAGE", "CONTROL_TABLE"],
    timeoutSeconds: 30,
    memoryMb: 256,
    permissions: ["control:GetItem", "control:BatchGetItem", "control:PutItem", "control:ConditionCheckItem"],
  },
  "sweep-fleets": {
    module: "functions/events/sweep-fleets",
    environment: ["STAGE", "CONTROL_TABLE", "AWS_RATES", "MEMBERSHIP_LAG_SECONDS"],
    timeoutSeconds: 300,
    memoryMb: 512,
    permissions: [...LOOKS, "iot:ListThingsInThingGroup"],
  },
  // It is all of these operations' functions, called another way.
  "accept-intent": {
    module: "functions/events/accept-intent",
    environment: ["STAGE", "CONTROL_TABLE", "AUDIT_DAYS", "OTA_TABLE"],
    timeoutSeconds: 60,
    memoryMb: 512,
    permissions: [
      ...new Set<Permission>([
        "control:Query",
        "control:PutItem",
        "control:UpdateItem",
        ...ASKABLE.flatMap((operation) => permissionsOf(routes[operation])),
      ]),
    ],
  },
  "send-webhooks": {
    module: "functions/events/send-webhooks",
    environment: DELIVERS.environment,
    timeoutSeconds: 30,
    memoryMb: 256,
    permissions: [...DELIVERS.permissions, "control:Query", "control:PutItem"],
  },
  "keep-events": {
    module: "functions/events/keep-event",
    environment: ["CONTROL_TABLE"],
    timeoutSeconds: 60,
    memoryMb: 256,
    permissions: ["control:PutItem"],
  },
  "deliver-webhook": {
    module: "functions/events/deliver-webhook",
    environment: DELIVERS.environment,
    timeoutSeconds: 30,
    memoryMb: 256,
    permissions: DELIVERS.permissions,
  },
  "retry-webhooks": {
    module: "functions/events/retry-webhooks",
    environment: ["CONTROL_TABLE", "EVENT_BUS"],
    timeoutSeconds: 60,
    memoryMb: 256,
    permissions: ["index:dueDeliveries", "control:UpdateItem", "events:PutEvents"],
  },
  "sweep-intents": {
    module: "functions/events/sweep-intents",
    environment: ["STAGE", "CONTROL_TABLE", "AUDIT_DAYS", "OTA_TABLE", "STATE_MACHINE_PREFIX", "ACCOUNT_ID"],
    timeoutSeconds: 60,
    memoryMb: 256,
    permissions: [
      "index:openIntents",
      "control:PutItem",
      "control:UpdateItem",
      "ota:UpdateItem",
      "states:DescribeExecution",
      "control:GetItem",
      ...UNDO,
    ],
  },
  "renew-snapshots": {
    module: "functions/events/renew-snapshots",
    environment: ["STAGE", ...SNAPSHOT_ENVIRONMENT],
    timeoutSeconds: 300,
    memoryMb: 256,
    permissions: SNAPSHOT_PERMISSIONS,
  },
  "pre-provisioning": {
    module: "functions/device/pre-provisioning",
    environment: ["STAGE", "CONTROL_TABLE", "AUDIT_DAYS"],
    timeoutSeconds: 5, // AWS IoT waits no longer
    memoryMb: 512,
    permissions: ["control:GetItem", "control:PutItem", "control:UpdateItem", "control:ConditionCheckItem"],
  },
  presence: {
    module: "functions/device/presence",
    environment: ["STAGE", "CONTROL_TABLE", "AUDIT_DAYS"],
    timeoutSeconds: 30,
    memoryMb: 256,
    permissions: ["control:GetItem", "control:Query", "control:PutItem", "control:UpdateItem", "control:DeleteItem"],
  },
  "ota-package": {
    module: "functions/ota/package",
    environment: [
      "STAGE",
      "OTA_TABLE",
      "OTA_BUCKET",
      "OTA_DEFAULT_WORKSPACE",
      "OTA_STREAMED_BYTES",
      "OTA_ARCHIVES_PER_HOUR",
    ],
    timeoutSeconds: 300,
    memoryMb: 512,
    permissions: ["ota:GetItem", "ota:BatchGetItem", "ota:Query", "ota:UpdateItem", "ota-object:Find"],
  },
};
