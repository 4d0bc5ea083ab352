import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { Agent, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  GetObjectTaggingCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutPublicAccessBlockCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Faults } from "../../local/faults.ts";
import { combineCrc, startCrc } from "../../local/s3/crc.ts";
import { type S3Server, startS3 } from "../../local/s3/server.ts";
import { parseXml } from "../../local/s3/xml.ts";

const REGION = "eu-west-1";
const ACCOUNT = "123456789012";
const KEYS: Readonly<Record<string, string>> = { AKIDTEST: "secret" };
const MIB = 1024 ** 2;

/** The client warns of streams that cannot be sent again, which is what some cases are about. */
const silence = () => undefined;
const SILENT = { trace: silence, debug: silence, info: silence, warn: silence, error: silence };

type Published = Parameters<Parameters<typeof startS3>[0]["publish"]>[0];

const folders: string[] = [];
const clients: S3Client[] = [];
const servers: S3Server[] = [];
const faults = new Faults();
const events: Published[] = [];

const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "s3-test-"));
  folders.push(folder);
  return folder;
};

const start = async (dir: string, more: Partial<Parameters<typeof startS3>[0]> = {}): Promise<S3Server> => {
  const server = await startS3({
    dir,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    secretOf: (id, token) => (id === "AKIDTEMP" ? (token === "token" ? "temporary" : undefined) : KEYS[id]),
    faults,
    publish: (event) => void events.push(event),
    ...more,
  });
  servers.push(server);
  return server;
};

const connect = (server: S3Server, more: S3ClientConfig = {}): S3Client => {
  const client = new S3Client({
    endpoint: server.url,
    region: REGION,
    forcePathStyle: true,
    maxAttempts: 1,
    logger: SILENT,
    credentials: { accessKeyId: "AKIDTEST", secretAccessKey: "secret" },
    ...more,
  });
  clients.push(client);
  return client;
};

/** The status of a success, or the error's code and status. */
const outcome = async (sent: Promise<{ $metadata: { httpStatusCode?: number } }>): Promise<string> => {
  try {
    return String((await sent).$metadata.httpStatusCode);
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    return `${name} ${$metadata?.httpStatusCode ?? String(error)}`;
  }
};

const codeOf = async (response: Response): Promise<string> => {
  const text = await response.text();
  return `${/<Code>(.*?)<\/Code>/.exec(text)?.[1] ?? text} ${response.status}`;
};

/** Makes a client change its bodies, framing and all, after they were signed. */
const tamperWith = (client: S3Client, change: (body: string) => string): void =>
  client.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as { body?: Buffer | AsyncIterable<Buffer> };
      if (request.body === undefined) return next(args);
      const chunks: Buffer[] = [];
      if (Buffer.isBuffer(request.body)) chunks.push(request.body);
      else for await (const chunk of request.body) chunks.push(Buffer.from(chunk));
      request.body = Buffer.from(change(Buffer.concat(chunks).toString("latin1")), "latin1");
      return next(args);
    },
    { step: "deserialize", name: "tamper" },
  );

let server: S3Server;
let s3: S3Client;
let plain: S3Client;

const put = (Key: string, Body: PutObjectCommandInput["Body"] = "body", more: Partial<PutObjectCommandInput> = {}) =>
  s3.send(new PutObjectCommand({ Bucket: "bucket", Key, Body, ...more }));
const get = (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
  s3.send(new GetObjectCommand({ Bucket: "bucket", Key, ...more }));
const read = async (Key: string): Promise<string> => (await (await get(Key)).Body?.transformToString()) ?? "";
const freshBucket = async (name: string): Promise<string> => {
  await s3.send(new CreateBucketCommand({ Bucket: name }));
  return name;
};

beforeAll(async () => {
  server = await start(await newFolder());
  s3 = connect(server);
  plain = connect(server, { requestChecksumCalculation: "WHEN_REQUIRED" });
  await freshBucket("bucket");
});

beforeEach(() => {
  faults.disarm();
  events.length = 0;
});

afterAll(async () => {
  for (const client of clients) client.destroy();
  await Promise.all(servers.map((running) => running.close()));
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
});

describe("signatures", () => {
  const presign = (signingDate: Date, expiresIn = 60) =>
    getSignedUrl(plain, new GetObjectCommand({ Bucket: "bucket", Key: "signed" }), { expiresIn, signingDate });
  beforeAll(() => put("signed"));

  test.each<[note: string, config: S3ClientConfig, expected: string]>([
    ["a known key", {}, "200"],
    [
      "an unknown key",
      { credentials: { accessKeyId: "AKIDOTHER", secretAccessKey: "secret" } },
      "InvalidAccessKeyId 403",
    ],
    [
      "a wrong secret",
      { credentials: { accessKeyId: "AKIDTEST", secretAccessKey: "no" } },
      "SignatureDoesNotMatch 403",
    ],
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
    ["a clock 14 minutes behind", { systemClockOffset: -14 * 60_000 }, "200"],
    ["a clock 16 minutes behind", { systemClockOffset: -16 * 60_000 }, "RequestTimeTooSkewed 403"],
    ["a clock 16 minutes ahead", { systemClockOffset: 16 * 60_000 }, "RequestTimeTooSkewed 403"],
    ["another region", { region: "us-east-2" }, "AuthorizationHeaderMalformed 400"],
  ])("in headers: %s", async (_note, config, expected) => {
    const client = connect(server, config);
    expect(await outcome(client.send(new GetObjectCommand({ Bucket: "bucket", Key: "signed" })))).toBe(expected);
  });

  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000);
  test.each<[note: string, url: () => Promise<string>, init: RequestInit, expected: string]>([
    ["none at all", async () => `${server.url}/bucket/signed`, {}, "AccessDenied 403"],
    ["a valid URL", () => presign(ago(0)), {}, "body 200"],
    ["an expired URL", () => presign(ago(2)), {}, "AccessDenied 403"],
    ["a URL of the future", () => presign(ago(-16)), {}, "AccessDenied 403"],
    [
      "a changed key",
      async () => (await presign(ago(0))).replace("/signed", "/other"),
      {},
      "SignatureDoesNotMatch 403",
    ],
    ["an added parameter", async () => `${await presign(ago(0))}&versionId=1`, {}, "SignatureDoesNotMatch 403"],
    ["another method", () => presign(ago(0)), { method: "DELETE" }, "SignatureDoesNotMatch 403"],
    [
      "a header that was not signed",
      () => presign(ago(0)),
      { headers: { "x-amz-acl": "private" } },
      "AccessDenied 403",
    ],
    ["both kinds", () => presign(ago(0)), { headers: { authorization: "AWS4-HMAC-SHA256 x" } }, "InvalidArgument 400"],
    [
      "a missing parameter",
      async () => (await presign(ago(0))).replace(/X-Amz-Date=[^&]*&/, ""),
      {},
      "AuthorizationQueryParametersError 400",
    ],
    [
      "another scheme",
      async () => `${server.url}/bucket/signed`,
      { headers: { authorization: "AWS a:b" } },
      "InvalidRequest 400",
    ],
    ["an undecodable path", async () => `${server.url}/bucket/%ff`, {}, "InvalidURI 400"],
  ])("in a URL: %s", async (_note, url, init, expected) => {
    expect(await codeOf(await fetch(await url(), init))).toBe(expected);
  });

  test("an expired URL says so", async () => {
    const response = await fetch(await presign(ago(2)));
    expect(await response.text()).toContain("<Message>Request has expired</Message>");
  });

  const sha256 = (text: string) => createHash("sha256").update(text).digest("base64");
  const upload = async (headers: Record<string, string>, body: string) => {
    const command = new PutObjectCommand({
      Bucket: "bucket",
      Key: "presigned",
      ChecksumSHA256: sha256("right"),
      IfNoneMatch: "*",
      ContentLength: 5,
    });
    const url = await getSignedUrl(plain, command, {
      unhoistableHeaders: new Set(["x-amz-checksum-sha256"]),
      signableHeaders: new Set(["content-length", "if-none-match", "host"]),
    });
    return codeOf(await fetch(url, { method: "PUT", body, headers }));
  };
  const signedHeaders = { "x-amz-checksum-sha256": sha256("right"), "if-none-match": "*" };
  test.each<[note: string, headers: Record<string, string>, body: string, expected: string]>([
    ["without the signed checksum", { "if-none-match": "*" }, "right", "SignatureDoesNotMatch 403"],
    [
      "without the signed condition",
      { "x-amz-checksum-sha256": sha256("right") },
      "right",
      "SignatureDoesNotMatch 403",
    ],
    [
      "with another checksum",
      { ...signedHeaders, "x-amz-checksum-sha256": sha256("wrong") },
      "wrong",
      "SignatureDoesNotMatch 403",
    ],
    ["with another length", signedHeaders, "longer", "SignatureDoesNotMatch 403"],
    ["with other bytes", signedHeaders, "wrong", "BadDigest 400"],
    ["as signed", signedHeaders, "right", " 200"],
    ["again, against the signed condition", signedHeaders, "right", "PreconditionFailed 412"],
  ])("a presigned upload %s", async (_note, headers, body, expected) => {
    expect(await upload(headers, body)).toBe(expected);
  });

  test("a checksum in the URL's query holds like the header", async () => {
    const url = await getSignedUrl(
      plain,
      new PutObjectCommand({ Bucket: "bucket", Key: "q", ChecksumSHA256: sha256("a") }),
    );
    expect(await codeOf(await fetch(url, { method: "PUT", body: "b" }))).toBe("BadDigest 400");
    expect(await codeOf(await fetch(url, { method: "PUT", body: "a" }))).toBe(" 200");
  });
});

