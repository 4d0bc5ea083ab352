import type { Context, S3Event } from "./context.ts";
import type { S3Request } from "./request.ts";
import { childrenOf, parseXml } from "./xml.ts";

export type CreateReason = "PutObject" | "CopyObject" | "CompleteMultipartUpload";

const notifies = ({ store }: Context, bucket: string): boolean => {
  const document = store.setting(bucket, "notification");
  return document !== undefined && childrenOf(parseXml(document), "EventBridgeConfiguration").length > 0;
};

const record = (context: Context, request: S3Request, type: string, object: object, more: object): void => {
  if (!notifies(context, request.bucket)) return;
  const event: S3Event = {
    source: "aws.s3",
    "detail-type": type,
    resources: [`arn:aws:s3:::${request.bucket}`],
    detail: {
      version: "0",
      bucket: { name: request.bucket },
      object: { ...object, sequencer: context.store.nextSequence().toString(16).toUpperCase().padStart(18, "0") },
      "request-id": request.id,
      requester: context.accountId,
      "source-ip-address": request.sourceIp,
      ...more,
    },
  };
  context.store.addEvent(event);
};

/**
 * Notes `Object Created` in the transaction that creates the object, if the bucket notifies EventBridge.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export const recordCreated = (
  context: Context,
  request: S3Request,
  { key, size, etag }: { readonly key: string; readonly size: number; readonly etag: string },
  reason: CreateReason,
): void => record(context, request, "Object Created", { key, size, etag }, { reason });

/** Notes `Object Deleted` in the transaction that deletes the object, if the bucket notifies EventBridge. */
export const recordDeleted = (
  context: Context,
  request: S3Request,
  { key, etag }: { readonly key: string; readonly etag: string },
): void =>
  record(
    context,
    request,
    "Object Deleted",
    { key, etag },
    { reason: "DeleteObject", "deletion-type": "Permanently Deleted" },
  );

/**
 * Publishes the events that were noted, in order. One that was published when the process was killed comes again at the
 * next start: EventBridge delivers at least once.
 */
export const publishPending = ({ store, publish }: Pick<Context, "store" | "publish">): void => {
  for (const { id, event } of store.pendingEvents()) {
    publish(event as S3Event);
    store.removeEvent(id);
  }
};
