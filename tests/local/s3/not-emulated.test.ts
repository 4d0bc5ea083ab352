import * as sdk from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { operationOf } from "../../../local/s3/operations.ts";
import { ROUTES } from "../../../local/s3/routes.ts";
import { outcome, s3Suite } from "./support.ts";

const suite = s3Suite();

/** An operation's schema in the SDK: its kind is 9, its name the third element, its traits the fourth. */
const operations = (Object.values(sdk) as unknown[])
  .filter((value): value is readonly unknown[] => Array.isArray(value) && value[0] === 9)
  .map((schema) => ({
    name: String(schema[2]),
    http: (schema[3] as { http: [method: string, target: string] }).http,
  }));

/** The service itself is asked for these. */
const OF_THE_SERVICE = ["ListBuckets", "ListDirectoryBuckets"];

describe("what is not emulated", () => {
  test("no operation of the SDK that is not emulated is taken for one that is", () => {
    const missing = operations.filter(({ name }) => !ROUTES.has(name));
    const taken = missing.filter(({ name, http: [method, target] }) => {
      const [path = "", query = ""] = target.split("?");
      const request = {
        method,
        bucket: OF_THE_SERVICE.includes(name) ? "" : "bucket",
        key: path.includes("{Key") ? "key" : "",
        query: new Map(new URLSearchParams(query)),
        headers: new Map<string, string>(),
      };
      return ROUTES.has(operationOf(request));
    });
    expect(taken.map(({ name }) => name)).toEqual([]);
    expect(missing.length).toBeGreaterThan(40);
    expect([...ROUTES.keys()].filter((name) => !operations.some((operation) => operation.name === name))).toEqual([]);
  });

  test("the answer is 501, and names the operation", async () => {
    await expect(suite.s3.send(new sdk.GetBucketVersioningCommand({ Bucket: "bucket" }))).rejects.toMatchObject({
      name: "NotImplemented",
      message: expect.stringContaining("GetBucketVersioning"),
      $metadata: { httpStatusCode: 501 },
    });
  });

  const bucket = { Bucket: "bucket" };
  test.each<[what: string, send: () => Promise<{ $metadata: { httpStatusCode?: number } }>]>([
    ["a storage class", () => suite.put("a", "a", { StorageClass: "GLACIER" })],
    ["a customer's key", () => suite.put("a", "a", { SSECustomerAlgorithm: "AES256", SSECustomerKey: "a".repeat(32) })],
    ["a KMS key", () => suite.put("a", "a", { ServerSideEncryption: "aws:kms" })],
    ["an ACL for everyone", () => suite.put("a", "a", { ACL: "public-read" })],
    ["a redirect", () => suite.put("a", "a", { WebsiteRedirectLocation: "/b" })],
    ["a lock", () => suite.put("a", "a", { ObjectLockLegalHoldStatus: "ON" })],
    ["an xxHash in a header", () => suite.put("a", "a", { ChecksumXXHASH64: "AAAAAAAAAAA=" })],
    [
      "an upload with xxHash",
      () => suite.s3.send(new sdk.CreateMultipartUploadCommand({ ...bucket, Key: "a", ChecksumAlgorithm: "XXHASH3" })),
    ],
    [
      "encryption with KMS by default",
      () =>
        suite.s3.send(
          new sdk.PutBucketEncryptionCommand({
            ...bucket,
            ServerSideEncryptionConfiguration: {
              Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" } }],
            },
          }),
        ),
    ],
    [
      "a queue to notify",
      () =>
        suite.s3.send(
          new sdk.PutBucketNotificationConfigurationCommand({
            ...bucket,
            NotificationConfiguration: {
              QueueConfigurations: [{ QueueArn: "arn:aws:sqs:eu-west-1:1:q", Events: ["s3:ObjectCreated:*"] }],
            },
          }),
        ),
    ],
    [
      "a transition",
      () =>
        suite.s3.send(
          new sdk.PutBucketLifecycleConfigurationCommand({
            ...bucket,
            LifecycleConfiguration: {
              Rules: [
                {
                  Status: "Enabled",
                  Filter: { Prefix: "" },
                  Transitions: [{ Days: 30, StorageClass: "GLACIER" }],
                },
              ],
            },
          }),
        ),
    ],
    [
      "a delete under a condition of directory buckets",
      () => suite.s3.send(new sdk.DeleteObjectCommand({ ...bucket, Key: "a", IfMatchSize: 1 })),
    ],
  ])("%s is refused with 501", async (_what, send) => {
    expect(await outcome(send())).toBe("NotImplemented 501");
  });
});
