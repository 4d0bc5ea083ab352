import { createHash } from "node:crypto";
import { type Checksum, checksumTree, DEFAULT_ALGORITHM, parseAlgorithm, startChecksum } from "./checksums.ts";
import type { Segment } from "./content.ts";
import { type Context, type Handler, xmlResponse } from "./context.ts";
import { requireSource } from "./copy-source.ts";
import { S3Error } from "./errors.ts";
import { expirationHeaders } from "./lifecycle.ts";
import { quoted, readAttributes, refuseUnknownHeaders } from "./object-headers.ts";
import type { Attributes, StoredObject } from "./store.ts";
import { expectWrite, writeObject } from "./write-object.ts";
import { render } from "./xml.ts";

const MAX_COPY = 5 * 1024 ** 3;

/** @throws S3Error InvalidArgument for an unknown directive */
const replaces = (headers: ReadonlyMap<string, string>, what: "metadata" | "tagging"): boolean => {
  const name = `x-amz-${what}-directive`;
  const directive = headers.get(name) ?? "COPY";
  if (directive === "COPY" || directive === "REPLACE") return directive === "REPLACE";
  throw S3Error.of("InvalidArgument", `Unknown ${what} directive.`, { ArgumentName: name, ArgumentValue: directive });
};

/** Whether a copy onto itself would change anything: naming what is there already counts as well. */
const changes = (headers: ReadonlyMap<string, string>): boolean =>
  replaces(headers, "metadata") ||
  ["x-amz-checksum-algorithm", "x-amz-storage-class", "x-amz-server-side-encryption"].some((name) => headers.has(name));

/** What the copy carries: the source's metadata and tags, or the request's. */
const attributesOf = (headers: ReadonlyMap<string, string>, source: StoredObject): Attributes => {
  const own = readAttributes(headers);
  const { headers: stored, metadata } = replaces(headers, "metadata") ? own : source.attributes;
  const { tags } = replaces(headers, "tagging") ? own : source.attributes;
  return { headers: stored, metadata, ...(tags === undefined ? {} : { tags }) };
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
): Promise<{ readonly etag: string; readonly checksum: Checksum }> => {
  const { etag, size, attributes } = source;
  const algorithm =
    algorithmName === undefined ? (attributes.checksum?.algorithm ?? DEFAULT_ALGORITHM) : parseAlgorithm(algorithmName);
  const { checksum: kept } = attributes;
  if (kept?.algorithm === algorithm && kept.type === "FULL_OBJECT" && !etag.includes("-"))
    return { etag, checksum: kept };
  const md5 = createHash("md5");
  const checksum = startChecksum(algorithm);
  for await (const chunk of content.read(segments, 0, size)) {
    md5.update(chunk);
    checksum.update(chunk);
  }
  return {
    etag: md5.digest("hex"),
    checksum: { algorithm, type: "FULL_OBJECT", value: checksum.digest().toString("base64") },
  };
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * @throws S3Error NoSuchBucket, NoSuchKey, PreconditionFailed, InvalidArgument, InvalidRequest (a copy onto itself that
 *   changes nothing, or more than 5 GiB), NotImplemented, and those of metadata and tags
 */
export const copyObject: Handler = async (context, request) => {
  const { store, content } = context;
  const { headers, bucket, key } = request;
  expectWrite(context, request);
  refuseUnknownHeaders(headers);
  const { bucket: from, object: source } = requireSource(context, headers);
  const kept = attributesOf(headers, source);
  const algorithmName = headers.get("x-amz-checksum-algorithm");
  if (from === bucket && source.key === key && !changes(headers)) {
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
    const { etag, checksum } = await digestsOf(context, source, segments, algorithmName);
    const object = {
      size: source.size,
      etag,
      modified: Date.now(),
      attributes: { ...kept, checksum },
      segments: await content.copy(segments),
      parts: [],
    };
    await writeObject(context, request, object, "CopyObject");
    return xmlResponse(
      render("CopyObjectResult", {
        LastModified: new Date(object.modified).toISOString(),
        ETag: quoted(etag),
        ChecksumType: checksum.type,
        ...checksumTree(checksum),
      }),
      { "x-amz-server-side-encryption": "AES256", ...expirationHeaders(context, bucket, { ...object, key }) },
    );
  } finally {
    await release();
  }
};
