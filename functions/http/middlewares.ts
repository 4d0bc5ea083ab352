import type { MiddlewareObj } from "@middy/core";
import type { APIGatewayProxyEventV2WithLambdaAuthorizer, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import * as z from "zod";
import { translated } from "../../shared/aws/aws-errors.ts";
import { parametersIn, scopeOf } from "../../shared/declared/routes/route.ts";
import type { Route } from "../../shared/declared/routes.ts";
import { AppError, PROBLEMS, type Problem, problem } from "../../shared/problems.ts";
import { readJson, utf8, validated } from "../../shared/read-json.ts";
import { type Caller, inScope, isSubjectOfCredential, type Role, type Verdict } from "../../shared/workspace/access.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import type { Write } from "../../shared/writes.ts";
import { type Log, loggerOf } from "../logger.ts";
import { measure } from "../metrics.ts";
import { openWorkspace, stillThere } from "./access.ts";
import { formOf, oauthResult } from "./form.ts";
import { type Claim, claimIdempotencyKey, type StoredAnswer } from "./idempotency.ts";

/** What the middlewares work out for the handler, one after the other. */
export interface Work {
  log: Log;
  params: Readonly<Record<string, string>>;
  query: unknown;
  body: unknown;
  /** The revision that `If-Match` names; undefined without the header, and for `*`. */
  ifMatch: number | undefined;
  /** The caller's subject; empty where anyone may call. */
  caller: string;
  workspace: StoredWorkspace | undefined;
  /** The caller's in the workspace. */
  role: Role | undefined;
  /** Of the caller's token; undefined for all. */
  scopes: readonly string[] | undefined;
  claim: Claim | undefined;
}

/**
 * Where a request that did not come over HTTP has what is written with its intent, in the same transaction. A symbol: no JSON can
 * have such a member, so nothing that comes from outside.
 */
export const BESIDE_INTENT = Symbol("beside-intent");

export type ApiEvent = APIGatewayProxyEventV2WithLambdaAuthorizer<Verdict | undefined> & {
  work: Work;
  readonly [BESIDE_INTENT]?: (intentId: string) => Write;
};
export type ApiMiddleware = MiddlewareObj<ApiEvent, APIGatewayProxyStructuredResultV2>;

/** The largest body that an operation takes, in bytes, if it does not say more. Files go to S3, not through the API. */
const MAX_BODY_BYTES = 262_144;

export const jsonResult = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): APIGatewayProxyStructuredResultV2 => ({
  statusCode: status,
  headers: {
    ...(body !== undefined && { "content-type": "application/json" }),
    "cache-control": "no-store",
    ...headers,
  },
  ...(body !== undefined && { body: JSON.stringify(body) }),
});

export const problemResult = (document: Problem, headers: Readonly<Record<string, string>> = {}) =>
  jsonResult(document.status, document, { "content-type": "application/problem+json", ...headers });

/** Where this API is reached, as the client that asks reached it. */
export const apiUrl = ({ headers, requestContext }: Pick<ApiEvent, "headers" | "requestContext">): string =>
  `${headers["x-forwarded-proto"] ?? "https"}://${requestContext.domainName}`;

/** Logs: one line per request, with what came of it, under the gateway's request id. */
export const logs = (operation: string): ApiMiddleware => ({
  before: ({ event, context }) => {
    const log = loggerOf(context, { operation, apiRequestId: event.requestContext.requestId });
    event.work = {
      log,
      params: {},
      query: {},
      body: undefined,
      ifMatch: undefined,
      caller: "",
      workspace: undefined,
      role: undefined,
      scopes: undefined,
      claim: undefined,
    };
  },
  after: ({ event, response }) => {
    event.work.log.info("answered", { status: response?.statusCode ?? 0, intent: intentIn(response) });
  },
});

/** The id in `Location: /v1/intents/{id}`, by which the request's log line joins those of its workflow. */
const intentIn = (response: APIGatewayProxyStructuredResultV2 | null | undefined): string =>
  /^\/v1\/intents\/(.+)$/.exec(String(response?.headers?.location ?? ""))?.[1] ?? "";

/** RFC 6750 §3. */
const BEARER = 'Bearer error="invalid_token"';

/** Problems: whatever was thrown becomes a problem document; what is not ours is logged whole and told as `internal`. */
export const problems = (route: Pick<Route, "oauth"> = {}): ApiMiddleware => ({
  onError: (request) => {
    const told = route.oauth ? oauthResult : problemResult;
    const error = translated(request.error);
    const { log } = request.event.work;
    if (error instanceof AppError) {
      log.info("refused", { status: PROBLEMS[error.code].status, code: error.code, detail: error.message });
      if (error.cause instanceof Error && PROBLEMS[error.code].status >= 429) log.warn("because", error.cause);
      if (error.code === "forbidden") measure("Refusals", 1);
      const headers = {
        ...("retry" in PROBLEMS[error.code] && { "retry-after": "1" }),
        ...(error.code === "unauthorized" && { "www-authenticate": route.oauth ? 'Basic realm="slipway"' : BEARER }),
      };
      request.response = told(problem(error.code, error.message, error.findings), headers);
      return;
    }
    log.error("failed", error instanceof Error ? error : new Error(String(error)));
    const reference = request.event.requestContext.requestId;
    request.response = told(problem("internal", `the request failed; its id is ${reference}`));
  },
});

