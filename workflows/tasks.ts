import type { EnvironmentName } from "../shared/env.ts";

export interface TaskDeclaration {
  readonly environment: readonly EnvironmentName[];
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
}

const quick = (...environment: EnvironmentName[]): TaskDeclaration => ({
  environment,
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
  "start-intent": quick("CONTROL_TABLE"),
  "fail-intent": quick("CONTROL_TABLE", "OTA_TABLE"),

  "create-bucket": quick("CONTROL_TABLE"),
  "secure-bucket": quick("CONTROL_TABLE", "UPLOAD_ORIGINS"),
  "create-device-policy": quick("STAGE", "ACCOUNT_ID"),
  "create-thing-type": quick("CONTROL_TABLE"),
  "finish-workspace": quick("CONTROL_TABLE"),

  "check-workspace-empty": quick("CONTROL_TABLE", "OTA_TABLE"),
  "empty-bucket": patient("CONTROL_TABLE"),
  "delete-bucket": quick("CONTROL_TABLE"),
  "delete-device-policy": quick("STAGE"),
  "delete-thing-type": quick("CONTROL_TABLE"),
  "forget-workspace": quick("CONTROL_TABLE", "OTA_TABLE"),

  "create-thing-group": quick("CONTROL_TABLE"),
  "finish-node-group": quick("CONTROL_TABLE"),
  "check-node-group-empty": quick("CONTROL_TABLE"),
  "delete-thing-group": quick("CONTROL_TABLE"),
  "forget-node-group": quick("CONTROL_TABLE"),

  "create-cell": quick("CONTROL_TABLE", "STAGE"),
  "deliver-cell": quick("CONTROL_TABLE"),
  "delete-cell-deployments": quick("CONTROL_TABLE"),
  "delete-cell": quick("CONTROL_TABLE", "STAGE"),

  "create-thing": quick("CONTROL_TABLE"),
  "join-groups": quick("CONTROL_TABLE", "STAGE"),
  "finish-node": quick("CONTROL_TABLE"),
  "leave-groups": quick("CONTROL_TABLE"),
  "delete-core-device": quick("CONTROL_TABLE"),
  "delete-thing": quick("CONTROL_TABLE"),
  "forget-node": quick("CONTROL_TABLE"),

  "check-artifacts": quick("CONTROL_TABLE"),
  "create-component-version": quick("CONTROL_TABLE", "ACCOUNT_ID"),
  "describe-component-version": quick("CONTROL_TABLE"),
  "finish-component-version": quick("CONTROL_TABLE"),
  "check-version-unused": quick("CONTROL_TABLE"),
  "delete-component-version": quick("CONTROL_TABLE"),
  "delete-component-files": patient("CONTROL_TABLE"),
  "forget-component-version": quick("CONTROL_TABLE"),

  "list-cells-of-deployment": quick("CONTROL_TABLE"),
  "finish-deployment": quick("CONTROL_TABLE"),

  "hash-release": patient("OTA_TABLE", "OTA_BUCKET"),
  "store-release": patient("OTA_TABLE", "OTA_BUCKET"),
  "compress-release": patient("OTA_TABLE", "OTA_BUCKET"),
  "finish-release": quick("CONTROL_TABLE", "OTA_TABLE", "OTA_BUCKET"),
  "withdraw-release": quick("OTA_TABLE"),
  "delete-release-objects": quick("OTA_TABLE", "OTA_BUCKET"),
  "forget-release": quick("CONTROL_TABLE", "OTA_TABLE"),
} as const satisfies Record<string, TaskDeclaration>;

export type TaskName = keyof typeof tasks;
