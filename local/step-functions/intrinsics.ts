import { createHash, randomInt, randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { StateError } from "./errors.ts";

type Node =
  | { readonly kind: "call"; readonly name: string; readonly arguments: readonly Node[] }
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "value"; readonly value: unknown };

const fail = (expression: string, why: string): never => {
  throw new StateError("States.IntrinsicFailure", `The function '${expression}' had the following error: ${why}`);
};

/** Reads `States.Name(argument, …)`: arguments are texts in single quotes, numbers, literals, paths and calls. */
const parse = (text: string): Node => {
  let at = 0;
  const skip = () => {
    while (text[at] === " ") at += 1;
  };
  const quoted = (): string => {
    let value = "";
    for (at += 1; text[at] !== "'"; at += 1) {
      if (at >= text.length) return fail(text, "a text without its closing quote");
      // States.Format reads the escapes of braces itself.
      if (text[at] === "\\" && /['\\]/.test(text[at + 1] ?? "")) at += 1;
      else if (text[at] === "\\" && /[{}]/.test(text[at + 1] ?? "")) value += text[at++];
      value += text[at];
    }
    at += 1;
    return value;
  };
  const path = (): string => {
    const from = at;
    let open = 0;
    for (let quote = ""; at < text.length; at += 1) {
      const character = text[at] ?? "";
      if (quote !== "") quote = character === quote ? "" : quote;
      else if (/['"]/.test(character) && open > 0) quote = character;
      else if (/[[(]/.test(character)) open += 1;
      else if (/[\])]/.test(character) && open > 0) open -= 1;
      else if (/[,)]/.test(character) && open === 0) break;
    }
    return text.slice(from, at).trim();
  };
  const node = (): Node => {
    skip();
    if (text[at] === "'") return { kind: "value", value: quoted() };
    if (text[at] === "$") return { kind: "path", path: path() };
    const call = /^States\.(\w+)\(/.exec(text.slice(at));
    if (call === null) {
      const literal = /^(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/.exec(text.slice(at))?.[0];
      if (literal === undefined) return fail(text, `cannot be read at ${at}`);
      at += literal.length;
      return { kind: "value", value: JSON.parse(literal) };
    }
    at += call[0].length;
    const given: Node[] = [];
    for (skip(); text[at] !== ")"; skip()) {
      if (given.length > 0 && text[at] === ",") at += 1;
      else if (given.length > 0) return fail(text, `cannot be read at ${at}`);
      given.push(node());
    }
    at += 1;
    return { kind: "call", name: call[1] ?? "", arguments: given };
  };
  const root = node();
  skip();
  return at === text.length ? root : fail(text, `cannot be read at ${at}`);
};

const asText = (value: unknown): string => {
  if (typeof value !== "string") throw new TypeError("an argument must be a string");
  return value;
};
const asArray = (value: unknown): unknown[] => {
  if (!Array.isArray(value)) throw new TypeError("an argument must be an array");
  return value;
};
const asInteger = (value: unknown): number => {
  if (typeof value !== "number") throw new TypeError("an argument must be a number");
  return Math.round(value);
};
const asObject = (value: unknown): object => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("must be a JSON object");
  return value;
};
const count = (given: readonly unknown[], least: number, most = least): void => {
  if (given.length < least || given.length > most) throw new TypeError("invalid number of arguments");
};
/** 10,000 characters and 1,000 numbers are AWS's own limits. */
const shortText = (value: unknown): string => {
  if (asText(value).length > 10_000) throw new TypeError("a text of more than 10,000 characters");
  return String(value);
};
const ALGORITHMS: Readonly<Record<string, string>> = {
  MD5: "md5",
  "SHA-1": "sha1",
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
};

/** Numbers from 0 (inclusive) to 1 out of a seed, the same for the same seed. */
const seeded = (seed: number): number => createHash("sha256").update(String(seed)).digest().readUInt32BE() / 2 ** 32;

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html */
const FUNCTIONS: Readonly<Record<string, (...given: unknown[]) => unknown>> = {
  Array: (...values) => values,
  ArrayPartition: (array, size) => {
    const [all, each] = [asArray(array), asInteger(size)];
    if (each < 1) throw new TypeError("the size of a part must be positive");
    return Array.from({ length: Math.ceil(all.length / each) }, (_, part) => all.slice(part * each, (part + 1) * each));
  },
  ArrayContains: (array, value) => asArray(array).some((one) => isDeepStrictEqual(one, value)),
  ArrayRange: (first, last, increment) => {
    const [from, to, by] = [asInteger(first), asInteger(last), asInteger(increment)];
    if (by === 0) throw new TypeError("the increment must not be 0");
    const length = Math.max(0, Math.floor((to - from) / by) + 1);
    if (length > 1000) throw new TypeError("a range of more than 1,000 numbers");
    return Array.from({ length }, (_, index) => from + index * by);
  },
  ArrayGetItem: (array, index) => {
    const [all, at] = [asArray(array), asInteger(index)];
    if (at < 0 || at >= all.length) throw new TypeError("the index is outside of the array");
    return all[at];
  },
  ArrayLength: (array) => asArray(array).length,
  ArrayUnique: (array) => {
    const unique: unknown[] = [];
    for (const one of asArray(array)) if (!unique.some((known) => isDeepStrictEqual(known, one))) unique.push(one);
    return unique;
  },
  Base64Encode: (text) => Buffer.from(shortText(text)).toString("base64"),
  Base64Decode: (text) => Buffer.from(shortText(text), "base64").toString(),
  Hash: (data, algorithm) => {
    const known = ALGORITHMS[asText(algorithm)];
    if (known === undefined) throw new TypeError(`unknown algorithm ${algorithm}`);
    return createHash(known)
      .update(typeof data === "string" ? data : JSON.stringify(data))
      .digest("hex");
  },
  JsonMerge: (first, second, deep) => {
    if (deep !== false) throw new TypeError("only shallow merging is available: the third argument must be false");
    return { ...asObject(first), ...asObject(second) };
  },
  StringToJson: (text) => JSON.parse(asText(text)),
  JsonToString: (value) => JSON.stringify(value),
  MathRandom: (first, last, seed) => {
    const [from, to] = [asInteger(first), asInteger(last)];
    if (from >= to) throw new TypeError("the end must be greater than the start");
    return seed === undefined ? randomInt(from, to) : from + Math.floor(seeded(asInteger(seed)) * (to - from));
  },
  MathAdd: (first, second) => asInteger(first) + asInteger(second),
  StringSplit: (text, delimiters) => {
    const cuts = new Set(asText(delimiters));
    const parts = [""];
    for (const character of asText(text)) {
      if (cuts.has(character)) parts.push("");
      else parts[parts.length - 1] += character;
    }
    return parts.filter((part) => part !== "");
  },
  UUID: () => randomUUID(),
  Format: (template, ...values) => {
    let used = 0;
    const text = asText(template).replace(/\\([{}])|\{\}/g, (_, escaped: string | undefined) => {
      if (escaped !== undefined) return escaped;
      if (used >= values.length) throw new TypeError("fewer arguments than places");
      const value = values[used++];
      return typeof value === "string" ? value : JSON.stringify(value);
    });
    if (used !== values.length) throw new TypeError("more arguments than places");
    return text;
  },
};
const ARGUMENTS: Readonly<Record<string, readonly [number, number?]>> = {
  Array: [0, Number.POSITIVE_INFINITY],
  ArrayPartition: [2],
  ArrayContains: [2],
  ArrayRange: [3],
  ArrayGetItem: [2],
  ArrayLength: [1],
  ArrayUnique: [1],
  Base64Encode: [1],
  Base64Decode: [1],
  Hash: [2],
  JsonMerge: [3],
  StringToJson: [1],
  JsonToString: [1],
  MathRandom: [2, 3],
  MathAdd: [2],
  StringSplit: [2],
  UUID: [0],
  Format: [1, Number.POSITIVE_INFINITY],
};

const parsed = new Map<string, Node>();

/**
 * The value of a call such as `States.Format('Hello, {}', $.name)`; `read` gives what a path leads to.
 * @throws StateError States.IntrinsicFailure
 */
export const callIntrinsic = (expression: string, read: (path: string) => unknown): unknown => {
  const resultOf = (node: Node): unknown => {
    if (node.kind === "value") return node.value;
    if (node.kind === "path") return read(node.path);
    const [known, most] = [FUNCTIONS[node.name], ARGUMENTS[node.name]];
    if (known === undefined || most === undefined) return fail(expression, `there is no function States.${node.name}`);
    const given = node.arguments.map(resultOf);
    try {
      count(given, ...most);
      return known(...given);
    } catch (error) {
      return fail(expression, error instanceof Error ? error.message : String(error));
    }
  };
  const node = parsed.get(expression) ?? parse(expression);
  parsed.set(expression, node);
  return resultOf(node);
};
