import { readFileSync } from "node:fs";
import { serializationError } from "./errors.ts";

interface StructureShape {
  readonly type: "structure";
  readonly required?: readonly string[];
  readonly m: Readonly<Record<string, string>>;
}
interface ListShape {
  readonly type: "list";
  readonly e: string;
  readonly min?: number;
  readonly max?: number;
}
interface MapShape {
  readonly type: "map";
  readonly k: string;
  readonly v: string;
  readonly min?: number;
  readonly max?: number;
}
interface StringShape {
  readonly type: "string";
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}
interface BlobShape {
  readonly type: "blob";
  readonly min?: number;
  readonly max?: number;
}
interface NumberShape {
  readonly type: "integer" | "long" | "double" | "float";
  readonly min?: number;
  readonly max?: number;
}
interface OtherShape {
  readonly type: "boolean" | "timestamp";
}
type Shape = StructureShape | ListShape | MapShape | StringShape | BlobShape | NumberShape | OtherShape;

/** The constraints of a service's requests, as in `local/models/*.constraints.json`. */
export interface Model {
  readonly ops: Readonly<Record<string, { readonly i?: string; readonly errors: readonly string[] }>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

export const loadModel = (name: "iot" | "greengrassv2"): Model =>
  JSON.parse(readFileSync(new URL(`../models/${name}.constraints.json`, import.meta.url), "utf8")) as Model;

/** Java's POSIX classes, which are ASCII only: https://docs.oracle.com/javase/8/docs/api/java/util/regex/Pattern.html */
const POSIX: Readonly<Record<string, string>> = {
  Lower: "a-z",
  Upper: "A-Z",
  ASCII: "\\x00-\\x7F",
  Alpha: "a-zA-Z",
  Digit: "0-9",
  Alnum: "a-zA-Z0-9",
  Punct: "!-\\/:-@\\[-`\\{-~",
  Graph: "!-~",
  Print: " -~",
  Blank: " \\t",
  Cntrl: "\\x00-\\x1F\\x7F",
  XDigit: "0-9a-fA-F",
  Space: " \\t\\n\\x0B\\f\\r",
};

/**
 * The model's (Java) pattern as a regular expression that must match the whole value. Java's POSIX classes are written
 * out; Unicode categories such as `\p{L}` mean the same in both languages.
 */
export const compilePattern = (pattern: string): RegExp => {
  let source = "";
  let inClass = false;
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at] ?? "";
    if (char === "\\") {
      const posix = /^\\([pP])\{(\w+)\}/.exec(pattern.slice(at));
      const ranges = posix?.[1] === "p" ? POSIX[posix[2] ?? ""] : undefined;
      if (posix !== null && ranges !== undefined) {
        source += inClass ? ranges : `[${ranges}]`;
        at += posix[0].length - 1;
      } else {
        source += pattern.slice(at, at + 2);
        at += 1;
      }
      continue;
    }
    if (char === "[") inClass = true;
    else if (char === "]") inClass = false;
    source += char;
  }
  return new RegExp(`^(?:${source})$`, "u");
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

const absent = (value: unknown): value is null | undefined => value === undefined || value === null;

const join = (at: string, member: string): string => (at === "" ? member : `${at}.${member}`);

/** How AWS shows the refused value: maps and lists are elided, since they can be long. */
const shown = (value: unknown): string =>
  typeof value === "object" ? (Array.isArray(value) ? "[...]" : "{...}") : String(value);

/** Checks requests against a model. Patterns are compiled once each, when first met. */
export class Validator {
  readonly #model: Model;
  readonly #patterns = new Map<string, RegExp>();

  constructor(model: Model) {
    this.#model = model;
  }

  /**
   * What is wrong with `input` as a request of `operation`, in AWS's words; empty when nothing is.
   *
   * @throws AwsError SerializationException (400) when a member has the wrong JSON type.
   */
  check(operation: string, input: unknown): string[] {
    const failures: string[] = [];
    this.#check(this.#model.ops[operation]?.i, input, "", failures);
    return failures;
  }

  #pattern(pattern: string): RegExp {
    const known = this.#patterns.get(pattern);
    if (known !== undefined) return known;
    const compiled = compilePattern(pattern);
    this.#patterns.set(pattern, compiled);
    return compiled;
  }

  #check(name: string | undefined, value: unknown, at: string, failures: string[]): void {
    const shape = name === undefined ? undefined : this.#model.shapes[name];
    if (shape === undefined || absent(value)) return;
    const fail = (constraint: string) =>
      failures.push(`Value '${shown(value)}' at '${at}' failed to satisfy constraint: ${constraint}`);
    const length = (count: number, bounds: { readonly min?: number; readonly max?: number }) => {
      if (bounds.min !== undefined && count < bounds.min)
        fail(`Member must have length greater than or equal to ${bounds.min}`);
      if (bounds.max !== undefined && count > bounds.max)
        fail(`Member must have length less than or equal to ${bounds.max}`);
    };
    const wrongType = (expected: string) => serializationError(`'${at}' must be ${expected}`);

    switch (shape.type) {
      case "structure": {
        if (!isRecord(value)) throw wrongType("an object");
        for (const member of shape.required ?? [])
          if (absent(value[member]))
            failures.push(`Value null at '${join(at, member)}' failed to satisfy constraint: Member must not be null`);
        for (const [member, target] of Object.entries(shape.m))
          this.#check(target, value[member], join(at, member), failures);
        return;
      }
      case "list": {
        if (!Array.isArray(value)) throw wrongType("a list");
        length(value.length, shape);
        for (const [index, item] of value.entries()) this.#check(shape.e, item, `${at}.${index + 1}.member`, failures);
        return;
      }
      case "map": {
        if (!isRecord(value)) throw wrongType("an object");
        length(Object.keys(value).length, shape);
        for (const [key, item] of Object.entries(value)) {
          this.#check(shape.k, key, `${at}.key`, failures);
          this.#check(shape.v, item, `${at}.${key}.value`, failures);
        }
        return;
      }
      case "string": {
        if (typeof value !== "string") throw wrongType("a string");
        length(value.length, shape);
        if (shape.pattern !== undefined && !this.#pattern(shape.pattern).test(value))
          fail(`Member must satisfy regular expression pattern: ${shape.pattern}`);
        if (shape.enum !== undefined && !shape.enum.includes(value))
          fail(`Member must satisfy enum value set: [${shape.enum.join(", ")}]`);
        return;
      }
      case "blob": {
        if (!(value instanceof Uint8Array)) throw wrongType("a base64 string");
        length(value.length, shape);
        return;
      }
      case "integer":
      case "long":
      case "double":
      case "float": {
        if (typeof value !== "number" || Number.isNaN(value)) throw wrongType("a number");
        if (shape.min !== undefined && value < shape.min)
          fail(`Member must have value greater than or equal to ${shape.min}`);
        if (shape.max !== undefined && value > shape.max)
          fail(`Member must have value less than or equal to ${shape.max}`);
        return;
      }
      case "boolean":
        if (typeof value !== "boolean") throw wrongType("a boolean");
        return;
      case "timestamp":
        if (!(value instanceof Date)) throw wrongType("a timestamp");
        return;
    }
  }
}
