import { type Context, type Handler, refuseVersion, requireObject, xmlResponse } from "./context.ts";
import { S3Error } from "./errors.ts";
import { publishPending, recordTagged } from "./events.ts";
import { readXml } from "./payload.ts";
import type { S3Request } from "./request.ts";
import type { StoredObject, Tag } from "./store.ts";
import { anyText, childrenOf, type Element, expectShape, many, once, render, type Shape, textOf } from "./xml.ts";

const MAX_OBJECT_TAGS = 10;
const MAX_BUCKET_TAGS = 50;
const MAX_TAG_KEY = 128;
const MAX_TAG_VALUE = 256;
const ALLOWED = /^[\p{L}\p{N}\p{Zs}+\-=._:/@]*$/u;

/** `<Tagging>`, of objects and of buckets. */
export const TAGGING_SHAPE: Shape = { TagSet: once({ Tag: many({ Key: once(anyText), Value: once(anyText) }) }) };

/** The tags of a document of that shape. */
const tagsOf = (document: Element): Tag[] =>
  childrenOf(document, "TagSet")
    .flatMap((set) => childrenOf(set, "Tag"))
    .map((tag) => ({ key: textOf(tag, "Key") ?? "", value: textOf(tag, "Value") ?? "" }));

const expectTags = (tags: readonly Tag[], max: number, of: string): void => {
  const invalid = (message: string, { key, value }: Tag) =>
    S3Error.of("InvalidTag", message, { TagKey: key, TagValue: value });
  const keys = new Set<string>();
  for (const tag of tags) {
    if (tag.key.length > MAX_TAG_KEY) throw invalid("The TagKey you have provided is too long", tag);
    if (tag.value.length > MAX_TAG_VALUE) throw invalid("The TagValue you have provided is too long", tag);
    if (tag.key === "" || !ALLOWED.test(tag.key)) throw invalid("The TagKey you have provided is invalid", tag);
    if (!ALLOWED.test(tag.value)) throw invalid("The TagValue you have provided is invalid", tag);
    if (tag.key.toLowerCase().startsWith("aws:")) {
      throw invalid("System tags cannot be added/updated by requester", tag);
    }
    if (keys.has(tag.key)) throw invalid("Cannot provide multiple Tags with the same key", tag);
    keys.add(tag.key);
  }
  if (tags.length > max) throw S3Error.of("BadRequest", `${of} cannot be greater than ${max}`);
};

/**
 * The tags of a bucket's `<Tagging>`, which may be 50.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/CostAllocTagging.html
 * @throws S3Error InvalidTag, BadRequest
 */
export const expectBucketTags = (document: Element): void =>
  expectTags(tagsOf(document), MAX_BUCKET_TAGS, "Bucket tag count");

/**
 * Reads `x-amz-tagging`, a query string of keys and values; undefined when it is not there.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
 * @throws S3Error InvalidArgument when it is no query string or names a key twice; InvalidTag, BadRequest
 */
export const readTagHeader = (headers: ReadonlyMap<string, string>): Tag[] | undefined => {
  const header = headers.get("x-amz-tagging");
  if (header === undefined) return undefined;
  const malformed = () =>
    S3Error.of(
      "InvalidArgument",
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      { ArgumentName: "x-amz-tagging", ArgumentValue: header },
    );
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text.replaceAll("+", " "));
    } catch {
      throw malformed();
    }
  };
  const tags = header
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const equals = pair.indexOf("=");
      const [key, value] = equals === -1 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
      return { key: decode(key), value: decode(value) };
    });
  if (new Set(tags.map(({ key }) => key)).size < tags.length) throw malformed();
  expectTags(tags, MAX_OBJECT_TAGS, "Object tags");
  return tags;
};

const objectOf = (context: Context, { bucket, key, query }: S3Request): StoredObject => {
  refuseVersion(query.get("versionId"));
  return requireObject(context, bucket, key);
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
 * @throws S3Error NoSuchBucket, NoSuchKey, InvalidArgument
 */
export const getObjectTagging: Handler = (context, request) => {
  const { tags = [] } = objectOf(context, request).attributes;
  return xmlResponse(
    render("Tagging", { TagSet: { Tag: tags.map(({ key, value }) => ({ Key: key, Value: value })) } }),
  );
};

/** Tags change neither the ETag nor the time of an object. */
const replaceTags = (context: Context, request: S3Request, tags: readonly Tag[]): void => {
  context.store.transaction(() => {
    const object = objectOf(context, request);
    const { tags: _, ...attributes } = object.attributes;
    context.store.putAttributes(object, tags.length === 0 ? attributes : { ...attributes, tags });
    recordTagged(context, request, object, tags.length > 0);
  });
  publishPending(context);
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html
 * @throws S3Error NoSuchBucket, NoSuchKey, MalformedXML, InvalidTag, BadRequest for more than 10 tags
 */
export const putObjectTagging: Handler = async (context, request) => {
  objectOf(context, request);
  const document = await readXml(request);
  expectShape(document, "Tagging", TAGGING_SHAPE);
  const tags = tagsOf(document);
  expectTags(tags, MAX_OBJECT_TAGS, "Object tags");
  replaceTags(context, request, tags);
  return { status: 200 };
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html
 * @throws S3Error NoSuchBucket, NoSuchKey, InvalidArgument
 */
export const deleteObjectTagging: Handler = (context, request) => {
  replaceTags(context, request, []);
  return { status: 204 };
};
