import openapiFetch from "openapi-fetch";
import { DeadlineError, InputError, ProblemError, problemOf, unexpectedAnswer } from "./errors.ts";
import { OPERATIONS } from "./operations.ts";
import { pause, sendWithRetries } from "./retry.ts";
import type { Answer, Input, Item, ListName, OperationName, Operations, PagedName, Schemas } from "./types.ts";

export {
  ConnectionError,
  DeadlineError,
  type Finding,
  InputError,
  type Problem,
  type ProblemCode,
  ProblemError,
} from "./errors.ts";
export type { Answer, Input, Item, ListName, OperationName, PagedName, Schemas } from "./types.ts";
export type Intent = Schemas["Intent"];

export interface ClientOptions {
  /** Where the API is, such as `https://api.example.com`; a trailing slash or `/v1` is no matter. */
  readonly url: string;
  /** A bearer token, or what gives one for each request. None for the operations that need none. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** How often a request is sent again, at most. 4 unless it is said. */
  readonly retries?: number | undefined;
  /** Milliseconds after which a try without an answer is given up. 30 seconds unless it is said. */
  readonly timeout?: number | undefined;
  /** In place of the platform's own. */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which it is given up; 15 minutes unless it is said. */
  readonly timeout?: number | undefined;
  /** Told of the intent each time that it was looked at. */
  readonly onPoll?: ((intent: Intent) => void) | undefined;
}

/** An answer with its headers, where `ETag` and `Location` are. */
export interface Called<Body> {
  readonly data: Body;
  readonly headers: Headers;
  readonly status: number;
}

export interface Slipway extends Operations {
  /** An operation by its name, with the headers of the answer. @throws ProblemError, ConnectionError, InputError */
  readonly call: <Name extends OperationName>(name: Name, input: Input<Name>) => Promise<Called<Answer<Name>>>;
  /** The pages of a list, or of another answer that has a `nextCursor`, each read when it is asked for. */
  readonly pages: <Name extends PagedName>(name: Name, input: Input<Name>) => AsyncGenerator<Answer<Name>, void>;
  /** What a list holds, page by page, one after the other. */
  readonly items: <Name extends ListName>(name: Name, input: Input<Name>) => AsyncGenerator<Item<Name>, void>;
  /**
   * Looks at an intent, less and less often, until it has succeeded.
   * @throws ProblemError what it failed with; DeadlineError; the signal's reason
   */
  readonly waitForIntent: (intent: string | { readonly id: string }, options?: WaitOptions) => Promise<Intent>;
}

const DEFAULTS = { retries: 4, timeout: 30_000, wait: 15 * 60_000 } as const;
/** What a timer takes at most: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const POLL_MS = { first: 100, most: 5_000, growth: 1.5 } as const;

/** `crypto.randomUUID` is missing where a page is not served securely. */
const randomKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** What `Authorization: Bearer` may carry (RFC 6750 §2.1). */
const BEARER = /^[A-Za-z0-9\-._~+/]+=*$/;

/** @throws InputError, which does not say the token, as the platform's own error would */
const checkedToken = (token: string): string => {
  const trimmed = token.trim();
  if (!BEARER.test(trimmed)) throw new InputError("the token has characters that no bearer token has");
  return trimmed;
};

/** A step in a path would lead to another operation. @throws InputError */
const checkedName = (parameter: string, value: unknown): void => {
  if (["", ".", ".."].includes(String(value))) throw new InputError(`"${value}" is no name: ${parameter}`);
};

type AnyInput = Readonly<Record<string, unknown>> & {
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  readonly ifMatch?: string;
  readonly idempotencyKey?: string;
};

/** What `client/generate.ts` tells of an operation. */
interface OperationFacts {
  readonly method: string;
  readonly path: string;
  readonly takesKey?: true;
  /** A POST that is a question. */
  readonly changesNothing?: true;
  readonly text?: true;
  readonly form?: true;
}

type AnyRequest = (
  method: string,
  path: string,
  init: object,
) => Promise<{ data?: unknown; error?: unknown; response: Response }>;

/**
 * A client of Slipway's API.
 *
 * ```ts
 * const slipway = createClient({ url: "https://api.example.com", token });
 * const intent = await slipway.createNodeGroup({ workspace: "acme", body: { name: "gateways" } });
 * await slipway.waitForIntent(intent);
 * for await (const node of slipway.items("listNodes", { workspace: "acme" })) console.log(node.name);
 * ```
 */
