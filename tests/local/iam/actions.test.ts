import { describe, expect, test } from "vitest";
import {
  type AccessOf,
  dynamodbAccess,
  eventBridgeAccess,
  greengrassAccess,
  iotAccess,
  s3Access,
  stepFunctionsAccess,
} from "../../../local/iam/actions.ts";

const PLACE = { partition: "aws", region: "eu-west-1", accountId: "1" };
const arn = (service: string, resource: string) => `arn:aws:${service}:eu-west-1:1:${resource}`;
const GROUP = arn("iot", "thinggroup/cell");
const SERVICES: Record<string, AccessOf> = {
  iot: iotAccess(PLACE),
  greengrass: greengrassAccess(PLACE, (id) => (id === "d1" ? GROUP : undefined)),
  states: stepFunctionsAccess,
  events: eventBridgeAccess(PLACE),
  dynamodb: dynamodbAccess(PLACE),
};
/** What is asked for, as `action resource`. */
const asked = (service: string, operation: string, input: object) =>
  SERVICES[service]?.(operation, input as Record<string, unknown>)?.map(
    ({ action, resource }) => `${action} ${resource}`,
  );

const table = (name: string) => arn("dynamodb", `table/${name}`);
const bus = (name: string) => arn("events", `event-bus/${name}`);

describe("what is asked for", () => {
  test.each<[service: string, operation: string, input: object, asked: string[]]>([
    ["iot", "CreateThing", { thingName: "t" }, [`iot:CreateThing ${arn("iot", "thing/t")}`]],
    ["iot", "CreateThing", {}, [`iot:CreateThing ${arn("iot", "thing/")}`]],
    ["iot", "DeleteThingGroup", { thingGroupName: "g" }, [`iot:DeleteThingGroup ${arn("iot", "thinggroup/g")}`]],
    ["iot", "DescribeThingType", { thingTypeName: "y" }, [`iot:DescribeThingType ${arn("iot", "thingtype/y")}`]],
    ["iot", "CreatePolicy", { policyName: "p" }, [`iot:CreatePolicy ${arn("iot", "policy/p")}`]],
    [
      "iot",
      "AddThingToThingGroup",
      { thingName: "t", thingGroupName: "g" },
      [`iot:AddThingToThingGroup ${arn("iot", "thing/t")}`, `iot:AddThingToThingGroup ${arn("iot", "thinggroup/g")}`],
    ],
    ["states", "StartExecution", { stateMachineArn: "m", executionArn: "e" }, ["states:StartExecution m"]],
    ["states", "DescribeExecution", { stateMachineArn: "m", executionArn: "e" }, ["states:DescribeExecution e"]],
    [
      "events",
      "PutEvents",
      { Entries: [{ EventBusName: "b" }, { EventBusName: "b" }] },
      [`events:PutEvents ${bus("b")}`],
    ],
    ["events", "PutEvents", { Entries: [{}] }, [`events:PutEvents ${bus("default")}`]],
    ["events", "PutEvents", { Entries: [{ EventBusName: bus("c") }] }, [`events:PutEvents ${bus("c")}`]],
    [
      "events",
      "PutEvents",
      { Entries: [{ EventBusName: "b" }, null, {}] },
      [`events:PutEvents ${bus("b")}`, `events:PutEvents ${bus("default")}`],
    ],
    ...["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"].map(
      (operation): [string, string, object, string[]] => [
        "dynamodb",
        operation,
        { TableName: "t" },
        [`dynamodb:${operation} ${table("t")}`],
      ],
    ),
    ["dynamodb", "Query", { TableName: "t", IndexName: "i" }, [`dynamodb:Query ${table("t/index/i")}`]],
    [
      "dynamodb",
      "BatchGetItem",
      { RequestItems: { a: {}, b: {} } },
      [`dynamodb:BatchGetItem ${table("a")}`, `dynamodb:BatchGetItem ${table("b")}`],
    ],
    [
      "dynamodb",
      "TransactWriteItems",
      {
        TransactItems: [
          { Put: { TableName: "a" } },
          { Update: { TableName: "b" } },
          { Delete: { TableName: "a" } },
          { ConditionCheck: { TableName: "b" } },
        ],
      },
      [
        `dynamodb:PutItem ${table("a")}`,
        `dynamodb:UpdateItem ${table("b")}`,
        `dynamodb:DeleteItem ${table("a")}`,
        `dynamodb:ConditionCheckItem ${table("b")}`,
      ],
    ],
    // A part that has two writes is asked for with both, one that has none of ours by its name.
    [
      "dynamodb",
      "TransactWriteItems",
      { TransactItems: [{ Put: { TableName: "a" }, Delete: { TableName: "b" } }, { toString: { TableName: "c" } }] },
      [`dynamodb:PutItem ${table("a")}`, `dynamodb:DeleteItem ${table("b")}`, `dynamodb:toString ${table("c")}`],
    ],
    ["greengrass", "DescribeComponent", { arn: "c" }, ["greengrass:DescribeComponent c"]],
    ["greengrass", "ListComponentVersions", { arn: "c" }, ["greengrass:ListComponentVersions c"]],
    [
      "greengrass",
      "DeleteCoreDevice",
      { coreDeviceThingName: "t" },
      [
        `greengrass:DeleteCoreDevice ${arn("greengrass", "coreDevices:t")}`,
        `iot:DescribeJobExecution ${arn("iot", "thing/t")}`,
      ],
    ],
    [
      "greengrass",
      "ListDeployments",
      { targetArn: GROUP },
      [
        "greengrass:ListDeployments *",
        `iot:DescribeJob ${arn("iot", "job/any")}`,
        `iot:DescribeThing ${arn("iot", "thing/cell")}`,
        `iot:DescribeThingGroup ${GROUP}`,
        `iot:GetThingShadow ${arn("iot", "thing/cell")}`,
      ],
    ],
    [
      "greengrass",
      "DeleteDeployment",
      { deploymentId: "d1" },
      [`greengrass:DeleteDeployment ${arn("greengrass", "deployments:d1")}`, `iot:DeleteJob ${arn("iot", "job/any")}`],
    ],
  ])("%s:%s %j", (service, operation, input, expected) => {
    expect(asked(service, operation, input)).toEqual(expected);
  });

  test("greengrass:CreateDeployment needs the job, and its target", () => {
    const wanted = asked("greengrass", "CreateDeployment", { targetArn: GROUP });
    expect(wanted).toContain("greengrass:CreateDeployment *");
    expect(wanted).toContain(`iot:CreateJob ${arn("iot", "job/any")}`);
    expect(wanted).toContain(`iot:CreateJob ${GROUP}`);
  });

  test("greengrass:CancelDeployment reaches what the deployment targets", () => {
    expect(asked("greengrass", "CancelDeployment", { deploymentId: "d1" })).toContain(
      `iot:DescribeThingGroup ${GROUP}`,
    );
  });

  test("greengrass:CreateComponentVersion reads each artifact once, in this account", () => {
    const recipe = `{"a":"s3://bucket/a","b":"s3://bucket/b","again":"s3://bucket/a","other":"docker:x"}`;
    const input = { inlineRecipe: new TextEncoder().encode(recipe), tags: { a: "b" } };
    expect(SERVICES.greengrass?.("CreateComponentVersion", input)).toEqual([
      { action: "greengrass:CreateComponentVersion", resource: arn("greengrass", "components:any") },
      { action: "greengrass:TagResource", resource: arn("greengrass", "components:any") },
      ...["a", "b"].map((key) => ({
        action: "s3:GetObject",
        resource: `arn:aws:s3:::bucket/${key}`,
        context: { "aws:ResourceAccount": "1" },
      })),
    ]);
  });
});

