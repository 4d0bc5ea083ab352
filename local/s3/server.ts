import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { ConnectionReset, type Faults, InjectedError } from "../faults.ts";
import type { Identities } from "../iam/identities.ts";
import { ExpiredCredentials } from "../iam/sessions.ts";
import { listen, shut } from "../listen.ts";
import { authorize, hideAbsence } from "./authorize.ts";
import { addForeignBucket } from "./buckets.ts";
import { Content } from "./content.ts";
import { type Context, requireBucket, type S3Event, XML_TYPE } from "./context.ts";
import { corsHeaders, preflight } from "./cors.ts";
import { notImplemented, S3Error } from "./errors.ts";
import { publishPending } from "./events.ts";
import { sweepLifecycles } from "./lifecycle.ts";
import { operationOf } from "./operations.ts";
import { headersOf, parseTarget, type S3Request, type S3Response } from "./request.ts";
import { ROUTES } from "./routes.ts";
import { verifySignature } from "./sigv4.ts";
import { Store } from "./store.ts";
import { renderError } from "./xml.ts";

export interface S3Options {
  /** All state is below it. */
  readonly dir: string;
  /** 0: any free port. */
  readonly port: number;
  readonly region: string;
  readonly accountId: string;
  /**
   * The secret of an access key, undefined when there is no such key (or not with that session token); throws
   * ExpiredCredentials.
   */
  readonly secretOf: (accessKeyId: string, sessionToken: string | undefined) => string | undefined;
  /** Whose policies are evaluated; all is allowed if it is not given. */
  readonly identities?: Identities | undefined;
  /** Asked for `s3:PutObject` and the like once a request is authenticated and before it acts. */
  readonly faults: Faults;
  /** Takes the events of buckets that notify EventBridge, after the change they tell of is stored. */
  readonly publish: (event: S3Event) => void;
}

export interface S3Server {
  readonly port: number;
  readonly url: string;
  /**
   * Makes an empty bucket that belongs to another account: every request for it or into it is AccessDenied. Does nothing
   * if that account has it already. @throws Error when the bucket is this account's
   */
  addForeignBucket(name: string, ownerAccountId: string): void;
  /** Does what lifecycle rules ask for by this time (milliseconds since 1970), which is also done every hour by the clock. */
  sweep(now: number): Promise<void>;
  /** Ends open requests and closes the database. */
  close(): Promise<void>;
}

const SWEEP_EVERY_MS = 3600_000;

/** The parameters that are the signature itself, and so no headers in disguise. */
const SIGNATURE_PARAMETERS = new Set([
  "x-amz-algorithm",
  "x-amz-content-sha256",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-expires",
  "x-amz-security-token",
  "x-amz-signature",
  "x-amz-signedheaders",
]);

/** One exchange: what came, and whether the client still waits for `100 Continue` before it sends the body. */
interface Exchange {
  readonly id: string;
  readonly hostId: string;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  waiting: boolean;
}

/** @throws S3Error InvalidURI */
const readRequest = (exchange: Exchange): { request: S3Request; signed: Parameters<typeof verifySignature>[0] } => {
  const { id, message, response } = exchange;
  const method = message.method ?? "";
  const target = parseTarget(message.url ?? "/");
  const sent = headersOf(message);
  const headers = new Map(sent);
  for (const [name, value] of target.query) {
    const header = name.toLowerCase();
    if (header.startsWith("x-amz-") && !SIGNATURE_PARAMETERS.has(header) && !headers.has(header)) {
      headers.set(header, value);
    }
  }
  const request: S3Request = {
    id,
    method,
    path: target.path,
    bucket: target.bucket,
    key: target.key,
    query: new Map(target.query),
    headers,
    accessKeyId: "",
    sessionToken: undefined,
    payloadHash: "",
    seal: undefined,
    sourceIp: message.socket.remoteAddress ?? "",
    body: () => {
      if (exchange.waiting) {
        exchange.waiting = false;
        response.writeContinue();
      }
      // The connection stays when the body is left half-read: the error still has to be answered on it.
      return message.iterator({ destroyOnReturn: false });
    },
  };
  return { request, signed: { method, target, headers: sent } };
};

const act = async (
  context: Context,
  request: S3Request,
  operation: string,
  identities: Identities | undefined,
): Promise<S3Response> => {
  const handler = ROUTES.get(operation);
  if (handler === undefined) throw notImplemented(operation);
  if (identities !== undefined) {
    authorize(context, request, operation, identities);
    request.authorizeKey = (named, key) => authorize(context, { ...request, key }, named, identities);
  }
  const expectedOwner = request.headers.get("x-amz-expected-bucket-owner");
  if (expectedOwner !== undefined && requireBucket(context, request.bucket).owner !== expectedOwner) {
    throw S3Error.of("AccessDenied");
  }
  try {
    return await handler(context, request);
  } catch (error) {
    if (identities !== undefined) hideAbsence(context, request, operation, identities, error);
    throw error;
  }
};

const discard = async (response: S3Response | undefined): Promise<void> => {
  if (response?.body !== undefined && typeof response.body !== "string") {
    await response.body[Symbol.asyncIterator]().return?.();
  }
  await response?.release?.();
};

