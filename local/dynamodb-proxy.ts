import { randomUUID } from "node:crypto";
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { ServiceError } from "./aws-json-rpc.ts";
import { ConnectionReset, type Faults, InjectedError } from "./faults.ts";
import type { Gate } from "./iam/gate.ts";
import { callerOf } from "./iam/identities.ts";
import { listen, shut } from "./listen.ts";

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

/** `DynamoDB_20120810.PutItem` → `PutItem`; of the streams' target too. */
const operationOf = (message: IncomingMessage): string =>
  String(message.headers["x-amz-target"] ?? "").split(".")[1] ?? "";

const inputOf = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new ServiceError("SerializationException", String(error));
  }
};

const refusalOf = ({ name, status, message }: ServiceError) => ({ code: name, status, message });

/**
 * Stands before the DynamoDB engine, which is a program of its own, so that its operations meet faults and policies as
 * well. Only where these are wanted: each call takes a fraction of a millisecond longer.
 * @param options.engine the engine's base URL
 * @param options.gate refuses what the caller's policy does not allow
 * @throws PortTaken
 */
export const startDynamoDBProxy = async (options: {
  port: number;
  engine: string;
  faults: Faults;
  gate?: Gate | undefined;
}) => {
  const engine = new URL(options.engine);
  const agent = new Agent({ keepAlive: true });

  const forward = (message: IncomingMessage, body: Buffer): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = engine;
      const { method, url: path, headers } = message;
      const sent = httpRequest({ hostname, port, method, path, headers, agent }, (answer) => {
        buffer(answer).then(
          (bytes) => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: bytes }),
          reject,
        );
      });
      sent.once("error", reject);
      sent.end(body);
    });

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(message);
    const operation = operationOf(message);
    const {
      status,
      headers,
      body: bytes,
    } = await options.faults.perform(
      `dynamodb:${operation}`,
      () => {
        options.gate?.(operation, inputOf(body), message.headers);
        return forward(message, body);
      },
      { accessKeyId: callerOf(message.headers) },
    );
    response.writeHead(status, headers);
    response.end(bytes);
  };

  const fail = (error: unknown, message: IncomingMessage, response: ServerResponse): void => {
    const refused =
      error instanceof InjectedError ? error : error instanceof ServiceError ? refusalOf(error) : undefined;
    if (refused === undefined) {
      // A reset that was asked for, and an engine that does not answer: a client sees both as a broken connection.
      if (!(error instanceof ConnectionReset)) console.error("DynamoDB did not answer", error);
      message.socket.resetAndDestroy();
      return;
    }
    response.writeHead(refused.status, {
      "content-type": "application/x-amz-json-1.0",
      "x-amzn-requestid": randomUUID(),
    });
    response.end(
      JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${refused.code}`, message: refused.message }),
    );
  };

  const server = createServer((message, response) => {
    answer(message, response).catch((error: unknown) => fail(error, message, response));
  });
  const port = await listen("dynamodb", server, options.port);
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      await shut(server);
      agent.destroy();
    },
  };
};
