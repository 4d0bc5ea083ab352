import { createHash, randomUUID } from "node:crypto";
import {
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandInput,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectCommand,
  type GetObjectCommandInput,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { S3Server } from "../../../local/s3/server.ts";
import type { Row } from "../rows.ts";

export const REGION = "eu-west-1";
export const ACCOUNT = "123456789012";
export const FOREIGN = "foreign-bucket";
export const CREDENTIALS = { accessKeyId: "AKIDTEST", secretAccessKey: "secret" };

const API = "https://docs.aws.amazon.com/AmazonS3/latest/API";
const GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide";
export const api = (operation: string): string => `${API}/API_${operation}.html`;
export const apiPage = (page: string): string => `${API}/${page}.html`;
export const guide = (page: string): string => `${GUIDE}/${page}.html`;
export const ERRORS = apiPage("ErrorResponses");

export interface World {
  readonly server: S3Server;
  /** As the SDK comes: it sends checksums of its own and verifies those of answers. */
  readonly s3: S3Client;
  /** Sends and verifies only what it is asked for. */
  readonly plain: S3Client;
  readonly close: () => void;
}

export const worldOf = (server: S3Server): World => {
  const connect = (more: S3ClientConfig = {}) =>
    new S3Client({
      endpoint: server.url,
      region: REGION,
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: CREDENTIALS,
      ...more,
    });
  const s3 = connect();
  const plain = connect({ requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED" });
  return {
    server,
    s3,
    plain,
    close: () => {
      s3.destroy();
      plain.destroy();
    },
  };
};

export type S3Row = Row<World>;

export const unique = (prefix = "n"): string => `${prefix}-${randomUUID().slice(0, 13)}`;

/** A new bucket. */
export const bucket = async ({ s3 }: World): Promise<string> => {
  const Bucket = unique("bucket");
  await s3.send(new CreateBucketCommand({ Bucket }));
  return Bucket;
};

/** A new bucket, and an object in it. */
export const object = async (
  world: World,
  Body: PutObjectCommandInput["Body"] = "0123456789",
  more: Partial<PutObjectCommandInput> = {},
  client: S3Client = world.s3,
) => {
  const place = { Bucket: await bucket(world), Key: "key" };
  const { ETag = "" } = await client.send(new PutObjectCommand({ ...place, Body, ...more }));
  return { ...place, ETag };
};

/** An object's answer with its bytes as `text`. */
export const read = async ({ s3 }: World, input: GetObjectCommandInput) => {
  const { Body, ...answer } = await s3.send(new GetObjectCommand(input));
  return { ...answer, text: await Body?.transformToString() };
};

/** A new upload in a new bucket, with these parts of it sent by the plain client. */
export const upload = async (
  world: World,
  parts: Readonly<Record<number, string | Buffer>> = {},
  more: Partial<CreateMultipartUploadCommandInput> = {},
) => {
  const place = { Bucket: more.Bucket ?? (await bucket(world)), Key: more.Key ?? "key" };
  const { UploadId = "" } = await world.plain.send(new CreateMultipartUploadCommand({ ...place, ...more }));
  const { ChecksumAlgorithm } = more;
  const sent = [];
  for (const [number, Body] of Object.entries(parts)) {
    const PartNumber = Number(number);
    const sum = ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm };
    const {
      $metadata: _,
      ServerSideEncryption: __,
      ...answer
    } = await world.plain.send(new UploadPartCommand({ ...place, UploadId, PartNumber, Body, ...sum }));
    sent.push({ ...answer, PartNumber });
  }
  return { ...place, UploadId, parts: sent };
};

export type Upload = Awaited<ReturnType<typeof upload>>;

/** Completes an upload with its parts, or with what is said instead. */
export const complete = (
  { plain }: World,
  { parts, ...place }: Upload,
  more: Partial<CompleteMultipartUploadCommandInput> = {},
) => plain.send(new CompleteMultipartUploadCommand({ ...place, MultipartUpload: { Parts: parts }, ...more }));

/** As large as a part that is not the last has to be. */
export const BIG = Buffer.alloc(5 * 1024 ** 2, "b");
export const md5 = (bytes: string | Buffer): Buffer => createHash("md5").update(bytes).digest();

/**
 * Asks without the SDK's transport, and answers as the SDK would: an error has its document's code as its name, and a
 * success the body as `text`.
 */
export const ask = async (url: string, init: RequestInit = {}): Promise<object> => {
  const response = await fetch(url, init);
  const text = await response.text();
  const answer = { $metadata: { httpStatusCode: response.status }, headers: Object.fromEntries(response.headers) };
  if (response.status < 400) return { ...answer, text };
  const element = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
  throw Object.assign(new Error(element("Message") ?? text), answer, { name: element("Code") ?? "none" });
};