describe("buckets", () => {
  test.each<[name: string, expected: string]>([
    ["ab", "InvalidBucketName 400"],
    ["Upper-Case", "InvalidBucketName 400"],
    ["under_score", "InvalidBucketName 400"],
    ["-dash", "InvalidBucketName 400"],
    ["two..dots", "InvalidBucketName 400"],
    ["192.168.5.4", "InvalidBucketName 400"],
    ["xn--name", "InvalidBucketName 400"],
    ["name-s3alias", "InvalidBucketName 400"],
    ["a".repeat(64), "InvalidBucketName 400"],
    ["a".repeat(63), "200"],
    ["with.dots-and-1", "200"],
    ["bucket", "BucketAlreadyOwnedByYou 409"],
  ])("CreateBucket %s: %s", async (Bucket, expected) => {
    expect(await outcome(s3.send(new CreateBucketCommand({ Bucket })))).toBe(expected);
  });

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
    await first.close();
    servers.splice(servers.indexOf(first), 1);
    const client = connect(await start(dir, { accountId: "999999999999" }));
    expect(await outcome(client.send(new CreateBucketCommand({ Bucket: "taken" })))).toBe("BucketAlreadyExists 409");
    expect(await outcome(client.send(new ListObjectsV2Command({ Bucket: "taken" })))).toBe("AccessDenied 403");
    expect((await client.send(new ListBucketsCommand())).Buckets ?? []).toEqual([]);
  });

  test("HeadBucket tells the region, and 404 for none", async () => {
    expect((await s3.send(new HeadBucketCommand({ Bucket: "bucket" }))).BucketRegion).toBe(REGION);
    expect(await outcome(s3.send(new HeadBucketCommand({ Bucket: "missing" })))).toBe("NotFound 404");
  });

  test("an expected owner that is not the owner is refused", async () => {
    const head = (ExpectedBucketOwner: string) =>
      outcome(s3.send(new HeadBucketCommand({ Bucket: "bucket", ExpectedBucketOwner })));
    expect([await head(ACCOUNT), await head("000000000000")]).toEqual(["200", "Unknown 403"]);
  });

  test("DeleteBucket: only when empty, and only once", async () => {
    const Bucket = await freshBucket("to-delete");
    await s3.send(new PutObjectCommand({ Bucket, Key: "a", Body: "" }));
    await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "b" }));
    expect(await outcome(s3.send(new DeleteBucketCommand({ Bucket })))).toBe("BucketNotEmpty 409");
    await s3.send(new DeleteObjectCommand({ Bucket, Key: "a" }));
    expect(await outcome(s3.send(new DeleteBucketCommand({ Bucket })))).toBe("204");
    expect(await outcome(s3.send(new DeleteBucketCommand({ Bucket })))).toBe("NoSuchBucket 404");
  });

  test("ListBuckets: pages, in order, by prefix", async () => {
    for (const name of ["list-c", "list-a", "list-b"]) await freshBucket(name);
    const first = await s3.send(new ListBucketsCommand({ Prefix: "list-", MaxBuckets: 2 }));
    const second = await s3.send(
      new ListBucketsCommand({ Prefix: "list-", ContinuationToken: first.ContinuationToken ?? "" }),
    );
    const names = [first, second].map(({ Buckets }) => Buckets?.map(({ Name }) => Name));
    expect(names).toEqual([["list-a", "list-b"], ["list-c"]]);
    expect(first.Buckets?.[0]?.CreationDate).toBeInstanceOf(Date);
  });
});

describe("bucket settings", () => {
  const Bucket = "settings";
  const strip = ({ $metadata: _, ...answer }: { $metadata: unknown }) => answer;
  const policy = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  const corsRule = {
    ID: "one",
    AllowedOrigins: ["https://*.example.com"],
    AllowedMethods: ["GET", "PUT"],
    AllowedHeaders: ["*"],
    ExposeHeaders: ["ETag"],
    MaxAgeSeconds: 60,
  };
  const kms = {
    Rules: [
      {
        ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" as const, KMSMasterKeyID: "key&<>" },
        BucketKeyEnabled: true,
      },
    ],
  };
  const blocks = {
    BlockPublicAcls: true,
    IgnorePublicAcls: false,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: false,
  };
  beforeAll(() => freshBucket(Bucket));

  test.each<[name: string, get: () => Promise<{ $metadata: unknown }>, expected: unknown]>([
    [
      "encryption",
      () => s3.send(new GetBucketEncryptionCommand({ Bucket: "bucket" })),
      {
        ServerSideEncryptionConfiguration: {
          Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false }],
        },
      },
    ],
    [
      "public access block",
      () => s3.send(new GetPublicAccessBlockCommand({ Bucket: "bucket" })),
      { PublicAccessBlockConfiguration: { ...blocks, IgnorePublicAcls: true, RestrictPublicBuckets: true } },
    ],
    [
      "ownership",
      () => s3.send(new GetBucketOwnershipControlsCommand({ Bucket: "bucket" })),
      { OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] } },
    ],
    ["notification", () => s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: "bucket" })), {}],
  ])("a new bucket's %s", async (_name, ask, expected) => {
    expect(strip(await ask())).toEqual(expected);
  });

  test.each<[expected: string, get: () => Promise<{ $metadata: { httpStatusCode?: number } }>]>([
    ["NoSuchCORSConfiguration 404", () => s3.send(new GetBucketCorsCommand({ Bucket: "bucket" }))],
    ["NoSuchBucketPolicy 404", () => s3.send(new GetBucketPolicyCommand({ Bucket: "bucket" }))],
    ["NoSuchTagSet 404", () => s3.send(new GetBucketTaggingCommand({ Bucket: "bucket" }))],
    ["NoSuchBucket 404", () => s3.send(new GetBucketTaggingCommand({ Bucket: "missing" }))],
    ["NoSuchBucket 404", () => s3.send(new PutBucketPolicyCommand({ Bucket: "missing", Policy: policy }))],
  ])("what is not there: %s", async (expected, ask) => {
    expect(await outcome(ask())).toBe(expected);
  });

  const putGet = async (put: Promise<unknown>, ask: () => Promise<{ $metadata: unknown }>) => {
    await put;
    return strip(await ask());
  };
  test.each<[name: string, roundTrip: () => Promise<unknown>, expected: unknown]>([
    [
      "encryption",
      () =>
        putGet(s3.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: kms })), () =>
          s3.send(new GetBucketEncryptionCommand({ Bucket })),
        ),
      { ServerSideEncryptionConfiguration: kms },
    ],
    [
      "public access block",
      () =>
        putGet(s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: blocks })), () =>
          s3.send(new GetPublicAccessBlockCommand({ Bucket })),
        ),
      { PublicAccessBlockConfiguration: blocks },
    ],
    [
      "CORS",
      () =>
        putGet(s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [corsRule] } })), () =>
          s3.send(new GetBucketCorsCommand({ Bucket })),
        ),
      { CORSRules: [corsRule] },
    ],
    [
      "notification",
      () =>
        putGet(
          s3.send(
            new PutBucketNotificationConfigurationCommand({
              Bucket,
              NotificationConfiguration: { EventBridgeConfiguration: {} },
            }),
          ),
          () => s3.send(new GetBucketNotificationConfigurationCommand({ Bucket })),
        ),
      { EventBridgeConfiguration: {} },
    ],
    [
      "tagging",
      () =>
        putGet(s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: [{ Key: "a", Value: "é" }] } })), () =>
          s3.send(new GetBucketTaggingCommand({ Bucket })),
        ),
      { TagSet: [{ Key: "a", Value: "é" }] },
    ],
    [
      "ownership",
      () =>
        putGet(
          s3.send(
            new PutBucketOwnershipControlsCommand({
              Bucket,
              OwnershipControls: { Rules: [{ ObjectOwnership: "ObjectWriter" }] },
            }),
          ),
          () => s3.send(new GetBucketOwnershipControlsCommand({ Bucket })),
        ),
      { OwnershipControls: { Rules: [{ ObjectOwnership: "ObjectWriter" }] } },
    ],
    [
      "policy",
      () =>
        putGet(s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policy })), () =>
          s3.send(new GetBucketPolicyCommand({ Bucket })),
        ),
      { Policy: policy },
    ],
  ])("%s comes back as it was put", async (_name, roundTrip, expected) => {
    expect(await roundTrip()).toEqual(expected);
  });

  test("DeleteBucketPolicy", async () => {
    await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policy }));
    await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
    expect(await outcome(s3.send(new GetBucketPolicyCommand({ Bucket })))).toBe("NoSuchBucketPolicy 404");
  });

  const rule = (change: object) => ({ CORSConfiguration: { CORSRules: [{ ...corsRule, ...change }] } });
  test.each<[note: string, send: () => Promise<{ $metadata: { httpStatusCode?: number } }>, expected: string]>([
    [
      "a policy that is no JSON",
      () => s3.send(new PutBucketPolicyCommand({ Bucket, Policy: "{" })),
      "MalformedPolicy 400",
    ],
    [
      "a policy without statements",
      () => s3.send(new PutBucketPolicyCommand({ Bucket, Policy: "{}" })),
      "MalformedPolicy 400",
    ],
    [
      "a CORS method that S3 does not allow",
      () => s3.send(new PutBucketCorsCommand({ Bucket, ...rule({ AllowedMethods: ["PATCH"] }) })),
      "MalformedXML 400",
    ],
    [
      "two wildcards",
      () => s3.send(new PutBucketCorsCommand({ Bucket, ...rule({ AllowedOrigins: ["*.*"] }) })),
      "InvalidRequest 400",
    ],
    [
      "no CORS rule",
      () => s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [] } })),
      "MalformedXML 400",
    ],
    [
      "a tag twice",
      () =>
        s3.send(
          new PutBucketTaggingCommand({
            Bucket,
            Tagging: {
              TagSet: [
                { Key: "a", Value: "1" },
                { Key: "a", Value: "2" },
              ],
            },
          }),
        ),
      "InvalidTag 400",
    ],
    [
      "a queue to notify",
      () =>
        s3.send(
          new PutBucketNotificationConfigurationCommand({
            Bucket,
            NotificationConfiguration: {
              QueueConfigurations: [{ QueueArn: "arn:aws:sqs:eu-west-1:1:q", Events: ["s3:ObjectCreated:*"] }],
            },
          }),
        ),
      "NotImplemented 501",
    ],
  ])("%s is refused", async (_note, send, expected) => {
    expect(await outcome(send())).toBe(expected);
  });
});

