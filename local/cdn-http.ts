import { Readable } from "node:stream";
import type { EdgeValue } from "../shared/ota/edge.ts";
import { rangeOf } from "../shared/ota/range.ts";

/** Header names in lower case. */
export type Headers = Record<string, string | string[]>;
export type Body = AsyncIterable<Uint8Array> | Uint8Array;

/** A response on its way to the viewer. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export const NOTHING = new Uint8Array(0);

/** RFC 9110 §7.6.1 and RFC 9111 §3.1: what belongs to one connection, and is neither kept nor passed on. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** A path pattern of CloudFront: `*` is any text, `?` one character, case counts, a leading slash does not. */
export const pathMatcher = (pattern: string): ((path: string) => boolean) => {
  const source = `/${pattern.replace(/^\//, "")}`
    .replaceAll(/[\\^$.+()[\]{}|]/g, "\\$&")
    .replaceAll(/\*+/g, ".*")
    .replaceAll("?", ".");
  const regexp = new RegExp(`^${source}$`, "s");
  return (path) => regexp.test(path);
};

/** Lower-case names, without what belongs to the origin's connection. `age` counts anew from here. */
export const cleanHeaders = (headers: Record<string, string | string[]>): Headers =>
  Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !HOP_BY_HOP.has(name) && name !== "age"),
  );

/** One header's value as a field of comma-separated elements; undefined when it is absent. */
export const fieldOf = (headers: Headers, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
};

const edgeValue = (values: readonly string[]): EdgeValue => {
  const first = values[0] ?? "";
  return values.length > 1 ? { value: first, multiValue: values.map((value) => ({ value })) } : { value: first };
};

/** A query as CloudFront Functions get it: in order, percent-encoded as it came. */
export const edgeQuery = (query: string): Record<string, EdgeValue> => {
  const values = new Map<string, string[]>();
  for (const pair of query.split("&").filter((part) => part !== "")) {
    const at = pair.indexOf("=");
    const name = at < 0 ? pair : pair.slice(0, at);
    values.set(name, [...(values.get(name) ?? []), at < 0 ? "" : pair.slice(at + 1)]);
  }
  return Object.fromEntries([...values].map(([name, all]) => [name, edgeValue(all)]));
};

/** The query that a function left, as an object or as text, as the text that goes into the key and to the origin. */
export const queryText = (query: Record<string, EdgeValue> | string): string => {
  if (typeof query === "string") return query;
  return Object.entries(query)
    .flatMap(([name, entry]) => (entry.multiValue ?? [entry]).map(({ value }) => `${name}=${value}`))
    .join("&");
};

export const edgeHeaders = (headers: Record<string, string | string[] | undefined>): Record<string, EdgeValue> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, edgeValue(Array.isArray(value) ? value : [value])]],
    ),
  );

export const plainHeaders = (headers: Record<string, EdgeValue>): Headers =>
  Object.fromEntries(
    Object.entries(headers).map(([name, entry]) => [
      name.toLowerCase(),
      entry.multiValue ? entry.multiValue.map(({ value }) => value) : entry.value,
    ]),
  );

/** Weak comparison, RFC 9110 §8.8.3.2. */
export const isSameTag = (a: string, b: string): boolean => a.replace(/^W\//, "") === b.replace(/^W\//, "");

/** RFC 9110 §13.2.2: `If-None-Match` decides where it is given, else `If-Modified-Since`. */
const isNotModified = (request: Headers, response: Headers): boolean => {
  const condition = fieldOf(request, "if-none-match");
  const etag = fieldOf(response, "etag");
  if (condition !== undefined) {
    if (condition.trim() === "*") return true;
    const listed = condition.match(/(?:W\/)?"[^"]*"/g) ?? [];
    return etag !== undefined && listed.some((tag) => isSameTag(tag, etag));
  }
  const [since, modified] = [fieldOf(request, "if-modified-since"), fieldOf(response, "last-modified")];
  return since !== undefined && modified !== undefined && Date.parse(modified) <= Date.parse(since);
};

/** RFC 9110 §13.1.5: a range applies only to the representation that `If-Range` names, by strong tag or by date. */
const rangeApplies = (request: Headers, response: Headers): boolean => {
  const condition = fieldOf(request, "if-range");
  if (condition === undefined) return true;
  const etag = fieldOf(response, "etag");
  if (condition.startsWith('"')) return condition === etag;
  return condition === fieldOf(response, "last-modified");
};

/** Lets the source of a body that nobody will read go. A stream of Node is open before the first read, a generator is not. */
export const discard = async (body: Body): Promise<void> => {
  if (body instanceof Uint8Array) return;
  if (body instanceof Readable) body.destroy();
  else await body[Symbol.asyncIterator]().return?.();
};

/** The body, which fails when it ends before the `declared` length: a viewer would wait for the rest for ever. */
export async function* exactly(body: AsyncIterable<Uint8Array>, declared: string | undefined) {
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    yield chunk;
  }
  if (declared !== undefined && length !== Number(declared)) {
    throw new Error(`the body has ${length} bytes where ${declared} were announced`);
  }
}

const OF_A_304 = new Set(["cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"]);
const OF_A_BODY = /^content-(?!security-policy)/;

/**
 * What this viewer gets of a response: all, nothing (304), or a part (206, 416). A range of an empty body is ignored, which
 * RFC 9110 §14.2 allows: a device that resumes what it meanwhile has must not be told 416.
 */
export const conditioned = async (request: Headers, answer: Answer): Promise<Answer> => {
  if (answer.status !== 200) return answer;
  if (isNotModified(request, answer.headers)) {
    await discard(answer.body);
    const headers = Object.entries(answer.headers).filter(([name]) => OF_A_304.has(name) || !OF_A_BODY.test(name));
    return { status: 304, headers: Object.fromEntries(headers), body: NOTHING };
  }
  const range = fieldOf(request, "range");
  const { body } = answer;
  if (range === undefined || !(body instanceof Uint8Array) || body.length === 0) return answer;
  if (!rangeApplies(request, answer.headers)) return answer;
  const part = rangeOf(range, body.length);
  if (part === undefined) return answer;
  if (part === "unsatisfiable") {
    const headers = { ...answer.headers, "content-range": `bytes */${body.length}`, "content-length": "0" };
    return { status: 416, headers, body: NOTHING };
  }
  const { first, last } = part;
  const headers = {
    ...answer.headers,
    "content-range": `bytes ${first}-${last}/${body.length}`,
    "content-length": String(last - first + 1),
  };
  return { status: 206, headers, body: body.subarray(first, last + 1) };
};
