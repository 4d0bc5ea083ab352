import { createHash, randomUUID } from "node:crypto";
import { ownerOf } from "./buckets.ts";
import {
  type ChecksumAlgorithm,
  type ChecksumType,
  checksumElement,
  checksumHeader,
  joinChecksums,
  parseAlgorithm,
} from "./checksums.ts";
import { type Context, type Handler, queryNumber, requireBucket, xmlResponse } from "./context.ts";
import { S3Error } from "./errors.ts";
import { quoted, readAttributes, refuseUnknownHeaders } from "./object-headers.ts";
import { openPayload, readXml } from "./payload.ts";
import type { S3Request } from "./request.ts";
import type { Attributes, Part } from "./store.ts";
import { expectWrite, writeObject } from "./write-object.ts";
import {
  anyText,
  childrenOf,
  type Element,
  expectShape,
  integer,
  many,
  once,
  optional,
  render,
  textOf,
} from "./xml.ts";

const MAX_PART_NUMBER = 10_000;
const MIN_PART_SIZE = 5 * 1024 ** 2;
const MAX_LISTED = 1000;

/** What an upload remembers from its start. */
interface Upload {
  readonly attributes: Attributes;
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType };
}

/** @throws S3Error NoSuchBucket, NoSuchUpload */
const requireUpload = (context: Context, { bucket, key, query }: S3Request): { id: string } & Upload => {
  requireBucket(context, bucket);
  const id = query.get("uploadId") ?? "";
  const upload = context.store.findUpload(id, bucket, key);
  if (upload === undefined) throw S3Error.of("NoSuchUpload", undefined, { UploadId: id });
  return { id, ...(upload as Upload) };
};

