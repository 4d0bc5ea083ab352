import type { Permission } from "../shared/declared/permissions.ts";
import type { EnvironmentName } from "../shared/env.ts";

export interface TaskDeclaration {
  readonly environment: readonly EnvironmentName[];
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  /** What the task asks of AWS. */
  readonly permissions: readonly Permission[];
}

const quick = (environment: readonly EnvironmentName[], ...permissions: Permission[]): TaskDeclaration => ({
  environment,
  timeoutSeconds: 30,
  memoryMb: 256,
  permissions,
});

/** For tasks that go through files or long lists, a piece at a time. */
const patient = (environment: readonly EnvironmentName[], ...permissions: Permission[]): TaskDeclaration => ({
  ...quick(environment, ...permissions),
  timeoutSeconds: 900,
  memoryMb: 1_024,
});

const REMOVE_CERTIFICATE: readonly Permission[] = [
  "iot:UpdateCertificate",
  "iot:ListAttachedPolicies",
  "iot:DetachPolicy",
  "iot:DetachThingPrincipal",
  "iot:DeleteCertificate",
];

/** Every step of a workflow: its handler is the file of the same name below `functions/tasks`. */
export const tasks = {
  "start-intent": quick(["CONTROL_TABLE"], "control:UpdateItem"),
  "fail-intent": quick(["CONTROL_TABLE", "OTA_TABLE"], "control:UpdateItem", "ota:UpdateItem"),

  "create-bucket": quick(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "control:UpdateItem",
    "artifact-bucket:Create",
    "artifact-bucket:ReadOwner",
    "artifact-bucket:WriteOwner",
    "artifact-bucket:List",
  ),
  "secure-bucket": quick(["CONTROL_TABLE", "UPLOAD_ORIGINS"], "control:GetItem", "artifact-bucket:Secure"),
  "create-device-policy": quick(["STAGE", "ACCOUNT_ID"], "iot:CreatePolicy", "iot:GetPolicy"),
  "create-thing-type": quick(["CONTROL_TABLE"], "control:GetItem", "iot:CreateThingType"),
  "finish-workspace": quick(["CONTROL_TABLE"], "control:GetItem", "control:UpdateItem"),

  "check-workspace-empty": quick(["CONTROL_TABLE", "OTA_TABLE"], "control:Query", "ota:Query"),
  "empty-bucket": patient(["CONTROL_TABLE"], "control:GetItem", "artifact-bucket:List", "artifact:Delete"),
  "delete-bucket": quick(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "artifact-bucket:List",
    "artifact:Delete",
    "artifact-bucket:Delete",
  ),
  "delete-device-policy": quick(["STAGE"], "iot:DeletePolicy"),
  "delete-thing-type": quick(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "iot:DescribeThingType",
    "iot:DeprecateThingType",
    "iot:DeleteThingType",
  ),
  "forget-workspace": quick(
    ["CONTROL_TABLE", "OTA_TABLE"],
    "control:GetItem",
    "control:Query",
    "control:UpdateItem",
    "control:DeleteItem",
    "ota:DeleteItem",
  ),

  "create-thing-group": quick(["CONTROL_TABLE"], "control:GetItem", "iot:CreateThingGroup"),
  "finish-node-group": quick(["CONTROL_TABLE"], "control:GetItem", "control:UpdateItem"),
  "check-node-group-empty": quick(["CONTROL_TABLE"], "control:GetItem", "control:Query"),
  "delete-thing-group": quick(["CONTROL_TABLE"], "control:GetItem", "iot:DeleteThingGroup"),
  "forget-node-group": quick(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "control:Query",
    "control:UpdateItem",
    "control:DeleteItem",
  ),

  "create-cell": quick(["CONTROL_TABLE", "STAGE"], "control:GetItem", "control:UpdateItem", "iot:CreateThingGroup"),
  "deliver-cell": quick(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "control:Query",
    "control:UpdateItem",
    "control:BatchGetItem",
    "greengrass:CreateDeployment",
  ),
  "delete-cell-deployments": quick(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "control:UpdateItem",
    "greengrass:ListDeployments",
    "greengrass:CancelDeployment",
    "greengrass:DeleteDeployment",
  ),
  "delete-cell": quick(["CONTROL_TABLE", "STAGE"], "control:GetItem", "control:DeleteItem", "iot:DeleteThingGroup"),

  "create-thing": quick(["CONTROL_TABLE"], "control:GetItem", "iot:CreateThing"),
  "join-groups": quick(
    ["CONTROL_TABLE", "STAGE"],
    "control:GetItem",
    "control:BatchGetItem",
    "iot:AddThingToThingGroup",
  ),
  "finish-node": quick(["CONTROL_TABLE"], "control:GetItem", "control:UpdateItem"),
  "leave-groups": quick(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "iot:ListThingGroupsForThing",
    "iot:RemoveThingFromThingGroup",
  ),
  "delete-core-device": quick(["CONTROL_TABLE"], "control:GetItem", "greengrass:DeleteCoreDevice"),
  "delete-thing": quick(
    ["CONTROL_TABLE", "ACCOUNT_ID"],
    "control:GetItem",
    "control:Query",
    "control:DeleteItem",
    "iot:ListThingPrincipals",
    ...REMOVE_CERTIFICATE,
    "iot:DeleteThing",
  ),
  "revoke-certificate": quick(
    ["CONTROL_TABLE", "ACCOUNT_ID"],
    "control:GetItem",
    "control:UpdateItem",
    ...REMOVE_CERTIFICATE,
  ),
  "forget-node": quick(["CONTROL_TABLE"], "control:GetItem", "control:UpdateItem", "control:DeleteItem"),

  "check-node-import": patient(
    ["CONTROL_TABLE", "IMPORTS_BUCKET"],
    "control:GetItem",
    "control:UpdateItem",
    "import-upload:Find",
    "import-work:Put",
    "import-work:AbortUpload",
    "import-faults:Put",
    "import-batches:Get",
    "import-batches:Put",
  ),
  "import-nodes": {
    ...patient(
      ["CONTROL_TABLE", "STAGE", "IMPORTS_BUCKET", "IMPORT_CALLS_PER_SECOND"],
      "control:GetItem",
      "control:BatchGetItem",
      "control:PutItem",
      "control:UpdateItem",
      "control:ConditionCheckItem",
      "iot:CreateThing",
      "iot:AddThingToThingGroup",
      "import-work:Get",
      "import-work:Put",
    ),
    memoryMb: 512,
  },
  "finish-node-import": patient(
    ["CONTROL_TABLE", "IMPORTS_BUCKET"],
    "control:GetItem",
    "control:Query",
    "control:UpdateItem",
    "import-work:Get",
    "import-results:Put",
    "import-results:AbortUpload",
    "import-bucket:List",
    "import-work:Delete",
    "import-batches:Delete",
  ),
  "delete-node-import": patient(
    ["CONTROL_TABLE", "IMPORTS_BUCKET"],
    "control:GetItem",
    "control:Query",
    "control:UpdateItem",
    "control:DeleteItem",
    "import-bucket:List",
    "import-upload:Delete",
    "import-work:Delete",
    "import-faults:Delete",
    "import-batches:Delete",
    "import-results:Delete",
  ),

  "import-component": patient(
    ["CONTROL_TABLE", "ACCOUNT_ID"],
    "control:GetItem",
    "control:PutItem",
    "control:UpdateItem",
    "greengrass:ListComponentVersions",
    "greengrass:GetComponent",
    "public-component:Read",
    "foreign-artifact:Get", // of the workspace's own too
    "artifact-bucket:List",
    "artifact:Put",
    "artifact:Delete",
  ),
  "finish-component-import": quick(["CONTROL_TABLE"], "control:GetItem", "control:UpdateItem"),
  "copy-component-files": patient(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "control:Query",
    "control:PutItem",
    "control:ConditionCheckItem",
    "artifact:Find",
    "artifact:Put",
  ),
  "finish-component-copy": quick(["CONTROL_TABLE"], "control:GetItem", "control:UpdateItem"),

  "check-artifacts": quick(["CONTROL_TABLE"], "control:GetItem", "control:Query"),
  "package-sources": patient(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "control:Query",
    "control:PutItem",
    "control:DeleteItem",
    "control:ConditionCheckItem",
    "artifact:Find",
    "artifact:Put",
    "artifact:Delete",
    "artifact:AbortUpload",
  ),
  "verify-artifacts": patient(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "control:Query",
    "control:UpdateItem",
    "control:DeleteItem",
    "artifact:Find",
    "artifact:Delete",
  ),
  "create-component-version": quick(
    ["CONTROL_TABLE", "ACCOUNT_ID"],
    "control:Query",
    "control:GetItem",
    "control:UpdateItem",
    "greengrass:CreateComponentVersion",
    "greengrass:DescribeComponent",
    "greengrass:DeleteComponent",
  ),
  "describe-component-version": quick(["CONTROL_TABLE"], "control:GetItem", "greengrass:DescribeComponent"),
  "record-component-version": quick(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "control:Query",
    "control:UpdateItem",
    "control:PutItem",
    "greengrass:GetComponent",
  ),
  "withdraw-component-version": quick(
    ["CONTROL_TABLE", "ACCOUNT_ID"],
    "control:GetItem",
    "control:UpdateItem",
    "greengrass:DescribeComponent",
    "greengrass:DeleteComponent",
  ),
  "finish-component-version": quick(["CONTROL_TABLE"], "control:PutItem", "control:GetItem", "control:UpdateItem"),
  "check-version-unused": quick(["CONTROL_TABLE"], "control:GetItem", "control:Query"),
  "delete-component-version": quick(
    ["CONTROL_TABLE", "ACCOUNT_ID"],
    "control:GetItem",
    "control:UpdateItem",
    "greengrass:DescribeComponent",
    "greengrass:DeleteComponent",
  ),
  "delete-component-files": patient(
    ["CONTROL_TABLE"],
    "control:GetItem",
    "control:Query",
    "control:DeleteItem",
    "artifact-bucket:List",
    "artifact:Delete",
  ),
  "forget-component-version": quick(["CONTROL_TABLE"], "control:GetItem", "control:UpdateItem", "control:DeleteItem"),

  "list-cells-of-deployment": quick(["CONTROL_TABLE"], "control:Query"),
  "finish-deployment": quick(["CONTROL_TABLE"], "control:GetItem", "control:UpdateItem"),

  "hash-release": patient(["OTA_TABLE", "OTA_BUCKET"], "ota:GetItem", "ota:UpdateItem", "ota-object:Find"),
  "store-release": patient(["OTA_TABLE", "OTA_BUCKET"], "ota:GetItem", "ota-object:Find", "ota-object:Put"),
  "compress-release": patient(
    ["OTA_TABLE", "OTA_BUCKET"],
    "ota:GetItem",
    "ota:UpdateItem",
    "ota-object:Get",
    "ota-object:Put",
    "ota-object:AbortUpload",
  ),
  "finish-release": quick(
    ["CONTROL_TABLE", "OTA_TABLE", "OTA_BUCKET"],
    "control:UpdateItem",
    "ota:GetItem",
    "ota:UpdateItem",
    "ota:PutItem",
    "ota-object:Delete",
  ),
  "withdraw-release": quick(["OTA_TABLE"], "ota:GetItem", "ota:DeleteItem"),
  "delete-release-objects": quick(["OTA_TABLE", "OTA_BUCKET"], "ota:GetItem", "ota-object:Delete"),
  "forget-release": quick(["CONTROL_TABLE", "OTA_TABLE"], "control:UpdateItem", "ota:GetItem", "ota:DeleteItem"),
} as const satisfies Record<string, TaskDeclaration>;

export type TaskName = keyof typeof tasks;
