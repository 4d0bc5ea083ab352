import { createHash, randomBytes } from "node:crypto";
import {
  ALGORITHMS,
  type Checksum,
  type ChecksumAlgorithm,
  type ChecksumType,
  checksumElement,
  checksumHeader,
  checksumTree,
  DEFAULT_ALGORITHM,
  isHash,
  joinChecksums,
  parseAlgorithm,
} from "./checksums.ts";
import { type Context, type Handler, requireBucket, xmlResponse } from "./context.ts";
import { S3Error } from "./errors.ts";
import { abortionHeaders, expirationHeaders, REPEATABLE_MS } from "./lifecycle.ts";
import { quoted, readAttributes } from "./object-headers.ts";
import { readXml } from "./payload.ts";
import type { S3Request, S3Response } from "./request.ts";
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
  type XmlTree,
} from "./xml.ts";

export const MAX_PART_NUMBER = 10_000;
const MIN_PART_SIZE = 5 * 1024 ** 2;

/** What an upload remembers from its start. */
export interface UploadAttributes {
  readonly attributes: Attributes;
  /** What was asked for; none means that S3 computes the default one of the full object. */
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType };
}
type Upload = UploadAttributes & { readonly id: string; readonly created: number };

/** @throws S3Error NoSuchBucket, NoSuchUpload */
export const requireUpload = (context: Context, { bucket, key, query }: S3Request): Upload => {
  requireBucket(context, bucket);
  const id = query.get("uploadId") ?? "";
  const upload = context.store.findUpload(id, bucket, key);
  if (upload === undefined) throw S3Error.of("NoSuchUpload", undefined, { UploadId: id });
  return { id, created: upload.created, ...(upload.attributes as UploadAttributes) };
};

/** @throws S3Error InvalidRequest for an unknown algorithm, or a type that the algorithm does not have */
const readChecksum = (headers: ReadonlyMap<string, string>): UploadAttributes["checksum"] => {
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
  const possible = chosen === "COMPOSITE" ? algorithm !== "CRC64NVME" : chosen === "FULL_OBJECT" && !isHash(algorithm);
  if (!possible) {
    throw S3Error.of(
      "InvalidRequest",
      `The ${chosen} checksum type cannot be used with the ${name.toLowerCase()} checksum algorithm.`,
    );
  }
  return { algorithm, type: chosen === "COMPOSITE" ? "COMPOSITE" : "FULL_OBJECT" };
};

/** Ids sort by the time of their creation, and so do listings of the uploads of a key. */
const newUploadId = (now: number): string => {
  // Also of two in one millisecond the later one has the higher id.
  lastMoment = Math.max(now * 1_024, lastMoment + 1);
  return lastMoment.toString(16).padStart(14, "0") + randomBytes(16).toString("hex");
};
let lastMoment = 0;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html @throws S3Error as PutObject, InvalidRequest */
export const createMultipartUpload: Handler = (context, request) => {
  const { bucket, key, headers } = request;
  expectWrite(context, request);
  const checksum = readChecksum(headers);
  const upload = { attributes: readAttributes(headers), ...(checksum === undefined ? {} : { checksum }) };
  const created = Date.now();
  const id = newUploadId(created);
  context.store.addUpload(id, bucket, key, created, upload satisfies UploadAttributes);
  return xmlResponse(render("InitiateMultipartUploadResult", { Bucket: bucket, Key: key, UploadId: id }), {
    "x-amz-server-side-encryption": "AES256",
    ...abortionHeaders(context, bucket, { key, created }),
    ...(checksum === undefined
      ? {}
      : { "x-amz-checksum-algorithm": checksum.algorithm, "x-amz-checksum-type": checksum.type }),
  });
};

const PART_SHAPE = {
  PartNumber: once(integer),
  ETag: once(anyText),
  ...Object.fromEntries(ALGORITHMS.map((algorithm) => [checksumElement(algorithm), optional(anyText)])),
};

/** Whether every checksum that is listed for a part is what is known of it. */
const checksumsHold = (entry: Element, part: Part): boolean =>
  ALGORITHMS.every((algorithm) => {
    const listed = textOf(entry, checksumElement(algorithm));
    return listed === undefined || part.checksums.some((own) => own.algorithm === algorithm && own.value === listed);
  });