test.each([
  ["iot", "UpdateThing"],
  ["iot", "constructor"],
  ["states", "StopExecution"],
  ["states", "toString"],
  ["events", "PutRule"],
  ["dynamodb", "DeleteTable"],
  ["dynamodb", "TransactGetItems"],
  ["dynamodb", "ExecuteStatement"],
])("%s:%s is nobody's but a developer's", (service, operation) => {
  expect(asked(service, operation, {})).toBeUndefined();
});

describe("of S3", () => {
  const access = s3Access((bucket) => ({ mine: "1", theirs: "2" })[bucket]);
  const object = (action: string, bucket: string, owner?: string) => ({
    action: `s3:${action}`,
    resource: `arn:aws:s3:::${bucket}`,
    ...(owner !== undefined && { context: { "aws:ResourceAccount": owner } }),
  });

  test.each<
    [operation: string, bucket: string, key: string, source: string | undefined, expected: object[] | undefined]
  >([
    ["GetObject", "mine", "a/b", undefined, [object("GetObject", "mine/a/b", "1")]],
    ["HeadObject", "theirs", "a", undefined, [object("GetObject", "theirs/a", "2")]],
    ["GetObject", "none", "a", undefined, [object("GetObject", "none/a")]],
    ["UploadPart", "mine", "a", undefined, [object("PutObject", "mine/a", "1")]],
    ["CompleteMultipartUpload", "mine", "a", undefined, [object("PutObject", "mine/a", "1")]],
    ["AbortMultipartUpload", "mine", "a", undefined, [object("AbortMultipartUpload", "mine/a", "1")]],
    ["ListParts", "mine", "a", undefined, [object("ListMultipartUploadParts", "mine/a", "1")]],
    ["DeleteObjects", "mine", "", undefined, []],
    ["HeadBucket", "mine", "", undefined, [object("ListBucket", "mine", "1")]],
    ["ListObjectsV2", "mine", "", undefined, [object("ListBucket", "mine", "1")]],
    ["CreateBucket", "none", "", undefined, [object("CreateBucket", "none")]],
    ["PutBucketEncryption", "mine", "", undefined, [object("PutEncryptionConfiguration", "mine", "1")]],
    // A copy reads the source in its account, and writes the target in its own.
    ["CopyObject", "mine", "b", "theirs/a", [object("GetObject", "theirs/a", "2"), object("PutObject", "mine/b", "1")]],
    [
      "UploadPartCopy",
      "mine",
      "b",
      "theirs/a",
      [object("GetObject", "theirs/a", "2"), object("PutObject", "mine/b", "1")],
    ],
    ["DeleteBucketPolicy", "mine", "", undefined, undefined],
    ["constructor", "mine", "", undefined, undefined],
  ])("%s of %s/%s", (operation, bucket, key, source, expected) => {
    expect(access(operation, bucket, key, source)).toEqual(expected);
  });
});