describe("CORS", () => {
  const Bucket = "cors";
  beforeAll(async () => {
    await freshBucket(Bucket);
    await s3.send(
      new PutBucketCorsCommand({
        Bucket,
        CORSConfiguration: {
          CORSRules: [
            {
              AllowedOrigins: ["https://*.example.com"],
              AllowedMethods: ["PUT", "GET"],
              AllowedHeaders: ["X-Amz-*", "content-type"],
              ExposeHeaders: ["ETag"],
              MaxAgeSeconds: 60,
            },
            { AllowedOrigins: ["*"], AllowedMethods: ["GET"] },
          ],
        },
      }),
    );
  });

  test.each<[origin: string, method: string, headers: string, status: number, allowed: string | null]>([
    ["https://a.example.com", "PUT", "x-amz-meta-a, Content-Type", 200, "https://a.example.com"],
    ["https://a.example.com", "PUT", "authorization", 403, null],
    ["https://a.example.com", "DELETE", "", 403, null],
    ["http://a.example.com", "PUT", "", 403, null],
    ["http://elsewhere", "GET", "", 200, "*"],
  ])("a preflight from %s for %s with %j: %i", async (origin, method, headers, status, allowed) => {
    const response = await fetch(`${server.url}/${Bucket}/key`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        ...(headers === "" ? {} : { "access-control-request-headers": headers }),
      },
    });
    const text = await response.text();
    expect(response.status).toBe(status);
    expect(response.headers.get("access-control-allow-origin")).toBe(allowed);
    if (status === 403) expect(text).toContain("<Code>AccessForbidden</Code>");
  });

  test("a preflight tells everything of its rule", async () => {
    const response = await fetch(`${server.url}/${Bucket}/key`, {
      method: "OPTIONS",
      headers: {
        origin: "https://a.example.com",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "X-Amz-Meta-A",
      },
    });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-methods": "PUT, GET",
      "access-control-allow-headers": "x-amz-meta-a",
      "access-control-expose-headers": "ETag",
      "access-control-max-age": "60",
      "access-control-allow-credentials": "true",
    });
  });

  test.each<[note: string, path: string, headers: Record<string, string>, expected: string]>([
    [
      "without rules",
      "/bucket/key",
      { origin: "http://a", "access-control-request-method": "GET" },
      "AccessForbidden 403",
    ],
    ["without an origin", "/cors/key", { "access-control-request-method": "GET" }, "BadRequest 400"],
    ["without a method", "/cors/key", { origin: "http://a" }, "BadRequest 400"],
  ])("a preflight %s", async (_note, path, headers, expected) => {
    expect(await codeOf(await fetch(`${server.url}${path}`, { method: "OPTIONS", headers }))).toBe(expected);
  });

  test("an answer carries the headers, an error too; without an origin it does not", async () => {
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "missing" }));
    const ask = async (headers: Record<string, string>) => {
      const response = await fetch(url, { headers });
      await response.text();
      return [response.status, response.headers.get("access-control-allow-origin"), response.headers.get("vary")];
    };
    expect(await ask({ origin: "https://a.example.com" })).toEqual([
      404,
      "https://a.example.com",
      "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    ]);
    expect(await ask({})).toEqual([404, null, null]);
  });
});

