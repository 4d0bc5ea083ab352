import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { JsonShapeDeserializer, JsonShapeSerializer } from "@aws-sdk/core/protocols";
import type { NormalizedSchema } from "@smithy/core/schema";
import { ConnectionReset, type Faults, InjectedError } from "../faults.ts";
import type { Gate } from "../iam/gate.ts";
import { callerOf } from "../iam/identities.ts";
import type { Throttle } from "../throttle.ts";
import { type Model, Validator } from "./constraints.ts";
import { AwsError, serializationError } from "./errors.ts";
import type { Handlers } from "./operations.ts";
import { type Route, readSchemas } from "./routes.ts";

export interface JsonServiceOptions<Module extends object, Context> {
  /** The v3 client package: its exported schemas are the routes and the wire format. */
  readonly client: Module;
  readonly model: Model;
  /** The service's prefix in IAM actions: `iot`, `greengrass`. Faults are armed by it. */
  readonly prefix: string;
  readonly handlers: Handlers<Module, Context>;
  readonly context: Context;
  readonly faults: Faults;
  /** Refuses calls that come too often; all are taken if it is not given. */
  readonly throttle?: Throttle;
  /** Refuses what the caller's policy does not allow; all is allowed if it is not given. */
  readonly gate?: Gate | undefined;
  /** How this service words a request that breaks its constraints. */
  readonly validationError: (message: string) => AwsError;
  /** The code of this service's answer (500) to a failure that is not the client's. */
  readonly internalErrorCode: string;
}

/** The services' own limit for a request; nothing that they accept is longer. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Epoch seconds, which is restJson1's format for a timestamp that names none. */
const SETTINGS = { jsonName: true, timestampFormat: { useTrait: true, default: 7 as const }, httpBindings: true };

type Deserializer = JsonShapeDeserializer;
type DocumentType = Parameters<Deserializer["readObject"]>[1];
type SerdeContext = Parameters<Deserializer["setSerdeContext"]>[0];

/** The codecs ask for the encoders that a client's configuration has; only these are used. */
const SERDE_CONTEXT = {
  base64Decoder: (text: string) => new Uint8Array(Buffer.from(text, "base64")),
  base64Encoder: (bytes: Uint8Array | string) => Buffer.from(bytes).toString("base64"),
  utf8Encoder: (bytes: Uint8Array | string) => Buffer.from(bytes).toString("utf8"),
  utf8Decoder: (text: string) => new Uint8Array(Buffer.from(text)),
} as unknown as SerdeContext;

/** The operation that a request names, and the labels in its path. */
interface Found {
  readonly route: Route;
  readonly labels: ReadonlyMap<string, string>;
}

type Handler<Context> = (input: Record<string, unknown>, context: Context) => unknown;

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Read on after the limit, without keeping: a client that still writes would see a reset instead of the answer.
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (size > MAX_BODY_BYTES) throw new AwsError("RequestEntityTooLargeException", 413, "The request is too large");
  return Buffer.concat(chunks);
};

/** A label, header or query value as its member's type. */
const fromText = (schema: NormalizedSchema, text: string): unknown => {
  if (schema.isNumericSchema()) return Number(text);
  if (schema.isBooleanSchema()) return text === "true" ? true : text === "false" ? false : text;
  if (schema.isTimestampSchema()) return new Date(text);
  return text;
};

const fromQuery = (schema: NormalizedSchema, values: readonly string[]): unknown => {
  if (schema.isListSchema()) return values.map((value) => fromText(schema.getValueSchema(), value));
  const [first] = values;
  return first === undefined ? undefined : fromText(schema, first);
};

const decodeLabel = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw serializationError(`The path is not valid: ${String(error)}`);
  }
};

/** Reads and answers the requests of one service. */
class JsonService<Module extends object, Context> {
  readonly #options: JsonServiceOptions<Module, Context>;
  readonly #routes: readonly Route[];
  readonly #errors: ReadonlyMap<string, NormalizedSchema>;
  readonly #validator: Validator;
  readonly #handlers: ReadonlyMap<string, Handler<Context>>;
  readonly #deserializer = new JsonShapeDeserializer(SETTINGS);
  readonly #serializer = new JsonShapeSerializer(SETTINGS);

