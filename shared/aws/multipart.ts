import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
} from "@aws-sdk/client-s3";
import { AppError } from "../problems.ts";
import { isAwsError } from "./aws-errors.ts";
import { s3Client } from "./objects.ts";

/** An object on its way, in parts. */
export interface MultipartUpload {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
}

export interface ReceivedPart {
  readonly part: number;
  readonly size: number;
  readonly etag: string;
}

const asked = ({ bucket, key, uploadId }: MultipartUpload) => ({ Bucket: bucket, Key: key, UploadId: uploadId });

/** Begins an upload in parts. What is never completed, the bucket's lifecycle rule takes away. @returns its id */
export const beginUpload = async (bucket: string, key: string): Promise<string> => {
  const { UploadId } = await s3Client().send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }));
  if (UploadId === undefined) throw new AppError("unavailable", `S3 gave no id for the upload of ${key}`);
  return UploadId;
};

/**
 * The parts that S3 has, by number, at most `limit` of those behind `after`; all without a limit.
 * @returns undefined when there is no such upload: it was completed or given up, or has expired
 */
export const receivedParts = async (
  upload: MultipartUpload,
  { after, limit }: { readonly after?: number; readonly limit?: number } = {},
): Promise<ReceivedPart[] | undefined> => {
  const parts: ReceivedPart[] = [];
  let marker = after === undefined || after === 0 ? undefined : String(after);
  try {
    do {
      const page = await s3Client().send(
        new ListPartsCommand({
          ...asked(upload),
          ...(marker !== undefined && { PartNumberMarker: marker }),
          ...(limit !== undefined && { MaxParts: limit - parts.length }),
        }),
      );
      for (const { PartNumber = 0, Size = 0, ETag = "" } of page.Parts ?? []) {
        parts.push({ part: PartNumber, size: Size, etag: ETag });
      }
      marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
    } while (marker !== undefined && (limit === undefined || parts.length < limit));
    return parts;
  } catch (error) {
    if (isAwsError(error, "NoSuchUpload")) return undefined;
    throw error;
  }
};

/**
 * Joins the parts into the object, which must not be there yet.
 * @returns `done`; `exists` when there is an object already; `gone` when there is no such upload
 */
export const completeUpload = async (
  upload: MultipartUpload,
  parts: readonly ReceivedPart[],
): Promise<"done" | "exists" | "gone"> => {
  try {
    await s3Client().send(
      new CompleteMultipartUploadCommand({
        ...asked(upload),
        IfNoneMatch: "*",
        MultipartUpload: { Parts: parts.map(({ part, etag }) => ({ PartNumber: part, ETag: etag })) },
      }),
    );
    return "done";
  } catch (error) {
    if (isAwsError(error, "PreconditionFailed", "ConditionalRequestConflict")) return "exists";
    if (isAwsError(error, "NoSuchUpload")) return "gone";
    throw error;
  }
};

/** Gives an upload up, with the parts that have come. Idempotent. */
export const abortUpload = async (upload: MultipartUpload): Promise<void> => {
  try {
    await s3Client().send(new AbortMultipartUploadCommand(asked(upload)));
  } catch (error) {
    if (!isAwsError(error, "NoSuchUpload")) throw error;
  }
};
