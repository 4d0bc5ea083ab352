import { checksumTree } from "./checksums.ts";
import { type Context, type Handler, refuseVersion, requireObject, xmlResponse } from "./context.ts";
import { S3Error } from "./errors.ts";
import { refuseUnknownHeaders } from "./object-headers.ts";
import type { StoredObject } from "./store.ts";
import { render, type XmlTree } from "./xml.ts";

const ATTRIBUTES = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"] as const;
const MAX_PARTS = 1000;

const headerNumber = (headers: ReadonlyMap<string, string>, name: string, otherwise: number): number => {
  const value = headers.get(name) ?? String(otherwise);
  if (/^\d{1,10}$/.test(value)) return Number(value);
  throw S3Error.of("InvalidArgument", `Provided ${name} not an integer or within integer range`, {
    ArgumentName: name,
    ArgumentValue: value,
  });
};

const wantedOf = (header: string | undefined): ReadonlySet<string> => {
  const names = (header ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.length === 0) {
    throw S3Error.of("InvalidRequest", "The x-amz-object-attributes header specifying the attributes is missing");
  }
  const unknown = names.find((name) => !ATTRIBUTES.some((known) => known === name));
  if (unknown === undefined) return new Set(names);
  throw S3Error.of("InvalidArgument", "Invalid attribute name specified.", {
    ArgumentName: "x-amz-object-attributes",
    ArgumentValue: unknown,
  });
};

/** A page of the parts that an object was uploaded in; nothing for one that was uploaded as a whole. */
const partsTree = (
  { store }: Context,
  headers: ReadonlyMap<string, string>,
  object: StoredObject,
): XmlTree | undefined => {
  const parts = store.partsOf(object);
  if (parts.length === 0) return undefined;
  const max = Math.min(headerNumber(headers, "x-amz-max-parts", MAX_PARTS), MAX_PARTS);
  const marker = headerNumber(headers, "x-amz-part-number-marker", 0);
  const found = parts.filter(({ number }) => number > marker);
  const page = found.slice(0, max);
  return {
    PartsCount: parts.length,
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number,
    MaxParts: max,
    IsTruncated: found.length > page.length,
    Part: page.map(({ number, size, checksum }) => ({ PartNumber: number, Size: size, ...checksumTree(checksum) })),
  };
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
 * @throws S3Error NoSuchBucket, NoSuchKey, InvalidArgument, InvalidRequest, NotImplemented
 */
export const getObjectAttributes: Handler = (context, { bucket, key, query, headers }) => {
  refuseUnknownHeaders(headers);
  refuseVersion(query.get("versionId"));
  const object = requireObject(context, bucket, key);
  const wanted = wantedOf(headers.get("x-amz-object-attributes"));
  const { checksum } = object.attributes;
  const all: Readonly<Record<(typeof ATTRIBUTES)[number], string | number | XmlTree | undefined>> = {
    // Without the quotes that it has everywhere else.
    ETag: object.etag,
    Checksum: checksum && { ...checksumTree(checksum), ChecksumType: checksum.type },
    ObjectParts: wanted.has("ObjectParts") ? partsTree(context, headers, object) : undefined,
    StorageClass: "STANDARD",
    ObjectSize: object.size,
  };
  return xmlResponse(
    render("GetObjectAttributesResponse", Object.fromEntries(Object.entries(all).filter(([name]) => wanted.has(name)))),
    { "last-modified": new Date(object.modified).toUTCString() },
  );
};
