import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  type LifecycleRule,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutBucketLifecycleConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { s3Suite } from "./support.ts";

const suite = s3Suite();
const DAY = 24 * 3600_000;
/** The last moment before the midnight that this many days from now round up to. */
const eveOf = (days: number): number => (Math.floor((Date.now() + days * DAY) / DAY) + 1) * DAY - 1;
const Bucket = "rules";

/** An engine of its own, with a bucket under these rules. */
const under = async (...Rules: LifecycleRule[]) => {
  const dir = await suite.newFolder();
  const server = await suite.start(dir);
  const client = suite.connect(server);
  await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
  return {
    server,
    client,
    put: (Key: string, Body = "a", Tagging = "") =>
      client.send(new PutObjectCommand({ Bucket, Key, Body, ...(Tagging === "" ? {} : { Tagging }) })),
    keys: async () =>
      ((await client.send(new ListObjectsV2Command({ Bucket }))).Contents ?? []).map(({ Key }) => Key ?? ""),
    files: async () => (await readdir(join(dir, "content"))).length,
  };
};

describe("a sweep", () => {
  test("expires objects when the midnight after their days has come, with their files", async () => {
    const { server, put, keys, files } = await under({
      ID: "old",
      Status: "Enabled",
      Filter: { Prefix: "tmp/" },
      Expiration: { Days: 2 },
    });
    for (const key of ["tmp/a", "tmp/b", "kept"]) await put(key);
    await server.sweep(eveOf(2));
    expect(await keys()).toEqual(["kept", "tmp/a", "tmp/b"]);
    await server.sweep(eveOf(2) + 1);
    expect([await keys(), await files()]).toEqual([["kept"], 1]);
  });

  test("goes by tags and sizes, and leaves disabled rules alone", async () => {
    const rule = { Status: "Enabled", Expiration: { Days: 1 } } as const;
    const { server, put, keys } = await under(
      { ...rule, ID: "tagged", Filter: { And: { Tags: [{ Key: "a", Value: "1" }], ObjectSizeLessThan: 3 } } },
      { ...rule, ID: "large", Filter: { ObjectSizeGreaterThan: 4 } },
      { ...rule, ID: "off", Status: "Disabled", Filter: { Prefix: "" } },
    );
    await put("tagged", "a", "a=1&b=2");
    await put("tagged-otherwise", "a", "a=2");
    await put("tagged-and-too-large", "abc", "a=1");
    await put("four", "abcd");
    await put("five", "abcde");
    await server.sweep(eveOf(1) + 1);
    expect(await keys()).toEqual(["four", "tagged-and-too-large", "tagged-otherwise"]);
  });

  test("aborts uploads that were not completed, with the files of their parts", async () => {
    const { server, client, files } = await under({
      ID: "uploads",
      Status: "Enabled",
      Filter: { Prefix: "uploads/" },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
    });
    for (const Key of ["uploads/a", "other"]) {
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "a" }));
    }
    await server.sweep(eveOf(1));
    expect(await files()).toBe(2);
    await server.sweep(eveOf(1) + 1);
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    expect([Uploads.map(({ Key }) => Key), await files()]).toEqual([["other"], 1]);
  });

  test("takes more objects than one transaction, and tells EventBridge of each", async () => {
    const { server, client, put, keys } = await under({
      ID: "all",
      Status: "Enabled",
      Filter: { Prefix: "" },
      Expiration: { Days: 1 },
    });
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );
    for (let n = 0; n < 600; n += 20) await Promise.all(Array.from({ length: 20 }, (_, m) => put(`${n + m}`)));
    suite.events.length = 0;
    await server.sweep(eveOf(1) + 1);
    expect(await keys()).toEqual([]);
    expect(suite.events).toHaveLength(600);
    expect(suite.events[0]).toMatchObject({
      "detail-type": "Object Deleted",
      detail: { reason: "Lifecycle Expiration", "deletion-type": "Permanently Deleted", requester: "s3.amazonaws.com" },
    });
  });

  test("does at the start what fell due while nothing ran", async () => {
    const dir = await suite.newFolder();
    const first = await suite.start(dir);
    const client = suite.connect(first);
    await client.send(new CreateBucketCommand({ Bucket }));
    await client.send(new PutObjectCommand({ Bucket, Key: "a", Body: "a" }));
    const Rules: LifecycleRule[] = [
      { ID: "past", Status: "Enabled", Filter: { Prefix: "" }, Expiration: { Date: new Date("2020-01-01") } },
    ];
    await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
    await suite.stop(first);
    const again = await suite.start(dir);
    // Sweeps come one after the other: once this one is done, so is the one of the start.
    await again.sweep(0);
    const { KeyCount } = await suite.connect(again).send(new ListObjectsV2Command({ Bucket }));
    expect(KeyCount).toBe(0);
  });
});
