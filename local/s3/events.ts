import type { Context, S3Event } from "./context.ts";
import { childrenOf, parseXml } from "./xml.ts";

export type CreateReason = "PutObject" | "CopyObject" | "CompleteMultipartUpload";

const notifies = ({ store }: Context, bucket: string): boolean => {
  const document = store.setting(bucket, "notification");
  return document !== undefined && childrenOf(parseXml(document), "EventBridgeConfiguration").length > 0;
};

/** Who changes an object: a request, or S3 itself. */
export interface Actor {
  readonly id: string;
  readonly bucket: string;
  /** Undefined when S3 itself acts. */
  readonly sourceIp: string | undefined;
}

const record = (context: Context, actor: Actor, type: string, object: object, more: object = {}): void => {
  if (!notifies(context, actor.bucket)) return;
  const event: S3Event = {
    source: "aws.s3",
    "detail-type": type,
    resources: [`arn:aws:s3:::${actor.bucket}`],
    detail: {
      version: "0",
      bucket: { name: actor.bucket },
      object,
      "request-id": actor.id,
      requester: actor.sourceIp === undefined ? "s3.amazonaws.com" : context.accountId,
      ...(actor.sourceIp === undefined ? {} : { "source-ip-address": actor.sourceIp }),
      ...more,
    },
  };
  context.store.addEvent(event);
};

/** Tells the order of what was created and deleted, for objects of one key. */
const sequencer = ({ store }: Context): string => store.nextSequence().toString(16).toUpperCase().padStart(18, "0");

/**
 * Notes `Object Created` in the transaction that creates the object, if the bucket notifies EventBridge.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export const recordCreated = (
  context: Context,
  actor: Actor,
  { key, size, etag }: { readonly key: string; readonly size: number; readonly etag: string },
  reason: CreateReason,
): void => record(context, actor, "Object Created", { key, size, etag, sequencer: sequencer(context) }, { reason });

/** Notes `Object Deleted` in the transaction that deletes the object, if the bucket notifies EventBridge. */
export const recordDeleted = (
  context: Context,
  actor: Actor,
  { key, etag }: { readonly key: string; readonly etag: string },
): void =>
  record(
    context,
    actor,
    "Object Deleted",
    { key, etag, sequencer: sequencer(context) },
    {
      reason: actor.sourceIp === undefined ? "Lifecycle Expiration" : "DeleteObject",
      "deletion-type": "Permanently Deleted",
    },
  );

/** Notes `Object Tags Added` or `Object Tags Deleted`, if the bucket notifies EventBridge. */
export const recordTagged = (
  context: Context,
  actor: Actor,
  { key, etag }: { readonly key: string; readonly etag: string },
  added: boolean,
): void => record(context, actor, added ? "Object Tags Added" : "Object Tags Deleted", { key, etag });

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
