import * as z from "zod";
import { fillPath, parametersIn, scopeOf } from "../declared/routes/route.ts";
import { type Route, routes } from "../declared/routes.ts";
import { eventSchema } from "../event/event.ts";
import { EVENT_NAMES, type EventName, eventTypes } from "../event/types.ts";
import { ProblemDocument } from "../intent/intent.ts";
import { PROBLEMS, type ProblemCode } from "../problems.ts";
import recorded from "./examples.json" with { type: "json" };

type Json = Record<string, unknown>;

/** A request that was really sent, with its answer; a test compares them with what the API does (`npm run examples`). */
interface Example {
  /** With the query. */
  readonly path: string;
  readonly body?: unknown;
  readonly answer?: unknown;
}

const examples: Readonly<Record<string, Example>> = recorded;

/** What an example has as the value of a path's parameter. */
const exampleIn = (template: string, name: string, example: Example): string | undefined => {
  const pattern = fillPath(template, (one) => (one === name ? "(?<found>.+?)" : ".+?"));
  const found = new RegExp(`^${pattern}$`).exec(example.path.split("?")[0] ?? "")?.groups?.found;
  return found && decodeURIComponent(found);
};

/** zod puts shared schemas under `$defs`; OpenAPI keeps them under `components`. */
const withComponentRefs = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withComponentRefs);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "$ref" && typeof inner === "string"
        ? inner.replace("#/$defs/", "#/components/schemas/")
        : withComponentRefs(inner),
    ]),
  );
};

/**
 * A schema as it stands in the document: what has an id, the schema itself or a part of it, is put under `components` and
 * referred to.
 */
const referenced = (schema: z.ZodType, io: "input" | "output", components: Map<string, Json>): Json => {
  const { $schema: _dialect, $defs = {}, ...root } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json;
  for (const [id, definition] of Object.entries($defs as Record<string, Json>)) {
    const component = withComponentRefs(withoutId(definition)) as Json;
    const known = components.get(id);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(component)) {
      throw new Error(`two schemas have the id ${id}: what is taken and what is answered need one each`);
    }
    components.set(id, component);
  }
  return withComponentRefs(root) as Json;
};

const withoutId = ({ id: _id, ...rest }: Json): Json => rest;

const header = (description: string, required = true): Json => ({
  description,
  required,
  schema: { type: "string" },
});

const MEMBER_PROBLEMS: readonly ProblemCode[] = ["not-found"];

/** Every problem that an operation can answer, by what it declares and by its kind. */
export const problemsOf = (route: Route): ProblemCode[] => {
  const isMember = route.access !== "anyone" && route.access !== "caller";
  const codes: ProblemCode[] = [
    ...(route.access === "anyone" ? [] : (["unauthorized"] as const)),
    "invalid-request",
    ...(route.body === undefined ? [] : (["malformed-json", "body-too-large", "unsupported-media-type"] as const)),
    ...(isMember ? MEMBER_PROBLEMS : []),
    ...(route.access === "anyone" ? [] : (["forbidden"] as const)),
    ...(route.path.includes("{") ? (["not-found"] as const) : []),
    ...(route.method === "POST" && !route.repeatable
      ? (["invalid-idempotency-key", "idempotency-in-progress", "idempotency-key-reused"] as const)
      : []),
    ...(route.ifMatch === undefined ? [] : (["precondition-failed"] as const)),
    ...(route.ifMatch === "required" ? (["precondition-required"] as const) : []),
    ...route.problems,
    "throttled",
    "internal",
    "unavailable",
  ];
  return [...new Set(codes)];
};

/** RFC 6749 §5.2. */
const OAUTH_ERROR: Json = {
  type: "object",
  properties: { error: { type: "string" }, error_description: { type: "string" } },
  required: ["error", "error_description"],
};

/** What API Gateway answers in a form of its own, whatever the function would. */
const OF_THE_GATEWAY = new Set([401, 413, 429, 500, 503]);
const GATEWAY_ERROR: Json = {
  type: "object",
  properties: { message: { type: "string" } },
  required: ["message"],
};

const refusals = (route: Route, status: number): Json => {
  const isGateways = OF_THE_GATEWAY.has(status) && (status !== 401 || route.access !== "anyone");
  const plain = [...(route.oauth ? [OAUTH_ERROR] : []), ...(isGateways ? [GATEWAY_ERROR] : [])];
  return {
    ...(!route.oauth && { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } }),
    ...(plain.length > 0 && { "application/json": { schema: plain.length === 1 ? plain[0] : { anyOf: plain } } }),
  };
};

