import type { components } from "./schema.ts";

type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];
export type ProblemCode = Problem["code"];
export type Finding = NonNullable<Problem["errors"]>[number];

/**
 * An answer that says no, or an intent that failed (RFC 9457). `code` is stable and what programs look at; it is
 * `unexpected-answer` when something other than Slipway answered, such as a proxy.
 */
export class ProblemError extends Error {
  readonly code: ProblemCode | "unexpected-answer";
  /** The HTTP status, or for a failed intent the one of its problem. */
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** What is wrong with the input, place by place. */
  readonly errors: readonly Finding[];
  /** By which the operators of the API find the request in their logs. */
  readonly requestId: string | undefined;
  /** The intent, where one failed. */
  readonly intent: Schemas["Intent"] | undefined;

  constructor(
    problem: Pick<Problem, "status" | "title" | "detail"> & {
      readonly code: ProblemCode | "unexpected-answer";
      readonly errors?: readonly Finding[] | undefined;
    },
    options: { readonly requestId?: string | undefined; readonly intent?: Schemas["Intent"] | undefined } = {},
  ) {
    super(`${problem.code}: ${problem.detail}`);
    this.name = "ProblemError";
    this.code = problem.code;
    this.status = problem.status;
    this.title = problem.title;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.requestId = options.requestId;
    this.intent = options.intent;
  }
}

/** No answer came, however often it was tried; `cause` is what the last try said. */
export class ConnectionError extends Error {
  constructor(url: string, cause: unknown) {
    super(`${new URL(url).origin} does not answer: ${reasonOf(cause)}`, { cause });
    this.name = "ConnectionError";
  }
}

/** An intent had not ended by the deadline; it goes on all the same. */
export class DeadlineError extends Error {
  /** As it was last seen: no more than its id where no answer came. */
  readonly intent: Pick<Schemas["Intent"], "id"> & Partial<Schemas["Intent"]>;
  constructor(intent: DeadlineError["intent"], milliseconds: number) {
    const seen = intent.status === undefined ? "was not seen to end" : `is still ${intent.status}`;
    super(`the intent ${intent.id} ${seen} after ${milliseconds / 1_000} s`);
    this.name = "DeadlineError";
    this.intent = intent;
  }
}

/** What a call was given cannot be sent, and was not. Its message never has the token. */
export class InputError extends TypeError {
  constructor(message: string) {
    super(message);
    this.name = "InputError";
  }
}

/** Node's fetch hides the reason in the cause; a browser's tells none. */
const reasonOf = (error: unknown): string => {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(inner instanceof Error)) return String(inner);
  return inner.message || ("code" in inner ? String(inner.code) : inner.name);
};

const isProblem = (body: unknown): body is Problem =>
  typeof body === "object" &&
  body !== null &&
  ["code", "title", "detail"].every(
    (member) => typeof (body as Readonly<Record<string, unknown>>)[member] === "string",
  ) &&
  "status" in body &&
  (!("errors" in body) || Array.isArray(body.errors));

/** What an answer says that is none of the operation's. */
export const unexpectedAnswer = (status: number, requestId: string | undefined): ProblemError => {
  const detail = `the answer ${status} is not one of Slipway's: is this the address of its API?`;
  return new ProblemError(
    { code: "unexpected-answer", status, title: "Not an answer of Slipway", detail },
    { requestId },
  );
};

/** What an answer of 400 and above says. @param body parsed when it is JSON, and a text otherwise */
export const problemOf = (status: number, headers: Headers, body: unknown): ProblemError => {
  const requestId = headers.get("apigw-requestid") ?? undefined;
  if (isProblem(body)) return new ProblemError(body, { requestId });
  // API Gateway refuses tokens by itself, before Slipway sees the request:
  // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
  if (status === 401) {
    const detail = "the token is missing, has ended, or is not of this API";
    return new ProblemError(
      { code: "unauthorized", status, title: "A valid bearer token is needed", detail },
      { requestId },
    );
  }
  if (status === 429) {
    return new ProblemError(
      { code: "throttled", status, title: "Too many requests", detail: "the API takes no more requests just now" },
      { requestId },
    );
  }
  return unexpectedAnswer(status, requestId);
};
