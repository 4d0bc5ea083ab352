import * as z from "zod";

/** The member of that name that an object has of its own: `constructor` is a name like any other. */
export const ownMember = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const hasProto = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.some(hasProto);
  return isObject(value) && (Object.hasOwn(value, "__proto__") || Object.values(value).some(hasProto));
};

/**
 * An object of parsed JSON. A member named `__proto__` is refused at any depth, since it does not survive being copied (by
 * zod's own records neither, which is why this is no record).
 */
export const JsonObject = z
  .custom<Record<string, unknown>>(isObject, "must be an object")
  .refine((value) => !hasProto(value), "must not hold a member named __proto__")
  .meta({ type: "object" });

/** Deeper than any sensible configuration, and less than what validation can walk. */
const MAX_DEPTH = 64;

const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null;

/** Where in JSON, and why, no schema can take it in safely. */
interface ShapeFault {
  /** A JSON pointer. */
  readonly pointer: string;
  readonly rule: string;
  readonly detail: string;
}

const isIllFormed = (value: unknown): boolean => typeof value === "string" && !value.isWellFormed();

/** The place of the first member whose name or text is no Unicode, down to where nesting is allowed. */
const illFormedIn = (json: unknown, at = ""): string | undefined => {
  if (isIllFormed(json)) return at;
  if (!isContainer(json)) return undefined;
  for (const [key, value] of Object.entries(json)) {
    if (isIllFormed(key)) return at;
    const found = illFormedIn(value, pointerTo(at, key));
    if (found !== undefined) return found;
  }
  return undefined;
};

/**
 * What no schema can take in safely, found without recursion: nesting without end, members named `__proto__`, which are lost
 * wherever an object is copied, and halves of surrogate pairs, which JSON can say, and UTF-8, as DynamoDB keeps text, cannot
 * (RFC 8259 §8.2). Undefined when there is nothing of it.
 */
export const faultOfShape = (json: unknown): ShapeFault | undefined => {
  let level = [json].filter(isContainer);
  let isText = !isIllFormed(json);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) {
      return { pointer: "", rule: "too-deep", detail: `it is nested more than ${MAX_DEPTH} levels deep` };
    }
    if (level.some((value) => Object.hasOwn(value, "__proto__"))) {
      return { pointer: "", rule: "name", detail: "no member may be named __proto__" };
    }
    isText &&= !level.some((value) => Object.entries(value).flat().some(isIllFormed));
    level = level.flatMap((value) => Object.values(value).filter(isContainer));
  }
  if (isText) return undefined;
  const detail = "half of a surrogate pair (U+D800 to U+DFFF) is no text";
  return { pointer: illFormedIn(json) ?? "", rule: "unicode", detail };
};

/** What a schema found, an entry for each thing that is wrong: where, which rule, and what to do about it. */
export const issuesOf = (
  error: z.ZodError,
): { readonly path: readonly PropertyKey[]; readonly rule: string; readonly detail: string }[] =>
  error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({
          path: [...issue.path, key],
          rule: "unknown-member",
          detail: `${key} is not a member here`,
        }))
      : [{ path: issue.path, rule: issue.code.replaceAll("_", "-"), detail: detailOf(issue) }],
  );

/** An example says more than the name of a format does. */
const detailOf = (issue: z.core.$ZodIssue): string =>
  issue.code === "invalid_format" && issue.format === "datetime"
    ? "must be a time such as 2026-01-31T12:00:00Z"
    : issue.message;

/** A member of what may be an object, by its name whatever the letter case: so Greengrass reads recipes. */
export const memberInAnyCase = (value: unknown, name: string): unknown =>
  isObject(value) ? Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1] : undefined;

/** A member's place by that of what it is in: a JSON pointer, RFC 6901. */
export const pointerTo = (parent: string, key: string | number): string =>
  `${parent}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
