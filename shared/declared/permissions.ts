import { indexes } from "../keys.ts";
import { awsNames, type Place, stageNames } from "../names.ts";
import { SNAPSHOTS } from "../ota/snapshot.ts";
import { ARCHIVES } from "../ota/stored-archive.ts";
import { DROP } from "../push/manifest.ts";
import type { TableName } from "../writes.ts";

/**
 * What a statement of a policy reaches. Every pattern names the stage, unless AWS gives no way to: then `unscoped` says
 * why, and what bounds it instead.
 */
interface Target {
  readonly arns: (place: Place) => readonly string[];
  readonly condition?: (place: Place) => object;
  readonly unscoped?: string;
}

const own = ({ accountId }: Place) => ({ StringEquals: { "aws:ResourceAccount": accountId } });
const aws = (place: Place, service: string, resource: string): string =>
  `arn:${place.partition}:${service}:${place.region}:${place.accountId}:${resource}`;
const table = (place: Place, name: TableName): string =>
  aws(place, "dynamodb", `table/${stageNames(place).table(name)}`);
/** What IoT names after a stage's workspaces: ids of workspaces begin with `ws_`, and no stage's name has an underscore. */
const ofWorkspaces = (place: Place, kind: string): string => aws(place, "iot", `${kind}/${place.stage}-ws_*`);

const BUCKET_NAME = "the bucket's name is bound to the workspace alone; the account's own buckets of that form";
const IOT_LOG = "AWS IoT writes one log of the account and region, under this name";

