import { randomUUID } from "node:crypto";
import type { Context } from "./context.ts";
import { notImplemented, S3Error } from "./errors.ts";
import { publishPending, recordDeleted } from "./events.ts";
import { listEnd } from "./listing.ts";
import type { StoredObject, StoredUpload, Tag } from "./store.ts";
import {
  anyText,
  boolean,
  childrenOf,
  type Element,
  many,
  once,
  oneOf,
  optional,
  parseXml,
  type Shape,
  textOf,
} from "./xml.ts";

const DAY_MS = 24 * 3600_000;
const MAX_RULES = 1000;
const MAX_ID = 255;
/** How long the answer to a completed multipart upload is given again to whoever asks again. */
export const REPEATABLE_MS = DAY_MS;
/** What one transaction of a sweep deletes at most, so that requests are served in between. */
const BATCH = 500;

const number = (text: string): boolean => /^-?\d{1,15}$/.test(text);
const TAG = { Key: once(anyText), Value: once(anyText) };
const SIZES = { ObjectSizeGreaterThan: optional(number), ObjectSizeLessThan: optional(number) };

export const LIFECYCLE_SHAPE: Shape = {
  Rule: many(
    {
      ID: optional(anyText),
      Prefix: optional(anyText),
      Filter: optional({
        Prefix: optional(anyText),
        Tag: optional(TAG),
        ...SIZES,
        And: optional({ Prefix: optional(anyText), Tag: many(TAG), ...SIZES }),
      }),
      Status: once(oneOf("Enabled", "Disabled")),
      Expiration: optional({
        Date: optional(anyText),
        Days: optional(number),
        ExpiredObjectDeleteMarker: optional(boolean),
      }),
      AbortIncompleteMultipartUpload: optional({ DaysAfterInitiation: once(number) }),
      Transition: many("any"),
      NoncurrentVersionTransition: many("any"),
      NoncurrentVersionExpiration: many("any"),
    },
    1,
    MAX_RULES,
  ),
};

interface Rule {
  readonly id: string;
  readonly enabled: boolean;
  readonly prefix: string;
  readonly tags: readonly Tag[];
  readonly largerThan: number;
  readonly smallerThan: number;
  /** Undefined when the rule does not expire objects by age. */
  readonly days: number | undefined;
  readonly date: number | undefined;
  /** Undefined when the rule does not abort uploads. */
  readonly abortDays: number | undefined;
}

const numberOf = (element: Element | undefined, name: string): number | undefined => {
  const text = element && textOf(element, name);
  return text === undefined ? undefined : Number(text);
};

const ruleOf = (element: Element): Rule => {
  const filter = childrenOf(element, "Filter")[0];
  const predicates = (filter && childrenOf(filter, "And")[0]) ?? filter;
  const expiration = childrenOf(element, "Expiration")[0];
  const date = expiration && textOf(expiration, "Date");
  return {
    id: textOf(element, "ID") ?? "",
    enabled: textOf(element, "Status") === "Enabled",
    prefix: textOf(predicates ?? element, "Prefix") ?? "",
    tags: (predicates === undefined ? [] : childrenOf(predicates, "Tag")).map((tag) => ({
      key: textOf(tag, "Key") ?? "",
      value: textOf(tag, "Value") ?? "",
    })),
    largerThan: numberOf(predicates, "ObjectSizeGreaterThan") ?? -1,
    smallerThan: numberOf(predicates, "ObjectSizeLessThan") ?? Number.POSITIVE_INFINITY,
    days: numberOf(expiration, "Days"),
    date: date === undefined ? undefined : Date.parse(date),
    abortDays: numberOf(childrenOf(element, "AbortIncompleteMultipartUpload")[0], "DaysAfterInitiation"),
  };
};

