import { type Handler, requireBucket, xmlResponse } from "./context.ts";
import { notImplemented, S3Error, type S3ErrorCode } from "./errors.ts";
import { LIFECYCLE_SHAPE, readLifecycle } from "./lifecycle.ts";
import { readXml } from "./payload.ts";
import type { Store } from "./store.ts";
import { expectBucketTags, TAGGING_SHAPE } from "./tags.ts";
import {
  anyText,
  boolean,
  childrenOf,
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
  type XmlTree,
} from "./xml.ts";

/** A configuration of a bucket that is one XML document. */
interface Setting {
  readonly name: string;
  readonly root: string;
  readonly shape: Shape;
  /** Further rules than the shape's. */
  readonly check?: (document: Element) => void;
  /** What is stored of a checked document, if it is not all of it as it is. */
  readonly complete?: (document: Element) => Element;
  /** What reading answers while there is none: an error, or an empty document. */
  readonly missing: S3ErrorCode | "empty";
  readonly putStatus: 200 | 204;
}

const OWNERSHIP = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"] as const;

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

const checkEncryption = (document: Element): void => {
  const [rule] = childrenOf(document, "Rule");
  const defaults = rule && childrenOf(rule, "ApplyServerSideEncryptionByDefault")[0];
  const algorithm = defaults && textOf(defaults, "SSEAlgorithm");
  if (algorithm !== undefined && algorithm !== "AES256") throw notImplemented(`SSEAlgorithm: ${algorithm}`);
  if (defaults !== undefined && textOf(defaults, "KMSMasterKeyID") !== undefined) {
    throw S3Error.of(
      "InvalidArgument",
      "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
      { ArgumentName: "ApplyServerSideEncryptionByDefault" },
    );
  }
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
  check: checkEncryption,
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
  shape: TAGGING_SHAPE,
  check: expectBucketTags,
  missing: "NoSuchTagSet",
  putStatus: 204,
};
export const lifecycle: Setting = {
  name: "lifecycle",
  root: "LifecycleConfiguration",
  shape: LIFECYCLE_SHAPE,
  complete: readLifecycle,
  missing: "NoSuchLifecycleConfiguration",
  putStatus: 200,
};
export const ownershipControls: Setting = {
  name: "ownershipControls",
  root: "OwnershipControls",
  shape: { Rule: once({ ObjectOwnership: once(oneOf(...OWNERSHIP)) }) },
  missing: "OwnershipControlsNotFoundError",
  putStatus: 200,
};

const putTree = (store: Store, bucket: string, setting: Setting, tree: XmlTree): void =>
  store.putSetting(bucket, setting.name, render(setting.root, tree));

const putDefaultEncryption = (store: Store, bucket: string): void =>
  putTree(store, bucket, encryption, {
    Rule: { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false },
  });

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
  putDefaultEncryption(store, bucket);
  putTree(store, bucket, publicAccessBlock, {
    BlockPublicAcls: true,
    IgnorePublicAcls: true,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: true,
  });
  putTree(store, bucket, ownershipControls, { Rule: { ObjectOwnership: ownership } });
};

/** The operation that stores a setting. @throws S3Error NoSuchBucket, MalformedXML, and those of the setting's rules */
export const putSetting =
  (setting: Setting): Handler =>
  async (context, request) => {
    requireBucket(context, request.bucket);
    const document = await readXml(request);
    expectShape(document, setting.root, setting.shape);
    setting.check?.(document);
    const stored = setting.complete?.(document) ?? document;
    context.store.transaction(() => {
      requireBucket(context, request.bucket);
      context.store.putSetting(request.bucket, setting.name, renderElement(stored));
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

/** The operation that removes a setting; encryption goes back to what a new bucket has. @throws S3Error NoSuchBucket */
export const deleteSetting =
  (setting: Setting): Handler =>
  (context, { bucket }) => {
    context.store.transaction(() => {
      requireBucket(context, bucket);
      if (setting === encryption) putDefaultEncryption(context.store, bucket);
      else context.store.removeSetting(bucket, setting.name);
    });
    return { status: 204 };
  };