describe("PutObject", () => {
  test("stores what comes with the bytes", async () => {
    const input = {
      ContentType: "text/plain",
      ContentEncoding: "gzip",
      ContentLanguage: "de",
      CacheControl: "max-age=60",
      ContentDisposition: 'attachment; filename="a b"',
      Metadata: { one: "1", two: "a  b" },
    };
    const { ETag } = await put("full", "hello", input);
    expect(ETag).toBe(`"${createHash("md5").update("hello").digest("hex")}"`);
    expect(await s3.send(new HeadObjectCommand({ Bucket: "bucket", Key: "full" }))).toMatchObject({
      ...input,
      Metadata: { one: "1", two: "a  b" },
      ContentLength: 5,
      ETag,
      AcceptRanges: "bytes",
    });
  });

  test("metadata beyond ASCII comes back encoded", async () => {
    const url = await getSignedUrl(
      plain,
      new PutObjectCommand({ Bucket: "bucket", Key: "meta", Metadata: { name: "日本" } }),
    );
    expect((await fetch(url, { method: "PUT", body: "" })).status).toBe(200);
    expect((await get("meta")).Metadata).toEqual({ name: `=?UTF-8?B?${Buffer.from("日本").toString("base64")}?=` });
  });

  const other = (algorithm: string) => createHash(algorithm).update("other").digest("base64");
  test.each<[note: string, input: Partial<PutObjectCommandInput>, expected: string]>([
    ["a right Content-MD5", { ContentMD5: createHash("md5").update("body").digest("base64") }, "200"],
    ["a wrong Content-MD5", { ContentMD5: other("md5") }, "BadDigest 400"],
    ["a malformed Content-MD5", { ContentMD5: "abc" }, "InvalidDigest 400"],
    ["a wrong CRC32", { ChecksumCRC32: "AAAAAA==" }, "BadDigest 400"],
    ["a wrong CRC32C", { ChecksumCRC32C: "AAAAAA==" }, "BadDigest 400"],
    ["a wrong CRC64NVME", { ChecksumCRC64NVME: "AAAAAAAAAAA=" }, "BadDigest 400"],
    ["a wrong SHA1", { ChecksumSHA1: other("sha1") }, "BadDigest 400"],
    ["a wrong SHA256", { ChecksumSHA256: other("sha256") }, "BadDigest 400"],
    ["a malformed SHA256", { ChecksumSHA256: "AAAA" }, "InvalidRequest 400"],
    ["two checksums", { ChecksumCRC32: "AAAAAA==", ChecksumSHA256: other("sha256") }, "InvalidRequest 400"],
    ["too much metadata", { Metadata: { a: "x".repeat(2048) } }, "MetadataTooLarge 400"],
    ["a key of 1024 bytes", { Key: "é".repeat(512) }, "200"],
    ["a key of 1025 bytes", { Key: `${"é".repeat(512)}a` }, "KeyTooLongError 400"],
    ["a missing bucket", { Bucket: "missing" }, "NoSuchBucket 404"],
    ["a storage class that is not kept", { StorageClass: "GLACIER" }, "NotImplemented 501"],
    ["object tags", { Tagging: "a=b" }, "NotImplemented 501"],
    ["a customer's key", { SSECustomerAlgorithm: "AES256", SSECustomerKey: "a".repeat(32) }, "NotImplemented 501"],
  ])("%s: %s", async (_note, input, expected) => {
    await put("checked", "before");
    expect(await outcome(put("checked", "body", input))).toBe(expected);
    if (expected !== "200") expect(await read("checked")).toBe("before");
  });

  test.each<["CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256"]>([
    ["CRC32"],
    ["CRC32C"],
    ["CRC64NVME"],
    ["SHA1"],
    ["SHA256"],
  ])("%s is verified, stored and given back, in a header and in a trailer", async (algorithm) => {
    const bytes = Buffer.from("some bytes".repeat(20_000));
    const header = await put("sum-header", bytes, { ChecksumAlgorithm: algorithm });
    const trailer = await put("sum-trailer", Readable.from([bytes.subarray(0, 70_001), bytes.subarray(70_001)]), {
      ChecksumAlgorithm: algorithm,
      ContentLength: bytes.length,
      ContentEncoding: "br",
    });
    const field = `Checksum${algorithm}` as const;
    expect(header[field]).toMatch(/=$/);
    expect(trailer[field]).toBe(header[field]);
    const back = await get("sum-trailer", { ChecksumMode: "ENABLED" });
    expect(back).toMatchObject({ [field]: header[field], ChecksumType: "FULL_OBJECT", ContentEncoding: "br" });
    expect(Buffer.from((await back.Body?.transformToByteArray()) ?? []).equals(bytes)).toBe(true);
    const silent = connect(server, { responseChecksumValidation: "WHEN_REQUIRED" });
    expect((await silent.send(new GetObjectCommand({ Bucket: "bucket", Key: "sum-header" })))[field]).toBeUndefined();
  });

  test("a body that is refused half-way leaves the connection usable", async () => {
    const client = connect(server, { requestHandler: { httpAgent: new Agent({ keepAlive: true, maxSockets: 1 }) } });
    tamperWith(client, (body) => body.replace(/^[0-9a-f]+/i, "z"));
    const Body = Readable.from([Buffer.alloc(16 * MIB)]);
    const sent = client.send(new PutObjectCommand({ Bucket: "bucket", Key: "half", Body, ContentLength: 16 * MIB }));
    expect(await outcome(sent)).toBe("InvalidChunkSizeError 400");
    expect(await outcome(client.send(new HeadBucketCommand({ Bucket: "bucket" })))).toBe("200");
  });

  const tampered = (
    Body: Buffer | Readable,
    change: (body: string) => string,
    more: Partial<PutObjectCommandInput>,
  ) => {
    const client = connect(server, Body instanceof Readable ? {} : { requestChecksumCalculation: "WHEN_REQUIRED" });
    tamperWith(client, change);
    return outcome(client.send(new PutObjectCommand({ Bucket: "bucket", Key: "tampered", Body, ...more })));
  };
  const framed = () => Readable.from([Buffer.from("0123456789")]);
  test.each<[note: string, body: () => Buffer | Readable, change: (body: string) => string, expected: string]>([
    ["a signed payload, changed", () => Buffer.from("signed"), () => "forged", "XAmzContentSHA256Mismatch 400"],
    ["framed bytes, unchanged", framed, (body) => body, "200"],
    ["framed bytes, changed", framed, (body) => body.replace("0123", "3210"), "BadDigest 400"],
    ["a chunk size that is no number", framed, (body) => body.replace(/^a/i, "z"), "InvalidChunkSizeError 400"],
    ["a chunk that is longer than its size", framed, (body) => body.replace(/^a/i, "9"), "InvalidChunkSizeError 400"],
    ["no end", framed, (body) => body.replace(/0\r\nx-amz[\s\S]*$/, ""), "IncompleteBody 400"],
    ["no trailer", framed, (body) => body.replace(/x-amz-checksum.*\r\n/, ""), "MalformedTrailerError 400"],
    [
      "a trailer without a value",
      framed,
      (body) => body.replace(/(x-amz-checksum-crc32).*\r\n/, "$1\r\n"),
      "MalformedTrailerError 400",
    ],
    ["bytes after the end", framed, (body) => `${body}more`, "MalformedTrailerError 400"],
    ["another length than announced", framed, (body) => body.replace(/^a\r\n0/i, "9\r\n"), "IncompleteBody 400"],
  ])("a body with %s", async (_note, body, change, expected) => {
    expect(await tampered(body(), change, { ContentLength: body() instanceof Readable ? 10 : 6 })).toBe(expected);
  });

  test("an upload without a length is refused, as by S3", async () => {
    const url = await getSignedUrl(plain, new PutObjectCommand({ Bucket: "bucket", Key: "lengthless" }));
    const init = { method: "PUT", body: new Blob(["body"]).stream(), duplex: "half" as const };
    expect(await codeOf(await fetch(url, init))).toBe("MissingContentLength 411");
  });

  test.each<[note: string, before: string | undefined, condition: Partial<PutObjectCommandInput>, expected: string]>([
    ["If-None-Match: * on a free key", undefined, { IfNoneMatch: "*" }, "200"],
    ["If-None-Match: * on a taken key", "a", { IfNoneMatch: "*" }, "PreconditionFailed 412"],
    ["If-None-Match with an ETag", "a", { IfNoneMatch: '"abc"' }, "NotImplemented 501"],
    ["If-Match that matches", "a", { IfMatch: `"${createHash("md5").update("a").digest("hex")}"` }, "200"],
    ["If-Match that does not", "a", { IfMatch: '"abc"' }, "PreconditionFailed 412"],
    ["If-Match on a free key", undefined, { IfMatch: '"abc"' }, "NoSuchKey 404"],
  ])("%s: %s", async (_note, before, condition, expected) => {
    await s3.send(new DeleteObjectCommand({ Bucket: "bucket", Key: "conditional" }));
    if (before !== undefined) await put("conditional", before);
    expect(await outcome(put("conditional", "b", condition))).toBe(expected);
    if (before !== undefined) expect(await read("conditional")).toBe(expected === "200" ? "b" : before);
  });

  test("of many writers with If-None-Match: * one succeeds", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, n) => outcome(put("race", `${n}`, { IfNoneMatch: "*" }))),
    );
    expect(outcomes.filter((result) => result === "200")).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(["200", "PreconditionFailed 412"]));
  });
});

