import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { AppError } from "../problems.ts";
import { isAwsError } from "./aws-errors.ts";
import { clientSettings, once } from "./settings.ts";

// Checksums only where we ask for one: the default would put the CRC of an empty body into presigned URLs, and go over
// every byte that is only passed on, which has checksums of its own on its way and where it ends.
// A copy of gigabytes is answered late.
export const s3Client = once(
  () =>
    new S3Client({
      ...clientSettings,
      requestHandler: { ...clientSettings.requestHandler, requestTimeout: 300_000 },
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    }),
);

/** Size, ETag and SHA-256 (hexadecimal; none of what came in parts) of an object, or undefined if there is none. */
export const headObject = async (bucket: string, key: string) => {
  try {
    const head = await s3Client().send(new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: "ENABLED" }));
    const sha256 = head.ChecksumSHA256;
    return {
      size: head.ContentLength ?? 0,
      // A checksum of several parts' checksums is none of the object's bytes.
      sha256: sha256 === undefined || sha256.includes("-") ? undefined : Buffer.from(sha256, "base64").toString("hex"),
      etag: head.ETag ?? "",
    };
  } catch (error) {
    if (isAwsError(error, "NotFound", "NoSuchKey")) return undefined;
    throw error;
  }
};

export const deleteObject = async (bucket: string, key: string): Promise<void> => {
  await s3Client().send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
};

/** The object's bytes, or a part of them, as a stream. @throws AppError `artifact-missing` when there is no such object. */
export const readObject = async (
  bucket: string,
  key: string,
  range?: { readonly first: number; readonly last: number },
): Promise<AsyncIterable<Uint8Array>> => {
  try {
    const { Body } = await s3Client().send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(range !== undefined && { Range: `bytes=${range.first}-${range.last}` }),
      }),
    );
    if (Body === undefined) throw new AppError("unavailable", `S3 answered no body for ${key}`);
    return Body as unknown as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (isAwsError(error, "NoSuchKey")) throw new AppError("artifact-missing", `${key} was not uploaded`);
    throw error;
  }
};

/** A part of an object, at once: for a few megabytes. @throws AppError `artifact-missing` when there is no such object */
export const readBytes = async (
  bucket: string,
  key: string,
  range?: { readonly offset: number; readonly bytes: number },
): Promise<Buffer> => {
  try {
    const { Body } = await s3Client().send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(range && { Range: `bytes=${range.offset}-${range.offset + range.bytes - 1}` }),
      }),
    );
    if (Body === undefined) throw new AppError("unavailable", `S3 answered no body for ${key}`);
    return Buffer.from(await Body.transformToByteArray());
  } catch (error) {
    if (isAwsError(error, "NoSuchKey")) throw new AppError("artifact-missing", `${key} was not uploaded`);
    throw error;
  }
};

/**
 * Puts a small object.
 * @param options.once never replaces one that is there
 * @param options.headers S3's names, such as `ContentType`
 * @returns whether it was put
 */
export const putObject = async (
  bucket: string,
  key: string,
  body: string | Uint8Array,
  { once: isOnce = false, headers = {} }: { readonly once?: boolean; readonly headers?: object } = {},
): Promise<boolean> => {
  try {
    await s3Client().send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...headers, ...(isOnce && { IfNoneMatch: "*" }) }),
    );
    return true;
  } catch (error) {
    if (isOnce && isAwsError(error, "PreconditionFailed")) return false;
    throw error;
  }
};

/** Copies within the bucket, up to 5 GB (S3's limit of one CopyObject), with the headers that devices will see. */
export const copyObject = async (bucket: string, from: string, to: string, headers: object): Promise<void> => {
  await s3Client().send(
    new CopyObjectCommand({
      Bucket: bucket,
      CopySource: copySource(bucket, from),
      Key: to,
      MetadataDirective: "REPLACE",
      ...headers,
    }),
  );
};

/**
 * Copies as it is, within the bucket or from another one, up to 5 GB, over just what is there: the object with this ETag, or
 * nothing. S3 computes the copy's hash, also of what came in parts. A source with an ETag is copied only as it was then.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * @returns the SHA-256 of the bytes, hexadecimal; undefined when there is no such source
 * @throws AppError `busy` when something else is there, or is being written, or the source is another one
 */