const expectRule = (element: Element): void => {
  const has = (name: string): boolean => childrenOf(element, name).length > 0;
  const unknown = ["Transition", "NoncurrentVersionTransition", "NoncurrentVersionExpiration"].find(has);
  if (unknown !== undefined) throw notImplemented(`LifecycleConfiguration/Rule/${unknown}`);
  if (has("Filter") === has("Prefix")) throw S3Error.of("MalformedXML");
  const filter = childrenOf(element, "Filter")[0];
  if (filter !== undefined && filter.children.length > 1) throw S3Error.of("MalformedXML");
  const expiration = childrenOf(element, "Expiration")[0];
  if (expiration !== undefined && expiration.children.length !== 1) throw S3Error.of("MalformedXML");
  if (expiration !== undefined && textOf(expiration, "ExpiredObjectDeleteMarker") !== undefined) {
    throw notImplemented("LifecycleConfiguration/Rule/Expiration/ExpiredObjectDeleteMarker");
  }
  const { id, days, date, abortDays, tags, largerThan, smallerThan } = ruleOf(element);
  if (id.length > MAX_ID) throw S3Error.of("InvalidArgument", "ID length should not exceed allowed limit of 255");
  if (expiration === undefined && abortDays === undefined) {
    throw S3Error.of("InvalidRequest", "At least one action needs to be specified in a rule");
  }
  if (days !== undefined && days < 1) {
    throw S3Error.of("InvalidArgument", "'Days' for Expiration action must be a positive integer");
  }
  if (date !== undefined && (Number.isNaN(date) || date % DAY_MS !== 0)) {
    throw S3Error.of("InvalidArgument", "'Date' must be at midnight GMT");
  }
  if (abortDays === undefined) return;
  if (abortDays < 1) {
    throw S3Error.of(
      "InvalidArgument",
      "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
    );
  }
  if (tags.length > 0) {
    throw S3Error.of("InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Tags");
  }
  if (largerThan !== -1 || smallerThan !== Number.POSITIVE_INFINITY) {
    throw S3Error.of("InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Object Size");
  }
};

/**
 * Checks a configuration of that shape, and gives a name to each rule that has none.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
 * @throws S3Error MalformedXML, InvalidArgument, InvalidRequest; NotImplemented for transitions and versions
 */
export const readLifecycle = (document: Element): Element => {
  for (const rule of document.children) expectRule(rule);
  const named = document.children.map((rule) => ({
    ...rule,
    children: textOf(rule, "ID")
      ? rule.children
      : [
          { name: "ID", children: [], text: randomUUID().replaceAll("-", "") },
          ...rule.children.filter(({ name }) => name !== "ID"),
        ],
  }));
  const ids = named.map((rule) => textOf(rule, "ID"));
  if (new Set(ids).size < ids.length) {
    throw S3Error.of("InvalidArgument", "RuleId must be unique. Found same ID for one or more rules");
  }
  return { ...document, children: named };
};

const rulesIn = (document: string | undefined): Rule[] =>
  document === undefined
    ? []
    : parseXml(document)
        .children.map(ruleOf)
        .filter(({ enabled }) => enabled);

const rulesOf = ({ store }: Context, bucket: string): Rule[] => rulesIn(store.setting(bucket, "lifecycle"));

/** S3 counts days from the creation, and rounds up to the next midnight. */
const midnightAfter = (time: number, days: number): number =>
  (Math.floor((time + days * DAY_MS) / DAY_MS) + 1) * DAY_MS;

const expiryOf = (
  rules: readonly Rule[],
  { key, size, modified, attributes }: Omit<StoredObject, "id">,
): { readonly at: number; readonly rule: string } | undefined =>
  rules
    .filter(
      ({ prefix, tags, largerThan, smallerThan }) =>
        key.startsWith(prefix) &&
        size > largerThan &&
        size < smallerThan &&
        tags.every((tag) => attributes.tags?.some((own) => own.key === tag.key && own.value === tag.value)),
    )
    .flatMap(({ id, days, date }) => {
      const at = days === undefined ? date : midnightAfter(modified, days);
      return at === undefined ? [] : [{ at, rule: id }];
    })
    .sort((a, b) => a.at - b.at)[0];