describe("reading", () => {
  const text = "0123456789";
  const etag = `"${createHash("md5").update(text).digest("hex")}"`;
  let modified: Date;
  beforeAll(async () => {
    await put("digits", text, { ContentType: "text/plain" });
    await put("empty", "");
    modified = (await get("digits")).LastModified ?? new Date(0);
  });
  const at = (seconds: number) => new Date(modified.getTime() + seconds * 1000);

  test.each<[range: string, expected: string, contentRange: string | undefined]>([
    ["bytes=0-3", "0123", "bytes 0-3/10"],
    ["bytes=8-", "89", "bytes 8-9/10"],
    ["bytes=-3", "789", "bytes 7-9/10"],
    ["bytes=5-100", "56789", "bytes 5-9/10"],
    ["bytes=-100", text, "bytes 0-9/10"],
    ["bytes=0-1,3-4", text, undefined],
    ["lines=0-1", text, undefined],
    ["bytes=3-1", text, undefined],
  ])("Range %s", async (Range, expected, ContentRange) => {
    const answer = await get("digits", { Range });
    expect(await answer.Body?.transformToString()).toBe(expected);
    expect(answer.ContentRange).toBe(ContentRange);
    expect(answer.$metadata.httpStatusCode).toBe(ContentRange === undefined ? 200 : 206);
    expect(answer.ContentLength).toBe(expected.length);
  });

  test.each<[key: string, range: string]>([
    ["digits", "bytes=10-"],
    ["digits", "bytes=-0"],
    ["empty", "bytes=0-"],
  ])("%s has no %s", async (key, Range) => {
    expect(await outcome(get(key, { Range }))).toBe("InvalidRange 416");
  });

  test.each<[note: string, conditions: () => Partial<GetObjectCommandInput>, expected: number]>([
    ["If-Match, same", () => ({ IfMatch: etag }), 200],
    ["If-Match, one of several", () => ({ IfMatch: `"x", ${etag}` }), 200],
    ["If-Match, other", () => ({ IfMatch: '"x"' }), 412],
    ["If-None-Match, same", () => ({ IfNoneMatch: etag }), 304],
    ["If-None-Match, other", () => ({ IfNoneMatch: '"x"' }), 200],
    ["If-Modified-Since, that second", () => ({ IfModifiedSince: at(0) }), 304],
    ["If-Modified-Since, before", () => ({ IfModifiedSince: at(-1) }), 200],
    ["If-Unmodified-Since, that second", () => ({ IfUnmodifiedSince: at(0) }), 200],
    ["If-Unmodified-Since, before", () => ({ IfUnmodifiedSince: at(-1) }), 412],
    ["If-Match outweighs If-Unmodified-Since", () => ({ IfMatch: etag, IfUnmodifiedSince: at(-1) }), 200],
    ["If-None-Match outweighs If-Modified-Since", () => ({ IfNoneMatch: '"x"', IfModifiedSince: at(0) }), 200],
  ])("%s", async (_note, conditions, expected) => {
    const sent = [
      get("digits", conditions()),
      s3.send(new HeadObjectCommand({ Bucket: "bucket", Key: "digits", ...conditions() })),
    ];
    for (const status of await Promise.all(sent.map(outcome))) expect(status).toMatch(new RegExp(`${expected}$`));
  });

  test("response-* parameters replace the headers", async () => {
    const answer = await get("digits", {
      ResponseContentType: "text/html",
      ResponseContentDisposition: "attachment",
      ResponseCacheControl: "no-store",
      ResponseContentLanguage: "fr",
      ResponseContentEncoding: "identity",
    });
    expect(answer).toMatchObject({
      ContentType: "text/html",
      ContentDisposition: "attachment",
      CacheControl: "no-store",
      ContentLanguage: "fr",
      ContentEncoding: "identity",
    });
    expect(await outcome(get("digits", { ResponseContentDisposition: "日本" }))).toBe("InvalidArgument 400");
  });

  test.each<[note: string, input: Partial<GetObjectCommandInput>, expected: string]>([
    ["a missing key", { Key: "missing" }, "NoSuchKey 404"],
    ["a missing bucket", { Bucket: "missing" }, "NoSuchBucket 404"],
    ["a version", { VersionId: "1" }, "InvalidArgument 400"],
    ["the null version", { VersionId: "null" }, "200"],
    ["a part", { PartNumber: 1 }, "NotImplemented 501"],
  ])("GetObject of %s: %s", async (_note, input, expected) => {
    expect(await outcome(get("digits", input))).toBe(expected);
  });

  test("HeadObject has the headers and no body, for errors too", async () => {
    const head = await s3.send(new HeadObjectCommand({ Bucket: "bucket", Key: "digits" }));
    expect(head).toMatchObject({ ContentLength: 10, ETag: etag, ContentType: "text/plain", LastModified: modified });
    expect(await outcome(s3.send(new HeadObjectCommand({ Bucket: "bucket", Key: "missing" })))).toBe("NotFound 404");
  });

  test("an error document names code, message, resource and request", async () => {
    const response = await fetch(await getSignedUrl(s3, new GetObjectCommand({ Bucket: "bucket", Key: "a&b" })));
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
    if ((await outcome(s3.send(new HeadBucketCommand({ Bucket })))) !== "200") await freshBucket(Bucket);
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    expect(await Body?.transformToString()).toBe(Key);
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: "url" }));
    expect(Contents?.map((entry) => decodeURIComponent(entry.Key ?? ""))).toEqual([Key]);
    await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${encodeURIComponent(Key)}` }));
    const { Deleted, Errors } = await s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }, { Key: "copy" }] } }),
    );
    expect([Deleted?.map((entry) => entry.Key), Errors]).toEqual([[Key, "copy"], undefined]);
    expect((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
  });
});

describe("ListObjectsV2", () => {
  const Bucket = "listing";
  // In UTF-8 U+FF5E sorts before U+1F600; in UTF-16, JavaScript's order, after it.
  const keys = ["B", "a", "a/", "a/1", "a/2", "a/b/3", "ab", "b/1", "b/2", "～", "😀"];
  beforeAll(async () => {
    await freshBucket(Bucket);
    for (const Key of [...keys].reverse()) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  });
  const list = (input: Partial<ListObjectsV2CommandInput>) => s3.send(new ListObjectsV2Command({ Bucket, ...input }));
  const shown = async (input: Partial<ListObjectsV2CommandInput>) => {
    const { Contents = [], CommonPrefixes = [] } = await list(input);
    return [Contents.map(({ Key }) => Key), CommonPrefixes.map(({ Prefix }) => Prefix)];
  };

  test.each<[input: Partial<ListObjectsV2CommandInput>, contents: string[], prefixes: string[]]>([
    [{}, keys, []],
    [{ Prefix: "a" }, ["a", "a/", "a/1", "a/2", "a/b/3", "ab"], []],
    [{ Prefix: "a/" }, ["a/", "a/1", "a/2", "a/b/3"], []],
    [{ Delimiter: "/" }, ["B", "a", "ab", "～", "😀"], ["a/", "b/"]],
    [{ Prefix: "a/", Delimiter: "/" }, ["a/", "a/1", "a/2"], ["a/b/"]],
    [{ Prefix: "a", Delimiter: "/" }, ["a", "ab"], ["a/"]],
    [{ Delimiter: "/1" }, ["B", "a", "a/", "a/2", "a/b/3", "ab", "b/2", "～", "😀"], ["a/1", "b/1"]],
    [{ StartAfter: "ab" }, ["b/1", "b/2", "～", "😀"], []],
    [{ StartAfter: "A", Prefix: "b" }, ["b/1", "b/2"], []],
    [{ StartAfter: "～" }, ["😀"], []],
    [{ Prefix: "😀" }, ["😀"], []],
    [{ Prefix: "zzz" }, [], []],
    [{ MaxKeys: 0 }, [], []],
    [{ MaxKeys: 2 }, ["B", "a"], []],
  ])("%j", async (input, contents, prefixes) => {
    expect(await shown(input)).toEqual([contents, prefixes]);
  });

  test.each([[1], [2], [3], [7], [1000]])("pages of %i meet every key and prefix once", async (MaxKeys) => {
    const seen: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await list({
        MaxKeys,
        Delimiter: "/",
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
      });
      const entries = [
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
        ...(page.Contents ?? []).map(({ Key }) => Key),
      ];
      expect(page.KeyCount).toBe(entries.length);
      expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined);
      seen.push(...entries.flatMap((entry) => entry ?? []));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(seen.toSorted()).toEqual(["B", "a", "a/", "ab", "b/", "～", "😀"].toSorted());
  });

  test("encoding-type=url encodes names, and leaves slashes", async () => {
    const page = await list({ EncodingType: "url", Prefix: "a/b", Delimiter: "é/" });
    expect(page).toMatchObject({ EncodingType: "url", Prefix: "a/b", Delimiter: "%C3%A9/" });
    expect((await list({ EncodingType: "url", Prefix: "😀" })).Contents?.[0]?.Key).toBe("%F0%9F%98%80");
  });

  test("an entry tells size, ETag, checksum, time and, if asked, the owner", async () => {
    const { Contents } = await list({ Prefix: "ab", FetchOwner: true });
    expect(Contents?.[0]).toMatchObject({
      Size: 2,
      ETag: `"${createHash("md5").update("ab").digest("hex")}"`,
      ChecksumAlgorithm: ["CRC32"],
      StorageClass: "STANDARD",
      LastModified: expect.any(Date),
      Owner: { ID: expect.any(String) },
    });
  });

  test.each<[input: Partial<ListObjectsV2CommandInput>, expected: string]>([
    [{ MaxKeys: -1 }, "InvalidArgument 400"],
    [{ ContinuationToken: "what?" }, "InvalidArgument 400"],
    [{ EncodingType: "base64" as "url" }, "InvalidArgument 400"],
    [{ Bucket: "missing" }, "NoSuchBucket 404"],
  ])("%j: %s", async (input, expected) => {
    expect(await outcome(list(input))).toBe(expected);
  });
});

describe("deleting", () => {
  test("succeeds for what is not there", async () => {
    expect(await outcome(s3.send(new DeleteObjectCommand({ Bucket: "bucket", Key: "never" })))).toBe("204");
  });

  test("If-Match guards it", async () => {
    const { ETag = "" } = await put("guarded");
    const remove = (IfMatch: string) =>
      outcome(s3.send(new DeleteObjectCommand({ Bucket: "bucket", Key: "guarded", IfMatch })));
    expect([await remove('"x"'), await remove(ETag)]).toEqual(["PreconditionFailed 412", "204"]);
    expect(await outcome(get("guarded"))).toBe("NoSuchKey 404");
  });

  test("DeleteObjects tells each key, or only errors when quiet", async () => {
    await put("many-1");
    const Objects = [{ Key: "many-1" }, { Key: "many-2" }, { Key: "many-3", VersionId: "x" }];
    const loud = await s3.send(new DeleteObjectsCommand({ Bucket: "bucket", Delete: { Objects } }));
    expect(loud.Deleted?.map(({ Key }) => Key)).toEqual(["many-1", "many-2"]);
    expect(loud.Errors).toMatchObject([{ Key: "many-3", Code: "NoSuchVersion" }]);
    const quiet = await s3.send(new DeleteObjectsCommand({ Bucket: "bucket", Delete: { Objects, Quiet: true } }));
    expect([quiet.Deleted, quiet.Errors?.length]).toEqual([undefined, 1]);
  });

  test("DeleteObjects takes at most 1000 keys", async () => {
    const Objects = Array.from({ length: 1001 }, (_, n) => ({ Key: `${n}` }));
    expect(await outcome(s3.send(new DeleteObjectsCommand({ Bucket: "bucket", Delete: { Objects } })))).toBe(
      "MalformedXML 400",
    );
  });
});

describe("CopyObject", () => {
  let etag = "";
  beforeAll(async () => {
    etag = (await put("source", "copied", { ContentType: "text/plain", Metadata: { a: "1" } })).ETag ?? "";
  });
  const copy = (input: object = {}) =>
    s3.send(new CopyObjectCommand({ Bucket: "bucket", Key: "target", CopySource: "bucket/source", ...input }));

  test("takes bytes, metadata, ETag and checksum along, and stays when the source goes", async () => {
    await put("short-lived", "copied", { Metadata: { a: "1" }, ContentType: "text/plain" });
    const { CopyObjectResult } = await copy({ CopySource: "/bucket/short-lived" });
    await s3.send(new DeleteObjectCommand({ Bucket: "bucket", Key: "short-lived" }));
    expect(CopyObjectResult).toMatchObject({
      ETag: etag,
      ChecksumType: "FULL_OBJECT",
      ChecksumCRC32: expect.any(String),
    });
    const back = await get("target");
    expect(back).toMatchObject({ Metadata: { a: "1" }, ContentType: "text/plain", ETag: etag });
    expect(await back.Body?.transformToString()).toBe("copied");
  });

  test("REPLACE takes the request's metadata", async () => {
    await copy({ MetadataDirective: "REPLACE", Metadata: { b: "2" }, ContentType: "text/html" });
    expect(await get("target")).toMatchObject({ Metadata: { b: "2" }, ContentType: "text/html" });
  });

  test("onto itself: only with a change", async () => {
    await put("self");
    const self = { Key: "self", CopySource: "bucket/self" };
    expect(await outcome(copy(self))).toBe("InvalidRequest 400");
    expect(await outcome(copy({ ...self, MetadataDirective: "REPLACE", Metadata: { c: "3" } }))).toBe("200");
    expect((await get("self")).Metadata).toEqual({ c: "3" });
    expect(await read("self")).toBe("body");
  });

  test("another checksum algorithm is computed", async () => {
    const { CopyObjectResult } = await copy({ ChecksumAlgorithm: "SHA256" });
    expect(CopyObjectResult?.ChecksumSHA256).toBe(createHash("sha256").update("copied").digest("base64"));
  });

  test.each<[note: string, input: () => object, expected: string]>([
    ["a missing source key", () => ({ CopySource: "bucket/missing" }), "NoSuchKey 404"],
    ["a missing source bucket", () => ({ CopySource: "missing/source" }), "NoSuchBucket 404"],
    ["a source without a key", () => ({ CopySource: "bucket" }), "InvalidArgument 400"],
    ["if-match, same", () => ({ CopySourceIfMatch: etag }), "200"],
    ["if-match, other", () => ({ CopySourceIfMatch: '"x"' }), "PreconditionFailed 412"],
    ["if-none-match, same", () => ({ CopySourceIfNoneMatch: etag }), "PreconditionFailed 412"],
    ["if-none-match, other", () => ({ CopySourceIfNoneMatch: '"x"' }), "200"],
    [
      "if-modified-since, later",
      () => ({ CopySourceIfModifiedSince: new Date(Date.now() + 5000) }),
      "PreconditionFailed 412",
    ],
    ["if-unmodified-since, long ago", () => ({ CopySourceIfUnmodifiedSince: new Date(0) }), "PreconditionFailed 412"],
    ["a target that must not be there", () => ({ IfNoneMatch: "*" }), "PreconditionFailed 412"],
  ])("%s", async (_note, input, expected) => {
    expect(await outcome(copy(input()))).toBe(expected);
  });
});

describe("multipart uploads", () => {
  const big = Buffer.alloc(5 * MIB, "b");
  const begin = async (Key: string, more: object = {}, client = plain) =>
    (await client.send(new CreateMultipartUploadCommand({ Bucket: "bucket", Key, ...more }))).UploadId ?? "";
  const part = async (
    Key: string,
    UploadId: string,
    PartNumber: number,
    Body: Buffer,
    client = plain,
    more: object = {},
  ) => {
    const {
      $metadata: _,
      ServerSideEncryption: __,
      ...sums
    } = await client.send(new UploadPartCommand({ Bucket: "bucket", Key, UploadId, PartNumber, Body, ...more }));
    return { PartNumber, ...sums } as CompletedPart;
  };
  const complete = (Key: string, UploadId: string, Parts: CompletedPart[], more: object = {}) =>
    plain.send(
      new CompleteMultipartUploadCommand({ Bucket: "bucket", Key, UploadId, MultipartUpload: { Parts }, ...more }),
    );

  test("joins its parts, and reads across them", async () => {
    const id = await begin("joined", { ContentType: "text/plain", Metadata: { m: "1" } });
    const parts = [await part("joined", id, 2, big), await part("joined", id, 7, Buffer.from("tail"))];
    await part("joined", id, 9, Buffer.from("not listed"));
    const { ETag } = await complete("joined", id, parts);
    const md5s = [big, Buffer.from("tail")].map((bytes) => createHash("md5").update(bytes).digest());
    expect(ETag).toBe(`"${createHash("md5").update(Buffer.concat(md5s)).digest("hex")}-2"`);
    const across = await get("joined", { Range: `bytes=${5 * MIB - 2}-${5 * MIB + 1}` });
    expect(await across.Body?.transformToString()).toBe("bbta");
    expect(across).toMatchObject({ ContentType: "text/plain", Metadata: { m: "1" }, ContentLength: 4 });
    expect((await (await get("joined")).Body?.transformToByteArray())?.length).toBe(5 * MIB + 4);
    expect(await outcome(complete("joined", id, parts))).toBe("NoSuchUpload 404");
  });

  test("an overwrite while an object is read does not disturb the reader", async () => {
    // More than sockets buffer, so that the second part's file is opened after the overwrite.
    const long = Buffer.alloc(24 * MIB, "l");
    const id = await begin("overwritten");
    const parts = [await part("overwritten", id, 1, long), await part("overwritten", id, 2, Buffer.from("tail"))];
    await complete("overwritten", id, parts);
    const { Body } = await get("overwritten");
    await put("overwritten", "new");
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    expect([bytes.length, bytes.toString("latin1", long.length)]).toEqual([long.length + 4, "tail"]);
    expect(await read("overwritten")).toBe("new");
  });

  test("a copy of it is one piece", async () => {
    const id = await begin("pieces");
    await complete("pieces", id, [await part("pieces", id, 1, big), await part("pieces", id, 2, Buffer.from("tail"))]);
    await s3.send(new CopyObjectCommand({ Bucket: "bucket", Key: "piece", CopySource: "bucket/pieces" }));
    expect((await get("piece")).ETag).toBe(`"${createHash("md5").update(big).update("tail").digest("hex")}"`);
  });

  test.each<["CRC32" | "CRC32C" | "SHA1" | "SHA256"]>([["CRC32"], ["CRC32C"], ["SHA1"], ["SHA256"]])(
    "a composite %s",
    async (ChecksumAlgorithm) => {
      const id = await begin("composite", { ChecksumAlgorithm }, s3);
      const parts = [
        await part("composite", id, 1, big, s3, { ChecksumAlgorithm }),
        await part("composite", id, 2, Buffer.from("tail"), s3, { ChecksumAlgorithm }),
      ];
      const field = `Checksum${ChecksumAlgorithm}` as const;
      const bare = parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }) as CompletedPart);
      expect(await outcome(complete("composite", id, bare))).toBe("InvalidRequest 400");
      const done = await complete("composite", id, parts);
      expect(done[field]).toMatch(/=-2$/);
      const head = await s3.send(
        new HeadObjectCommand({ Bucket: "bucket", Key: "composite", ChecksumMode: "ENABLED" }),
      );
      expect(head).toMatchObject({ [field]: done[field], ChecksumType: "COMPOSITE" });
    },
  );

  test.each<["CRC32" | "CRC32C" | "CRC64NVME"]>([["CRC32"], ["CRC32C"], ["CRC64NVME"]])(
    "the %s of the full object is that of all bytes",
    async (ChecksumAlgorithm) => {
      const id = await begin("whole", { ChecksumAlgorithm, ChecksumType: "FULL_OBJECT" }, s3);
      const parts = [
        await part("whole", id, 1, big, s3, { ChecksumAlgorithm }),
        await part("whole", id, 2, Buffer.from("tail"), s3, { ChecksumAlgorithm }),
      ];
      const crc = startCrc(ChecksumAlgorithm);
      crc.update(big);
      crc.update(Buffer.from("tail"));
      const done = await complete("whole", id, parts);
      expect(done[`Checksum${ChecksumAlgorithm}`]).toBe(crc.digest().toString("base64"));
    },
  );

  test.each<
    [note: string, act: (id: string, first: CompletedPart, last: CompletedPart) => Promise<string>, expected: string]
  >([
    [
      "a small part that is not the last",
      (id, first, last) => outcome(complete("refused", id, [last, { ...first, PartNumber: 3 }])),
      "EntityTooSmall 400",
    ],
    [
      "parts out of order",
      (id, first, last) => outcome(complete("refused", id, [last, first])),
      "InvalidPartOrder 400",
    ],
    [
      "an unknown part",
      (id, first) => outcome(complete("refused", id, [{ ...first, PartNumber: 8 }])),
      "InvalidPart 400",
    ],
    ["another ETag", (id, first) => outcome(complete("refused", id, [{ ...first, ETag: '"x"' }])), "InvalidPart 400"],
    ["no parts", (id) => outcome(complete("refused", id, [])), "MalformedXML 400"],
    ["an unknown upload", (_id, first) => outcome(complete("refused", "unknown", [first])), "NoSuchUpload 404"],
    ["another key", (id, first) => outcome(complete("other", id, [first])), "NoSuchUpload 404"],
    [
      "another size",
      (id, first) => outcome(complete("refused", id, [first], { MpuObjectSize: 1 })),
      "InvalidRequest 400",
    ],
    [
      "a taken key",
      (id, first) => outcome(complete("refused", id, [first], { IfNoneMatch: "*" })),
      "PreconditionFailed 412",
    ],
    [
      "part 0",
      (id) => outcome(part("refused", id, 0, Buffer.from("a")).then(() => ({ $metadata: {} }))),
      "InvalidArgument 400",
    ],
    [
      "part 10001",
      (id) => outcome(part("refused", id, 10_001, Buffer.from("a")).then(() => ({ $metadata: {} }))),
      "InvalidArgument 400",
    ],
  ])("%s is refused, and the upload stays", async (_note, act, expected) => {
    await put("refused", "before");
    const id = await begin("refused");
    const first = await part("refused", id, 1, Buffer.from("first"));
    const last = await part("refused", id, 2, Buffer.from("last"));
    await part("refused", id, 3, Buffer.from("first"));
    expect(await act(id, first, last)).toBe(expected);
    expect(await read("refused")).toBe("before");
    expect(await outcome(complete("refused", id, [first]))).toBe("200");
    expect(await read("refused")).toBe("first");
  });

  test("a part without the upload's checksum is refused", async () => {
    const id = await begin("sums", { ChecksumAlgorithm: "SHA256" });
    const sent = plain.send(
      new UploadPartCommand({ Bucket: "bucket", Key: "sums", UploadId: id, PartNumber: 1, Body: "a" }),
    );
    expect(await outcome(sent)).toBe("InvalidRequest 400");
  });

  test("ListParts: pages; a part sent again replaces the first", async () => {
    const id = await begin("listed");
    for (const n of [1, 2, 3]) await part("listed", id, n, Buffer.from(`${n}`));
    await part("listed", id, 2, Buffer.from("again"));
    const list = (more: object) =>
      s3.send(new ListPartsCommand({ Bucket: "bucket", Key: "listed", UploadId: id, ...more }));
    const first = await list({ MaxParts: 2 });
    const rest = await list({ PartNumberMarker: first.NextPartNumberMarker ?? "" });
    expect([first.IsTruncated, rest.IsTruncated]).toEqual([true, false]);
    expect([first, rest].flatMap(({ Parts = [] }) => Parts.map(({ PartNumber, Size }) => [PartNumber, Size]))).toEqual([
      [1, 1],
      [2, 5],
      [3, 1],
    ]);
  });

  test("AbortMultipartUpload forgets it", async () => {
    const id = await begin("aborted");
    await part("aborted", id, 1, Buffer.from("a"));
    const abort = () =>
      outcome(s3.send(new AbortMultipartUploadCommand({ Bucket: "bucket", Key: "aborted", UploadId: id })));
    expect([await abort(), await abort()]).toEqual(["204", "NoSuchUpload 404"]);
  });
});

describe("events", () => {
  const Bucket = "events";
  beforeAll(async () => {
    await freshBucket(Bucket);
    await s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );
  });

  test("have AWS's shape, in order, and name what happened", async () => {
    const Key = "ä b";
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: "hello" }));
    await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${encodeURIComponent(Key)}` }));
    const { UploadId } = await plain.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
    const part = await plain.send(new UploadPartCommand({ Bucket, Key: "parts", UploadId, PartNumber: 1, Body: "a" }));
    await plain.send(
      new CompleteMultipartUploadCommand({
        Bucket,
        Key: "parts",
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
      }),
    );
    await s3.send(new DeleteObjectCommand({ Bucket, Key }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: "never there" }));
    await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "copy" }, { Key: "parts" }] } }));
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

  test("are not sent for a bucket that does not notify, nor for a refused write", async () => {
    await put("silent");
    await outcome(
      s3.send(new PutObjectCommand({ Bucket, Key: "refused", Body: "a", ContentMD5: "AAAAAAAAAAAAAAAAAAAAAA==" })),
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
    await first.close();
    servers.splice(servers.indexOf(first), 1);
    down = false;
    await start(dir, { publish });
    expect(events.map((event) => event["detail-type"])).toEqual(["Object Created"]);
  });
});