const actWithFaults = async (
  context: Context,
  request: S3Request,
  { faults, identities }: S3Options,
): Promise<S3Response> => {
  const operation = operationOf(request);
  let response: S3Response | undefined;
  try {
    // A body comes only once.
    return await faults.perform(
      `s3:${operation}`,
      async () => {
        response = await act(context, request, operation, identities);
        return response;
      },
      { repeatable: false, accessKeyId: request.accessKeyId },
    );
  } catch (error) {
    await discard(response);
    throw error instanceof InjectedError ? S3Error.ofFault(error) : error;
  }
};

const errorResponse = (error: S3Error, { id, hostId, message }: Exchange, resource: string): S3Response => {
  if (message.method === "HEAD" || error.status === 304) return { status: error.status, headers: error.headers };
  const tree = {
    Code: error.code,
    Message: error.message,
    ...error.details,
    Resource: resource,
    RequestId: id,
    HostId: hostId,
  };
  return { status: error.status, headers: { ...error.headers, ...XML_TYPE }, body: renderError(tree) };
};

/** A client that goes away while it sends or receives is no failure of this engine. */
const clientLeft = ({ message }: Exchange): boolean => message.socket.destroyed;

const report = ({ message }: Exchange, error: unknown): void =>
  console.error(`S3 failed on ${message.method} ${message.url}:`, error);

const answer = async (context: Context, options: S3Options, exchange: Exchange): Promise<S3Response> => {
  let request: S3Request | undefined;
  let result: S3Response;
  try {
    const read = readRequest(exchange);
    request = read.request;
    if (request.method === "OPTIONS") return await preflight(context, request);
    const { region, secretOf } = options;
    const verified = verifySignature(read.signed, { region, secretOf, now: Date.now() });
    result = await actWithFaults(context, { ...request, ...verified }, options);
  } catch (caught) {
    const error = caught instanceof ExpiredCredentials ? S3Error.of("ExpiredToken") : caught;
    if (error instanceof ConnectionReset) throw error;
    if (!(error instanceof S3Error) && !clientLeft(exchange)) report(exchange, error);
    const failure = error instanceof S3Error ? error : S3Error.of("InternalError");
    result = errorResponse(failure, exchange, request?.path ?? exchange.message.url ?? "");
  }
  const cors = request === undefined ? {} : corsHeaders(context, request);
  return { ...result, headers: { ...cors, ...result.headers } };
};

const send = async ({ id, hostId, message, response }: Exchange, { status, headers, body }: S3Response) => {
  response.writeHead(status, {
    "x-amz-request-id": id,
    "x-amz-id-2": hostId,
    server: "AmazonS3",
    ...(typeof body === "string" ? { "content-length": Buffer.byteLength(body) } : {}),
    ...headers,
  });
  if (body === undefined || typeof body === "string") response.end(body);
  else await pipeline(body, response);
  // What was not read of a refused body has to pass before the next request on this connection.
  if (!message.complete) message.resume();
};

const serve = async (context: Context, options: S3Options, exchange: Exchange): Promise<void> => {
  const result = await answer(context, options, exchange);
  try {
    await send(exchange, result);
  } catch (error) {
    if (!clientLeft(exchange)) report(exchange, error);
    exchange.response.destroy();
  } finally {
    await result.release?.();
  }
};

/**
 * Serves a subset of Amazon S3 (path-style) on loopback, with everything it stores below `dir`. What was answered with
 * success is there after the process was killed; what was not, leaves nothing behind.
 * @throws PortTaken
 */
export const startS3 = async (options: S3Options): Promise<S3Server> => {
  const { dir, region, accountId, publish } = options;
  const store = new Store(dir);
  const content = await Content.open(dir, store.ownedFiles());
  const context: Context = { store, content, region, accountId, publish };
  publishPending(context);

  let sweeping: Promise<void> = Promise.resolve();
  const sweep = (now: number): Promise<void> => {
    // One after the other: two at once would delete the same.
    const run = sweeping.then(() => sweepLifecycles(context, now));
    // Who asked for this sweep is told of its failure; the next one has nothing to do with it.
    sweeping = run.catch(() => undefined);
    return run;
  };
  const sweepByTheClock = () =>
    void sweep(Date.now()).catch((error: unknown) => console.error("S3 failed to sweep:", error));

  const running = new Set<Promise<void>>();
  const take = (waiting: boolean) => (message: IncomingMessage, response: ServerResponse) => {
    const id = randomBytes(8).toString("hex").toUpperCase();
    const exchange = { id, hostId: randomBytes(32).toString("base64"), message, response, waiting };
    const run = serve(context, options, exchange)
      .catch((error: unknown) => {
        if (error instanceof ConnectionReset) return void message.socket.resetAndDestroy();
        report(exchange, error);
        response.destroy();
      })
      .finally(() => running.delete(run));
    running.add(run);
  };
  // Uploads of many gigabytes take as long as they take.
  const server = createServer({ requestTimeout: 0 });
  server.on("request", take(false));
  server.on("checkContinue", take(true));
  const port = await listen("s3", server, options.port).catch((error: unknown) => {
    store.close();
    throw error;
  });
  sweepByTheClock();
  const timer = setInterval(sweepByTheClock, SWEEP_EVERY_MS).unref();
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    addForeignBucket: (name, owner) => addForeignBucket(context, name, owner),
    sweep,
    close: async () => {
      clearInterval(timer);
      await shut(server);
      await Promise.all(running);
      await sweeping;
      store.close();
    },
  };
};
