import * as z from "zod";

/** The member of that name that an object has of its own: `constructor` is a name like any other. */
export const ownMember = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** A JSON object. `__proto__` is refused as a name at any depth: it does not survive being copied by other programs. */
export const JsonObject = z
  .record(z.string(), z.json())
  .refine((value) => !JSON.stringify(value).includes('"__proto__":'), "must not hold a member named __proto__");