  constructor(options: JsonServiceOptions<Module, Context>) {
    this.#options = options;
    const { routes, errors } = readSchemas(options.client);
    this.#routes = routes;
    this.#errors = errors;
    this.#validator = new Validator(options.model);
    // Each handler is typed by its operation; by name, all that is left of the type is that it takes the input.
    this.#handlers = new Map(Object.entries(options.handlers as unknown as Record<string, Handler<Context>>));
    this.#deserializer.setSerdeContext(SERDE_CONTEXT);
    this.#serializer.setSerdeContext(SERDE_CONTEXT);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    response.setHeader("x-amzn-requestid", requestId);
    try {
      const body = await readBody(request);
      const { route, output } = await this.#perform(request, body);
      this.#succeed(response, route, output);
    } catch (error) {
      // A client that went away while it was sending has nobody left to answer, and nothing was done.
      if (!request.complete) {
        response.destroy();
        return;
      }
      if (error instanceof ConnectionReset) {
        request.socket.resetAndDestroy();
        return;
      }
      const known =
        error instanceof InjectedError
          ? new AwsError(error.code, error.status, error.message)
          : error instanceof AwsError
            ? error
            : undefined;
      if (known === undefined) console.error(`${this.#options.prefix}: request ${requestId} failed`, error);
      this.#fail(response, known ?? new AwsError(this.#options.internalErrorCode, 500, String(error)));
    }
  }

