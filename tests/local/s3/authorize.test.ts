import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { beforeAll, describe, expect, test } from "vitest";
import type { Document } from "../../../local/iam/evaluate.ts";
import { openIdentities } from "../../../local/iam/identities.ts";
import { parseXml } from "../../../local/s3/xml.ts";
import { ACCOUNT, outcome, s3Suite } from "./support.ts";

const suite = s3Suite();

const statement = (Action: string, Resource: string) => ({ Effect: "Allow", Action, Resource }) as const;
const role = (name: string, ...Statement: Document["Statement"]) => ({
  name,
  policy: { Version: "2012-10-17", Statement } satisfies Document,
});
const OWN = { Condition: { StringEquals: { "aws:ResourceAccount": ACCOUNT } } };
const identities = openIdentities({
  accountId: ACCOUNT,
  partition: "aws",
  roles: [
    role("reader", statement("s3:GetObject", "arn:aws:s3:::box/*")),
    role("lister", statement("s3:GetObject", "arn:aws:s3:::box/*"), statement("s3:ListBucket", "arn:aws:s3:::box")),
    role(
      "elsewhere",
      statement("s3:GetObject", "arn:aws:s3:::box/*"),
      statement("s3:ListBucket", "arn:aws:s3:::other"),
    ),
    role("writer", statement("s3:PutObject", "arn:aws:s3:::box/*")),
    role(
      "copier",
      statement("s3:GetObject", "arn:aws:s3:::box/from/*"),
      statement("s3:PutObject", "arn:aws:s3:::box/to/*"),
    ),
    role("remover", statement("s3:DeleteObject", "arn:aws:s3:::box/old/*")),
    role("own", { ...statement("s3:*", "*"), ...OWN }),
    role("denied", statement("s3:*", "*"), { ...statement("s3:GetObject", "*"), Effect: "Deny" }),
  ],
  developer: { accessKeyId: "AKIDTEST", secretAccessKey: "secret" },
  secret: "secret",
  enforce: true,
  log: () => undefined,
});

let url: string;
const as = (name: string): S3Client => suite.connect({ url }, { credentials: { ...identities.credentialsOf(name) } });
const get = (Key: string, Bucket = "box") => new GetObjectCommand({ Bucket, Key });
const head = (Key: string) => new HeadObjectCommand({ Bucket: "box", Key });
const copy = (CopySource: string, Key: string) => new CopyObjectCommand({ Bucket: "box", Key, CopySource });
/** What the error says. */
const messageOf = (sent: Promise<unknown>) =>
  sent.then(
    () => "done",
    (error: Error) => error.message,
  );
const refusal = (name: string, action: string, resource: string) =>
  `User: arn:aws:sts::${ACCOUNT}:assumed-role/${name}/${name} is not authorized to perform: ${action} ` +
  `on resource: "${resource}" because no identity-based policy allows the ${action} action`;

beforeAll(async () => {
  const server = await suite.start(await suite.newFolder(), { secretOf: identities.secretOf, identities });
  url = server.url;
  server.addForeignBucket("theirs", "999999999999");
  const developer = suite.connect(server);
  await developer.send(new CreateBucketCommand({ Bucket: "box" }));
  for (const Key of ["there", "from/a"]) await developer.send(new PutObjectCommand({ Bucket: "box", Key, Body: "x" }));
});