describe("what is not implemented", () => {
  test.each<[operation: string, send: () => Promise<{ $metadata: { httpStatusCode?: number } }>]>([
    ["GetBucketAcl", () => s3.send(new GetBucketAclCommand({ Bucket: "bucket" }))],
    ["GetBucketVersioning", () => s3.send(new GetBucketVersioningCommand({ Bucket: "bucket" }))],
    ["ListObjectVersions", () => s3.send(new ListObjectVersionsCommand({ Bucket: "bucket" }))],
    ["ListObjects", () => s3.send(new ListObjectsCommand({ Bucket: "bucket" }))],
    ["ListMultipartUploads", () => s3.send(new ListMultipartUploadsCommand({ Bucket: "bucket" }))],
    ["GetObjectTagging", () => s3.send(new GetObjectTaggingCommand({ Bucket: "bucket", Key: "a" }))],
    [
      "GetObjectAttributes",
      () => s3.send(new GetObjectAttributesCommand({ Bucket: "bucket", Key: "a", ObjectAttributes: ["ETag"] })),
    ],
    [
      "UploadPartCopy",
      () =>
        s3.send(
          new UploadPartCopyCommand({
            Bucket: "bucket",
            Key: "a",
            UploadId: "1",
            PartNumber: 1,
            CopySource: "bucket/a",
          }),
        ),
    ],
  ])("%s answers 501 and its name", async (operation, send) => {
    await expect(send()).rejects.toMatchObject({
      name: "NotImplemented",
      message: expect.stringContaining(operation),
      $metadata: { httpStatusCode: 501 },
    });
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
    await fetch(`${server.url}/bucket/faulty`).then((response) => response.text());
    expect(await outcome(get("faulty"))).toBe("InternalError 500");
  });
});