const abortionOf = (rules: readonly Rule[], { key, created }: Pick<StoredUpload, "key" | "created">) =>
  rules
    .filter(({ prefix }) => key.startsWith(prefix))
    .flatMap(({ id, abortDays }) =>
      abortDays === undefined ? [] : [{ at: midnightAfter(created, abortDays), rule: id }],
    )
    .sort((a, b) => a.at - b.at)[0];

/** `x-amz-expiration`, on whatever answers for an object that a rule is going to expire. */
export const expirationHeaders = (
  context: Context,
  bucket: string,
  object: Omit<StoredObject, "id">,
): Record<string, string> => {
  const expiry = expiryOf(rulesOf(context, bucket), object);
  if (expiry === undefined) return {};
  const date = new Date(expiry.at).toUTCString();
  return { "x-amz-expiration": `expiry-date="${date}", rule-id="${encodeURIComponent(expiry.rule)}"` };
};

/** `x-amz-abort-date` and `x-amz-abort-rule-id`, on whatever answers for an upload that a rule is going to abort. */
export const abortionHeaders = (
  context: Context,
  bucket: string,
  upload: Pick<StoredUpload, "key" | "created">,
): Record<string, string> => {
  const abortion = abortionOf(rulesOf(context, bucket), upload);
  if (abortion === undefined) return {};
  return { "x-amz-abort-date": new Date(abortion.at).toUTCString(), "x-amz-abort-rule-id": abortion.rule };
};

/** Collects at most a batch of what is due; rows are read and deleted without a pause, so that none changes between. */
const due = <T>(rows: Iterable<T>, isDue: (row: T) => boolean): T[] => {
  const found: T[] = [];
  for (const row of rows) {
    if (!isDue(row)) continue;
    found.push(row);
    if (found.length === BATCH) break;
  }
  return found;
};

const sweepBucket = async (context: Context, bucket: string, rules: readonly Rule[], now: number): Promise<void> => {
  const { store, content } = context;
  const end = listEnd("");
  const actor = { bucket, id: randomUUID().replaceAll("-", "").slice(0, 16).toUpperCase(), sourceIp: undefined };
  for (let full = rules.some(({ days, date }) => days !== undefined || date !== undefined); full; ) {
    const objects = due(store.objectsBetween(bucket, Buffer.alloc(0), end), (object) => {
      const expiry = expiryOf(rules, object);
      return expiry !== undefined && expiry.at <= now;
    });
    const files = store.transaction(() =>
      objects.flatMap((object) => {
        recordDeleted(context, actor, object);
        return store.removeObject(object);
      }),
    );
    await content.remove(files);
    publishPending(context);
    full = objects.length === BATCH;
  }
  for (let full = rules.some(({ abortDays }) => abortDays !== undefined); full; ) {
    const uploads = due(store.uploadsBetween(bucket, Buffer.alloc(0), "", end), (upload) => {
      const abortion = abortionOf(rules, upload);
      return abortion !== undefined && abortion.at <= now;
    });
    const files = store.transaction(() =>
      uploads.flatMap(({ id }) => {
        const parts = store.parts(id);
        store.removeUpload(id);
        return parts.map(({ file }) => file);
      }),
    );
    await content.remove(files);
    full = uploads.length === BATCH;
  }
};

/**
 * Does what the buckets' lifecycle rules ask for by `now` (milliseconds since 1970): expires objects and aborts uploads.
 * Also forgets the answers that no client can be waiting for any more.
 */
export const sweepLifecycles = async (context: Context, now: number): Promise<void> => {
  context.store.forgetCompleted(now - REPEATABLE_MS);
  for (const { bucket, document } of context.store.settings("lifecycle")) {
    await sweepBucket(context, bucket, rulesIn(document), now);
  }
};