/** Finds the parts that a completion lists. @throws S3Error InvalidPart, InvalidPartOrder, EntityTooSmall, InvalidRequest */
const chooseParts = (document: Element, upload: Upload, stored: readonly Part[]): Part[] => {
  const listed = childrenOf(document, "Part");
  const byNumber = new Map(stored.map((part) => [part.number, part]));
  const composite = upload.checksum?.type === "COMPOSITE" ? upload.checksum.algorithm : undefined;
  let previous = 0;
  const chosen = listed.map((entry) => {
    const number = Number(textOf(entry, "PartNumber"));
    if (number <= previous) throw S3Error.of("InvalidPartOrder");
    previous = number;
    const etag = (textOf(entry, "ETag") ?? "").replaceAll('"', "");
    const part = byNumber.get(number);
    if (part === undefined || part.etag !== etag || !checksumsHold(entry, part)) {
      throw S3Error.of("InvalidPart", undefined, { PartNumber: String(number), ETag: etag });
    }
    if (composite !== undefined && textOf(entry, checksumElement(composite)) === undefined) {
      throw S3Error.of(
        "InvalidRequest",
        `The upload was created using a ${composite.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${number} in the request.`,
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

/** The upload's algorithm, or the one that S3 takes when none was asked for. */
export const checksumOf = ({ checksum }: UploadAttributes): NonNullable<UploadAttributes["checksum"]> =>
  checksum ?? { algorithm: DEFAULT_ALGORITHM, type: "FULL_OBJECT" };

/** @throws S3Error BadDigest when the client claims another checksum or type; InternalError as S3 for gaps in a composite */
const joinedChecksum = (upload: Upload, parts: readonly Part[], headers: ReadonlyMap<string, string>): Checksum => {
  const { algorithm, type } = checksumOf(upload);
  const claimedType = headers.get("x-amz-checksum-type");
  if (claimedType !== undefined && claimedType !== type) {
    throw S3Error.of("BadDigest", `The upload was created with the ${type} checksum type, not with ${claimedType}.`);
  }
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
  if (type === "COMPOSITE" && parts.some(({ number }, index) => number !== index + 1)) {
    throw S3Error.of("InternalError", "Parts with composite checksums must have consecutive numbers from 1");
  }
  const checksum = joinChecksums(
    algorithm,
    type,
    parts.map(({ number, checksums, size }) => {
      const own = checksums.find((checksum) => checksum.algorithm === algorithm);
      // An older version of this engine kept none for parts that came without: they have to come again.
      if (own === undefined) throw S3Error.of("InvalidPart", undefined, { PartNumber: String(number) });
      return { checksum: own.value, size };
    }),
  );
  const claimed = headers.get(checksumHeader(algorithm));
  if (claimed !== undefined && claimed.replace(/-\d+$/, "") !== checksum.value.replace(/-\d+$/, "")) {
    throw S3Error.of("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
  }
  return checksum;
};

/** What makes two completions of an upload the same request. */
const signatureOf = (document: Element): string =>
  JSON.stringify(
    childrenOf(document, "Part").map((entry) => [
      Number(textOf(entry, "PartNumber")),
      (textOf(entry, "ETag") ?? "").replaceAll('"', ""),
    ]),
  );

const completion = (tree: XmlTree, headers: Readonly<Record<string, string>> = {}): S3Response =>
  xmlResponse(render("CompleteMultipartUploadResult", tree), { "x-amz-server-side-encryption": "AES256", ...headers });

/**
 * Joins parts into an object. Their files become the object's segments as they are, so that nothing is copied. Who asks
 * again for the same, having missed the answer, gets it again.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 * @throws S3Error NoSuchBucket, NoSuchUpload, MalformedXML, InvalidPart, InvalidPartOrder, EntityTooSmall, InvalidRequest,
 *   BadDigest, PreconditionFailed
 */
export const completeMultipartUpload: Handler = async (context, request) => {
  const { store } = context;
  const { bucket, key, headers, query } = request;
  const completed = () => store.findCompleted(query.get("uploadId") ?? "", bucket, key, Date.now() - REPEATABLE_MS);
  requireBucket(context, bucket);
  if (completed() === undefined) requireUpload(context, request);
  const document = await readDocument(request);
  requireBucket(context, bucket);
  const earlier = completed();
  if (earlier?.request === signatureOf(document)) return completion(JSON.parse(earlier.answer) as XmlTree);
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
    attributes: { ...upload.attributes, checksum },
    segments: parts.map((part) => ({ file: part.file, size: part.size })),
    parts: parts.map(({ number, size: partSize, checksums }) => {
      const own = checksums.find(({ algorithm }) => algorithm === checksum.algorithm);
      return { number, size: partSize, ...(own === undefined ? {} : { checksum: own }) };
    }),
  };
  const answer = {
    Location: `http://${headers.get("host") ?? ""}/${bucket}/${key}`,
    Bucket: bucket,
    Key: key,
    ETag: quoted(etag),
    ChecksumType: checksum.type,
    ...checksumTree(checksum),
  };
  const used = new Set(parts);
  const unused = stored.filter((part) => !used.has(part)).map(({ file }) => file);
  // The parts stay the upload's when the write is refused, so that the client may complete or abort it again.
  await writeObject(context, request, object, "CompleteMultipartUpload", {
    ours: false,
    work: () => {
      store.removeUpload(upload.id);
      store.addCompleted({
        upload: upload.id,
        bucket,
        key,
        at: object.modified,
        request: signatureOf(document),
        answer: JSON.stringify(answer),
      });
      return unused;
    },
  });
  return completion(answer, expirationHeaders(context, bucket, { ...object, key }));
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
