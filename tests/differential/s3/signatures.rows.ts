import { createHash } from "node:crypto";
import {
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { apiPage, ask, bucket, CREDENTIALS, ERRORS, object, REGION, type S3Row, type World } from "./world.ts";

const HEADER = apiPage("sigv4-auth-using-authorization-header");
const QUERY = apiPage("sigv4-query-string-auth");
const ago = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);

/** A read by a client that is configured otherwise. */
const by = (when: string, config: S3ClientConfig, expected: S3Row["expect"]): S3Row => ({
  operation: "GetObject",
  when,
  send: async (world) => {
    const { Bucket, Key } = await object(world);
    const client = new S3Client({
      endpoint: world.server.url,
      region: REGION,
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: CREDENTIALS,
      ...config,
    });
    try {
      const { Body, ...answer } = await client.send(new GetObjectCommand({ Bucket, Key }));
      return { ...answer, text: await Body?.transformToString() };
    } finally {
      client.destroy();
    }
  },
  expect: expected,
  source: HEADER,
});

const headers: readonly S3Row[] = [
  by("a client's clock is 14 minutes behind", { systemClockOffset: -14 * 60_000 }, { status: 200 }),
  by(
    "a client's clock is 16 minutes behind",
    { systemClockOffset: -16 * 60_000 },
    { status: 403, code: "RequestTimeTooSkewed" },
  ),
  by(
    "a client's clock is 16 minutes ahead",
    { systemClockOffset: 16 * 60_000 },
    { status: 403, code: "RequestTimeTooSkewed" },
  ),
  by(
    "the key is unknown",
    { credentials: { accessKeyId: "AKIDOTHER", secretAccessKey: "secret" } },
    { status: 403, code: "InvalidAccessKeyId" },
  ),
  by(
    "the secret is wrong",
    { credentials: { ...CREDENTIALS, secretAccessKey: "other" } },
    { status: 403, code: "SignatureDoesNotMatch" },
  ),
  by("it is signed for another region", { region: "us-east-2" }, { status: 400, code: "AuthorizationHeaderMalformed" }),
];

const get = (
  when: string,
  change: (url: string) => string,
  init: RequestInit,
  expected: S3Row["expect"],
  more: Parameters<typeof getSignedUrl>[2] = {},
): S3Row => ({
  operation: "GetObject",
  when,
  send: async (world) => {
    const { Bucket, Key } = await object(world);
    const url = await getSignedUrl(world.plain, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60, ...more });
    return ask(change(url), init);
  },
  expect: expected,
  source: QUERY,
});

const same = (url: string): string => url;
const urls: readonly S3Row[] = [
  get("the URL is presigned", same, {}, { status: 200, fields: { text: "0123456789" } }),
  get(
    "the URL has expired",
    same,
    {},
    { status: 403, code: "AccessDenied", fields: { message: "Request has expired" } },
    {
      signingDate: ago(2),
    },
  ),
  get("the URL is of the future", same, {}, { status: 403, code: "AccessDenied" }, { signingDate: ago(-16) }),
  get("the URL is presigned for a week", same, {}, { status: 200 }, { expiresIn: 7 * 24 * 3600 }),
  get(
    "the URL is presigned for longer than a week",
    (url) => url.replace("X-Amz-Expires=60", "X-Amz-Expires=604801"),
    {},
    { status: 400, code: "AuthorizationQueryParametersError" },
  ),
  get(
    "the URL's key was changed",
    (url) => url.replace("/key?", "/other?"),
    {},
    { status: 403, code: "SignatureDoesNotMatch" },
  ),
  get("the URL got a parameter", (url) => `${url}&versionId=null`, {}, { status: 403, code: "SignatureDoesNotMatch" }),
  get("the URL is used for a PUT", same, { method: "PUT", body: "a" }, { status: 403, code: "SignatureDoesNotMatch" }),
  get(
    "the URL is sent with a header that was not signed",
    same,
    { headers: { "x-amz-acl": "private" } },
    { status: 403, code: "AccessDenied" },
  ),
  get(
    "the URL is sent with a range, which need not be signed",
    same,
    { headers: { range: "bytes=0-1" } },
    { status: 206, fields: { text: "01" } },
  ),
  get(
    "the URL lacks a parameter",
    (url) => url.replace(/X-Amz-Date=[^&]*&/, ""),
    {},
    { status: 400, code: "AuthorizationQueryParametersError" },
  ),
  get(
    "the URL is presigned, and a header signs, too",
    same,
    { headers: { authorization: "AWS4-HMAC-SHA256 x" } },
    { status: 400, code: "InvalidArgument" },
  ),
  get("nothing signs", (url) => url.replace(/\?.*/, ""), {}, { status: 403, code: "AccessDenied" }),
  get(
    "another scheme signs",
    (url) => url.replace(/\?.*/, ""),
    { headers: { authorization: "AWS a:b" } },
    { status: 400, code: "InvalidRequest" },
  ),
];

