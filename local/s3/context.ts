import type { Content } from "./content.ts";
import { S3Error } from "./errors.ts";
import type { S3Request, S3Response } from "./request.ts";
import type { Bucket, Store, StoredObject } from "./store.ts";

/** What S3 sends to EventBridge; the bus adds id, time, account and region. */
export interface S3Event {
  source: "aws.s3";
  "detail-type": string;
  resources: string[];
  detail: unknown;
}

/** What every operation works with. */
export interface Context {
  readonly store: Store;
  readonly content: Content;
  readonly region: string;
  readonly accountId: string;
  readonly publish: (event: S3Event) => void;
}

/** One operation. Throws {@link S3Error}, which becomes the error document. */
export type Handler = (context: Context, request: S3Request) => S3Response | Promise<S3Response>;

export const XML_TYPE = { "content-type": "application/xml" } as const;

export const xmlResponse = (body: string, headers: Readonly<Record<string, string>> = {}): S3Response => ({
  status: 200,
  headers: { ...XML_TYPE, ...headers },
  body,
});

/** @throws S3Error NoSuchBucket; AccessDenied when it is another account's */
export const requireBucket = (context: Context, name: string): Bucket => {
  const bucket = context.store.findBucket(name);
  if (bucket === undefined) throw S3Error.of("NoSuchBucket", undefined, { BucketName: name });
  if (bucket.owner !== context.accountId) throw S3Error.of("AccessDenied");
  return bucket;
};

/** Versions are not kept, so that the only version there can be is `null`. @throws S3Error InvalidArgument */
export const refuseVersion = (version: string | undefined): void => {
  if (version !== undefined && version !== "null") {
    throw S3Error.of("InvalidArgument", "Invalid version id specified", {
      ArgumentName: "versionId",
      ArgumentValue: version,
    });
  }
};

/** @throws S3Error NoSuchBucket, NoSuchKey */
export const requireObject = (context: Context, bucket: string, key: string): StoredObject => {
  requireBucket(context, bucket);
  const object = context.store.findObject(bucket, key);
  if (object === undefined) throw S3Error.of("NoSuchKey", undefined, { Key: key });
  return object;
};

/** Reads a whole number within limits from the query. @throws S3Error InvalidArgument */
export const queryNumber = (request: S3Request, name: string, otherwise: number, min: number, max: number): number => {
  const value = request.query.get(name);
  if (value === undefined || value === "") return otherwise;
  if (!/^\d{1,10}$/.test(value) || Number(value) < min || Number(value) > max) {
    throw S3Error.of("InvalidArgument", `Provided ${name} not an integer or within integer range`, {
      ArgumentName: name,
      ArgumentValue: value,
    });
  }
  return Number(value);
};