describe("storage", () => {
  test("survives a restart and sweeps what nobody owns", async () => {
    const dir = await newFolder();
    const first = await start(dir);
    const client = connect(first);
    await client.send(new CreateBucketCommand({ Bucket: "bucket" }));
    await client.send(new PutObjectCommand({ Bucket: "bucket", Key: "kept", Body: "kept", Metadata: { a: "1" } }));
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: "bucket", Key: "parts" }));
    await client.send(new UploadPartCommand({ Bucket: "bucket", Key: "parts", UploadId, PartNumber: 1, Body: "a" }));
    await first.close();
    servers.splice(servers.indexOf(first), 1);
    await writeFile(join(dir, "staging", "half"), "half");
    await writeFile(join(dir, "content", "orphan"), "orphan");

    const again = connect(await start(dir));
    expect([(await readdir(join(dir, "content"))).length, await readdir(join(dir, "staging"))]).toEqual([2, []]);
    const { Body, Metadata } = await again.send(new GetObjectCommand({ Bucket: "bucket", Key: "kept" }));
    expect([await Body?.transformToString(), Metadata]).toEqual(["kept", { a: "1" }]);
    const { Parts } = await again.send(new ListPartsCommand({ Bucket: "bucket", Key: "parts", UploadId }));
    expect(Parts).toHaveLength(1);
  });

  test("loses nothing that it acknowledged when it is killed", async () => {
    const dir = await newFolder();
    const moduleAt = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const program = `
      import { startS3 } from ${moduleAt("../../local/s3/server.ts")};
      import { Faults } from ${moduleAt("../../local/faults.ts")};
      const options = { dir: ${JSON.stringify(dir)}, port: 0, region: "${REGION}", accountId: "${ACCOUNT}" };
      const server = await startS3({ ...options, secretOf: () => "secret", faults: new Faults(), publish: () => {} });
      console.log(server.url);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [url] = (await once(child.stdout, "data")) as [Buffer];
    const client = connect(server, { endpoint: url.toString().trim() });
    await client.send(new CreateBucketCommand({ Bucket: "bucket" }));
    const acknowledged: string[] = [];
    const write = async (writer: number): Promise<void> => {
      for (let n = 0; !child.killed; n += 1) {
        const Key = `${writer}-${n}`;
        const sent = client.send(new PutObjectCommand({ Bucket: "bucket", Key, Body: Buffer.alloc(MIB, Key) }));
        if ((await outcome(sent)) === "200" && acknowledged.push(Key) === 20) child.kill("SIGKILL");
      }
    };
    await Promise.all([write(1), write(2), write(3), write(4)]);
    const again = connect(await start(dir));
    const { Contents = [] } = await again.send(new ListObjectsV2Command({ Bucket: "bucket" }));
    const keys = Contents.map(({ Key = "" }) => Key);
    expect(keys).toEqual(expect.arrayContaining(acknowledged));
    expect(await readdir(join(dir, "content"))).toHaveLength(keys.length);
    for (const Key of keys) {
      const { Body } = await again.send(new GetObjectCommand({ Bucket: "bucket", Key }));
      expect(Buffer.alloc(MIB, Key).equals((await Body?.transformToByteArray()) ?? Buffer.alloc(0))).toBe(true);
    }
  });

  test("keeps no file of what was replaced, deleted, refused or broken off", async () => {
    const dir = await newFolder();
    const own = await start(dir);
    const client = connect(own);
    const Bucket = "bucket";
    await client.send(new CreateBucketCommand({ Bucket }));
    const send = (Key: string, more: Partial<PutObjectCommandInput> = {}) =>
      client.send(new PutObjectCommand({ Bucket, Key, Body: "a", ...more }));
    await send("replaced");
    await send("replaced");
    await send("deleted");
    await client.send(new CopyObjectCommand({ Bucket, Key: "copied", CopySource: "bucket/deleted" }));
    await client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "deleted" }, { Key: "copied" }] } }),
    );
    await Promise.all([1, 2, 3, 4].map(() => outcome(send("raced", { IfNoneMatch: "*" }))));
    await outcome(send("refused", { ContentMD5: "AAAAAAAAAAAAAAAAAAAAAA==" }));
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
    await client.send(new UploadPartCommand({ Bucket, Key: "parts", UploadId, PartNumber: 1, Body: "a" }));
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key: "parts", UploadId }));

    const quiet = connect(own, { requestChecksumCalculation: "WHEN_REQUIRED" });
    const url = await getSignedUrl(quiet, new PutObjectCommand({ Bucket, Key: "broken" }));
    await new Promise<void>((resolve) => {
      const upload = httpRequest(url, { method: "PUT", headers: { "content-length": 100 } });
      upload.on("error", () => resolve());
      upload.write("only this", () => upload.destroy());
      upload.on("close", () => resolve());
    });
    await own.close();
    servers.splice(servers.indexOf(own), 1);
    expect([(await readdir(join(dir, "content"))).length, await readdir(join(dir, "staging"))]).toEqual([2, []]);
  });

  test("a client that waits for 100 Continue hears a refusal before it sends its body", async () => {
    const send = async (Key: string) => {
      const url = await getSignedUrl(plain, new PutObjectCommand({ Bucket: "bucket", Key, IfNoneMatch: "*" }), {
        signableHeaders: new Set(["host", "if-none-match"]),
      });
      return new Promise<[status: number | undefined, continued: boolean, connection: string | undefined]>(
        (resolve, reject) => {
          const headers = { expect: "100-continue", "content-length": 4, "if-none-match": "*" };
          const upload = httpRequest(url, { method: "PUT", headers });
          let continued = false;
          upload.on("continue", () => {
            continued = true;
            upload.end("body");
          });
          upload.on("error", reject);
          upload.on("response", (response) => {
            response.resume();
            response.on("end", () => resolve([response.statusCode, continued, response.headers.connection]));
          });
          upload.flushHeaders();
        },
      );
    };
    expect([await send("waiting"), await send("waiting")]).toEqual([
      [200, true, "keep-alive"],
      [412, false, "close"],
    ]);
  });
});

describe("parts without a socket", () => {
  test.each<["CRC32" | "CRC32C" | "CRC64NVME", string]>([
    ["CRC32", "cbf43926"],
    ["CRC32C", "e3069283"],
    ["CRC64NVME", "ae8b14860a799888"],
  ])("%s of the check string, whole and joined", (algorithm, expected) => {
    const sum = (text: string) => {
      const crc = startCrc(algorithm);
      crc.update(Buffer.from(text));
      return crc.digest();
    };
    expect(sum("123456789").toString("hex")).toBe(expected);
    for (let at = 0; at <= 9; at += 1) {
      const [left, right] = ["123456789".slice(0, at), "123456789".slice(at)];
      expect(combineCrc(algorithm, sum(left), sum(right), right.length).toString("hex")).toBe(expected);
    }
  });

  test.each([
    ["a document type", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'],
    ["an unknown entity", "<a>&b;</a>"],
    ["an inherited name as an entity", "<a>&constructor;</a>"],
    ["a bare ampersand", "<a>a & b</a>"],
    ["tags that cross", "<a><b></a></b>"],
    ["no end", "<a><b></b>"],
    ["two roots", "<a/><b/>"],
    ["text outside", "<a/>b"],
    ["nothing", ""],
  ])("XML with %s is refused", (_note, source) => {
    expect(() => parseXml(source)).toThrow(expect.objectContaining({ code: "MalformedXML" }));
  });

  test("XML is read with references, character data, comments and attributes", () => {
    const source = '<?xml version="1.0"?><!-- c --><a x="1>2" y=\'3\'>&lt;&#65;&#x42;<![CDATA[<&>]]><b /></a>';
    expect(parseXml(source)).toEqual({ name: "a", text: "<AB<&>", children: [{ name: "b", text: "", children: [] }] });
  });
});
