import { type Handler, requireBucket, xmlResponse } from "./context.ts";
import { notImplemented, S3Error, type S3ErrorCode } from "./errors.ts";
import { readText, readXml } from "./payload.ts";
import type { Store } from "./store.ts";
import {
  anyText,
  boolean,
  type Element,
  expectShape,
  integer,
  many,
  once,
  oneOf,
  optional,
  render,
  renderElement,
  type Shape,
  textOf,
} from "./xml.ts";

/** A configuration of a bucket that is one XML document. */
interface Setting {
  readonly name: string;
  readonly root: string;
  readonly shape: Shape;
  /** Further rules than the shape's. */
  readonly check?: (document: Element) => void;
  /** What reading answers while there is none: an error, or an empty document. */
  readonly missing: S3ErrorCode | "empty";
  readonly putStatus: 200 | 204;
}

const OWNERSHIP = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"] as const;

const checkTags = (document: Element): void => {
  const tags = document.children.flatMap(({ children }) => children);
  const keys = tags.map((tag) => textOf(tag, "Key") ?? "");
  if (new Set(keys).size < keys.length)
    throw S3Error.of("InvalidTag", "Cannot provide multiple Tags with the same key");
  for (const tag of tags) {
    const [key, value] = [textOf(tag, "Key") ?? "", textOf(tag, "Value") ?? ""];
    if (key.length > 128) throw S3Error.of("InvalidTag", "The TagKey you have provided is too long", { TagKey: key });
    if (key === "" || key.startsWith("aws:")) {
      throw S3Error.of("InvalidTag", "The TagKey you have provided is invalid", { TagKey: key });
    }
    if (value.length > 256)
      throw S3Error.of("InvalidTag", "The TagValue you have provided is too long", { TagKey: key });
  }
};

const checkCors = (document: Element): void => {
  for (const value of document.children.flatMap(({ children }) => children)) {
    const wild = value.name === "AllowedOrigin" || value.name === "AllowedHeader";
    if (wild && value.text.split("*").length > 2) {
      throw S3Error.of("InvalidRequest", `${value.name} "${value.text}" can not have more than one wildcard.`);
    }
  }
};

const checkNotification = (document: Element): void => {
  const other = document.children.find(({ name }) => name !== "EventBridgeConfiguration");
  if (other !== undefined) throw notImplemented(`NotificationConfiguration/${other.name}`);
};

const method = oneOf("GET", "PUT", "HEAD", "POST", "DELETE");
const nonEmpty = (text: string): boolean => text !== "";

export const encryption: Setting = {
  name: "encryption",
  root: "ServerSideEncryptionConfiguration",
  shape: {
    Rule: once({
      ApplyServerSideEncryptionByDefault: optional({
        SSEAlgorithm: once(oneOf("AES256", "aws:kms", "aws:kms:dsse")),
        KMSMasterKeyID: optional(nonEmpty),
      }),
      BucketKeyEnabled: optional(boolean),
      BlockedEncryptionTypes: optional({ EncryptionType: many(oneOf("NONE", "SSE-C")) }),
    }),
  },
  missing: "ServerSideEncryptionConfigurationNotFoundError",
  putStatus: 200,
};
export const publicAccessBlock: Setting = {
  name: "publicAccessBlock",
  root: "PublicAccessBlockConfiguration",
  shape: {
    BlockPublicAcls: optional(boolean),
    IgnorePublicAcls: optional(boolean),
    BlockPublicPolicy: optional(boolean),
    RestrictPublicBuckets: optional(boolean),
  },
  missing: "NoSuchPublicAccessBlockConfiguration",
  putStatus: 200,
};
export const cors: Setting = {
  name: "cors",
  root: "CORSConfiguration",
  shape: {
    CORSRule: many(
      {
        ID: optional(anyText),
        AllowedOrigin: many(nonEmpty, 1),
        AllowedMethod: many(method, 1),
        AllowedHeader: many(nonEmpty),
        ExposeHeader: many(nonEmpty),
        MaxAgeSeconds: optional(integer),
      },
      1,
      100,
    ),
  },
  check: checkCors,
  missing: "NoSuchCORSConfiguration",
  putStatus: 200,
};
export const notification: Setting = {
  name: "notification",
  root: "NotificationConfiguration",
  shape: {
    EventBridgeConfiguration: optional({}),
    TopicConfiguration: many("any"),
    QueueConfiguration: many("any"),
    CloudFunctionConfiguration: many("any"),
  },
  check: checkNotification,
  missing: "empty",
  putStatus: 200,
};
export const tagging: Setting = {
  name: "tagging",
  root: "Tagging",
  shape: { TagSet: once({ Tag: many({ Key: once(anyText), Value: once(anyText) }, 0, 50) }) },
  check: checkTags,
  missing: "NoSuchTagSet",
  putStatus: 204,
};
export const ownershipControls: Setting = {
  name: "ownershipControls",
  root: "OwnershipControls",
  shape: { Rule: once({ ObjectOwnership: once(oneOf(...OWNERSHIP)) }) },
  missing: "OwnershipControlsNotFoundError",
  putStatus: 200,
};

