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