const sha256 = (text: string): string => createHash("sha256").update(text).digest("base64");

/** An upload by a URL that was presigned for the bytes "right". */
const put = (when: string, headersSent: Record<string, string>, body: string, expected: S3Row["expect"]): S3Row => ({
  operation: "PutObject",
  when,
  send: async (world: World) => {
    const command = new PutObjectCommand({
      Bucket: await bucket(world),
      Key: "key",
      ChecksumSHA256: sha256("right"),
      IfNoneMatch: "*",
      ContentLength: 5,
    });
    const url = await getSignedUrl(world.plain, command, {
      unhoistableHeaders: new Set(["x-amz-checksum-sha256"]),
      signableHeaders: new Set(["content-length", "if-none-match", "host"]),
    });
    return ask(url, { method: "PUT", body, headers: headersSent });
  },
  expect: expected,
  source: QUERY,
});

const SIGNED = { "x-amz-checksum-sha256": sha256("right"), "if-none-match": "*" };
const uploads: readonly S3Row[] = [
  put("the URL is presigned with a checksum, a condition and a length", SIGNED, "right", { status: 200 }),
  put("the URL is presigned, and the bytes are others", SIGNED, "wrong", { status: 400, code: "BadDigest" }),
  put("the URL is presigned, and the length is another", SIGNED, "longer", {
    status: 403,
    code: "SignatureDoesNotMatch",
  }),
  put(
    "the URL is presigned, and the checksum is another",
    { ...SIGNED, "x-amz-checksum-sha256": sha256("wrong") },
    "wrong",
    { status: 403, code: "SignatureDoesNotMatch" },
  ),
  put("the URL is presigned, and the condition is missing", { "x-amz-checksum-sha256": sha256("right") }, "right", {
    status: 403,
    code: "SignatureDoesNotMatch",
  }),
  {
    operation: "PutObject",
    when: "the URL is presigned with a checksum in its query",
    send: async (world) => {
      const command = new PutObjectCommand({
        Bucket: await bucket(world),
        Key: "key",
        ChecksumSHA256: sha256("right"),
      });
      return ask(await getSignedUrl(world.plain, command), { method: "PUT", body: "wrong" });
    },
    expect: { status: 400, code: "BadDigest" },
    source: QUERY,
  },
  {
    operation: "PutObject",
    when: "no length is sent",
    send: async (world) => {
      const command = new PutObjectCommand({ Bucket: await bucket(world), Key: "key" });
      const body = new Blob(["body"]).stream();
      return ask(await getSignedUrl(world.plain, command), { method: "PUT", body, duplex: "half" } as RequestInit);
    },
    expect: { status: 411, code: "MissingContentLength" },
    source: ERRORS,
  },
  {
    operation: "HeadObject",
    when: "the URL is presigned",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      return ask(await getSignedUrl(world.plain, new HeadObjectCommand({ Bucket, Key })), { method: "HEAD" });
    },
    expect: { status: 200, fields: { text: "" } },
    source: QUERY,
  },
];

export const signatureRows: readonly S3Row[] = [...headers, ...urls, ...uploads];
