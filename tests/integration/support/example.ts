import { createHash } from "node:crypto";
import type { ApiAnswer } from "../../../local/api-client.ts";
import type { RouteName } from "../../../shared/declared/routes.ts";

/** What these answer has references of its own, which a document that has it as an example would take for its own. */
export const SCHEMAS: ReadonlySet<RouteName> = new Set(["getOpenapi", "getEventSchema"]);

/** A request that was really sent, and what was answered, as the document shows them. */
export interface Example {
  readonly path: string;
  readonly body?: unknown;
  readonly answer?: unknown;
}

/** The n-th text of a kind in an example: the same for equal ones, so that what refers to what is still seen. */
const numbered = (made: (n: number) => string) => {
  const known = new Map<string, string>();
  return (found: string): string => {
    if (!known.has(found)) known.set(found, made(known.size + 1));
    return known.get(found) as string;
  };
};

const fixed = (text: string) => createHash("sha256").update(text);

/** Replaces what differs from one run to the next by what does not, in the same form. */
const settled = () => {
  const id = numbered((n) => `01k0example${String(n).padStart(9, "0")}`);
  const hash = numbered((n) => fixed(String(n)).digest("hex"));
  const secret = numbered((n) => fixed(String(n)).digest("hex"));
  const rules: readonly (readonly [RegExp, (found: string, ...groups: string[]) => string])[] = [
    [/\b([a-z]{2,3})_([0-9a-hjkmnp-tv-z]{20})\b/g, (_, kind = "", tail = "") => `${kind}_${id(tail)}`],
    [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, () => "2026-01-01T12:00:00.000Z"],
    [/\b(sl[a-z]_)([0-9a-zA-Z_-]{24,})/g, (_, kind = "", tail = "") => kind + secret(kind).slice(0, tail.length)],
    [/\bwhsec_[\w+/=-]+/g, () => `whsec_${Buffer.alloc(32).toString("base64")}`],
    [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, () => "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJleGFtcGxlIn0.c2lnbmF0dXJl"],
    [/\?X-Amz-[^"\s]*/g, () => "?X-Amz-Signature=example"],
    [/\bhttp:\/\/127\.0\.0\.1:\d+/g, () => "https://api.example.com"],
    [/\b(127\.0\.0\.1|localhost)(:\d+)?/g, () => "aws.example.com"],
    [/\bws-[0-9a-z]{3}-/g, () => "ws-abc-"],
    [
      /-----BEGIN ([A-Z ]+)-----[\s\S]*?-----END \1-----/g,
      (_, kind = "") => `-----BEGIN ${kind}-----\n…\n-----END ${kind}-----`,
    ],
    [/\b[0-9a-f]{64}\b/g, hash],
    [/\b[0-9a-f]{16}\b/g, (found) => hash(found).slice(0, 16)],
    [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, () => "0b0c1e6e-8a8c-4d5b-9f5e-2f3c4b5a6d7e"],
  ];
  return (text: string): string =>
    rules.reduce((sofar, [pattern, by]) => sofar.replace(pattern, by as (found: string) => string), text);
};

/** Members whose values tell of the moment, and are of no matter to a reader. */
const OF_THE_MOMENT: Readonly<Record<string, unknown>> = {
  nextCursor: "eyJhZnRlciI6ImV4YW1wbGUifQ",
  resume: "eyJhZnRlciI6ImV4YW1wbGUifQ",
  uploadId: "example",
  durationMs: 12,
};

/** @param path with its query */
export const exampleOf = (path: string, body: unknown, { body: answer }: ApiAnswer<unknown>): Example => {
  const settle = settled();
  const clean = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (name, inner) => {
      if (Object.hasOwn(OF_THE_MOMENT, name)) return OF_THE_MOMENT[name];
      return typeof inner === "string" ? settle(inner) : inner;
    });
  return {
    path: settle(path),
    ...(body !== undefined && { body: clean(body) }),
    ...(answer !== "" && { answer: clean(answer) }),
  };
};
