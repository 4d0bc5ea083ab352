import { GetObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSessions } from "../../../local/iam/sessions.ts";
import { awsNames } from "../../../shared/names.ts";
import { deviceRole } from "../../../shared/node/provisioning.ts";
import {
  ACCOUNT,
  ACME,
  DEVELOPER,
  type Device,
  IMPORTS_BUCKET,
  OTA_BUCKET,
  OTHER,
  outcome,
  PLACE,
  type SessionKeys,
  STAGE,
  startWorld,
  type World,
} from "./world.ts";

let world: World;
let device: Device;
let keys: SessionKeys;
let s3: World["s3"];
beforeAll(async () => {
  world = await startWorld();
  device = await world.newDevice();
  keys = await world.credentialsOf(device);
  s3 = world.s3As(keys);
  await world.s3.putObject({ Bucket: OTA_BUCKET, Key: "file", Body: "ota" });
  await world.s3.putObject({ Bucket: IMPORTS_BUCKET, Key: "file", Body: "tokens" });
  await world.s3.putObject({ Bucket: OTHER.bucket, Key: ACME.bucket, Body: "a key like the bucket" });
});
afterAll(() => world?.close());

const OWN = { Bucket: ACME.bucket, Key: "dist/hello.sh" };
const THEIRS = { Bucket: OTHER.bucket, Key: "dist/hello.sh" };
const DENIED = "AccessDenied 403";

test("a device reads what its workspace has", async () => {
  const { Body } = await s3.getObject(OWN);
  expect(await Body?.transformToString()).toBe(`hello from ${ACME.bucket}`);
  expect(await outcome(s3.headObject(OWN))).toBe("200");
  expect(await outcome(s3.getObject({ ...OWN, Range: "bytes=0-3" }))).toBe("206");
});

describe("a device is refused, though nothing else's policies are looked at:", () => {
  test.each<[what: string, send: () => Promise<{ $metadata: { httpStatusCode?: number } }>, expected?: string]>([
    ["GetObject of another workspace", () => s3.getObject(THEIRS)],
    ["GetObject of another workspace, a key like its bucket", () => s3.getObject({ ...THEIRS, Key: ACME.bucket })],
    ["HeadObject of another workspace", () => s3.headObject(THEIRS), "Unknown 403"],
    ["GetObject of the bucket for imports", () => s3.getObject({ Bucket: IMPORTS_BUCKET, Key: "file" })],
    ["GetObject of OTA's bucket", () => s3.getObject({ Bucket: OTA_BUCKET, Key: "file" })],
    ["GetObject of a bucket that there is not", () => s3.getObject({ ...OWN, Bucket: "ws-abz-none-comp-artifacts" })],
    ["GetObject of what is not in its bucket", () => s3.getObject({ ...OWN, Key: "never-put" })],
    ["GetObject with dots in the key", () => s3.getObject({ ...OWN, Key: `../${OTHER.bucket}/dist/hello.sh` })],
    ["PutObject", () => s3.putObject({ ...OWN, Body: "mine" })],
    ["DeleteObject", () => s3.deleteObject(OWN)],
    ["CopyObject into its bucket", () => s3.copyObject({ ...OWN, CopySource: `${OTHER.bucket}/dist/hello.sh` })],
    ["CreateMultipartUpload", () => s3.createMultipartUpload(OWN)],
    ["GetObjectTagging", () => s3.getObjectTagging(OWN)],
    ["ListObjectsV2", () => s3.listObjectsV2({ Bucket: ACME.bucket })],
    ["HeadBucket", () => s3.headBucket({ Bucket: ACME.bucket }), "Unknown 403"],
    ["GetBucketTagging", () => s3.getBucketTagging({ Bucket: ACME.bucket })],
    ["ListBuckets", () => s3.listBuckets({})],
    ["CreateBucket", () => s3.createBucket({ Bucket: "ws-abe-new-comp-artifacts" })],
    ["DeleteBucket", () => s3.deleteBucket({ Bucket: ACME.bucket })],
  ])("%s", async (_, send, expected = DENIED) => {
    expect(await outcome(send())).toBe(expected);
  });
});

describe("whose thing is not told of", () => {
  test.each<[what: string, ask: () => Promise<SessionKeys>]>([
    ["reads nothing without the header", () => world.credentialsOf(device, { thing: null })],
    ["reads nothing with a thing of no type", async () => world.credentialsOf(await world.newDevice({ typed: false }))],
  ])("%s", async (_, ask) => {
    const client = world.s3As(await ask());
    expect(await outcome(client.getObject(OWN))).toBe(DENIED);
    expect(await outcome(client.getObject({ ...OWN, Bucket: "undefined" }))).toBe(DENIED);
  });
});

