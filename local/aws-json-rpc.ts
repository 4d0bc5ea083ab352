import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import * as z from "zod";
import { ConnectionReset, type Faults, InjectedError } from "./faults.ts";
import type { Gate } from "./iam/gate.ts";
import { callerOf } from "./iam/identities.ts";
import type { Log } from "./invoke.ts";

/** An error that the client sees under its AWS code. */
export class ServiceError extends Error {
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = code;
    this.status = status;
  }
}

/** Answers one operation; throws {@link ServiceError}, or a `ZodError` for an input of the wrong shape. */
export type Operation = (input: unknown) => unknown;

export interface AwsJsonService {
  /** The IAM prefix, by which faults are armed: `states` for `states:StartExecution`. */
  readonly iamPrefix: string;
  /** What stands before the operation in `X-Amz-Target`. */
  readonly target: string;
  readonly version: "1.0" | "1.1";
  readonly operations: ReadonlyMap<string, Operation>;
  readonly faults: Faults;
  /** Refuses what the caller's policy does not allow; all is allowed if it is not given. */
  readonly gate?: Gate | undefined;
  readonly log: Log;
}

/** Above every service's own limit, so that theirs answer first. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new ServiceError("RequestEntityTooLargeException", "the request is too large", 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

const parse = (body: string): unknown => {
  try {
    return body === "" ? {} : JSON.parse(body);
  } catch (error) {
    throw new ServiceError("SerializationException", error instanceof Error ? error.message : String(error));
  }
};

const operate = async (service: AwsJsonService, request: IncomingMessage): Promise<unknown> => {
  const body = await readBody(request);
  const target = String(request.headers["x-amz-target"] ?? "");
  if (request.method !== "POST" || !target.startsWith(`${service.target}.`)) {
    throw new ServiceError("UnknownOperationException", `not a request to ${service.target}`, 404);
  }
  const name = target.slice(service.target.length + 1);
  const operation = service.operations.get(name);
  if (operation === undefined) {
    throw new ServiceError("NotImplementedException", `${service.target} does not do ${name} here`, 501);
  }
  return service.faults.perform(
    `${service.iamPrefix}:${name}`,
    () => {
      const input = parse(body);
      service.gate?.(name, input, request.headers);
      return operation(input);
    },
    { accessKeyId: callerOf(request.headers) },
  );
};

const describe = (error: unknown): { code: string; message: string; status: number } => {
  if (error instanceof InjectedError) return { code: error.code, message: error.message, status: error.status };
  if (error instanceof ServiceError) return { code: error.name, message: error.message, status: error.status };
  if (error instanceof z.ZodError) {
    const message = error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    return { code: "ValidationException", message, status: 400 };
  }
  return { code: "InternalFailure", message: error instanceof Error ? error.message : String(error), status: 500 };
};

const send = (service: AwsJsonService, response: ServerResponse, status: number, body: unknown, code?: string) => {
  const text = JSON.stringify(body ?? {});
  response.writeHead(status, {
    "content-type": `application/x-amz-json-${service.version}`,
    "content-length": Buffer.byteLength(text),
    "x-amzn-requestid": randomUUID(),
    ...(code === undefined ? {} : { "x-amzn-errortype": code }),
  });
  response.end(text);
};

/**
 * An HTTP server that speaks the AWS JSON protocol; signatures are not checked.
 * @see https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
 */
export const createAwsJsonServer = (service: AwsJsonService): Server =>
  createServer((request, response) => {
    operate(service, request).then(
      (answer) => send(service, response, 200, answer),
      (error: unknown) => {
        if (error instanceof ConnectionReset) return void request.socket.resetAndDestroy();
        const { code, message, status } = describe(error);
        if (code === "InternalFailure") service.log("request failed", { target: service.target, message });
        send(service, response, status, { __type: code, message }, code);
      },
    );
  });
