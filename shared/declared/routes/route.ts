import * as z from "zod";
import type { EnvironmentName } from "../../env.ts";
import type { ProblemCode } from "../../problems.ts";
import { Description } from "../../resource.ts";
import type { Access } from "../../workspace/access.ts";
import type { Permission } from "../permissions.ts";

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A name in braces takes what stands between slashes; the last one, with a `+` behind it, slashes too. */
  readonly path: string;
  readonly summary: string;
  /** What its summary, schemas and problems do not say. */
  readonly description?: string;
  readonly access: Access;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The largest body that it takes, in bytes, where that is more than the usual. */
  readonly maxBodyBytes?: number;
  readonly status: 200 | 201 | 202 | 204;
  readonly answer?: z.ZodType;
  /** The answer's media type, where it is not JSON: the answer is a text then. */
  readonly media?: "text/x-shellscript" | "text/html" | "application/x-ndjson";
  /** An example of each media type that the answer has, where the query says which; `media` is the one without. */
  readonly texts?: Readonly<Record<string, string>>;
  /** The answer has a `Link` to the next page, if there is one. */
  readonly linked?: true;
  /** Problems of this operation beside those that every operation of its kind can answer. */
  readonly problems: readonly ProblemCode[];
  /** A POST that takes no Idempotency-Key: to repeat it is safe, or its answer shows a secret once, or anyone may ask. */
  readonly repeatable?: true;
  /** Machine credentials are refused: what they could do here would outlive them. */
  readonly peopleOnly?: true;
  /** The OAuth 2.0 token endpoint: a form for a body, and problems in the form of RFC 6749 §5.2. */
  readonly oauth?: true;
  /** An operation that changes no item that is there, but makes and deletes some. */
  readonly updates?: false;
  /** It writes nothing, though it is a POST: what it is asked is too much for a URL. */
  readonly readOnly?: true;
  /** The answer carries an ETag. */
  readonly tagged?: true;
  /** The answer to a creation carries the Location of what was created. */
  readonly located?: true;
  /** Whether the caller must, or may, state which revision it edits. */
  readonly ifMatch?: "required" | "optional";
  /** Environment beside `CONTROL_TABLE`, which every API function has. */
  readonly environment?: readonly EnvironmentName[];
  /** What the handler asks of AWS beside what every operation of its kind does (`functions/declared.ts`). */
  readonly permissions?: readonly Permission[];
}

/** The names in braces of a path. */
export type PathParameters<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${infer Greedy}+` ? Greedy : Name) | PathParameters<Rest>
  : never;

/** The names in braces of a path, and which of them takes slashes too. */
export const parametersIn = (path: string): { readonly name: string; readonly greedy: boolean }[] =>
  [...path.matchAll(/\{(\w+)(\+?)\}/g)].map(([, name = "", plus]) => ({ name, greedy: plus === "+" }));

/** A path with each name in braces replaced. */
export const fillPath = (path: string, fill: (name: string, greedy: boolean) => string): string =>
  path.replace(/\{(\w+)(\+?)\}/g, (_, name: string, plus: string) => fill(name, plus === "+"));

/** What matches the paths that a route is for, with a group for each name. */
export const patternOf = (path: string): RegExp =>
  new RegExp(`^${fillPath(path.replaceAll(".", "\\."), (_, greedy) => (greedy ? "(.+)" : "([^/]+)"))}$`);

/**
 * The scope that a machine credential needs for an operation: what the path is about, and whether it is read or written.
 * A node group's deployment is a deployment, and the path of the workspace alone is about the workspace.
 */
export const scopeOf = ({ method, path, readOnly }: Pick<Route, "method" | "path" | "readOnly">): string => {
  const parts = path.split("/").slice(2); // without the version
  const below = parts[0] === "workspaces" ? parts.slice(2) : parts;
  const noun = below.includes("deployment") ? "deployments" : (below[0] ?? "workspace");
  return `${noun}:${method === "GET" || readOnly ? "read" : "write"}`;
};

export const PAGE_LIMIT = { default: 50, max: 100 } as const;

export const Page = z.object({
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT.max).default(PAGE_LIMIT.default),
  // A sort key of a file has up to 1,024 bytes, of which each may be escaped.
  cursor: z.string().min(1).max(3_072).optional().meta({ description: "`nextCursor` of the page before" }),
});

export const page = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().optional().meta({ description: "Absent on the last page" }),
  });

export const EditDescription = z
  .strictObject({ description: Description.nullable().meta({ description: "null removes it" }) })
  .meta({ id: "EditDescription" });
export type EditDescription = z.infer<typeof EditDescription>;

export const route = <const R extends Route>(declared: R): R => declared;

export const W = "/v1/workspaces/{workspace}";
export const G = `${W}/node-groups/{nodeGroup}` as const;
export const N = `${W}/nodes/{node}` as const;
/** What the plan of an edit may refuse. */
export const REFUSALS = ["unresolvable", "unmet-dependency", "deployment-too-large", "ambiguous"] as const;
