import { createServer, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { DeadLetters } from "./dead-letters.ts";
import { type Faults, parseFault } from "./faults.ts";
import type { Identities } from "./iam/identities.ts";
import type { Invoke } from "./invoke.ts";
import { listen, shut } from "./listen.ts";

const readJson = async (request: IncomingMessage): Promise<unknown> => {
  const body = await text(request);
  return body === "" ? {} : JSON.parse(body);
};

/** @throws Error unless it is a whole number from 0 to 2^32 - 1 */
const parseSeed = (seed: string): number => {
  const number = Number(seed);
  if (!/^\d+$/.test(seed) || number > 0xffff_ffff)
    throw new Error(`seed must be a whole number from 0 to 4294967295, and is ${seed}`);
  return number;
};

/**
 * The test mode's port: `POST /faults` arms a fault, `GET /faults` tells what is armed and how often each struck,
 * `DELETE /faults` disarms all (`?seed=N`: and begins anew with that seed); `POST /invoke/{function}` calls a function (a
 * schedule's, without waiting for the clock); `GET /dead-letters`; `GET /decisions` (what roles
 * were allowed); `GET /events` (the last ones on the stage's bus); `GET /memory`.
 */
export const startControl = async (options: {
  port: number;
  faults: Faults;
  deadLetters: DeadLetters;
  identities: Identities;
  invoke: Invoke;
  functionName: (name: string) => string;
  heard: readonly object[];
}) => {
  const answer = async (request: IncomingMessage): Promise<unknown> => {
    const path = request.url ?? "/";
    switch (`${request.method} ${path.split(/[/?]/)[1]}`) {
      case "POST faults": {
        options.faults.arm(parseFault(await readJson(request)));
        return {};
      }
      case "GET faults":
        return options.faults.armed();
      case "DELETE faults": {
        const seed = new URL(path, "http://control").searchParams.get("seed");
        if (seed === null) options.faults.disarm();
        else options.faults.restart(parseSeed(seed));
        return {};
      }
      case "POST invoke":
        return options.invoke(options.functionName(path.split("/")[2] ?? ""), await readJson(request));
      case "GET dead-letters":
        return options.deadLetters.list();
      case "GET decisions":
        return options.identities.decisions();
      case "GET events":
        return options.heard;
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
  const port = await listen("control", server, options.port);
  return { url: `http://127.0.0.1:${port}`, close: () => shut(server) };
};
