import type { Permission } from "../shared/declared/permissions.ts";
import { handlerName, type Route, type RouteName, routes } from "../shared/declared/routes.ts";
import type { EnvironmentName } from "../shared/env.ts";
import { type TaskDeclaration, tasks } from "../workflows/tasks.ts";

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
const isAudited = (route: Route): boolean => route.method !== "GET" && !route.oauth;

/** A step that ends its intent, and records how. */
const endsIntent = (task: string): boolean =>
  /^(finish|forget)-/.test(task) || ["fail-intent", "revoke-certificate", "delete-node-import"].includes(task);

/** What the wrapper of every operation of this kind asks of AWS. */
const permissionsOf = (route: Route): Permission[] => {
  const { access, method, status, repeatable, updates, permissions = [] } = route;
  return [
    // Finds the workspace, and the caller's membership.
    ...(access === "anyone" || access === "caller" ? [] : (["control:GetItem", "control:BatchGetItem"] as const)),
    ...(method === "GET" ? [] : (["control:GetItem"] as const)),
    ...(method === "GET" || updates === false ? [] : (["control:UpdateItem"] as const)),
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
    environment: ["STAGE", "EVENT_BUS"],
    timeoutSeconds: 30,
    memoryMb: 256,
    permissions: ["events:PutEvents"],
  },
  "accept-archives": {
    module: "functions/streams/accept-archives",
    environment: ["STAGE", "CONTROL_TABLE", "OTA_TABLE"],
    timeoutSeconds: 30,
    memoryMb: 256,
    permissions: ["control:PutItem", "ota:UpdateItem"],
  },
  "workflow-ended": {
    module: "functions/events/workflow-ended",
    environment: ["CONTROL_TABLE", "AUDIT_DAYS", "OTA_TABLE"],
    timeoutSeconds: 30,
    memoryMb: 256,
    permissions: ["control:GetItem", "control:PutItem", "control:UpdateItem", "ota:UpdateItem"],
  },
  "sweep-intents": {
    module: "functions/events/sweep-intents",
    environment: ["STAGE", "CONTROL_TABLE", "AUDIT_DAYS", "OTA_TABLE", "STATE_MACHINE_PREFIX"],
    timeoutSeconds: 60,
    memoryMb: 256,
    permissions: [
      "index:openIntents",
      "control:PutItem",
      "control:UpdateItem",
      "ota:UpdateItem",
      "states:DescribeExecution",
    ],
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
    permissions: ["ota:GetItem", "ota:Query", "ota:UpdateItem", "ota-object:Find"],
  },
};