export const createClient = (options: ClientOptions): Slipway => {
  const { retries = DEFAULTS.retries, timeout = DEFAULTS.timeout } = options;
  const send = options.fetch ?? ((request: Request) => fetch(request));
  const http = openapiFetch({
    baseUrl: options.url.replace(/\/+$/, "").replace(/\/v1$/, ""),
  });
  const sending = { fetch: send, retries, timeout, pause, random: Math.random };
  const request = http.request as unknown as AnyRequest;
  const tokenOf = async () => (typeof options.token === "function" ? options.token() : options.token);

  const callAny = async (name: OperationName, input: AnyInput = {}): Promise<Called<unknown>> => {
    const operation: OperationFacts = OPERATIONS[name];
    const { takesKey, changesNothing } = operation;
    const { body, signal, ifMatch, idempotencyKey, ...parameters } = input;
    if (idempotencyKey !== undefined && !takesKey) throw new InputError(`${name} takes no Idempotency-Key`);
    const inPath = (parameter: string) => operation.path.includes(`{${parameter}}`);
    const inputs = Object.entries(parameters);
    for (const [parameter, value] of inputs) if (inPath(parameter)) checkedName(parameter, value);
    const token = await tokenOf();
    const { data, error, response } = await request(operation.method, operation.path, {
      params: {
        path: Object.fromEntries(inputs.filter(([parameter]) => inPath(parameter))),
        query: Object.fromEntries(inputs.filter(([parameter, value]) => !inPath(parameter) && value !== undefined)),
      },
      body,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${checkedToken(token)}` }),
        ...(operation.form && { "content-type": "application/x-www-form-urlencoded" }),
        ...(takesKey && { "idempotency-key": idempotencyKey ?? randomKey() }),
        ...(ifMatch !== undefined && { "if-match": ifMatch }),
      },
      ...(signal !== undefined && { signal }),
      fetch: (sent: Request) => sendWithRetries(sent, { ...sending, changesNothing }),
      parseAs: "text",
    });
    const { status, headers } = response;
    if (!response.ok) throw problemOf(status, headers, error);
    const read = operation.text || status === 204 ? data : objectOf(data);
    if (read === undefined && status !== 204)
      throw unexpectedAnswer(status, headers.get("apigw-requestid") ?? undefined);
    return { data: read, headers, status };
  };
  const call = callAny as unknown as Slipway["call"];

  const pages = async function* <Name extends PagedName>(name: Name, input: Input<Name>) {
    let cursor = (input as { cursor?: string }).cursor;
    do {
      const { data } = await call(name, { ...input, cursor });
      yield data;
      cursor = (data as { nextCursor?: string }).nextCursor;
    } while (cursor !== undefined);
  };

  const items = async function* <Name extends ListName>(name: Name, input: Input<Name>) {
    for await (const page of pages(name, input)) yield* (page as { items: Item<Name>[] }).items;
  };

  const waitForIntent: Slipway["waitForIntent"] = async (wanted, { signal, timeout = DEFAULTS.wait, onPoll } = {}) => {
    let intent: DeadlineError["intent"] = typeof wanted === "string" ? { id: wanted } : wanted;
    const deadline = Date.now() + timeout;
    const late = AbortSignal.timeout(Math.min(Math.max(0, timeout), LONGEST_TIMER_MS));
    const looking = signal === undefined ? late : AbortSignal.any([signal, late]);
    for (let wait: number = POLL_MS.first; ; wait = Math.min(POLL_MS.most, wait * POLL_MS.growth)) {
      const seen = await call("getIntent", { intent: intent.id, signal: looking }).catch((error: unknown) => {
        // The deadline ends a look that hangs, too.
        if (late.aborted && signal?.aborted !== true) throw new DeadlineError(intent, timeout);
        throw error;
      });
      intent = seen.data;
      onPoll?.(seen.data);
      if (intent.status === "succeeded") return seen.data;
      if (intent.status === "failed") throw failureOf(seen.data);
      const left = deadline - Date.now();
      if (left <= 0) throw new DeadlineError(intent, timeout);
      await pause(Math.min(wait, left), signal);
    }
  };

  const operations = Object.fromEntries(
    Object.keys(OPERATIONS).map((name) => [
      name,
      async (input?: AnyInput) => (await callAny(name as OperationName, input)).data,
    ]),
  ) as unknown as Operations;
  return { ...operations, call, pages, items, waitForIntent };
};

/** The JSON object that a text is; undefined where it is none, as a proxy's page is not. */
const objectOf = (text: unknown): object | undefined => {
  try {
    const value: unknown = JSON.parse(String(text));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined; // the caller throws what tells of it
  }
};

const failureOf = (intent: Intent): ProblemError => {
  const { problem } = intent;
  const unknown = { code: "internal", status: 500, title: "The intent failed", detail: "it does not say why" } as const;
  return new ProblemError(problem ?? unknown, { intent });
};
