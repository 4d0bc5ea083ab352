import { readFileSync } from "node:fs";
import type { OperationName } from "../client/index.ts";

/** A field of a query or a body, as `client/generate.ts` finds it in the document. */
export interface Field {
  readonly name: string;
  readonly type: "string" | "secret" | "integer" | "number" | "boolean" | "strings" | "array" | "object";
  readonly required?: true;
  readonly nullable?: true;
  readonly description?: string;
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
  readonly ifMatch?: "required" | "optional";
}

export const readOperations = (): Operation[] =>
  JSON.parse(readFileSync(new URL("./operations.json", import.meta.url), "utf8")) as Operation[];

/** What devices ask, what is no thing of a workspace, and what `login`, `deploy`, `component push` and `audit export` do. */
export const NO_COMMANDS: readonly string[] = [
  ...["register", "getOpenapi", "getDocs", "getInstaller"],
  ...["createToken", "createReport", "planChanges", "planNodes", "applyComponentManifest", "exportAudit"],
];

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
  if (NO_COMMANDS.includes(operation)) return undefined;
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