/** @throws S3Error InvalidRequest for an unknown algorithm, or a type that the algorithm does not have */
const readChecksum = (headers: ReadonlyMap<string, string>): Upload["checksum"] => {
  const name = headers.get("x-amz-checksum-algorithm");
  const type = headers.get("x-amz-checksum-type");
  if (name === undefined) {
    if (type === undefined) return undefined;
    throw S3Error.of(
      "InvalidRequest",
      "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
    );
  }
  const algorithm = parseAlgorithm(name);
  const chosen = type ?? (algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE");
  const possible =
    chosen === "COMPOSITE" ? algorithm !== "CRC64NVME" : chosen === "FULL_OBJECT" && !algorithm.startsWith("SHA");
  if (!possible) {
    throw S3Error.of(
      "InvalidRequest",
      `The ${chosen} checksum type cannot be used with the ${name.toLowerCase()} checksum algorithm.`,
    );
  }
  return { algorithm, type: chosen === "COMPOSITE" ? "COMPOSITE" : "FULL_OBJECT" };
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html @throws S3Error as PutObject, InvalidRequest */
export const createMultipartUpload: Handler = (context, request) => {
  const { bucket, key, headers } = request;
  expectWrite(context, request);
  const checksum = readChecksum(headers);
  const upload: Upload = { attributes: readAttributes(headers), ...(checksum === undefined ? {} : { checksum }) };
  const id = randomUUID().replaceAll("-", "");
  context.store.addUpload(id, bucket, key, Date.now(), upload);
  return xmlResponse(render("InitiateMultipartUploadResult", { Bucket: bucket, Key: key, UploadId: id }), {
    "x-amz-server-side-encryption": "AES256",
    ...(checksum === undefined
      ? {}
      : { "x-amz-checksum-algorithm": checksum.algorithm, "x-amz-checksum-type": checksum.type }),
  });
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
 * @throws S3Error NoSuchBucket, NoSuchUpload, InvalidArgument, InvalidRequest when the checksum is not of the upload's
 *   algorithm, and those of the payload
 */
export const uploadPart: Handler = async (context, request) => {
  const number = queryNumber(request, "partNumber", 0, 1, MAX_PART_NUMBER);
  if (number === 0)
    throw S3Error.of("InvalidArgument", "This operation requires partNumber", { ArgumentName: "partNumber" });
  refuseUnknownHeaders(request.headers);
  const upload = requireUpload(context, request);
  const payload = openPayload(request);
  const file = await context.content.write(payload.bytes);
  const { size, md5, checksum } = payload.received();
  const etag = md5.toString("hex");
  let replaced: string[];
  try {
    if (upload.checksum !== undefined && upload.checksum.algorithm !== checksum?.algorithm) {
      throw S3Error.of(
        "InvalidRequest",
        `Checksum Type mismatch occurred, expected checksum Type: ${upload.checksum.algorithm.toLowerCase()}, actual checksum Type: ${checksum?.algorithm.toLowerCase() ?? "null"}`,
      );
    }
    replaced = context.store.transaction(() => {
      requireUpload(context, request);
      const part = { number, file, size, etag, modified: Date.now() };
      return context.store.putPart(upload.id, checksum === undefined ? part : { ...part, checksum });
    });
  } catch (error) {
    await context.content.remove([file]);
    throw error;
  }
  await context.content.remove(replaced);
  return {
    status: 200,
    headers: {
      etag: quoted(etag),
      "x-amz-server-side-encryption": "AES256",
      ...(checksum === undefined ? {} : { [checksumHeader(checksum.algorithm)]: checksum.value }),
    },
  };
};

const PART_SHAPE = {
  PartNumber: once(integer),
  ETag: once(anyText),
  ...Object.fromEntries(
    (["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const).map((algorithm) => [
      checksumElement(algorithm),
      optional(anyText),
    ]),
  ),
};

/** Finds the parts that a completion lists. @throws S3Error InvalidPart, InvalidPartOrder, EntityTooSmall, InvalidRequest */
const chooseParts = (document: Element, upload: Upload, stored: readonly Part[]): Part[] => {
  const listed = childrenOf(document, "Part");
  let previous = 0;
  const chosen = listed.map((entry) => {
    const number = Number(textOf(entry, "PartNumber"));
    if (number <= previous) throw S3Error.of("InvalidPartOrder");
    previous = number;
    const etag = (textOf(entry, "ETag") ?? "").replaceAll('"', "");
    const part = stored.find((candidate) => candidate.number === number);
    const algorithm = upload.checksum?.algorithm ?? part?.checksum?.algorithm;
    const checksum = algorithm === undefined ? undefined : textOf(entry, checksumElement(algorithm));
    if (part === undefined || part.etag !== etag || (checksum !== undefined && checksum !== part.checksum?.value)) {
      throw S3Error.of("InvalidPart", undefined, { PartNumber: String(number), ETag: etag });
    }
    if (upload.checksum?.type === "COMPOSITE" && checksum === undefined) {
      throw S3Error.of(
        "InvalidRequest",
        `The upload was created using a ${upload.checksum.algorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${number} in the request.`,
      );
    }
    return part;
  });
  const small = chosen.slice(0, -1).find(({ size }) => size < MIN_PART_SIZE);
  if (small !== undefined) {
    throw S3Error.of("EntityTooSmall", undefined, {
      ETag: small.etag,
      PartNumber: String(small.number),
      ProposedSize: String(small.size),
      MinSizeAllowed: String(MIN_PART_SIZE),
    });
  }
  return chosen;
};

const joinedChecksum = (upload: Upload, parts: readonly Part[], headers: ReadonlyMap<string, string>) => {
  if (upload.checksum === undefined) return undefined;
  const { algorithm, type } = upload.checksum;
  const checksum = joinChecksums(
    algorithm,
    type,
    parts.map((part) => ({ checksum: part.checksum?.value ?? "", size: part.size })),
  );
  const claimed = headers.get(checksumHeader(algorithm));
  if (claimed !== undefined && claimed.replace(/-\d+$/, "") !== checksum.value.replace(/-\d+$/, "")) {
    throw S3Error.of("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
  }
  return checksum;
};

/**
 * Joins parts into an object. Their files become the object's segments as they are, so that nothing is copied.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 * @throws S3Error NoSuchBucket, NoSuchUpload, MalformedXML, InvalidPart, InvalidPartOrder, EntityTooSmall, InvalidRequest,
 *   BadDigest, PreconditionFailed
 */
export const completeMultipartUpload: Handler = async (context, request) => {
  const { store } = context;
  const { bucket, key, headers } = request;
  requireUpload(context, request);
  const document = await readDocument(request);
  const upload = requireUpload(context, request);
  const stored = store.parts(upload.id);
  const parts = chooseParts(document, upload, stored);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const expected = headers.get("x-amz-mp-object-size");
  if (expected !== undefined && expected !== String(size)) {
    throw S3Error.of(
      "InvalidRequest",
      "The provided 'x-amz-mp-object-size' header value does not match what was computed.",
    );
  }
  const checksum = joinedChecksum(upload, parts, headers);
  const md5 = createHash("md5");
  for (const part of parts) md5.update(Buffer.from(part.etag, "hex"));
  const etag = `${md5.digest("hex")}-${parts.length}`;
  const object = {
    size,
    etag,
    modified: Date.now(),
    attributes: { ...upload.attributes, ...(checksum === undefined ? {} : { checksum }) },
    segments: parts.map((part) => ({ file: part.file, size: part.size })),
  };
  const unused = stored.filter((part) => !parts.includes(part)).map(({ file }) => file);
  // The parts stay the upload's when the write is refused, so that the client may complete or abort it again.
  await writeObject(context, request, object, "CompleteMultipartUpload", {
    ours: false,
    work: () => {
      store.removeUpload(upload.id);
      return unused;
    },
  });
  return xmlResponse(
    render("CompleteMultipartUploadResult", {
      Location: `http://${headers.get("host") ?? ""}/${bucket}/${key}`,
      Bucket: bucket,
      Key: key,
      ETag: quoted(etag),
      ChecksumType: checksum?.type,
      ...(checksum === undefined ? {} : { [checksumElement(checksum.algorithm)]: checksum.value }),
    }),
    { "x-amz-server-side-encryption": "AES256" },
  );
};

/** The checksum header of a completion is the object's, not the document's. */
const readDocument = async (request: S3Request): Promise<Element> => {
  const headers = new Map([...request.headers].filter(([name]) => !/^x-amz-(sdk-)?checksum-/.test(name)));
  const document = await readXml({ ...request, headers });
  expectShape(document, "CompleteMultipartUpload", { Part: many(PART_SHAPE, 1, MAX_PART_NUMBER) });
  return document;
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html @throws S3Error NoSuchBucket, NoSuchUpload */
export const abortMultipartUpload: Handler = async (context, request) => {
  const files = context.store.transaction(() => {
    const { id } = requireUpload(context, request);
    const parts = context.store.parts(id);
    context.store.removeUpload(id);
    return parts.map(({ file }) => file);
  });
  await context.content.remove(files);
  return { status: 204 };
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html @throws S3Error NoSuchBucket, NoSuchUpload, InvalidArgument */
export const listParts: Handler = (context, request) => {
  const upload = requireUpload(context, request);
  const max = Math.min(queryNumber(request, "max-parts", MAX_LISTED, 0, 2 ** 31 - 1), MAX_LISTED);
  const marker = queryNumber(request, "part-number-marker", 0, 0, 2 ** 31 - 1);
  const found = context.store.parts(upload.id).filter(({ number }) => number > marker);
  const page = found.slice(0, max);
  return xmlResponse(
    render("ListPartsResult", {
      Bucket: request.bucket,
      Key: request.key,
      UploadId: upload.id,
      Initiator: ownerOf(context),
      Owner: ownerOf(context),
      StorageClass: "STANDARD",
      PartNumberMarker: marker,
      NextPartNumberMarker: page.at(-1)?.number,
      MaxParts: max,
      IsTruncated: found.length > page.length,
      ChecksumAlgorithm: upload.checksum?.algorithm,
      ChecksumType: upload.checksum?.type,
      Part: page.map(({ number, modified, etag, size, checksum }) => ({
        PartNumber: number,
        LastModified: new Date(modified).toISOString(),
        ETag: quoted(etag),
        Size: size,
        ...(checksum === undefined ? {} : { [checksumElement(checksum.algorithm)]: checksum.value }),
      })),
    }),
  );
};
