import { expectWritable } from "./conditions.ts";
import { type Context, requireBucket } from "./context.ts";
import { S3Error } from "./errors.ts";
import { type CreateReason, publishPending, recordCreated, recordDeleted } from "./events.ts";
import type { S3Request } from "./request.ts";
import type { NewObject, StoredObject } from "./store.ts";

const MAX_KEY_BYTES = 1024;

/**
 * What can be refused before a body is read: the bucket, the key, the conditions.
 * @throws S3Error NoSuchBucket, KeyTooLongError, PreconditionFailed, NoSuchKey, NotImplemented
 */
export const expectWrite = ({ store, ...context }: Context, { bucket, key, headers }: S3Request): void => {
  requireBucket({ store, ...context }, bucket);
  const size = Buffer.byteLength(key);
  if (size > MAX_KEY_BYTES) {
    throw S3Error.of("KeyTooLongError", undefined, { Size: String(size), MaxSizeAllowed: String(MAX_KEY_BYTES) });
  }
  expectWritable(headers, key, store.findObject(bucket, key));
};

/**
 * Makes an object visible, in one transaction with what it replaces, with its event and with whatever `also` writes. Its
 * files are in place already; when the write is refused, the files of `object` that are `ours` are removed again.
 * @throws S3Error those of {@link expectWrite}
 */
export const writeObject = async (
  context: Context,
  request: S3Request,
  object: Omit<NewObject, "bucket" | "key">,
  reason: CreateReason,
  also: { readonly ours: boolean; readonly work: () => readonly string[] } = { ours: true, work: () => [] },
): Promise<void> => {
  const { store, content } = context;
  const { bucket, key } = request;
  let replaced: readonly string[];
  try {
    replaced = store.transaction(() => {
      expectWrite(context, request);
      const existing = store.findObject(bucket, key);
      const files = existing === undefined ? [] : store.removeObject(existing);
      const more = also.work();
      store.addObject({ ...object, bucket, key });
      recordCreated(context, request, { key, size: object.size, etag: object.etag }, reason);
      return [...files, ...more];
    });
  } catch (error) {
    if (also.ours) await content.remove(object.segments.map(({ file }) => file));
    throw error;
  }
  await content.remove(replaced);
  publishPending(context);
};

/** Removes objects in one transaction with their events. The caller has read them in the same turn. */
export const removeObjects = async (
  context: Context,
  request: S3Request,
  objects: readonly StoredObject[],
): Promise<void> => {
  const files = context.store.transaction(() =>
    objects.flatMap((object) => {
      recordDeleted(context, request, object);
      return context.store.removeObject(object);
    }),
  );
  await context.content.remove(files);
  publishPending(context);
};
