import { ownerOf } from "./buckets.ts";
import { checksumTree } from "./checksums.ts";
import { type Handler, queryNumber, requireBucket, xmlResponse } from "./context.ts";
import { abortionHeaders } from "./lifecycle.ts";
import { listPage, nameEncoder, startAfter } from "./listing.ts";
import { checksumOf, requireUpload, type UploadAttributes } from "./multipart.ts";
import { quoted } from "./object-headers.ts";
import type { StoredUpload } from "./store.ts";
import { render } from "./xml.ts";

const MAX_LISTED = 1000;

/**
 * Goes on after a key (all of its uploads), or after one upload of a key.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
 * @throws S3Error NoSuchBucket, InvalidArgument
 */
export const listMultipartUploads: Handler = (context, request) => {
  const { query, bucket } = request;
  requireBucket(context, bucket);
  const encoding = query.get("encoding-type");
  const name = nameEncoder(encoding);
  const [prefix = "", delimiter = "", keyMarker = "", idMarker = ""] = [
    "prefix",
    "delimiter",
    "key-marker",
    "upload-id-marker",
  ].map((parameter) => query.get(parameter));
  const max = Math.min(queryNumber(request, "max-uploads", MAX_LISTED, 0, 2 ** 31 - 1), MAX_LISTED);
  // Without a key, S3 does not look at the upload's id.
  const after = startAfter(keyMarker, prefix, delimiter, keyMarker === "" || idMarker === "" ? undefined : idMarker);
  const page = listPage<StoredUpload>({
    prefix,
    delimiter,
    after,
    max,
    entriesBetween: ({ key, id }, to) => context.store.uploadsBetween(bucket, key, id, to),
  });
  const [last, lastPrefix] = [page.entries.at(-1), page.prefixes.at(-1)];
  const endsWithPrefix =
    lastPrefix !== undefined &&
    (last === undefined || Buffer.compare(Buffer.from(last.key), Buffer.from(lastPrefix)) < 0);
  const next = page.next === undefined ? undefined : endsWithPrefix ? { key: lastPrefix, id: "" } : last;
  return xmlResponse(
    render("ListMultipartUploadsResult", {
      Bucket: bucket,
      KeyMarker: name(keyMarker),
      UploadIdMarker: idMarker,
      NextKeyMarker: next && name(next.key),
      NextUploadIdMarker: next?.id,
      Prefix: name(prefix),
      Delimiter: delimiter === "" ? undefined : name(delimiter),
      EncodingType: encoding,
      MaxUploads: max,
      IsTruncated: next !== undefined,
      Upload: page.entries.map(({ key, id, created, attributes }) => {
        const { checksum } = attributes as UploadAttributes;
        return {
          Key: name(key),
          UploadId: id,
          Initiator: ownerOf(context),
          Owner: ownerOf(context),
          StorageClass: "STANDARD",
          Initiated: new Date(created).toISOString(),
          ChecksumAlgorithm: checksum?.algorithm,
          ChecksumType: checksum?.type,
        };
      }),
      CommonPrefixes: page.prefixes.map((common) => ({ Prefix: name(common) })),
    }),
  );
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html @throws S3Error NoSuchBucket, NoSuchUpload, InvalidArgument */
export const listParts: Handler = (context, request) => {
  const upload = requireUpload(context, request);
  const max = Math.min(queryNumber(request, "max-parts", MAX_LISTED, 0, 2 ** 31 - 1), MAX_LISTED);
  const marker = queryNumber(request, "part-number-marker", 0, 0, 2 ** 31 - 1);
  const found = context.store.parts(upload.id).filter(({ number }) => number > marker);
  const page = found.slice(0, max);
  const { algorithm, type } = checksumOf(upload);
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
      ChecksumAlgorithm: algorithm,
      ChecksumType: type,
      Part: page.map(({ number, modified, etag, size, checksums }) => ({
        PartNumber: number,
        LastModified: new Date(modified).toISOString(),
        ETag: quoted(etag),
        Size: size,
        ...checksumTree(checksums.find((own) => own.algorithm === algorithm)),
      })),
    }),
    abortionHeaders(context, request.bucket, { key: request.key, created: upload.created }),
  );
};
