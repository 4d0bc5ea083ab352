import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { ACCOUNT, outcome, type Published, s3Suite } from "./support.ts";

const suite = s3Suite();
const { put, get, freshBucket, start, stop, connect, newFolder, events, faults } = suite;

describe("events", () => {
  const Bucket = "events";
  beforeAll(async () => {
    await freshBucket(Bucket);
    await suite.s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );
  });

  test("have AWS's shape, in order, and name what happened", async () => {
    const Key = "ä b";
    const { ETag } = await suite.s3.send(new PutObjectCommand({ Bucket, Key, Body: "hello" }));
    await suite.s3.send(
      new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${encodeURIComponent(Key)}` }),
    );
    const { UploadId } = await suite.plain.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
    const part = await suite.plain.send(
      new UploadPartCommand({ Bucket, Key: "parts", UploadId, PartNumber: 1, Body: "a" }),
    );
    await suite.plain.send(
      new CompleteMultipartUploadCommand({
        Bucket,
        Key: "parts",
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
      }),
    );
    await suite.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    await suite.s3.send(new DeleteObjectCommand({ Bucket, Key: "never there" }));
    await suite.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "copy" }, { Key: "parts" }] } }));
    expect(events[0]).toEqual({
      source: "aws.s3",
      "detail-type": "Object Created",
      resources: ["arn:aws:s3:::events"],
      detail: {
        version: "0",
        bucket: { name: Bucket },
        object: { key: Key, size: 5, etag: ETag?.replaceAll('"', ""), sequencer: expect.stringMatching(/^[0-9A-F]+$/) },
        "request-id": expect.stringMatching(/^[0-9A-F]{16}$/),
        requester: ACCOUNT,
        "source-ip-address": "127.0.0.1",
        reason: "PutObject",
      },
    });
    type Detail = { object: { key: string; sequencer: string }; reason: string; "deletion-type"?: string };
    const details = events.map(({ detail }) => detail as Detail);
    expect(details.map(({ object, reason, "deletion-type": type }) => [object.key, reason, type])).toEqual([
      [Key, "PutObject", undefined],
      ["copy", "CopyObject", undefined],
      ["parts", "CompleteMultipartUpload", undefined],
      [Key, "DeleteObject", "Permanently Deleted"],
      ["copy", "DeleteObject", "Permanently Deleted"],
      ["parts", "DeleteObject", "Permanently Deleted"],
    ]);
    const sequencers = details.map(({ object }) => object.sequencer);
    expect(sequencers.toSorted()).toEqual(sequencers);
  });

  test("tell of tags, which change neither ETag nor order", async () => {
    const place = { Bucket, Key: "tagged" };
    const { ETag } = await suite.s3.send(new PutObjectCommand({ ...place, Body: "hello" }));
    events.length = 0;
    await suite.s3.send(new PutObjectTaggingCommand({ ...place, Tagging: { TagSet: [{ Key: "a", Value: "1" }] } }));
    await suite.s3.send(new DeleteObjectTaggingCommand(place));
    expect(events.map((event) => event["detail-type"])).toEqual(["Object Tags Added", "Object Tags Deleted"]);
    expect(events[0]?.detail).toMatchObject({ object: { key: "tagged", etag: ETag?.replaceAll('"', "") } });
  });

  test("are not sent for a bucket that does not notify, nor for a refused write", async () => {
    await put("silent");
    await outcome(
      suite.s3.send(
        new PutObjectCommand({ Bucket, Key: "refused", Body: "a", ContentMD5: "AAAAAAAAAAAAAAAAAAAAAA==" }),
      ),
    );
    expect(events).toEqual([]);
  });

  test("that were not published come at the next start", async () => {
    const dir = await newFolder();
    let down = true;
    const publish = (event: Published) => {
      if (down) throw new Error("the bus is down");
      events.push(event);
    };
    const first = await start(dir, { publish });
    const client = connect(first);
    await client.send(new CreateBucketCommand({ Bucket }));
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );
    const reported = vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect(await outcome(client.send(new PutObjectCommand({ Bucket, Key: "a", Body: "" })))).toBe("InternalError 500");
    expect(reported).toHaveBeenCalledWith(
      expect.stringContaining("PUT /events/a"),
      expect.objectContaining({ message: "the bus is down" }),
    );
    reported.mockRestore();
    await stop(first);
    down = false;
    await start(dir, { publish });
    expect(events.map((event) => event["detail-type"])).toEqual(["Object Created"]);
  });
});

describe("faults", () => {
  test("meet as many calls of their operation as they ask for, before these act", async () => {
    faults.arm({ kind: "error", operation: "s3:PutObject", code: "SlowDown", status: 503, times: 2 });
    const outcomes = [];
    for (let n = 0; n < 3; n += 1) outcomes.push(await outcome(put("faulty")));
    expect(outcomes).toEqual(["SlowDown 503", "SlowDown 503", "200"]);
  });

  test("do not meet a request that is not authenticated, nor another operation", async () => {
    faults.arm({ kind: "error", operation: "s3:GetObject", code: "InternalError", status: 500, times: 1 });
    await put("faulty");
    await fetch(`${suite.server.url}/bucket/faulty`).then((response) => response.text());
    expect(await outcome(get("faulty"))).toBe("InternalError 500");
  });
});