/** Parse and validate: path, query, body and If-Match, by the route's schemas. Unknown members are refused. */
export const parse = (route: Route): ApiMiddleware => ({
  before: ({ event }) => {
    const { work } = event;
    work.params = event.pathParameters as Record<string, string>;
    work.params ??= {};
    const bounds = new Map(parametersIn(route.path).map(({ name, greedy }) => [name, greedy ? 512 : 256]));
    if (Object.entries(work.params).some(([name, value]) => value.length > (bounds.get(name) ?? 0))) {
      throw new AppError("not-found", "a part of the path is longer than any name");
    }
    work.query = validated(
      (route.query ?? z.object({})).strict(),
      event.queryStringParameters ?? {},
      "the query",
      (path) => ({ parameter: String(path[0] ?? "") }),
    );
    work.body = route.body === undefined ? noBody(event) : parsedBody(event, route.body, route);
    if (route.ifMatch !== undefined) work.ifMatch = revisionOf(event.headers["if-match"], route.ifMatch === "required");
  },
});

const rawBody = (event: ApiEvent): string =>
  event.isBase64Encoded === true ? utf8(Buffer.from(event.body ?? "", "base64"), "the body") : (event.body ?? "");

const noBody = (event: ApiEvent): undefined => {
  const body = rawBody(event).trim();
  if (body !== "" && body !== "{}") throw new AppError("invalid-request", "this operation takes no body");
};

const parsedBody = (
  event: ApiEvent,
  schema: z.ZodType,
  { oauth, maxBodyBytes: most = MAX_BODY_BYTES }: Pick<Route, "oauth" | "maxBodyBytes">,
): unknown => {
  const raw = rawBody(event);
  const bytes = Buffer.byteLength(raw);
  if (bytes > most) {
    throw new AppError("body-too-large", `the body has ${bytes} bytes; at most ${most} are taken`);
  }
  const mediaType = (event.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (oauth) return validated(schema, formOf(raw, mediaType), "the form", ([name]) => ({ parameter: String(name) }));
  if (mediaType !== "application/json" && mediaType !== "application/merge-patch+json") {
    throw new AppError("unsupported-media-type", "the body must be application/json");
  }
  return readJson(schema, raw, "the body");
};

const revisionOf = (header: string | undefined, required: boolean): number | undefined => {
  if (header === undefined) {
    if (required) throw new AppError("precondition-required", "send If-Match with the ETag that you read, or *");
    return undefined;
  }
  if (header.trim() === "*") return undefined;
  const match = /^"([1-9]\d{0,14})"$/.exec(header.trim());
  // RFC 9110 §13.1.1: a tag that matches no current representation, or a weak one, fails the precondition.
  if (match?.[1] === undefined) throw new AppError("precondition-failed", `${header} is not the current ETag`);
  return Number(match[1]);
};

/**
 * Authenticate: the caller is whom the gateway's authoriser found the token to be of; a workspace opens to its members, and
 * to machine credentials within their scopes.
 */
export const authenticate = (route: Route): ApiMiddleware => ({
  before: async ({ event }) => {
    if (route.access === "anyone") return;
    const { work } = event;
    const caller = callerOf(event, new Date());
    work.caller = caller.subject;
    work.scopes = caller.scopes;
    const isMachine = isSubjectOfCredential(caller.subject);
    if (route.access !== "caller") {
      const opened = await openWorkspace(caller, work.params.workspace ?? "", route.access);
      work.workspace = opened.workspace;
      work.role = opened.role;
    } else if (caller.workspaceId !== undefined) {
      await stillThere(caller.subject, caller.workspaceId);
    }
    if (isMachine && route.peopleOnly)
      throw new AppError("forbidden", "this is for people, not for machine credentials");
    const needed = scopeOf(route);
    if (!inScope(needed, caller.scopes)) {
      throw new AppError("forbidden", `this needs the scope ${needed}; the token has ${caller.scopes?.join(" ")}`);
    }
  },
});

/** What the authoriser said of the token. Its answer may have been kept for longer than the token works. */
const callerOf = (event: ApiEvent, now: Date): Caller => {
  const verdict = event.requestContext.authorizer?.lambda;
  if (verdict === undefined || verdict === null) throw new AppError("unauthorized", "there is no bearer token");
  if ("refused" in verdict) throw new AppError("unauthorized", verdict.refused);
  if (verdict.until * 1_000 <= now.getTime()) throw new AppError("unauthorized", "the token has expired");
  return verdict;
};

/** Idempotency: a POST with an `Idempotency-Key` takes effect once; the same request again gets the stored answer. */
export const idempotency = (route: Route): ApiMiddleware => ({
  before: async ({ event }) => {
    const key = event.headers["idempotency-key"];
    if (key === undefined || route.method !== "POST" || route.repeatable) return;
    const request = { method: route.method, path: event.rawPath, body: rawBody(event) };
    const claim = await claimIdempotencyKey(event.work.caller, key, request, new Date());
    if ("store" in claim) event.work.claim = claim;
    else return replayed(claim);
  },
  onError: async ({ event }) => {
    try {
      await event.work.claim?.release();
    } catch (error) {
      // The claim runs out by itself; what matters is the error that is on its way to the caller.
      event.work.log.warn(
        "an idempotency key was not given back",
        error instanceof Error ? error : new Error(String(error)),
      );
    }
  },
});

const replayed = (answer: StoredAnswer): APIGatewayProxyStructuredResultV2 => ({
  statusCode: answer.status,
  headers: { ...answer.headers, "idempotent-replayed": "true" },
  ...(answer.body !== undefined && { body: answer.body }),
});
