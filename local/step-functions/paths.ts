import { JSONPath } from "jsonpath-plus";
import { runtimeError, StateError } from "./errors.ts";
import { callIntrinsic } from "./intrinsics.ts";

/** A JSON value, or a JSON object that has members by name. */
export type Fields = Readonly<Record<string, unknown>>;
export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What a path leads to where there is nothing. */
export const MISSING = Symbol("missing");

const STEP = /\.([^.[\](),*?@'"\s]+)|\[(-?\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y;
const parsed = new Map<string, readonly (string | number)[] | undefined>();

/** The steps of a path that leads to one place; undefined for one that may lead to many. */
const stepsOf = (path: string): readonly (string | number)[] | undefined => {
  if (parsed.has(path)) return parsed.get(path);
  const steps: (string | number)[] = [];
  STEP.lastIndex = 1;
  let at = 1;
  for (let match = STEP.exec(path); match !== null; match = STEP.exec(path)) {
    const [, name, index, single, double] = match;
    if (index !== undefined) steps.push(Number(index));
    else steps.push(name ?? (single ?? double ?? "").replace(/\\(.)/g, "$1"));
    at = STEP.lastIndex;
  }
  const definite = at === path.length ? steps : undefined;
  parsed.set(path, definite);
  return definite;
};

const step = (value: unknown, name: string | number): unknown => {
  if (Array.isArray(value))
    return typeof name === "number" && Math.abs(name) <= value.length ? value.at(name) : MISSING;
  return isFields(value) && Object.hasOwn(value, name) ? value[String(name)] : MISSING;
};

/** What `$…` leads to in `data`, `$$…` in `context`: {@link MISSING}, or an array where the path may lead to many. */
export const find = (path: string, data: unknown, context: unknown): unknown => {
  const [root, from] = path.startsWith("$$") ? [context, path.slice(1)] : [data, path];
  if (!from.startsWith("$")) throw runtimeError(`Invalid path '${path}'`);
  const steps = stepsOf(from);
  if (steps !== undefined) {
    let value = root;
    for (const name of steps) {
      value = step(value, name);
      if (value === MISSING || value === undefined) return MISSING;
    }
    return value;
  }
  if (typeof root !== "object" || root === null) return MISSING;
  try {
    return JSONPath({ path: from, json: root, wrap: true, eval: "safe" });
  } catch (error) {
    throw runtimeError(`Invalid path '${path}': ${error instanceof Error ? error.message : String(error)}`);
  }
};

/** `InputPath`, `OutputPath` and other paths that have to lead somewhere: `null` leads to an empty object. */
export const select = (path: unknown, data: unknown, context: unknown): unknown => {
  if (path === undefined || path === "$") return data;
  if (path === null) return {};
  const value = find(String(path), data, context);
  if (value === MISSING) throw runtimeError(`Invalid path '${path}' : No results for path`);
  return value;
};

/** The value of an expression: a path, or a call of an intrinsic function. */
export const evaluate = (expression: unknown, data: unknown, context: unknown, field: string): unknown => {
  if (typeof expression !== "string") throw runtimeError(`The value of the field '${field}' must be a path`);
  if (expression.startsWith("States.")) {
    return callIntrinsic(expression, (path) => {
      const value = find(path, data, context);
      if (value === MISSING)
        throw new StateError("States.IntrinsicFailure", `Invalid path '${path}' in '${expression}'`);
      return value;
    });
  }
  const value = find(expression, data, context);
  if (value === MISSING) {
    const input = JSON.stringify(expression.startsWith("$$") ? context : data);
    throw runtimeError(
      `The JSONPath '${expression}' specified for the field '${field}' could not be found in the input '${input}'`,
    );
  }
  return value;
};

/** A payload template (`Parameters`, `ItemSelector`, `ResultSelector`, …) with its `.$` fields filled in. */
export const fill = (template: unknown, data: unknown, context: unknown): unknown => {
  if (Array.isArray(template)) return template.map((one) => fill(one, data, context));
  if (!isFields(template)) return template;
  const filled: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(template)) {
    if (name.endsWith(".$")) filled[name.slice(0, -2)] = evaluate(value, data, context, name);
    else filled[name] = fill(value, data, context);
  }
  return filled;
};

const place = (value: unknown, steps: readonly (string | number)[], result: unknown, path: string): unknown => {
  const [name, ...rest] = steps;
  if (name === undefined) return result;
  if (Array.isArray(value)) {
    if (typeof name !== "number" || name < 0 || name >= value.length) {
      throw new StateError("States.ResultPathMatchFailure", `Unable to apply ReferencePath ${path} to the input`);
    }
    return value.with(name, place(value[name], rest, result, path));
  }
  if (typeof name === "number" || (value !== undefined && !isFields(value))) {
    throw new StateError("States.ResultPathMatchFailure", `Unable to apply ReferencePath ${path} to the input`);
  }
  return { ...value, [name]: place(value?.[name] ?? undefined, rest, result, path) };
};

/** `ResultPath`: the state's input with the result in its place; the input itself is not changed. */
export const putResult = (path: unknown, input: unknown, result: unknown): unknown => {
  if (path === undefined || path === "$") return result;
  if (path === null) return input;
  const steps = stepsOf(String(path));
  if (steps === undefined) throw runtimeError(`ResultPath '${path}' is not a reference path`);
  return place(input, steps, result, String(path));
};

/**
 * A number that a state gives by itself or, under the name with `Path`, by a path into its input.
 * @throws StateError States.Runtime where the path leads to anything but an integer of 0 or more
 */
export const numberOf = (state: Fields, field: string, data: unknown, context: unknown): number | undefined => {
  const path = state[`${field}Path`];
  if (path === undefined) return typeof state[field] === "number" ? state[field] : undefined;
  const value = select(path, data, context);
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw runtimeError(`The ${field}Path parameter does not reference an integer value: ${path}`);
  }
  return value;
};
