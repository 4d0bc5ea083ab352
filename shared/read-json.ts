import type * as z from "zod";
import { faultOfShape, issuesOf } from "./json.ts";
import { AppError, type Finding } from "./problems.ts";

/** RFC 6901. */
const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/**
 * The value as the schema has it.
 * @param what it is, for people, such as `the body`
 * @throws AppError `invalid-request` with a finding for each thing that is wrong
 */
export const validated = <Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  what: string,
  where: (path: readonly PropertyKey[]) => Pick<Finding, "pointer" | "parameter"> = (path) => ({
    pointer: pointerOf(path),
  }),
): z.output<Schema> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const findings = issuesOf(parsed.error).map(({ path, ...issue }): Finding => ({ ...where(path), ...issue }));
  throw refused(what, findings);
};

/** What an input is refused with for these findings: `the body is not valid: /name: …`. */
export const refused = (what: string, findings: readonly Finding[]): AppError => {
  const [first] = findings;
  const place = first?.pointer ?? first?.parameter;
  const at = place === undefined || place === "" ? "" : `${place}: `;
  return new AppError("invalid-request", `${what} is not valid: ${at}${first?.detail}`, { findings });
};

/** @throws AppError `malformed-json` when the bytes are not UTF-8 (RFC 8259 §8.1) */
export const utf8 = (bytes: Uint8Array, what: string): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new AppError("malformed-json", `${what} is not UTF-8`, { cause: error });
  }
};

/** The JSON in a text, as the schema has it. @throws AppError `malformed-json`, `invalid-request` */
export const readJson = <Schema extends z.ZodType>(schema: Schema, text: string, what: string): z.output<Schema> => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AppError("malformed-json", `${what} is not JSON`, { cause: error });
  }
  return checkedJson(schema, json, what);
};

/** JSON that was parsed, as the schema has it. @throws AppError `invalid-request` */
export const checkedJson = <Schema extends z.ZodType>(
  schema: Schema,
  json: unknown,
  what: string,
): z.output<Schema> => {
  const misshapen = faultOfShape(json);
  if (misshapen !== undefined) {
    throw refused(what, [misshapen]);
  }
  return validated(schema, json, what);
};