test("a certificate of two things acts as the one that it names", async () => {
  const certificate = await world.newCertificate();
  const one = await world.newDevice({ certificate });
  const other = await world.newDevice({ certificate, workspace: OTHER });
  const as = async ({ thing }: Device) => world.s3As(await world.credentialsOf(one, { thing }));
  expect(await outcome((await as(one)).getObject(OWN))).toBe("200");
  expect(await outcome((await as(one)).getObject(THEIRS))).toBe(DENIED);
  expect(await outcome((await as(other)).getObject(THEIRS))).toBe("200");
  expect(await outcome((await as(other)).getObject(OWN))).toBe(DENIED);
});

describe("forged credentials", () => {
  test.each<[what: string, forge: () => Promise<Partial<SessionKeys>>, expected: string]>([
    ["another secret", async () => ({ secretAccessKey: "x".repeat(40) }), "SignatureDoesNotMatch 403"],
    ["no token", async () => ({ sessionToken: "" }), "InvalidAccessKeyId 403"],
    ["a token of none", async () => ({ sessionToken: "token" }), "InvalidAccessKeyId 403"],
    [
      "another device's token",
      async () => ({ sessionToken: (await world.credentialsOf(await world.newDevice())).sessionToken }),
      "InvalidAccessKeyId 403",
    ],
    ["the developer's key", async () => ({ accessKeyId: "test" }), "InvalidAccessKeyId 403"],
    ["another key", async () => ({ accessKeyId: "ASIAAAAAAAAAAAAAAAAA" }), "InvalidAccessKeyId 403"],
  ])("%s", async (_, forge, expected) => {
    expect(await outcome(world.s3As({ ...keys, ...(await forge()) }).getObject(OWN))).toBe(expected);
  });
});

test("a presigned URL reaches what its signer reaches", async () => {
  const statusOf = async (object: typeof OWN) =>
    (await fetch(await getSignedUrl(s3, new GetObjectCommand(object), { expiresIn: 60 }))).status;
  expect(await statusOf(OWN)).toBe(200);
  expect(await statusOf(THEIRS)).toBe(403);
});

test("credentials outlive their certificate, and the process that gave them", async () => {
  const gone = await world.newDevice();
  const credentials = await world.credentialsOf(gone);
  await world.iot.updateCertificate({ certificateId: gone.certificateId, newStatus: "REVOKED" });
  await world.iot.detachThingPrincipal({ thingName: gone.thing, principal: gone.certificateArn });
  await world.iot.deleteThing({ thingName: gone.thing });
  expect(await outcome(world.s3As(credentials).getObject(OWN))).toBe("200");

  const restarted = await world.openS3(world.openIdentities(), "s3-of-the-next-process");
  const developer = world.s3As(DEVELOPER, restarted);
  for (const object of [OWN, THEIRS]) {
    await developer.createBucket({ Bucket: object.Bucket });
    await developer.putObject({ ...object, Body: "hello again" });
  }
  const client = world.s3As(credentials, restarted);
  expect(await outcome(client.getObject(OWN))).toBe("200");
  expect(await outcome(client.getObject(THEIRS))).toBe(DENIED);
});

test("credentials end with their time", async () => {
  let now = Date.now();
  const sessions = openSessions({ ...PLACE, secret: "secret", roles: [deviceRole(PLACE)], now: () => now });
  const given = sessions.assume({
    roleArn: `arn:aws:iam::${ACCOUNT}:role/${awsNames.deviceRole(STAGE)}`,
    service: "credentials.iot.amazonaws.com",
    sourceArn: "arn:any",
    sessionName: "certificate",
    seconds: 900,
    context: { "credentials-iot:ThingTypeName": ACME.bucket },
  });
  const secretOf = (key: string, token = "") => sessions.read(key, token)?.secretAccessKey;
  const server = await world.openS3(
    { ...world.identities, secretOf, authorize: () => undefined },
    "s3-of-another-time",
  );
  const client = world.s3As({ ...keys, ...given }, server);
  expect(await outcome(client.getObject(OWN))).toBe("NoSuchBucket 404");
  now += 900_000;
  expect(await outcome(client.getObject(OWN))).toBe("ExpiredToken 400");
});
