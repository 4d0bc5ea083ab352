import { readFileSync } from "node:fs";
import type { OperationName } from "../client/index.ts";

/** A field of a query or a body, as `client/generate.ts` finds it in the document. */
export interface Field {
  readonly name: string;
  readonly type: "string" | "secret" | "time" | "integer" | "number" | "boolean" | "strings" | "array" | "object";
  readonly required?: true;
  readonly nullable?: true;
  readonly description?: string;
  /** All that it takes; of `strings`, all that may be in the list. */
  readonly choices?: readonly string[];
  readonly default?: unknown;
}

/** An operation of the API, as the command line makes a command of it. */
export interface Operation {
  readonly operation: OperationName;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly summary: string;
  readonly status: 200 | 201 | 202 | 204;
  readonly query: readonly Field[];
  readonly body?: readonly Field[];
  readonly takesKey?: true;
  readonly ifMatch?: "required" | "optional";
}

export const readOperations = (): Operation[] =>
  JSON.parse(readFileSync(new URL("./operations.json", import.meta.url), "utf8")) as Operation[];

/** Operations that have no command of their own: the commands that ask for them, or why none does. */
export const NO_COMMANDS: Readonly<Record<string, string>> = {
  createToken: "`slipway login`",
  planChanges: "`slipway deploy plan`, `slipway deploy apply`, `slipway apply`",
  planNodes: "`slipway deploy plan --nodes`",
  applyComponentManifest: "`slipway component push`",
  exportAudit: "`slipway audit export`",
  register: "a device asks it, with the token of `slipway node register`",
  createReport: "an anonymous device asks it",
  getInstaller: "a device's shell runs it; `slipway node register` prints how",
  getOpenapi: "the contract, for programs that are made of it",
  getDocs: "a page for browsers",
};

/** Shorter words for people than those of the API's operations, at the beginning of a noun. */
const SHORTER: readonly (readonly [long: string, short: string])[] = [
  ["node-group-deployment", "deployment"],
  ["node-group", "group"],
  ["component-version", "version"],
  ["component-file", "file"],
  ["component-upload", "upload"],
  ["registration-token", "token"],
  ["node-certificate", "certificate"],
];

const EXCEPTIONS: Readonly<Record<string, readonly [noun: string, verb: string]>> = {
  getComponentVersionFindings: ["version", "findings"],
  getComponentVersionDiff: ["version", "diff"],
  listComponentVersionUsage: ["version", "usage"],
  listReleaseChanges: ["release", "history"],
  updateNodeMemberships: ["node", "groups"],
};

export const kebab = (text: string): string => text.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const singular = (noun: string): string => noun.replace(/ies$/, "y").replace(/(?<![su])s$/, "");

export const plural = (noun: string): string => `${noun.replace(/(?<=[^aeiou])y$/, "ie").replace(/s$/, "se")}s`;

/** `createNodeGroup` → `group create`; undefined for what is no command. */
export const commandName = (operation: string): readonly [noun: string, verb: string] | undefined => {
  if (Object.hasOwn(NO_COMMANDS, operation)) return undefined;
  const exception = EXCEPTIONS[operation];
  if (exception !== undefined) return exception;
  const [, verb, rest] = /^(rollBack|reRegister|[a-z]+)([A-Z].*)$/.exec(operation) ?? [];
  if (verb === undefined || rest === undefined) return undefined;
  const noun = singular(kebab(rest).slice(1));
  const [long, short] = SHORTER.find(([long]) => noun === long || noun.startsWith(`${long}-`)) ?? ["", ""];
  return [`${short}${noun.slice(long.length)}`, kebab(verb)];
};

/** The names in braces of a path. */
export const pathNames = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");

/** The field that a creation takes as an argument: what it creates is called so. */
export const namingField = ({ method, path, body = [] }: Operation): Field | undefined => {
  const last = path.split("/").at(-1) ?? "";
  if (method !== "POST" || last.startsWith("{")) return undefined;
  const name = last === "versions" ? "version" : "name";
  return body.find((field) => field.name === name && field.required === true);
};