describe("a request", () => {
  test("is done for who may do it, and for a developer", async () => {
    expect(await outcome(as("reader").send(get("there")))).toBe("200");
    expect(await outcome(suite.connect({ url }).send(get("there")))).toBe("200");
    expect(await outcome(suite.connect({ url }).send(new ListBucketsCommand({})))).toBe("200");
  });

  test.each([
    ["writer", "s3:GetObject", "arn:aws:s3:::box/there", get("there")],
    ["reader", "s3:PutObject", "arn:aws:s3:::box/new", new PutObjectCommand({ Bucket: "box", Key: "new", Body: "x" })],
    ["reader", "s3:ListBucket", "arn:aws:s3:::box", new ListObjectsV2Command({ Bucket: "box" })],
    ["reader", "s3:ListBuckets", "arn:aws:s3:::", new ListBucketsCommand({})],
    ["reader", "s3:GetObject", "arn:aws:s3:::none/there", get("there", "none")],
  ] as const)("of %s for %s on %s is refused in AWS's words", async (name, action, resource, command) => {
    const send = () => as(name).send(command as GetObjectCommand);
    expect(await outcome(send())).toBe("AccessDenied 403");
    expect(await messageOf(send())).toBe(refusal(name, action, resource));
  });

  test("that is refused has changed nothing", async () => {
    const put = new PutObjectCommand({ Bucket: "box", Key: "never", Body: "x" });
    expect(await outcome(as("reader").send(put))).toBe("AccessDenied 403");
    expect(await outcome(suite.connect({ url }).send(head("never")))).toBe("NotFound 404");
  });

  test("that a policy denies explicitly is told so", async () => {
    expect(await messageOf(as("denied").send(get("there")))).toMatch(
      / with an explicit deny in an identity-based policy$/,
    );
  });

  test("is refused as XML, also of a presigned URL", async () => {
    const response = await fetch(await getSignedUrl(as("writer"), get("there")));
    expect([response.status, response.headers.get("content-type")]).toEqual([403, "application/xml"]);
    const document = parseXml(await response.text());
    expect(document.name).toBe("Error");
    expect(Object.fromEntries(document.children.map(({ name, text }) => [name, text]))).toMatchObject({
      Code: "AccessDenied",
      Message: refusal("writer", "s3:GetObject", "arn:aws:s3:::box/there"),
      RequestId: response.headers.get("x-amz-request-id"),
      HostId: response.headers.get("x-amz-id-2"),
    });
  });

  test.each([
    ["from/a", "to/a", "200"],
    ["there", "to/a", "AccessDenied 403"],
    ["from/a", "there", "AccessDenied 403"],
    // The path is decoded as the copy itself decodes it.
    ["from%2Fa", "to/a", "200"],
    ["from/%2E%2E/there", "to/a", "NoSuchKey 404"],
  ])("to copy %s to %s needs both permissions: %s", async (from, to, expected) => {
    for (const source of [`box/${from}`, `/box/${from}`]) {
      expect(await outcome(as("copier").send(copy(source, to)))).toBe(expected);
    }
  });

  test("under a condition on the account reaches its own buckets, not another's or one that is not there", async () => {
    expect(await outcome(as("own").send(get("there")))).toBe("200");
    for (const bucket of ["theirs", "none"]) {
      expect(await messageOf(as("own").send(get("there", bucket)))).toBe(
        refusal("own", "s3:GetObject", `arn:aws:s3:::${bucket}/there`),
      );
    }
  });
});

describe("an absent object", () => {
  test.each([
    ["lister", "NoSuchKey 404", "NotFound 404"],
    ["reader", "AccessDenied 403", "Unknown 403"],
    ["elsewhere", "AccessDenied 403", "Unknown 403"],
  ])("for %s is %s, and of HEAD %s", async (name, whole, bare) => {
    expect(await outcome(as(name).send(get("absent")))).toBe(whole);
    expect(await outcome(as(name).send(head("absent")))).toBe(bare);
    expect(await outcome(as(name).send(get("there")))).toBe("200");
    expect(await outcome(as(name).send(head("there")))).toBe("200");
  });

  test("is hidden as what may not be listed", async () => {
    expect(await messageOf(as("reader").send(get("absent")))).toBe(
      refusal("reader", "s3:ListBucket", "arn:aws:s3:::box"),
    );
  });

  test("is all that is hidden: other errors stay as they are", async () => {
    const stale = new GetObjectCommand({ Bucket: "box", Key: "there", IfMatch: '"other"' });
    expect(await outcome(as("reader").send(stale))).toBe("PreconditionFailed 412");
  });

  test("is no secret to a developer", async () => {
    expect(await outcome(suite.connect({ url }).send(get("absent")))).toBe("NoSuchKey 404");
  });
});

test("of many keys at once, those are deleted that the policy allows, and the others refused one by one", async () => {
  const developer = suite.connect({ url });
  const keys = ["old/a", "old/b", "kept"];
  for (const Key of keys) await developer.send(new PutObjectCommand({ Bucket: "box", Key, Body: "x" }));
  const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
  const { Errors } = await as("remover").send(new DeleteObjectsCommand({ Bucket: "box", Delete }));
  expect(Errors).toMatchObject([
    { Key: "kept", Code: "AccessDenied", Message: refusal("remover", "s3:DeleteObject", "arn:aws:s3:::box/kept") },
  ]);
  expect(await outcome(developer.send(head("old/a")))).toContain("404");
  expect(await outcome(developer.send(head("kept")))).toBe("200");
});
