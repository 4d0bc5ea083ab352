import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { beforeAll, describe, expect, test } from "vitest";
import { parseXml } from "../../../local/s3/xml.ts";
import { ACCOUNT, codeOf, outcome, s3Suite } from "./support.ts";

const suite = s3Suite();
const { put, get, freshBucket, start, stop, connect, newFolder } = suite;

describe("signatures", () => {
  beforeAll(() => put("signed"));

  test.each<[note: string, config: S3ClientConfig, expected: string]>([
    [
      "a session token",
      { credentials: { accessKeyId: "AKIDTEMP", secretAccessKey: "temporary", sessionToken: "token" } },
      "200",
    ],
    [
      "a wrong session token",
      { credentials: { accessKeyId: "AKIDTEMP", secretAccessKey: "temporary", sessionToken: "old" } },
      "InvalidAccessKeyId 403",
    ],
  ])("in headers: %s", async (_note, config, expected) => {
    const client = connect(suite.server, config);
    expect(await outcome(client.send(new GetObjectCommand({ Bucket: "bucket", Key: "signed" })))).toBe(expected);
  });

  test("an undecodable path is told apart from a bad signature", async () => {
    expect(await codeOf(await fetch(`${suite.server.url}/bucket/%ff`))).toBe("InvalidURI 400");
  });
});

describe("what an answer has", () => {
  test("an error document names code, message, resource and request", async () => {
    const response = await fetch(await getSignedUrl(suite.s3, new GetObjectCommand({ Bucket: "bucket", Key: "a&b" })));
    const document = parseXml(await response.text());
    const fields = Object.fromEntries(document.children.map(({ name, text: value }) => [name, value]));
    expect(fields).toMatchObject({
      Code: "NoSuchKey",
      Key: "a&b",
      Resource: "/bucket/a&b",
      RequestId: response.headers.get("x-amz-request-id"),
      HostId: response.headers.get("x-amz-id-2"),
    });
    expect(fields.Message).toBe("The specified key does not exist.");
  });

  test("metadata beyond ASCII comes back encoded", async () => {
    const url = await getSignedUrl(
      suite.plain,
      new PutObjectCommand({ Bucket: "bucket", Key: "meta", Metadata: { name: "日本" } }),
    );
    expect((await fetch(url, { method: "PUT", body: "" })).status).toBe(200);
    expect((await get("meta")).Metadata).toEqual({ name: `=?UTF-8?B?${Buffer.from("日本").toString("base64")}?=` });
  });

  test("a parameter that replaces a header can only be what a header can carry", async () => {
    await put("digits");
    expect(await outcome(get("digits", { ResponseContentDisposition: "日本" }))).toBe("InvalidArgument 400");
  });
});

describe("keys", () => {
  test.each([
    ["with spaces", "a b  c"],
    ["climbing", "../../../../etc/passwd"],
    ["with dots", "a/../b/./c"],
    ["with slashes", "//a//b/"],
    ["of URL syntax", "a?b=c&d#e%41+f;:@"],
    ["of quotes and tags", "<a>'\"&amp;</a>"],
    ["beyond the basic plane", "日本/😀"],
    ["with line ends", "a\r\nb\tc"],
    ["of another's name", "__proto__"],
    ["with stars", "a*(b)!'c'~"],
  ])("%s", async (_note, Key) => {
    const Bucket = "keys";
    if ((await outcome(suite.s3.send(new HeadBucketCommand({ Bucket })))) !== "200") await freshBucket(Bucket);
    await suite.s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    const { Body } = await suite.s3.send(new GetObjectCommand({ Bucket, Key }));
    expect(await Body?.transformToString()).toBe(Key);
    const { Contents } = await suite.s3.send(new ListObjectsV2Command({ Bucket, EncodingType: "url" }));
    expect(Contents?.map((entry) => decodeURIComponent(entry.Key ?? ""))).toEqual([Key]);
    await suite.s3.send(
      new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${encodeURIComponent(Key)}` }),
    );
    const { Deleted, Errors } = await suite.s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }, { Key: "copy" }] } }),
    );
    expect([Deleted?.map((entry) => entry.Key), Errors]).toEqual([[Key, "copy"], undefined]);
    expect((await suite.s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
  });
});

describe("buckets", () => {
  test.each<[region: string, constraint: string | undefined, expected: string]>([
    ["eu-west-1", "eu-central-1", "IllegalLocationConstraintException 400"],
    ["us-east-1", "eu-west-1", "IllegalLocationConstraintException 400"],
    ["us-east-1", "us-east-1", "InvalidLocationConstraint 400"],
    ["us-east-1", undefined, "200"],
  ])("CreateBucket in %s with LocationConstraint %s: %s", async (region, constraint, expected) => {
    const own = await start(await newFolder(), { region });
    const CreateBucketConfiguration = constraint === undefined ? {} : { LocationConstraint: constraint as "eu-west-1" };
    const input = { Bucket: "located", ...(constraint === undefined ? {} : { CreateBucketConfiguration }) };
    const client = connect(own, { region });
    expect(await outcome(client.send(new CreateBucketCommand(input)))).toBe(expected);
  });

  test("another account's bucket", async () => {
    const dir = await newFolder();
    const first = await start(dir);
    await connect(first).send(new CreateBucketCommand({ Bucket: "taken" }));
    await stop(first);
    const client = connect(await start(dir, { accountId: "999999999999" }));
    expect(await outcome(client.send(new CreateBucketCommand({ Bucket: "taken" })))).toBe("BucketAlreadyExists 409");
    expect(await outcome(client.send(new ListObjectsV2Command({ Bucket: "taken" })))).toBe("AccessDenied 403");
    expect((await client.send(new ListBucketsCommand())).Buckets ?? []).toEqual([]);
  });

  test("another account's bucket that is made for a test", async () => {
    suite.server.addForeignBucket("foreign", "999999999999");
    suite.server.addForeignBucket("foreign", "999999999999");
    for (const send of [
      () => suite.s3.send(new GetObjectCommand({ Bucket: "foreign", Key: "a" })),
      () => suite.s3.send(new ListObjectsV2Command({ Bucket: "foreign" })),
    ]) {
      expect(await outcome(send())).toBe("AccessDenied 403");
    }
    expect(() => suite.server.addForeignBucket("bucket", "999999999999")).toThrow("bucket");
    expect(() => suite.server.addForeignBucket("ours", ACCOUNT)).toThrow("ours");
  });
});