  async #perform(request: IncomingMessage, body: Buffer): Promise<{ route: Route; output: unknown }> {
    const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
    const found = this.#route(request.method ?? "GET", path);
    if (found === undefined)
      throw new AwsError("UnknownOperationException", 404, `${request.method} ${path} is not an operation`);
    const { route } = found;
    const output = await this.#options.faults.perform(
      `${this.#options.prefix}:${route.name}`,
      () => this.#act(found, new URLSearchParams(query), request.headers, body),
      { accessKeyId: callerOf(request.headers) },
    );
    return { route, output };
  }

  #act({ route, labels }: Found, query: URLSearchParams, headers: IncomingMessage["headers"], body: Buffer): unknown {
    if (this.#options.throttle?.(route.name) === false)
      throw new AwsError("ThrottlingException", this.#statusOf("ThrottlingException"), "Rate exceeded");
    const input = this.#input(route, labels, query, headers, body);
    this.#options.gate?.(route.name, input, headers);
    const failures = this.#validator.check(route.name, input);
    if (failures.length > 0) {
      const count = `${failures.length} validation error${failures.length > 1 ? "s" : ""} detected`;
      throw this.#options.validationError(`${count}: ${failures.join("; ")}`);
    }
    const handler = this.#handlers.get(route.name);
    if (handler === undefined)
      throw new AwsError("NotImplemented", 501, `${this.#options.prefix}:${route.name} is not emulated`);
    return handler(input, this.#options.context);
  }

  #route(method: string, path: string): Found | undefined {
    for (const route of this.#routes) {
      const match = route.method === method ? route.path.exec(path) : null;
      if (match === null) continue;
      const labels = route.labels.map((label, index) => [label, decodeLabel(match[index + 1] ?? "")] as const);
      return { route, labels: new Map(labels) };
    }
    return undefined;
  }

  /** The input that the client serialised: members from the path, the query, the headers and the JSON body. */
  #input(
    route: Route,
    labels: ReadonlyMap<string, string>,
    query: URLSearchParams,
    headers: IncomingMessage["headers"],
    body: Buffer,
  ): Record<string, unknown> {
    if (!route.input.isStructSchema()) return {};
    const members = [...route.input.structIterator()];
    const payload = members.find(([, schema]) => schema.getMergedTraits().httpPayload);
    const parsed = body.length === 0 ? {} : this.#parse(payload?.[1] ?? route.input, body);
    const input: Record<string, unknown> = {};
    for (const [name, schema] of members) {
      const traits = schema.getMergedTraits();
      const header = traits.httpHeader === undefined ? undefined : headers[traits.httpHeader.toLowerCase()];
      let value: unknown;
      if (traits.httpLabel) value = fromText(schema, labels.get(name) ?? "");
      else if (traits.httpQuery !== undefined)
        value = query.has(traits.httpQuery) ? fromQuery(schema, query.getAll(traits.httpQuery)) : undefined;
      else if (traits.httpHeader !== undefined)
        value = header === undefined ? undefined : fromText(schema, String(header));
      else if (payload !== undefined) value = name === payload[0] && body.length > 0 ? parsed : undefined;
      else value = (parsed as Record<string, unknown>)[name];
      // A JSON null means that the member was not given.
      if (value !== undefined && value !== null) input[name] = value;
    }
    return input;
  }

  #parse(schema: NormalizedSchema, body: Buffer): unknown {
    let document: unknown;
    try {
      document = JSON.parse(body.toString("utf8"));
    } catch (error) {
      throw serializationError(`The body is not JSON: ${String(error)}`);
    }
    if (schema.isStructSchema() && (typeof document !== "object" || document === null || Array.isArray(document)))
      throw serializationError("The body must be a JSON object");
    try {
      const value: unknown = this.#deserializer.readObject(schema, document as DocumentType);
      return value;
    } catch (error) {
      throw serializationError(`The body does not fit the operation: ${String(error)}`);
    }
  }

  #serialize(schema: NormalizedSchema, value: unknown): string {
    this.#serializer.write(schema, value);
    return this.#serializer.flush();
  }

  #succeed(response: ServerResponse, route: Route, output: unknown): void {
    const fields: Record<string, unknown> = { ...(output as object | undefined) };
    let status = route.status;
    if (route.output.isStructSchema())
      for (const [name, member] of route.output.structIterator()) {
        if (!member.getMergedTraits().httpResponseCode || fields[name] === undefined) continue;
        status = Number(fields[name]);
        delete fields[name];
      }
    if (status === 204) {
      response.writeHead(204).end();
      return;
    }
    const text = route.output.isStructSchema() ? this.#serialize(route.output, fields) : "";
    response.writeHead(status, { "content-type": "application/json" }).end(text);
  }

  /** The HTTP status that the service's model gives to an error. */
  #statusOf(code: string): number {
    return Number(this.#errors.get(code)?.getMergedTraits().httpError ?? 400);
  }

  #fail(response: ServerResponse, error: AwsError): void {
    const schema = this.#errors.get(error.code);
    const fields: Record<string, unknown> = { message: error.message, ...error.extra };
    if (schema !== undefined)
      for (const [name, member] of schema.structIterator()) {
        const header = member.getMergedTraits().httpHeader;
        if (header === undefined || fields[name] === undefined) continue;
        response.setHeader(header, String(fields[name]));
        delete fields[name];
      }
    const text = schema === undefined ? JSON.stringify(fields) : this.#serialize(schema, fields);
    response.writeHead(error.status, { "content-type": "application/json", "x-amzn-errortype": error.code }).end(text);
  }
}

/**
 * A restJson1 service on HTTP. The operations, their routes and their wire format come from `client`, the constraints
 * from `model`; `handlers` act. Signatures are not verified.
 *
 * Answers `UnknownOperationException` (404) to a path that no operation has, `NotImplemented` (501) to an operation
 * without a handler, `SerializationException` (400) to what cannot be read, the service's validation error to what
 * breaks its constraints, `ThrottlingException` to what `throttle` refuses, and `internalErrorCode` (500), after writing
 * it to the log, to an unexpected failure.
 *
 * Protocol: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
 */
export const createJsonServer = <Module extends object, Context>(
  options: JsonServiceOptions<Module, Context>,
): Server => {
  const service = new JsonService(options);
  return createServer((request, response) => {
    service.answer(request, response).catch((error: unknown) => {
      console.error(`${options.prefix}: the answer could not be written`, error);
      response.destroy();
    });
  });
};
