import { checksumHeaders, claimedChecksum, DEFAULT_ALGORITHM } from "./checksums.ts";
import type { Handler } from "./context.ts";
import { expirationHeaders } from "./lifecycle.ts";
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
  const payload = openPayload(request, claimedChecksum(request.headers) === undefined ? DEFAULT_ALGORITHM : undefined);
  const file = await context.content.write(payload.bytes);
  const { size, md5, claimed, computed } = payload.received();
  const checksum = claimed ?? computed;
  const object = {
    size,
    etag: md5.toString("hex"),
    modified: Date.now(),
    attributes: checksum === undefined ? attributes : { ...attributes, checksum },
    segments: [{ file, size }],
    parts: [],
  };
  await writeObject(context, request, object, "PutObject");
  return {
    status: 200,
    headers: {
      etag: quoted(object.etag),
      "x-amz-server-side-encryption": "AES256",
      ...checksumHeaders(checksum),
      ...expirationHeaders(context, request.bucket, { ...object, key: request.key }),
    },
  };
};