const problemResponses = (route: Route): Json => {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of problemsOf(route)) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join(". "),
        headers: {
          ...(status === 401 && { "WWW-Authenticate": header("How to authenticate", false) }),
          ...(codes.some((code) => "retry" in PROBLEMS[code]) && { "Retry-After": header("Seconds to wait", false) }),
        },
        content: refusals(route, status),
      },
    ]),
  );
};

const parametersOf = (route: Route, components: Map<string, Json>, example: Example | undefined): Json[] => {
  const path = parametersIn(route.path).map(({ name, greedy }): Json => {
    const value = example && exampleIn(route.path, name, example);
    return {
      name,
      in: "path",
      required: true,
      schema: { type: "string", minLength: 1, maxLength: greedy ? 512 : 256 },
      description: greedy ? "Path, with its slashes as they are" : "Id or name",
      ...(value !== undefined && { example: value }),
    };
  });
  const query = Object.entries(route.query?.shape ?? {}).map(([name, schema]): Json => {
    const { description, ...json } = referenced(schema as z.ZodType, "input", components);
    return { name, in: "query", required: false, schema: json, ...(description !== undefined && { description }) };
  });
  const headers: Json[] = [];
  if (route.method === "POST" && !route.repeatable) {
    headers.push({
      name: "Idempotency-Key",
      in: "header",
      required: false,
      description: "The same key and request again gets the first answer again, for 24 hours",
      schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,255}$" },
    });
  }
  if (route.ifMatch !== undefined) {
    headers.push({
      name: "If-Match",
      in: "header",
      required: route.ifMatch === "required",
      description: "The ETag that was read, or `*`",
      schema: { type: "string" },
    });
  }
  return [...path, ...query, ...headers];
};

const mediaTypeOf = ({ oauth, method }: Route): string => {
  if (oauth) return "application/x-www-form-urlencoded";
  return method === "PATCH" ? "application/merge-patch+json" : "application/json";
};

/** A media type's schema, and an example of it. */
const content = (schema: z.ZodType, io: "input" | "output", components: Map<string, Json>, example: unknown): Json => ({
  schema: referenced(schema, io, components),
  ...(example !== undefined && { example }),
});

const operation = (name: string, route: Route, components: Map<string, Json>): Json => ({
  operationId: name,
  summary: route.summary,
  description: [route.description, accessText(route)].filter(Boolean).join("\n\n"),
  tags: [tagOf(route.path)],
  ...(route.access === "anyone" ? { security: route.oauth ? [{ client: [] }, {}] : [] } : {}),
  ...(route.path.includes("{") || route.query !== undefined || route.method === "POST" || route.ifMatch !== undefined
    ? { parameters: parametersOf(route, components, examples[name]) }
    : {}),
  ...(route.body !== undefined && {
    requestBody: {
      required: true,
      content: {
        [mediaTypeOf(route)]: content(route.body, "input", components, examples[name]?.body),
        ...(route.method === "PATCH" && {
          "application/json": content(route.body, "input", components, examples[name]?.body),
        }),
      },
    },
  }),
  responses: {
    [String(route.status)]: {
      description: DONE[route.status],
      headers: {
        ...(route.status === 202 && { Location: header("Path of the intent") }),
        ...(route.located && { Location: header("Path of what was created") }),
        ...(route.method === "POST" &&
          !route.repeatable && { "Idempotent-Replayed": header("`true`: the stored answer again", false) }),
        ...(route.linked && { Link: header('The next page, as `rel="next"`', false) }),
        ...(route.tagged && { ETag: header("Revision, for If-Match") }),
        ...(route.media === "text/html" && { "Content-Security-Policy": header("What the page may do") }),
      },
      ...(route.answer !== undefined && {
        content: Object.fromEntries(
          Object.entries(route.texts ?? { [route.media ?? "application/json"]: examples[name]?.answer }).map(
            ([media, example]) => [media, content(route.answer as z.ZodType, "output", components, example)],
          ),
        ),
      }),
    },
    ...problemResponses(route),
  },
});

const DONE = { 200: "Done", 201: "Created", 202: "Accepted; the intent tells what comes of it", 204: "Done" } as const;