export const targets = {
  controlTable: { arns: (place) => [table(place, "control")] },
  otaTable: { arns: (place) => [table(place, "ota")] },
  intentsOfWorkspace: { arns: (place) => [`${table(place, "control")}/index/${indexes.intentsOfWorkspace.name}`] },
  dueDeliveries: { arns: (place) => [`${table(place, "control")}/index/${indexes.dueDeliveries.name}`] },
  openIntents: { arns: (place) => [`${table(place, "control")}/index/${indexes.openIntents.name}`] },
  auditIndexes: {
    arns: (place) =>
      [indexes.auditOfActor, indexes.auditOfObject].map(({ name }) => `${table(place, "control")}/index/${name}`),
  },
  anyStream: {
    arns: () => ["*"],
    unscoped: "DynamoDB has no resource level for ListStreams, which Lambda asks of whoever reads a stream",
  },
  controlStream: { arns: (place) => [`${table(place, "control")}/stream/*`] },
  otaStream: { arns: (place) => [`${table(place, "ota")}/stream/*`] },

  newArtifactBuckets: {
    arns: ({ partition }) => [`arn:${partition}:s3:::ws-???-*-comp-artifacts`],
    unscoped: `${BUCKET_NAME} can be made, and a bucket that is not there yet has no account to compare`,
  },
  artifactBuckets: {
    arns: ({ partition }) => [`arn:${partition}:s3:::ws-???-*-comp-artifacts`],
    condition: own,
    unscoped: BUCKET_NAME,
  },
  artifacts: {
    arns: ({ partition }) => [`arn:${partition}:s3:::ws-???-*-comp-artifacts/*`],
    condition: own,
    unscoped: BUCKET_NAME,
  },
  drops: {
    arns: ({ partition }) => [`arn:${partition}:s3:::ws-???-*-comp-artifacts/${DROP}*`],
    condition: own,
    unscoped: BUCKET_NAME,
  },
  otaBucket: { arns: (place) => [`arn:${place.partition}:s3:::${stageNames(place).otaBucket}`] },
  otaObjects: { arns: (place) => [`arn:${place.partition}:s3:::${stageNames(place).otaBucket}/*`] },
  otaArchives: { arns: (place) => [`arn:${place.partition}:s3:::${stageNames(place).otaBucket}/${ARCHIVES}*`] },

  otaSnapshots: { arns: (place) => [`arn:${place.partition}:s3:::${stageNames(place).otaBucket}/${SNAPSHOTS}*`] },
  signingKeys: {
    arns: (place) => [aws(place, "kms", "key/*")],
    condition: ({ stage, accountId }) => ({
      StringLike: { "kms:RequestAlias": stageNames({ stage, accountId }).signingKey(0).replace(/0$/, "*") },
    }),
    unscoped:
      "KMS gives keys random ids; the alias by which a key is asked for must be one of the stage's signing keys",
  },

  webhookKey: {
    arns: (place) => [aws(place, "kms", "key/*")],
    condition: (place) => ({ StringEquals: { "kms:RequestAlias": stageNames(place).webhookKey } }),
    unscoped: "KMS gives keys random ids; the alias by which the key is asked for must be the stage's own",
  },

  importsBucket: { arns: (place) => [`arn:${place.partition}:s3:::${stageNames(place).importsBucket}`] },
  importUploads: { arns: (place) => [`arn:${place.partition}:s3:::${stageNames(place).importsBucket}/uploads/*`] },
  importBatches: { arns: (place) => [`arn:${place.partition}:s3:::${stageNames(place).importsBucket}/batches/*`] },
  importWork: { arns: (place) => [`arn:${place.partition}:s3:::${stageNames(place).importsBucket}/work/*`] },
  importFaults: { arns: (place) => [`arn:${place.partition}:s3:::${stageNames(place).importsBucket}/faults/*`] },
  importResults: { arns: (place) => [`arn:${place.partition}:s3:::${stageNames(place).importsBucket}/results/*`] },

  things: { arns: (place) => [ofWorkspaces(place, "thing")] },
  thingGroups: { arns: (place) => [ofWorkspaces(place, "thinggroup")] },
  devicePolicies: { arns: (place) => [ofWorkspaces(place, "policy")] },
  thingTypes: {
    arns: (place) => [aws(place, "iot", "thingtype/ws-???-*-comp-artifacts")],
    unscoped: "a thing type has the name of its workspace's bucket, by which the device role finds the bucket",
  },
  greengrassJobs: {
    arns: (place) => [aws(place, "iot", "job/*")],
    unscoped: "Greengrass gives the jobs of its deployments random names",
  },

  anyDeployment: {
    arns: () => ["*"],
    unscoped:
      "Greengrass V2 has no resource level for CreateDeployment and ListDeployments; what a deployment may reach is bounded by the things, groups and jobs of the dependent actions",
  },
  deployments: {
    arns: (place) => [aws(place, "greengrass", "deployments:*")],
    unscoped: "Greengrass gives deployments random ids",
  },
  componentVersions: {
    arns: (place) => [aws(place, "greengrass", "components:*")],
    unscoped: "a component's name is the customer's own, and recipes refer to it: it cannot carry the stage",
  },
  publicComponents: {
    arns: (place) => [`arn:${place.partition}:greengrass:${place.region}:aws:components:*`],
    unscoped: "components that AWS publishes belong to the account `aws`, and anybody may read them",
  },
  foreignArtifacts: {
    arns: ({ partition }) => [`arn:${partition}:s3:::*/*`],
    condition: own,
    unscoped:
      "components that exist already have their artifacts in buckets of any name, of this account alone; the task that imports them reads nothing but what their recipes name, and no workspace's bucket",
  },
  coreDevices: { arns: (place) => [aws(place, "greengrass", `coreDevices:${place.stage}-ws_*`)] },

  ownArtifacts: {
    arns: ({ partition }) => [`arn:${partition}:s3:::\${credentials-iot:ThingTypeName}/*`],
    condition: own,
    unscoped: "a node's thing type is named as its workspace's bucket: it reaches that one, in this account alone",
  },
  nodeLogGroups: {
    arns: (place) => [aws(place, "logs", "log-group:/aws/greengrass/*")],
    unscoped: "Greengrass names log groups after components, which have no stage",
  },
  ownLogStreams: {
    // Greengrass names a stream /{date}/thing/{thing name}.
    arns: (place) => [
      aws(place, "logs", "log-group:/aws/greengrass/*:log-stream:/*/thing/${credentials-iot:ThingName}"),
    ],
    unscoped: "Greengrass names log groups after components; the stream is the node's own",
  },
  certificates: {
    arns: (place) => [aws(place, "iot", "cert/*")],
    unscoped: "AWS IoT names certificates by their hash",
  },
  iotLogGroup: {
    arns: (place) => [aws(place, "logs", "log-group:AWSIotLogsV2")],
    unscoped: IOT_LOG,
  },
  anyAttachment: {
    arns: () => ["*"],
    unscoped: "AWS IoT has no resource level for ListAttachedPolicies, which changes nothing",
  },
  provisioningTemplate: {
    arns: (place) => [aws(place, "iot", `provisioningtemplate/${awsNames.provisioningTemplate(place.stage)}`)],
  },
  endpoints: {
    arns: () => ["*"],
    unscoped: "AWS IoT has no resource level for DescribeEndpoint, which tells the account's addresses",
  },
  iotLogs: {
    arns: (place) => [aws(place, "logs", "log-group:AWSIotLogsV2:*")],
    unscoped: IOT_LOG,
  },

  stateMachines: { arns: (place) => [aws(place, "states", `stateMachine:${place.stage}-*`)] },
  executions: { arns: (place) => [aws(place, "states", `execution:${place.stage}-*`)] },
  eventBus: { arns: (place) => [aws(place, "events", `event-bus/${stageNames(place).eventBus}`)] },
  traces: {
    arns: () => ["*"],
    unscoped: "X-Ray has no resource level for sending traces, nor for asking which to send",
  },
  logDelivery: {
    arns: () => ["*"],
    unscoped: "CloudWatch Logs has no resource level for the delivery of a state machine's logs",
  },
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof targets;

/** An IAM action, and what it is done to. */
type Grant = readonly [action: string, target: TargetName];

const onTable = (target: TargetName) =>
  ({
    GetItem: [["dynamodb:GetItem", target]],
    BatchGetItem: [["dynamodb:BatchGetItem", target]],
    Query: [["dynamodb:Query", target]],
    PutItem: [["dynamodb:PutItem", target]],
    UpdateItem: [["dynamodb:UpdateItem", target]],
    DeleteItem: [["dynamodb:DeleteItem", target]],
    ConditionCheckItem: [["dynamodb:ConditionCheckItem", target]],
  }) as const satisfies Record<string, readonly Grant[]>;

const readingStream = (target: TargetName): readonly Grant[] => [
  ["dynamodb:DescribeStream", target],
  ["dynamodb:GetShardIterator", target],
  ["dynamodb:GetRecords", target],
  ["dynamodb:ListStreams", "anyStream"],
];

/**
 * What Greengrass does in AWS IoT with the caller's own permissions.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiotgreengrassv2.html, "Dependent actions"
 */
const jobsOfDeployment = {
  create: [
    ["iot:CreateJob", "greengrassJobs"],
    ["iot:CreateJob", "thingGroups"],
  ],
  cancel: [
    ["iot:CancelJob", "greengrassJobs"],
    ["iot:UpdateJob", "greengrassJobs"],
    ["iot:DeleteThingShadow", "things"],
    ["iot:UpdateThingShadow", "things"],
  ],
  read: [
    ["iot:DescribeJob", "greengrassJobs"],
    ["iot:DescribeThing", "things"],
    ["iot:DescribeThingGroup", "thingGroups"],
    ["iot:GetThingShadow", "things"],
  ],
} as const satisfies Record<string, readonly Grant[]>;

const prefixed = <const P extends string, const T extends Record<string, readonly Grant[]>>(prefix: P, grants: T) =>
  Object.fromEntries(Object.entries(grants).map(([name, value]) => [`${prefix}:${name}`, value])) as {
    readonly [Name in keyof T & string as `${P}:${Name}`]: readonly Grant[];
  };

/**
 * What code of ours may ask of AWS, named after the operation that it calls, with the IAM actions that AWS checks for it.
 * S3 tells only who may list a bucket that an object is absent; everyone else is refused. `Find` is for code that must
 * know, `Get` for what is there (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
 */
export const permissions = {
  ...prefixed("control", onTable("controlTable")),
  ...prefixed("ota", onTable("otaTable")),
  ...prefixed("index", {
    intentsOfWorkspace: [["dynamodb:Query", "intentsOfWorkspace"]],
    openIntents: [["dynamodb:Query", "openIntents"]],
    audit: [["dynamodb:Query", "auditIndexes"]],
    dueDeliveries: [["dynamodb:Query", "dueDeliveries"]],
  }),

  ...prefixed("artifact-bucket", {
    Create: [["s3:CreateBucket", "newArtifactBuckets"]],
    ReadOwner: [["s3:GetBucketTagging", "artifactBuckets"]],
    WriteOwner: [["s3:PutBucketTagging", "artifactBuckets"]],
    List: [["s3:ListBucket", "artifactBuckets"]],
    Secure: [
      ["s3:PutBucketPublicAccessBlock", "artifactBuckets"],
      ["s3:PutEncryptionConfiguration", "artifactBuckets"],
      ["s3:PutBucketCORS", "artifactBuckets"],
      ["s3:PutLifecycleConfiguration", "artifactBuckets"],
      ["s3:PutBucketNotification", "artifactBuckets"],
    ],
    Delete: [["s3:DeleteBucket", "artifactBuckets"]],
  }),
  ...prefixed("artifact", {
    Find: [
      ["s3:GetObject", "artifacts"],
      ["s3:ListBucket", "artifactBuckets"],
    ],
    Get: [["s3:GetObject", "artifacts"]],
    Put: [["s3:PutObject", "artifacts"]],
    Delete: [["s3:DeleteObject", "artifacts"]],
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
    ListParts: [["s3:ListMultipartUploadParts", "artifacts"]],
    AbortUpload: [["s3:AbortMultipartUpload", "artifacts"]],
  }),
  // What people and tools put into workspaces' buckets to be published. A deletion on condition of an ETag needs the right to
  // read. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
  ...prefixed("drop", {
    List: [["s3:ListBucket", "artifactBuckets"]],
    Get: [["s3:GetObject", "drops"]],
    Put: [["s3:PutObject", "drops"]],
    Delete: [["s3:DeleteObject", "drops"]],
  }),
  ...prefixed("public-component", {
    Read: [
      ["greengrass:GetComponent", "publicComponents"],
      ["greengrass:ListComponentVersions", "publicComponents"],
    ],
  }),
  ...prefixed("foreign-artifact", { Get: [["s3:GetObject", "foreignArtifacts"]] }),
  ...prefixed("ota-object", {
    Find: [
      ["s3:GetObject", "otaObjects"],
      ["s3:ListBucket", "otaBucket"],
    ],
    Get: [["s3:GetObject", "otaObjects"]],
    Put: [["s3:PutObject", "otaObjects"]],
    PutArchive: [["s3:PutObject", "otaArchives"]],
    PutSnapshot: [["s3:PutObject", "otaSnapshots"]],
    AbortUpload: [["s3:AbortMultipartUpload", "otaObjects"]],
    AbortArchive: [["s3:AbortMultipartUpload", "otaArchives"]],
    Delete: [["s3:DeleteObject", "otaObjects"]],
  }),

  ...prefixed("signing", {
    Sign: [["kms:Sign", "signingKeys"]],
    GetPublicKey: [["kms:GetPublicKey", "signingKeys"]],
  }),

  ...prefixed("webhook-key", { GenerateMac: [["kms:GenerateMac", "webhookKey"]] }),

  ...prefixed("import-bucket", { List: [["s3:ListBucket", "importsBucket"]] }),
  ...prefixed("import-upload", {
    Find: [
      ["s3:GetObject", "importUploads"],
      ["s3:ListBucket", "importsBucket"],
    ],
    Put: [["s3:PutObject", "importUploads"]],
    Delete: [["s3:DeleteObject", "importUploads"]],
  }),
  ...prefixed("import-batches", {
    Get: [["s3:GetObject", "importBatches"]],
    Put: [["s3:PutObject", "importBatches"]],
    Delete: [["s3:DeleteObject", "importBatches"]],
  }),
  ...prefixed("import-work", {
    Get: [["s3:GetObject", "importWork"]],
    Put: [["s3:PutObject", "importWork"]],
    AbortUpload: [["s3:AbortMultipartUpload", "importWork"]],
    Delete: [["s3:DeleteObject", "importWork"]],
  }),
  ...prefixed("import-faults", {
    Get: [["s3:GetObject", "importFaults"]],
    Put: [["s3:PutObject", "importFaults"]],
    Delete: [["s3:DeleteObject", "importFaults"]],
  }),
  ...prefixed("import-results", {
    Get: [["s3:GetObject", "importResults"]],
    Put: [["s3:PutObject", "importResults"]],
    AbortUpload: [["s3:AbortMultipartUpload", "importResults"]],
    Delete: [["s3:DeleteObject", "importResults"]],
  }),

  ...prefixed("iot", {
    CreateThing: [["iot:CreateThing", "things"]],
    DeleteThing: [["iot:DeleteThing", "things"]],
    CreateThingGroup: [["iot:CreateThingGroup", "thingGroups"]],
    DeleteThingGroup: [["iot:DeleteThingGroup", "thingGroups"]],
    AddThingToThingGroup: [
      ["iot:AddThingToThingGroup", "things"],
      ["iot:AddThingToThingGroup", "thingGroups"],
    ],
    RemoveThingFromThingGroup: [
      ["iot:RemoveThingFromThingGroup", "things"],
      ["iot:RemoveThingFromThingGroup", "thingGroups"],
    ],
    ListThingGroupsForThing: [["iot:ListThingGroupsForThing", "things"]],
    DescribeThingGroup: [["iot:DescribeThingGroup", "thingGroups"]],
    ListThingsInThingGroup: [["iot:ListThingsInThingGroup", "thingGroups"]],
    ListJobExecutionsForThing: [["iot:ListJobExecutionsForThing", "things"]],
    CreateThingType: [["iot:CreateThingType", "thingTypes"]],
    DescribeThingType: [["iot:DescribeThingType", "thingTypes"]],
    DeprecateThingType: [["iot:DeprecateThingType", "thingTypes"]],
    DeleteThingType: [["iot:DeleteThingType", "thingTypes"]],
    CreatePolicy: [["iot:CreatePolicy", "devicePolicies"]],
    GetPolicy: [["iot:GetPolicy", "devicePolicies"]],
    DeletePolicy: [["iot:DeletePolicy", "devicePolicies"]],
    ListThingPrincipals: [["iot:ListThingPrincipals", "things"]],
    UpdateCertificate: [["iot:UpdateCertificate", "certificates"]],
    ListAttachedPolicies: [["iot:ListAttachedPolicies", "anyAttachment"]],
    DetachPolicy: [["iot:DetachPolicy", "certificates"]],
    DetachThingPrincipal: [["iot:DetachThingPrincipal", "certificates"]],
    DeleteCertificate: [["iot:DeleteCertificate", "certificates"]],
    CreateProvisioningClaim: [["iot:CreateProvisioningClaim", "provisioningTemplate"]],
    DescribeEndpoint: [["iot:DescribeEndpoint", "endpoints"]],
  }),

  ...prefixed("greengrass", {
    CreateDeployment: [
      ["greengrass:CreateDeployment", "anyDeployment"],
      ...jobsOfDeployment.create,
      ...jobsOfDeployment.cancel, // a new revision cancels the job of the one before
      ...jobsOfDeployment.read,
    ],
    ListDeployments: [["greengrass:ListDeployments", "anyDeployment"], ...jobsOfDeployment.read],
    GetDeployment: [["greengrass:GetDeployment", "deployments"], ...jobsOfDeployment.read],
    CancelDeployment: [
      ["greengrass:CancelDeployment", "deployments"],
      ...jobsOfDeployment.cancel,
      ...jobsOfDeployment.read,
    ],
    DeleteDeployment: [
      ["greengrass:DeleteDeployment", "deployments"],
      ["iot:DeleteJob", "greengrassJobs"],
    ],
    // Tags at creation need the right to tag; Greengrass reads the artifacts as the caller.
    CreateComponentVersion: [
      ["greengrass:CreateComponentVersion", "componentVersions"],
      ["greengrass:TagResource", "componentVersions"],
      ["s3:GetObject", "artifacts"],
    ],
    DescribeComponent: [["greengrass:DescribeComponent", "componentVersions"]],
    GetComponent: [["greengrass:GetComponent", "componentVersions"]],
    ListComponentVersions: [["greengrass:ListComponentVersions", "componentVersions"]],
    DeleteComponent: [["greengrass:DeleteComponent", "componentVersions"]],
    GetCoreDevice: [["greengrass:GetCoreDevice", "coreDevices"]],
    ListInstalledComponents: [["greengrass:ListInstalledComponents", "coreDevices"]],
    ListEffectiveDeployments: [["greengrass:ListEffectiveDeployments", "coreDevices"]],
    DeleteCoreDevice: [
      ["greengrass:DeleteCoreDevice", "coreDevices"],
      ["iot:DescribeJobExecution", "things"],
    ],
  }),

  // A deployment for a thing alone, beside what any deployment needs.
  ...prefixed("thing-deployment", { Create: [["iot:CreateJob", "things"]] }),

  // What nodes do themselves, with credentials for their certificates.
  ...prefixed("node", {
    ReadArtifacts: [["s3:GetObject", "ownArtifacts"]],
    WriteLogs: [
      ["logs:CreateLogGroup", "nodeLogGroups"],
      ["logs:DescribeLogStreams", "nodeLogGroups"],
      ["logs:CreateLogStream", "ownLogStreams"],
      ["logs:PutLogEvents", "ownLogStreams"],
    ],
  }),
  // What AWS IoT does for us.
  ...prefixed("provisioning", {
    Register: [
      ["iot:DescribeCertificate", "certificates"],
      ["iot:UpdateCertificate", "certificates"],
      ["iot:AttachThingPrincipal", "certificates"],
      ["iot:AttachThingPrincipal", "things"],
      ["iot:AttachPolicy", "certificates"],
      ["iot:DescribeThing", "things"],
      ["iot:CreateThing", "things"],
      ["iot:GetPolicy", "devicePolicies"],
    ],
  }),
  // https://docs.aws.amazon.com/iot/latest/developerguide/configure-logging.html
  ...prefixed("iot-logs", {
    Write: [
      ["logs:CreateLogGroup", "iotLogGroup"],
      ["logs:CreateLogStream", "iotLogs"],
      ["logs:PutLogEvents", "iotLogs"],
    ],
  }),

  ...prefixed("states", {
    StartExecution: [["states:StartExecution", "stateMachines"]],
    DescribeExecution: [["states:DescribeExecution", "executions"]],
  }),
  ...prefixed("events", { PutEvents: [["events:PutEvents", "eventBus"]] }),

  ...prefixed("traces", {
    Send: [
      ["xray:PutTraceSegments", "traces"],
      ["xray:PutTelemetryRecords", "traces"],
    ],
    // https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html
    Sample: [
      ["xray:GetSamplingRules", "traces"],
      ["xray:GetSamplingTargets", "traces"],
    ],
  }),
  // https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
  ...prefixed("logs", {
    Deliver: [
      ["logs:CreateLogDelivery", "logDelivery"],
      ["logs:GetLogDelivery", "logDelivery"],
      ["logs:UpdateLogDelivery", "logDelivery"],
      ["logs:DeleteLogDelivery", "logDelivery"],
      ["logs:ListLogDeliveries", "logDelivery"],
      ["logs:PutResourcePolicy", "logDelivery"],
      ["logs:DescribeResourcePolicies", "logDelivery"],
      ["logs:DescribeLogGroups", "logDelivery"],
    ],
  }),
  ...prefixed("stream", { control: readingStream("controlStream"), ota: readingStream("otaStream") }),
} as const;

export type Permission = keyof typeof permissions;
