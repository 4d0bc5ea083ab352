import { randomUUID } from "node:crypto";
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { ConnectionReset, type Faults, InjectedError } from "./faults.ts";
import { listen, shut } from "./listen.ts";

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

/** `DynamoDB_20120810.PutItem` → `dynamodb:PutItem`; of the streams' target too, as in IAM. */
const operationOf = (message: IncomingMessage): string =>
  `dynamodb:${String(message.headers["x-amz-target"] ?? "").split(".")[1] ?? ""}`;

/**
 * Stands before the DynamoDB engine, which is a program of its own, so that its operations meet faults as well. Only in
 * the test mode: each call takes a fraction of a millisecond longer.
 * @param engine the engine's base URL
 * @throws PortTaken
 */
export const startDynamoDBFaults = async (options: { port: number; engine: string; faults: Faults }) => {
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
    const {
      status,
      headers,
      body: bytes,
    } = await options.faults.perform(operationOf(message), () => forward(message, body));
    response.writeHead(status, headers);
    response.end(bytes);
  };

  const fail = (error: unknown, message: IncomingMessage, response: ServerResponse): void => {
    if (!(error instanceof InjectedError)) {
      // A reset that was asked for, and an engine that does not answer: a client sees both as a broken connection.
      if (!(error instanceof ConnectionReset)) console.error("DynamoDB did not answer", error);
      message.socket.resetAndDestroy();
      return;
    }
    response.writeHead(error.status, {
      "content-type": "application/x-amz-json-1.0",
      "x-amzn-requestid": randomUUID(),
    });
    response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${error.code}`, message: error.message }));
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