const accessText = (route: Route): string => {
  const { access, peopleOnly, oauth } = route;
  if (access === "anyone") return oauth ? "Needs a credential, and no bearer token." : "Needs no token.";
  const machines = peopleOnly
    ? "Machine credentials are refused."
    : `Machine credentials with scopes need \`${scopeOf(route)}\`.`;
  if (access === "caller") return `Needs a valid token. ${machines}`;
  return `Needs the role \`${access}\` or higher in the workspace. For others the workspace does not exist. ${machines}`;
};

/** What is asked of a resource, and no collection. */
const NO_COLLECTIONS = [
  ...["", "v1", "publish", "re-register", "findings", "accept", "export", "repair", "adopt", "status", "refresh"],
  ...["rollback", "diff", "start", "test", "replay", "pause", "resume", "withdraw", "promote", "history"],
];

/** The last collection in the path. */
const tagOf = (path: string): string =>
  path
    .split("/")
    .filter((part) => !NO_COLLECTIONS.includes(part) && !part.startsWith("{"))
    .at(-1) ?? "api";

/** OpenAPI has no name for what takes slashes: its description says so. */
export const documentedPath = (path: string): string => fillPath(path, (name) => `{${name}}`);

const DESCRIPTION = `Managed devices run AWS IoT Greengrass V2: they are nodes in node groups, and deployments say which component
versions they run. Anonymous devices poll one public URL for releases.

- **Intents.** What takes time is answered \`202\` with an intent: its path is in \`Location\`, and it ends \`succeeded\` or
  \`failed\`, with a reason.
- **Problems.** Every error is a problem document (RFC 9457) with a stable \`code\`; \`errors\` names each member at fault.
- **Pages.** Lists are answered in pages: ask again with \`cursor\` set to \`nextCursor\` until there is none.
- **Twice the same.** A \`POST\` with an \`Idempotency-Key\` is done once, however often it is sent within 24 hours.
- **Who saw what.** \`ETag\` is a resource's revision; an edit with \`If-Match\` is refused if somebody else was faster.`;

/** What is sent to the webhooks of a workspace: Standard Webhooks, https://www.standardwebhooks.com */
const webhook = (name: EventName, components: Map<string, Json>): Json => ({
  post: {
    operationId: `${name.replace(/[.-](\w)/g, (_, letter: string) => letter.toUpperCase())}Event`,
    summary: eventTypes[name].description,
    description: "Sent to the workspace's webhooks that listen for it; at least once, in no order.",
    security: [],
    tags: [EVENTS_TAG],
    parameters: ["webhook-id", "webhook-timestamp", "webhook-signature"].map((header) => ({
      name: header,
      in: "header",
      required: true,
      schema: { type: "string" },
      description: HEADERS[header] ?? "",
    })),
    requestBody: {
      required: true,
      content: { "application/json": { schema: referenced(eventSchema(name), "output", components) } },
    },
    responses: { "2XX": { description: "Taken; anything else is tried again, and 410 ends it" } },
  },
});

const EVENTS_TAG = "webhooks";
const HEADERS: Readonly<Record<string, string>> = {
  "webhook-id": "Id of the event, the same each time that it is sent",
  "webhook-timestamp": "Seconds since 1970 of this try",
  "webhook-signature":
    "`v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; several are separated by spaces",
};

const build = (): Json => {
  const components = new Map<string, Json>();
  referenced(ProblemDocument, "output", components);
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries<Route>(routes)) {
    const path = documentedPath(route.path);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route, components) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Slipway",
      version: "1.0.0",
      summary: "A serverless backend for fleets of edge devices",
      description: DESCRIPTION,
      contact: { name: "Whoever runs this installation" },
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    tags: [...new Set(Object.values<Route>(routes).map(({ path }) => tagOf(path)))].map((name) => ({ name })),
    paths,
    webhooks: Object.fromEntries(EVENT_NAMES.map((name) => [name, webhook(name, components)])),
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "Of the stage's issuer, or of `/v1/token`" },
        client: { type: "http", scheme: "basic", description: "A machine credential's id and secret" },
      },
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
};

let built: Json | undefined;

/** The contract: OpenAPI 3.1, made from the declared routes once per function instance. */
export const openapi = (): Record<string, z.core.util.JSONType> => {
  built ??= build();
  return built as Record<string, z.core.util.JSONType>;
};
