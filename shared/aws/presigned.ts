import { GetObjectCommand, PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { MultipartUpload } from "./multipart.ts";
import { s3Client } from "./objects.ts";

/** How long an upload's URL is good for. */
const UPLOAD_SECONDS = 3_600;

/** Headers that a presigned upload must carry as they are: S3 refuses the request without them. */
const SIGNED = ["content-length", "x-amz-checksum-sha256", "if-none-match"];

/** An upload as the API hands it out. */
const presigned = async (
  command: PutObjectCommand | UploadPartCommand,
  headers: Record<string, string>,
  now: Date,
) => ({
  method: "PUT" as const,
  url: await getSignedUrl(s3Client(), command as PutObjectCommand, {
    expiresIn: UPLOAD_SECONDS,
    signingDate: now,
    unhoistableHeaders: new Set(SIGNED.slice(1)),
    signableHeaders: new Set(["host", ...SIGNED]),
  }),
  headers,
  expiresAt: new Date(now.getTime() + UPLOAD_SECONDS * 1_000).toISOString(),
});

export interface UploadRequest {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  /** Hexadecimal; S3 itself refuses bytes of another hash. */
  readonly sha256: string;
  /** The upload makes the object and never replaces one: an old URL cannot touch what was published since. */
  readonly once?: boolean;
}

/** A presigned PUT that takes just the declared bytes: length and SHA-256 are part of the signature. */
export const presignUpload = async (request: UploadRequest, now: Date) => {
  const checksum = Buffer.from(request.sha256, "hex").toString("base64");
  const command = new PutObjectCommand({
    Bucket: request.bucket,
    Key: request.key,
    ContentLength: request.size,
    ChecksumSHA256: checksum,
    ...(request.once && { IfNoneMatch: "*" }),
  });
  const headers = {
    "content-length": String(request.size),
    "x-amz-checksum-sha256": checksum,
    ...(request.once && { "if-none-match": "*" }),
  };
  return presigned(command, headers, now);
};

/** A presigned PUT of one part of a multipart upload, of just so many bytes. */
export const presignPart = async (
  { bucket, key, uploadId }: MultipartUpload,
  { part, size }: { readonly part: number; readonly size: number },
  now: Date,
) => {
  const command = new UploadPartCommand({
    Bucket: bucket,
    Key: key,
    UploadId: uploadId,
    PartNumber: part,
    ContentLength: size,
  });
  return presigned(command, { "content-length": String(size) }, now);
};

/** A presigned GET that saves the object under a file name, of any script. @param seconds how long it works */
export const presignDownload = async (
  { bucket, key, name }: { readonly bucket: string; readonly key: string; readonly name: string },
  seconds: number,
  now: Date,
) => {
  // RFC 8187.
  const escaped = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const command = new GetObjectCommand({
    Bucket: bucket,
    Key: key,
    ResponseContentDisposition: `attachment; filename*=UTF-8''${escaped}`,
    ResponseCacheControl: "no-store",
  });
  const url = await getSignedUrl(s3Client(), command, { expiresIn: seconds, signingDate: now });
  return { url, expiresAt: new Date(now.getTime() + seconds * 1_000).toISOString() };
};
