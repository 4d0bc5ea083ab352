import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { TLSSocket } from "node:tls";
import { AwsError, serializationError } from "../aws-json/errors.ts";
import type { ServerCertificate } from "../certificates.ts";
import { ConnectionReset, InjectedError } from "../faults.ts";
import { type DevicePrincipal, isUsable } from "../iot/device-principals.ts";
import { listen, shut } from "../listen.ts";

/** A request of a device whose certificate is registered, active and within its dates. */
export interface DeviceRequest {
  readonly principal: DevicePrincipal;
  readonly method: string;
  /** The parts of the path, each decoded; `.` and `..` are parts as all others. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The body as JSON. @throws AwsError SerializationException (400), RequestEntityTooLargeException (413) */
  json(): Promise<unknown>;
}

export interface FrontOptions {
  /** For the message that its port is taken. */
  readonly name: string;
  /** 0: any free port. */
  readonly port: number;
  readonly certificate: ServerCertificate;
  /** A registered certificate by its ID, which is its SHA-256 fingerprint. */
  readonly principalOf: (certificateId: string) => DevicePrincipal | undefined;
  /** Milliseconds since the epoch; the system's clock by default. */
  readonly now?: (() => number) | undefined;
  /** What a device gets without a certificate that is registered, active and within its dates. */
  readonly refusal: () => AwsError;
  readonly internalErrorCode: string;
  /** Answers with what the JSON is made of. @throws AwsError, and what faults throw */
  readonly answer: (request: DeviceRequest) => Promise<object>;
}

const MAX_BODY_BYTES = 1024 * 1024;

/** A JSON null means that the member, or the item, was not given. */
const dropNull = (_key: string, value: unknown): unknown =>
  Array.isArray(value) ? value.filter((item) => item !== undefined) : (value ?? undefined);

const readJson = async (message: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Read on after the limit, without keeping: a client that still writes would see a reset instead of the answer.
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (size > MAX_BODY_BYTES) throw new AwsError("RequestEntityTooLargeException", 413, "The request is too large");
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"), dropNull) as unknown;
  } catch (error) {
    throw serializationError(`The body is not JSON: ${String(error)}`);
  }
};

const decodePath = (path: string): string[] => {
  try {
    return path.split("/").slice(1).map(decodeURIComponent);
  } catch (error) {
    throw serializationError(`The path is not valid: ${String(error)}`);
  }
};

/** @throws AwsError the refusal */
const authenticate = (socket: TLSSocket, { principalOf, now = Date.now, refusal }: FrontOptions): DevicePrincipal => {
  const fingerprint = socket.getPeerX509Certificate()?.fingerprint256;
  const principal = fingerprint === undefined ? undefined : principalOf(fingerprint.replaceAll(":", "").toLowerCase());
  if (principal === undefined || !isUsable(principal, now())) throw refusal();
  return principal;
};

const act = async (message: IncomingMessage, options: FrontOptions): Promise<object> => {
  const principal = authenticate(message.socket as TLSSocket, options);
  const [path = "/", query = ""] = (message.url ?? "/").split("?", 2);
  return options.answer({
    principal,
    method: message.method ?? "GET",
    path: decodePath(path),
    query: new URLSearchParams(query),
    headers: message.headers,
    json: () => readJson(message),
  });
};

const failure = (error: unknown, id: string, { name, internalErrorCode }: FrontOptions): AwsError => {
  if (error instanceof AwsError) return error;
  if (error instanceof InjectedError) return new AwsError(error.code, error.status, error.message);
  console.error(`${name}: request ${id} failed`, error);
  return new AwsError(internalErrorCode, 500, "An internal error occurred");
};

const serve = async (message: IncomingMessage, response: ServerResponse, options: FrontOptions): Promise<void> => {
  const id = randomUUID();
  const headers = { "content-type": "application/json", "x-amzn-requestid": id };
  try {
    const answer = await act(message, options);
    response.writeHead(200, headers).end(JSON.stringify(answer));
  } catch (error) {
    // A client that went away while it was sending has nobody left to answer.
    if (error instanceof ConnectionReset || message.socket.destroyed) return void message.socket.destroy();
    const { code, status, message: text, extra } = failure(error, id, options);
    response
      .writeHead(status, { ...headers, "x-amzn-errortype": code })
      .end(JSON.stringify({ message: text, ...extra }));
  }
};

/**
 * An HTTPS port for devices, which show a client certificate. TLS proves that they have its key; who signed it is no
 * matter, as AWS IoT knows certificates by what was registered. The certificate's state is looked at for every request.
 *
 * @throws PortTaken
 */
export const startFront = async (options: FrontOptions) => {
  const { certificate, key } = options.certificate;
  const server = createServer({ cert: certificate, key, requestCert: true, rejectUnauthorized: false });
  server.on("tlsClientError", () => undefined); // a client that does not trust us is the client's affair
  server.on("request", (message, response) => {
    serve(message, response, options).catch((error: unknown) => {
      console.error(`${options.name}: the answer could not be written`, error);
      response.destroy();
    });
  });
  const port = await listen(options.name, server, options.port);
  return { port, url: `https://127.0.0.1:${port}`, close: () => shut(server) };
};
