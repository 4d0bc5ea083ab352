import type { EnvironmentName } from "../shared/env.ts";

export interface TaskDeclaration {
  readonly environment: readonly EnvironmentName[];
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
}

const quick = (...environment: EnvironmentName[]): TaskDeclaration => ({
  environment: ["STAGE", "CONTROL_TABLE", ...environment],
  timeoutSeconds: 30,
  memoryMb: 256,
});

/** For tasks that go through files or long lists, a piece at a time. */
const patient = (...environment: EnvironmentName[]): TaskDeclaration => ({
  ...quick(...environment),
  timeoutSeconds: 900,
  memoryMb: 1_024,
});

/** Every step of a workflow: its handler is the file of the same name below `functions/tasks`. */
export const tasks = {
  "start-intent": quick(),
  "fail-intent": quick("OTA_TABLE"),

  "create-bucket": quick(),
  "secure-bucket": quick("UPLOAD_ORIGINS"),
  "create-device-policy": quick("ACCOUNT_ID"),
  "create-thing-type": quick(),
  "finish-workspace": quick(),

  "check-workspace-empty": quick("OTA_TABLE"),
  "empty-bucket": patient(),
  "delete-bucket": quick(),
  "delete-device-policy": quick(),
  "delete-thing-type": quick(),
  "forget-workspace": quick("OTA_TABLE"),

  "create-thing-group": quick(),
  "finish-node-group": quick(),
  "check-node-group-empty": quick(),
  "delete-thing-group": quick(),
  "forget-node-group": quick(),

  "create-cell": quick(),
  "deliver-cell": quick(),
  "delete-cell-deployments": quick(),
  "delete-cell": quick(),

  "create-thing": quick(),
  "join-groups": quick(),
  "finish-node": quick(),
  "leave-groups": quick(),
  "delete-core-device": quick(),
  "delete-thing": quick(),
  "forget-node": quick(),

  "check-artifacts": quick(),
  "create-component-version": quick("ACCOUNT_ID"),
  "describe-component-version": quick(),
  "finish-component-version": quick(),
  "check-version-unused": quick(),
  "delete-component-version": quick(),
  "delete-component-files": patient(),
  "forget-component-version": quick(),

  "list-cells-of-deployment": quick(),
  "finish-deployment": quick(),

  "hash-release": patient("OTA_TABLE", "OTA_BUCKET"),
  "store-release": quick("OTA_TABLE", "OTA_BUCKET"),
  "compress-release": patient("OTA_TABLE", "OTA_BUCKET"),
  "finish-release": quick("OTA_TABLE", "OTA_BUCKET"),
  "withdraw-release": quick("OTA_TABLE"),
  "delete-release-objects": quick("OTA_TABLE", "OTA_BUCKET"),
  "forget-release": quick("OTA_TABLE"),
} as const satisfies Record<string, TaskDeclaration>;

export type TaskName = keyof typeof tasks;
