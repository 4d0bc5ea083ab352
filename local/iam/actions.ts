import type { AccessRequest } from "./evaluate.ts";

/** The account and the region in which things are. */
export interface Place {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
}

type Input = Readonly<Record<string, unknown>>;

/** What IAM checks before an operation is done; none for an operation that nobody but developers calls. */
export type AccessOf = (operation: string, input: Input) => readonly AccessRequest[] | undefined;

const arn = ({ partition, region, accountId }: Place, service: string, resource: string): string =>
  `arn:${partition}:${service}:${region}:${accountId}:${resource}`;

/** The entry of a table, and nothing that every object has. */
const entryOf = <Entry>(table: Readonly<Record<string, Entry>>, name: string): Entry | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

const isObject = (value: unknown): value is Input => typeof value === "object" && value !== null;

/** The objects of a list; the service itself refuses a list that has anything else. */
const objectsOf = (list: unknown): Input[] => (Array.isArray(list) ? list.filter(isObject) : []);

const text = (input: Input, member: string): string => String(input[member] ?? "");

/** The resources that an IoT operation names, by the member that names each. */
const IOT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  CreateThing: { thing: "thingName" },
  DeleteThing: { thing: "thingName" },
  CreateThingGroup: { thinggroup: "thingGroupName" },
  DeleteThingGroup: { thinggroup: "thingGroupName" },
  AddThingToThingGroup: { thing: "thingName", thinggroup: "thingGroupName" },
  RemoveThingFromThingGroup: { thing: "thingName", thinggroup: "thingGroupName" },
  ListThingGroupsForThing: { thing: "thingName" },
  DescribeThingGroup: { thinggroup: "thingGroupName" },
  ListThingsInThingGroup: { thinggroup: "thingGroupName" },
  ListJobExecutionsForThing: { thing: "thingName" },
  CreateThingType: { thingtype: "thingTypeName" },
  DescribeThingType: { thingtype: "thingTypeName" },
  DeprecateThingType: { thingtype: "thingTypeName" },
  DeleteThingType: { thingtype: "thingTypeName" },
  CreatePolicy: { policy: "policyName" },
  GetPolicy: { policy: "policyName" },
  DeletePolicy: { policy: "policyName" },
  ListThingPrincipals: { thing: "thingName" },
  UpdateCertificate: { cert: "certificateId" },
  DeleteCertificate: { cert: "certificateId" },
  CreateProvisioningClaim: { provisioningtemplate: "templateName" },
};

/** Operations that name their resource by its ARN, and the member that does. */
const IOT_BY_ARN: Readonly<Record<string, string>> = { DetachPolicy: "target", DetachThingPrincipal: "principal" };

/** Operations for which AWS IoT has no resource level. */
const IOT_WITHOUT_RESOURCE: ReadonlySet<string> = new Set(["ListAttachedPolicies", "DescribeEndpoint"]);

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html */
export const iotAccess =
  (place: Place): AccessOf =>
  (operation, input) => {
    if (IOT_WITHOUT_RESOURCE.has(operation)) return [{ action: `iot:${operation}`, resource: "*" }];
    const whole = entryOf(IOT_BY_ARN, operation);
    if (whole !== undefined) return [{ action: `iot:${operation}`, resource: text(input, whole) }];
    const resources = entryOf(IOT, operation);
    if (resources === undefined) return undefined;
    return Object.entries(resources).map(([kind, member]) => ({
      action: `iot:${operation}`,
      resource: arn(place, "iot", `${kind}/${text(input, member)}`),
    }));
  };

const READS = ["DescribeJob", "DescribeThing", "DescribeThingGroup", "GetThingShadow"];
const CANCELS = ["CancelJob", "UpdateJob", "DeleteThingShadow", "UpdateThingShadow"];

/**
 * What Greengrass does in AWS IoT as the caller.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiotgreengrassv2.html, "Dependent actions"
 */
