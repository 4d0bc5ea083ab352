import { checksumHeaders } from "./checksums.ts";
import type { Handler } from "./context.ts";
import { quoted, readAttributes } from "./object-headers.ts";
import { openPayload } from "./payload.ts";
import { expectWrite, writeObject } from "./write-object.ts";

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 * @throws S3Error NoSuchBucket, KeyTooLongError, PreconditionFailed, BadDigest, XAmzContentSHA256Mismatch, MetadataTooLarge,
 *   NotImplemented for headers that ask for more than this engine does, and those of the payload
 */
export const putObject: Handler = async (context, request) => {
  expectWrite(context, request);
  const attributes = readAttributes(request.headers);
  const payload = openPayload(request);
  const file = await context.content.write(payload.bytes);
  const { size, md5, checksum } = payload.received();
  const etag = md5.toString("hex");
  await writeObject(
    context,
    request,
    {
      size,
      etag,
      modified: Date.now(),
      attributes: checksum === undefined ? attributes : { ...attributes, checksum },
      segments: [{ file, size }],
    },
    "PutObject",
  );
  return {
    status: 200,
    headers: { etag: quoted(etag), "x-amz-server-side-encryption": "AES256", ...checksumHeaders(checksum) },
  };
};