/**
 * What S3 gives a new bucket: SSE-S3, all public access blocked, no ACLs.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
 * @throws S3Error InvalidArgument for an ownership that there is not
 */
export const addDefaultSettings = (store: Store, bucket: string, ownership = "BucketOwnerEnforced"): void => {
  if (!OWNERSHIP.some((known) => known === ownership)) {
    throw S3Error.of("InvalidArgument", "Invalid x-amz-object-ownership header", { ArgumentValue: ownership });
  }
  const put = (setting: Setting, tree: Parameters<typeof render>[1]) =>
    store.putSetting(bucket, setting.name, render(setting.root, tree));
  put(encryption, {
    Rule: { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false },
  });
  put(publicAccessBlock, {
    BlockPublicAcls: true,
    IgnorePublicAcls: true,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: true,
  });
  put(ownershipControls, { Rule: { ObjectOwnership: ownership } });
};

/** The operation that stores a setting. @throws S3Error NoSuchBucket, MalformedXML, and those of the setting's rules */
export const putSetting =
  (setting: Setting): Handler =>
  async (context, request) => {
    requireBucket(context, request.bucket);
    const document = await readXml(request);
    expectShape(document, setting.root, setting.shape);
    setting.check?.(document);
    context.store.transaction(() => {
      requireBucket(context, request.bucket);
      context.store.putSetting(request.bucket, setting.name, renderElement(document));
    });
    return { status: setting.putStatus };
  };

/** The operation that reads a setting. @throws S3Error NoSuchBucket, and the setting's own error while there is none */
export const getSetting =
  (setting: Setting): Handler =>
  (context, { bucket }) => {
    requireBucket(context, bucket);
    const document = context.store.setting(bucket, setting.name);
    if (document !== undefined) return xmlResponse(document);
    if (setting.missing === "empty") return xmlResponse(render(setting.root, {}));
    throw S3Error.of(setting.missing, undefined, { BucketName: bucket });
  };

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html @throws S3Error NoSuchBucket, MalformedPolicy */
export const putBucketPolicy: Handler = async (context, request) => {
  requireBucket(context, request.bucket);
  const text = await readText(request);
  expectPolicy(text);
  context.store.transaction(() => {
    requireBucket(context, request.bucket);
    context.store.putSetting(request.bucket, "policy", text);
  });
  return { status: 204 };
};

const expectPolicy = (text: string): void => {
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch (cause) {
    throw Object.assign(S3Error.of("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'"), {
      cause,
    });
  }
  if (typeof policy !== "object" || policy === null || Array.isArray(policy)) {
    throw S3Error.of("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'");
  }
  if (!("Statement" in policy)) throw S3Error.of("MalformedPolicy", "Missing required field Statement");
  if (!("Version" in policy) || !["2008-10-17", "2012-10-17"].includes(String(policy.Version))) {
    throw S3Error.of("MalformedPolicy", "The policy must contain a valid version string");
  }
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html @throws S3Error NoSuchBucket, NoSuchBucketPolicy */
export const getBucketPolicy: Handler = (context, { bucket }) => {
  requireBucket(context, bucket);
  const policy = context.store.setting(bucket, "policy");
  if (policy === undefined) throw S3Error.of("NoSuchBucketPolicy", undefined, { BucketName: bucket });
  return { status: 200, headers: { "content-type": "application/json" }, body: policy };
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html @throws S3Error NoSuchBucket */
export const deleteBucketPolicy: Handler = (context, { bucket }) => {
  requireBucket(context, bucket);
  context.store.removeSetting(bucket, "policy");
  return { status: 204 };
};
