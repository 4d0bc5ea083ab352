import { isIP } from "node:net";
import { type Context, type Handler, queryNumber, requireBucket, xmlResponse } from "./context.ts";
import { notImplemented, S3Error } from "./errors.ts";
import { readText } from "./payload.ts";
import type { S3Request } from "./request.ts";
import { addDefaultSettings } from "./settings.ts";
import { anyText, expectShape, optional, parseXml, render, renderText, textOf } from "./xml.ts";

const MAX_BUCKETS = 10_000;
const RESERVED = [/^xn--/, /^sthree-/, /^amzn-s3-demo-/, /-s3alias$/, /--ol-s3$/, /\.mrap$/, /--x-s3$/, /--table-s3$/];

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const isBucketName = (name: string): boolean =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
  !name.includes("..") &&
  isIP(name) === 0 &&
  !RESERVED.some((pattern) => pattern.test(name));

const requireLocation = async (region: string, request: S3Request): Promise<void> => {
  const text = await readText(request);
  const configuration = text === "" ? undefined : parseXml(text);
  if (configuration !== undefined) {
    const unknown = configuration.children.find(({ name }) => ["Location", "Bucket", "Tags"].includes(name));
    if (unknown !== undefined) throw notImplemented(`CreateBucketConfiguration/${unknown.name}`);
    expectShape(configuration, "CreateBucketConfiguration", { LocationConstraint: optional(anyText) });
  }
  const constraint = configuration && textOf(configuration, "LocationConstraint");
  if (constraint === "us-east-1")
    throw S3Error.of("InvalidLocationConstraint", undefined, { LocationConstraint: constraint });
  if ((constraint || "us-east-1") === region) return;
  throw S3Error.of(
    "IllegalLocationConstraintException",
    `The ${constraint || "unspecified"} location constraint is incompatible for the region specific endpoint this request was sent to.`,
  );
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
 * @throws S3Error InvalidBucketName, IllegalLocationConstraintException, InvalidLocationConstraint,
 *   BucketAlreadyOwnedByYou (not in us-east-1, where creating again succeeds), BucketAlreadyExists, MalformedXML
 */
export const createBucket: Handler = async (context, request) => {
  const { store, accountId, region } = context;
  const name = request.bucket;
  if (!isBucketName(name)) throw S3Error.of("InvalidBucketName", undefined, { BucketName: name });
  const unknown = [...request.headers.keys()].find((header) => /^x-amz-(grant-|bucket-object-lock)/.test(header));
  const acl = request.headers.get("x-amz-acl") ?? "private";
  if (unknown !== undefined || acl !== "private") throw notImplemented(unknown ?? `x-amz-acl: ${acl}`);
  await requireLocation(region, request);
  store.transaction(() => {
    const existing = store.findBucket(name);
    if (existing === undefined) {
      store.addBucket({ name, owner: accountId, created: Date.now() });
      addDefaultSettings(store, name, request.headers.get("x-amz-object-ownership"));
    } else if (existing.owner !== accountId) throw S3Error.of("BucketAlreadyExists", undefined, { BucketName: name });
    else if (region !== "us-east-1") throw S3Error.of("BucketAlreadyOwnedByYou", undefined, { BucketName: name });
  });
  return { status: 200, headers: { location: `/${name}`, "x-amz-bucket-arn": `arn:aws:s3:::${name}` } };
};

/** Makes another account's bucket, which no operation can. @throws Error when it is this account's */
export const addForeignBucket = ({ store, accountId }: Context, name: string, owner: string): void =>
  store.transaction(() => {
    const existing = store.findBucket(name);
    if (owner === accountId || (existing !== undefined && existing.owner !== owner)) {
      throw new Error(`${name} is no foreign bucket of ${owner}`);
    }
    if (existing === undefined) store.addBucket({ name, owner, created: Date.now() });
  });

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html @throws S3Error NoSuchBucket (404 without a body) */
export const headBucket: Handler = (context, { bucket }) => {
  requireBucket(context, bucket);
  return {
    status: 200,
    headers: {
      "x-amz-bucket-region": context.region,
      "x-amz-bucket-arn": `arn:aws:s3:::${bucket}`,
      "x-amz-access-point-alias": "false",
    },
  };
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html @throws S3Error NoSuchBucket, BucketNotEmpty */
export const deleteBucket: Handler = async (context, { bucket }) => {
  const files = context.store.transaction(() => {
    requireBucket(context, bucket);
    if (!context.store.isEmpty(bucket)) throw S3Error.of("BucketNotEmpty", undefined, { BucketName: bucket });
    return context.store.removeBucket(bucket);
  });
  await context.content.remove(files);
  return { status: 204 };
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html @throws S3Error NoSuchBucket */
export const getBucketLocation: Handler = (context, { bucket }) => {
  requireBucket(context, bucket);
  // us-east-1 has no name here.
  return xmlResponse(renderText("LocationConstraint", context.region === "us-east-1" ? "" : context.region));
};

/** The account as S3's documents name an owner. */
export const ownerOf = ({ accountId }: Pick<Context, "accountId">) => ({ ID: accountId.padStart(64, "0") });

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html @throws S3Error InvalidArgument */
export const listBuckets: Handler = (context, request) => {
  const max = queryNumber(request, "max-buckets", MAX_BUCKETS, 1, MAX_BUCKETS);
  const prefix = request.query.get("prefix");
  const after = Buffer.from(request.query.get("continuation-token") ?? "", "base64url").toString("utf8");
  const region = request.query.get("bucket-region") ?? context.region;
  const found = context.store
    .listBuckets(context.accountId)
    .filter(({ name }) => region === context.region && name > after && name.startsWith(prefix ?? ""));
  const page = found.slice(0, max);
  const last = page.at(-1);
  return xmlResponse(
    render("ListAllMyBucketsResult", {
      Owner: ownerOf(context),
      Buckets: {
        Bucket: page.map(({ name, created }) => ({
          Name: name,
          CreationDate: new Date(created).toISOString(),
          BucketRegion: context.region,
          BucketArn: `arn:aws:s3:::${name}`,
        })),
      },
      Prefix: prefix,
      ContinuationToken:
        found.length > page.length && last !== undefined ? Buffer.from(last.name).toString("base64url") : undefined,
    }),
  );
};
