import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { CliError } from "./failures.ts";
import { type Field, kebab } from "./operations.ts";

/** The text that an option gives: itself, `@file`, or `-` for the standard input. @throws CliError */
export const given = async (value: string): Promise<string> => {
  if (value === "-") return text(process.stdin);
  if (!value.startsWith("@")) return value;
  const file = value.slice(1);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new CliError("usage", `${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
};

/**
 * A secret from `@file` or the standard input: on a command line others could read it in the list of processes.
 * @throws CliError
 */
export const secret = async (value: string, option: string): Promise<string> => {
  if (value !== "-" && !value.startsWith("@")) {
    throw new CliError("usage", `${option} takes @FILE or -, not the secret itself: other users could see it`);
  }
  const written = (await given(value)).trim();
  if (written === "") throw new CliError("usage", `${option} got nothing to read`);
  return written;
};

/** JSON, or YAML. @param what how it is called in an error */
export const structured = async (value: string, what: string): Promise<unknown> => {
  const written = await given(value);
  const { parse } = await import("yaml");
  try {
    return parse(written);
  } catch (error) {
    const [first = ""] = String((error as Error).message).split("\n");
    throw new CliError("usage", `${what} is neither JSON nor YAML: ${first}`);
  }
};

/** A whole number. @throws CliError */
export const integer = (value: string, what: string): number => {
  if (!/^-?\d+$/.test(value)) {
    throw new CliError("usage", `${what} takes a whole number, not ${value}`);
  }
  return Number(value);
};

/** What an option says, as the API takes it. @param value `false` for `--no-name` */
const fieldValue = async (field: Field, value: unknown): Promise<unknown> => {
  const what = `--${kebab(field.name)}`;
  if (value === false && field.type !== "boolean") return null;
  if (typeof value !== "string") return value;
  if (field.type === "integer" || field.type === "number") return integer(value, what);
  if (field.type === "secret") return secret(value, what);
  if (field.type === "time") return time(value);
  if (field.type === "strings") return value.split(",").map((part) => part.trim());
  if (field.type === "object" || field.type === "array") return structured(value, what);
  return value;
};

/** Those of the fields that options give. */
export const fieldsFrom = async (
  fields: readonly Field[],
  options: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> => {
  const entries: [string, unknown][] = [];
  for (const field of fields) {
    const value = options[field.name];
    if (value !== undefined && value !== true) entries.push([field.name, await fieldValue(field, value)]);
    else if (value === true && field.type === "boolean") entries.push([field.name, true]);
  }
  return Object.fromEntries(entries);
};

/** A number from 1 on. @throws CliError */
export const count = (text: string): number => {
  const number = integer(text, "a count");
  if (number < 1) throw new CliError("usage", `a count begins with 1, and is not ${number}`);
  return number;
};

/** A time as the API takes it everywhere: ISO 8601 in UTC. @throws CliError */
export const time = (text: string): string => {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  if (!isTime || Number.isNaN(Date.parse(text))) {
    const next = "Give one such as 2026-01-31T12:00:00Z, or with an offset: 2026-01-31T13:00:00+01:00.";
    throw new CliError("usage", `${text} is no time`, next);
  }
  return text.endsWith("Z") ? text : new Date(text).toISOString();
};

/** Milliseconds of `90s`, `10m`, `2h`. @throws CliError */
export const duration = (text: string): number => {
  const [, number, unit = "s"] = /^(\d+)(ms|s|m|h)?$/.exec(text) ?? [];
  if (number === undefined) throw new CliError("usage", `${text} is no duration`, "Give one such as 90s, 10m or 2h.");
  return Number(number) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit as "ms" | "s" | "m" | "h"];
};
