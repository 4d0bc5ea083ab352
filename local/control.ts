import { createServer, type IncomingMessage } from "node:http";
import * as z from "zod";
import type { DeadLetters } from "./dead-letters.ts";
import type { Faults } from "./faults.ts";
import type { Invoke } from "./invoke.ts";
import { listen, shut } from "./listen.ts";

const FaultBody = z.strictObject({
  operation: z.string().regex(/^[a-z0-9]+:[A-Za-z0-9-]+$/),
  code: z.string().min(1),
  status: z.int().min(400).max(599),
  times: z.int().positive().nullable(),
});

const readJson = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? {} : JSON.parse(text);
};

/**
 * The test mode's port: `POST /faults` arms a fault, `DELETE /faults` disarms all; `POST /invoke/{function}` calls a
 * function (a schedule's, without waiting for the clock); `GET /dead-letters`; `GET /memory`.
 */
export const startControl = async (options: {
  port: number;
  faults: Faults;
  deadLetters: DeadLetters;
  invoke: Invoke;
  functionName: (name: string) => string;
}) => {
  const answer = async (request: IncomingMessage): Promise<unknown> => {
    const path = request.url ?? "/";
    switch (`${request.method} ${path.split("/")[1]}`) {
      case "POST faults": {
        const fault = FaultBody.parse(await readJson(request));
        options.faults.arm({ ...fault, times: fault.times ?? Number.POSITIVE_INFINITY });
        return {};
      }
      case "DELETE faults":
        options.faults.disarm();
        return {};
      case "POST invoke":
        return options.invoke(options.functionName(path.split("/")[2] ?? ""), await readJson(request));
      case "GET dead-letters":
        return options.deadLetters.list();
      case "GET memory":
        return process.memoryUsage();
      default:
        throw new Error(`no such control: ${request.method} ${path}`);
    }
  };
  const server = createServer((request, response) => {
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    answer(request).then(
      (body) => send(200, body),
      (error: unknown) => send(400, { error: String(error) }),
    );
  });
  await listen("control", server, options.port);
  return { close: () => shut(server) };
};