export const copyOver = async (
  from: { readonly bucket: string; readonly key: string; readonly etag?: string },
  to: { readonly bucket: string; readonly key: string },
  replacedEtag: string | undefined,
): Promise<string | undefined> => {
  try {
    const { CopyObjectResult } = await s3Client().send(
      new CopyObjectCommand({
        Bucket: to.bucket,
        CopySource: copySource(from.bucket, from.key),
        Key: to.key,
        ChecksumAlgorithm: "SHA256",
        ...(from.etag !== undefined && { CopySourceIfMatch: from.etag }),
        ...(replacedEtag === undefined ? { IfNoneMatch: "*" } : { IfMatch: replacedEtag }),
      }),
    );
    const sha256 = CopyObjectResult?.ChecksumSHA256;
    if (sha256 === undefined) throw new AppError("unavailable", `S3 gave no hash of the copy of ${from.key}`);
    return Buffer.from(sha256, "base64").toString("hex");
  } catch (error) {
    if (isAwsError(error, "NoSuchKey")) return undefined;
    if (isAwsError(error, "PreconditionFailed", "ConditionalRequestConflict")) {
      throw new AppError("busy", `${to.key} is being written at the same time`, { cause: error });
    }
    throw error;
  }
};

/** An object as the source of a copy, in the form that S3 takes. */
const copySource = (bucket: string, key: string): string =>
  `${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;

/**
 * Parts of 5 MiB, the least that S3 takes, two at a time: a stream of any length in a fixed amount of memory.
 * @param options `once`: makes the object and never replaces one
 * @returns false when, with `once`, there is an object already
 */
export const uploadObject = async (
  bucket: string,
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: { readonly once?: boolean } = {},
): Promise<boolean> => {
  try {
    await new Upload({
      client: s3Client(),
      params: { Bucket: bucket, Key: key, Body: Readable.from(body), ...(options.once && { IfNoneMatch: "*" }) },
      partSize: 5 * 1024 ** 2,
      queueSize: 2,
    }).done();
    return true;
  } catch (error) {
    if (options.once && isAwsError(error, "PreconditionFailed")) return false;
    // Something else was written or deleted there meanwhile; what came of it, the next try sees.
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    if (isAwsError(error, "ConditionalRequestConflict")) {
      throw new AppError("busy", `${key} is being written at the same time`, { cause: error });
    }
    throw error;
  }
};

/** A part of an object that is being joined: a stretch of another object in the bucket, or bytes made when their turn comes. */
export type ObjectPart =
  | { readonly kind: "copy"; readonly key: string; readonly first: number; readonly last: number }
  | { readonly kind: "send"; readonly bytes: () => Promise<Uint8Array> };

const PARTS_AT_A_TIME = 4;

const crc32Text = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString("base64");
};

/**
 * Joins parts, each but the last of 5 MiB or more, into an object: all of it or nothing. S3 compares the CRC-32 of what it
 * has joined with the one given. https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 * @throws AppError `artifact-missing` when an object to copy from is gone
 */
export const assembleObject = async (
  bucket: string,
  key: string,
  parts: readonly ObjectPart[],
  wholeCrc32: number,
  headers: object,
): Promise<void> => {
  const target = { Bucket: bucket, Key: key };
  const { UploadId } = await s3Client().send(
    new CreateMultipartUploadCommand({
      ...target,
      ...headers,
      ChecksumAlgorithm: "CRC32",
      ChecksumType: "FULL_OBJECT",
    }),
  );
  const upload = { ...target, UploadId };
  const put = async (part: ObjectPart, PartNumber: number) => {
    if (part.kind === "copy") {
      const CopySourceRange = `bytes=${part.first}-${part.last}`;
      const { CopyPartResult } = await s3Client().send(
        new UploadPartCopyCommand({
          ...upload,
          PartNumber,
          CopySource: copySource(bucket, part.key),
          CopySourceRange,
        }),
      );
      return { PartNumber, ETag: CopyPartResult?.ETag, ChecksumCRC32: CopyPartResult?.ChecksumCRC32 };
    }
    const Body = await part.bytes();
    const ChecksumCRC32 = crc32Text(crc32(Body));
    const { ETag } = await s3Client().send(new UploadPartCommand({ ...upload, PartNumber, Body, ChecksumCRC32 }));
    return { PartNumber, ETag, ChecksumCRC32 };
  };
  try {
    const done: Awaited<ReturnType<typeof put>>[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < parts.length; index = next++) {
        try {
          done[index] = await put(parts[index] as ObjectPart, index + 1);
        } catch (error) {
          next = parts.length; // the others end with what they are at
          throw error;
        }
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: PARTS_AT_A_TIME }, worker));
    const failed = ended.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
    await s3Client().send(
      new CompleteMultipartUploadCommand({
        ...upload,
        MultipartUpload: { Parts: done },
        ChecksumType: "FULL_OBJECT",
        ChecksumCRC32: crc32Text(wholeCrc32),
      }),
    );
  } catch (error) {
    await s3Client().send(new AbortMultipartUploadCommand(upload));
    if (isAwsError(error, "NoSuchKey")) throw new AppError("artifact-missing", `a part of ${key} is gone`);
    throw error;
  }
};