const DEPENDENT: Readonly<Record<string, readonly string[]>> = {
  CreateDeployment: ["CreateJob", ...CANCELS, ...READS],
  CancelDeployment: [...CANCELS, ...READS],
  DeleteDeployment: ["DeleteJob"],
  GetDeployment: READS,
  ListDeployments: READS,
  DeleteCoreDevice: ["DescribeJobExecution"],
};

/** The `s3://` artifacts of a recipe, as the ARNs of their objects. */
const artifactsOf = (recipe: unknown): string[] => {
  if (!(recipe instanceof Uint8Array)) return [];
  const uris = new TextDecoder().decode(recipe).matchAll(/s3:\/\/([^"\s]+)/g);
  return [...new Set([...uris].map(([, path]) => `arn:aws:s3:::${path}`))];
};

/**
 * The documentation lists dependent actions without saying on which thing, group or job. Asked here is for those that
 * the target names: a group's own ARN, and things that have its name.
 *
 * @param targetOf the target of a deployment by its id
 */
export const greengrassAccess = (place: Place, targetOf: (deploymentId: string) => string | undefined): AccessOf => {
  const dependent = (operation: string, target: string): AccessRequest[] => {
    const name = target.slice(target.lastIndexOf("/") + 1);
    const resourceOf = (action: string): string[] => {
      if (action === "DescribeThingGroup") return [arn(place, "iot", `thinggroup/${name}`)];
      if (action === "CreateJob") return [arn(place, "iot", "job/any"), target];
      return [arn(place, "iot", action.endsWith("Job") ? "job/any" : `thing/${name}`)];
    };
    return (DEPENDENT[operation] ?? []).flatMap((action) =>
      resourceOf(action).map((resource) => ({ action: `iot:${action}`, resource })),
    );
  };
  return (operation, input) => {
    const action = `greengrass:${operation}`;
    switch (operation) {
      case "CreateDeployment":
      case "ListDeployments":
        return [{ action, resource: "*" }, ...dependent(operation, text(input, "targetArn"))];
      case "GetDeployment":
      case "CancelDeployment":
      case "DeleteDeployment": {
        const id = text(input, "deploymentId");
        return [
          { action, resource: arn(place, "greengrass", `deployments:${id}`) },
          ...dependent(operation, targetOf(id) ?? ""),
        ];
      }
      case "CreateComponentVersion":
        return [
          ...[action, ...(input.tags === undefined ? [] : ["greengrass:TagResource"])].map((asked) => ({
            action: asked,
            resource: arn(place, "greengrass", "components:any"),
          })),
          ...artifactsOf(input.inlineRecipe).map((resource) => ({
            action: "s3:GetObject",
            resource,
            context: { "aws:ResourceAccount": place.accountId },
          })),
        ];
      case "DescribeComponent":
      case "ListComponentVersions":
      case "GetComponent":
      case "DeleteComponent":
        return [{ action, resource: text(input, "arn") }];
      case "GetCoreDevice":
      case "ListInstalledComponents":
      case "ListEffectiveDeployments":
        return [{ action, resource: arn(place, "greengrass", `coreDevices:${text(input, "coreDeviceThingName")}`) }];
      case "DeleteCoreDevice": {
        const thing = text(input, "coreDeviceThingName");
        return [
          { action, resource: arn(place, "greengrass", `coreDevices:${thing}`) },
          ...dependent(operation, `thing/${thing}`),
        ];
      }
      default:
        return undefined;
    }
  };
};

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html */
export const stepFunctionsAccess: AccessOf = (operation, input) => {
  const member = entryOf({ StartExecution: "stateMachineArn", DescribeExecution: "executionArn" }, operation);
  return member === undefined ? undefined : [{ action: `states:${operation}`, resource: text(input, member) }];
};

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html */
export const eventBridgeAccess =
  (place: Place): AccessOf =>
  (operation, input) => {
    if (operation !== "PutEvents") return undefined;
    const buses = new Set(objectsOf(input.Entries).map((entry) => text(entry, "EventBusName") || "default"));
    return [...buses].map((bus) => ({
      action: "events:PutEvents",
      resource: bus.startsWith("arn:") ? bus : arn(place, "events", `event-bus/${bus}`),
    }));
  };

const WRITES: Readonly<Record<string, string>> = {
  Put: "PutItem",
  Update: "UpdateItem",
  Delete: "DeleteItem",
  ConditionCheck: "ConditionCheckItem",
};

/**
 * A transaction needs the permission for each of its parts.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
 */
export const dynamodbAccess = (place: Place): AccessOf => {
  const table = (name: unknown, index?: unknown): string =>
    arn(place, "dynamodb", `table/${String(name)}${index === undefined ? "" : `/index/${String(index)}`}`);
  return (operation, input) => {
    switch (operation) {
      case "GetItem":
      case "PutItem":
      case "UpdateItem":
      case "DeleteItem":
      case "Query":
      case "Scan":
        return [{ action: `dynamodb:${operation}`, resource: table(input.TableName, input.IndexName) }];
      case "BatchGetItem":
        return Object.keys((input.RequestItems ?? {}) as object).map((name) => ({
          action: "dynamodb:BatchGetItem",
          resource: table(name),
        }));
      case "TransactWriteItems":
        return objectsOf(input.TransactItems).flatMap((part) =>
          Object.entries(part).map(([kind, write]) => ({
            action: `dynamodb:${entryOf(WRITES, kind) ?? kind}`,
            resource: table(isObject(write) ? write.TableName : ""),
          })),
        );
      default:
        return undefined;
    }
  };
};

/** The action of each S3 operation that a role may need: on the object, or on the bucket. */
const S3: Readonly<Record<string, { readonly object?: string; readonly bucket?: string }>> = {
  GetObject: { object: "GetObject" },
  HeadObject: { object: "GetObject" },
  PutObject: { object: "PutObject" },
  CreateMultipartUpload: { object: "PutObject" },
  UploadPart: { object: "PutObject" },
  UploadPartCopy: { object: "PutObject" },
  CompleteMultipartUpload: { object: "PutObject" },
  AbortMultipartUpload: { object: "AbortMultipartUpload" },
  ListParts: { object: "ListMultipartUploadParts" },
  DeleteObject: { object: "DeleteObject" },
  // Each key of the list is asked for by itself, as DeleteObject, and refused by itself.
  DeleteObjects: {},
  CopyObject: { object: "PutObject" },
  ListObjectsV2: { bucket: "ListBucket" },
  HeadBucket: { bucket: "ListBucket" },
  CreateBucket: { bucket: "CreateBucket" },
  DeleteBucket: { bucket: "DeleteBucket" },
  GetBucketTagging: { bucket: "GetBucketTagging" },
  PutBucketTagging: { bucket: "PutBucketTagging" },
  PutPublicAccessBlock: { bucket: "PutBucketPublicAccessBlock" },
  PutBucketEncryption: { bucket: "PutEncryptionConfiguration" },
  PutBucketCors: { bucket: "PutBucketCORS" },
  PutBucketLifecycleConfiguration: { bucket: "PutLifecycleConfiguration" },
  PutBucketNotificationConfiguration: { bucket: "PutBucketNotification" },
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 *
 * @param ownerOf the account of a bucket, if there is such a bucket
 */
export const s3Access =
  (ownerOf: (bucket: string) => string | undefined) =>
  (operation: string, bucket: string, key: string, copySource?: string): readonly AccessRequest[] | undefined => {
    const asked = entryOf(S3, operation);
    if (asked === undefined) return undefined;
    const request = (action: string, path: string): AccessRequest => {
      const owner = ownerOf(path.split("/")[0] ?? "");
      return {
        action: `s3:${action}`,
        resource: `arn:aws:s3:::${path}`,
        ...(owner !== undefined && { context: { "aws:ResourceAccount": owner } }),
      };
    };
    return [
      ...(copySource === undefined ? [] : [request("GetObject", copySource)]),
      ...(asked.object === undefined ? [] : [request(asked.object, `${bucket}/${key || "any"}`)]),
      ...(asked.bucket === undefined ? [] : [request(asked.bucket, bucket)]),
    ];
  };
