import { createHash } from "node:crypto";
import { type Checksum, checksumElement, parseAlgorithm, startChecksum } from "./checksums.ts";
import { isModified } from "./conditions.ts";
import type { Segment } from "./content.ts";
import { type Context, type Handler, refuseVersion, requireObject, xmlResponse } from "./context.ts";
import { S3Error } from "./errors.ts";
import { quoted, readAttributes, refuseUnknownHeaders } from "./object-headers.ts";
import { parseTarget } from "./request.ts";
import type { StoredObject } from "./store.ts";
import { expectWrite, writeObject } from "./write-object.ts";
import { render } from "./xml.ts";

const MAX_COPY = 5 * 1024 ** 3;

/** `bucket/key`, with or without a leading slash, percent-encoded. @throws S3Error InvalidArgument */
const parseSource = (header: string) => {
  const target = parseTarget(header.startsWith("/") ? header : `/${header}`);
  if (target.bucket === "" || target.key === "") {
    throw S3Error.of("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", {
      ArgumentName: "x-amz-copy-source",
      ArgumentValue: header,
    });
  }
  refuseVersion(new Map(target.query).get("versionId"));
  return target;
};

/** @throws S3Error InvalidArgument for an unknown directive */
const replacesMetadata = (headers: ReadonlyMap<string, string>): boolean => {
  const directive = headers.get("x-amz-metadata-directive") ?? "COPY";
  if (directive === "COPY" || directive === "REPLACE") return directive === "REPLACE";
  throw S3Error.of("InvalidArgument", "Unknown metadata directive.", {
    ArgumentName: "x-amz-metadata-directive",
    ArgumentValue: directive,
  });
};

/**
 * A copy is one piece: its ETag is the MD5 of all bytes and its checksum is of the full object. The bytes are read again
 * only when the source was uploaded in parts or another algorithm is asked for.
 */
const digestsOf = async (
  { content }: Context,
  source: StoredObject,
  segments: readonly Segment[],
  algorithmName: string | undefined,
): Promise<{ readonly etag: string; readonly checksum: Checksum | undefined }> => {
  const { etag, size, attributes } = source;
  const algorithm = algorithmName === undefined ? attributes.checksum?.algorithm : parseAlgorithm(algorithmName);
  const fits = attributes.checksum?.algorithm === algorithm && attributes.checksum?.type !== "COMPOSITE";
  if (fits && !etag.includes("-")) return { etag, checksum: attributes.checksum };
  const md5 = createHash("md5");
  const checksum = algorithm === undefined ? undefined : startChecksum(algorithm);
  for await (const chunk of content.read(segments, 0, size)) {
    md5.update(chunk);
    checksum?.update(chunk);
  }
  return {
    etag: md5.digest("hex"),
    checksum:
      algorithm === undefined || checksum === undefined
        ? undefined
        : { algorithm, type: "FULL_OBJECT", value: checksum.digest().toString("base64") },
  };
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * @throws S3Error NoSuchBucket, NoSuchKey, PreconditionFailed, InvalidArgument, InvalidRequest (a copy onto itself that
 *   changes nothing, or more than 5 GiB), NotImplemented
 */
export const copyObject: Handler = async (context, request) => {
  const { store, content } = context;
  const { headers, bucket, key } = request;
  expectWrite(context, request);
  refuseUnknownHeaders(headers);
  const from = parseSource(headers.get("x-amz-copy-source") ?? "");
  const replaces = replacesMetadata(headers);
  const source = requireObject(context, from.bucket, from.key);
  if (!isModified(headers, source, "x-amz-copy-source-")) throw S3Error.of("PreconditionFailed");
  const algorithmName = headers.get("x-amz-checksum-algorithm");
  if (from.bucket === bucket && from.key === key && !replaces && algorithmName === undefined) {
    throw S3Error.of(
      "InvalidRequest",
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  if (source.size > MAX_COPY) {
    throw S3Error.of(
      "InvalidRequest",
      `The specified copy source is larger than the maximum allowable size for a copy source: ${MAX_COPY}`,
    );
  }
  const segments = store.segmentsOf(source);
  const release = content.hold(segments);
  try {
    const kept = replaces ? readAttributes(headers) : source.attributes;
    const { etag, checksum } = await digestsOf(context, source, segments, algorithmName);
    const modified = Date.now();
    const attributes = {
      headers: kept.headers,
      metadata: kept.metadata,
      ...(checksum === undefined ? {} : { checksum }),
    };
    const object = { size: source.size, etag, modified, attributes, segments: await content.copy(segments) };
    await writeObject(context, request, object, "CopyObject");
    return xmlResponse(
      render("CopyObjectResult", {
        LastModified: new Date(modified).toISOString(),
        ETag: quoted(etag),
        ChecksumType: checksum?.type,
        ...(checksum === undefined ? {} : { [checksumElement(checksum.algorithm)]: checksum.value }),
      }),
      { "x-amz-server-side-encryption": "AES256" },
    );
  } finally {
    await release();
  }
};
