import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { until } from "../../local/until.ts";

export interface Got {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What a receiver answers at a path. */
export type Answer = (response: ServerResponse, got: Got) => void;

/** A receiver of webhooks on loopback: 204 at every path for which nothing else is said. */
export const startReceiver = async () => {
  const got: Got[] = [];
  const answers = new Map<string, Answer>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one = { path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString() };
      got.push(one);
      const answer = answers.get(one.path);
      if (answer === undefined) response.writeHead(204).end();
      else answer(response, one);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const at = (path: string): Got[] => got.filter((one) => one.path === path);
  return {
    port,
    url: (path: string) => `http://127.0.0.1:${port}${path}`,
    /** What is answered at a path from now on. */
    answer: (path: string, answer: Answer) => answers.set(path, answer),
    at,
    /** The first `count` requests at a path, once they are there. */
    received: async (path: string, count = 1): Promise<Got[]> => {
      await until(async () => at(path).length >= count, { what: `${count} requests at ${path}` });
      return at(path);
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
};

/** Whether one of the signatures is of this secret, said here anew: Standard Webhooks, symmetric scheme `v1`. */
export const isSignedWith = (secret: string, { headers, body }: Got): boolean => {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const wanted = createHmac("sha256", key).update(content).digest();
  return String(headers["webhook-signature"])
    .split(" ")
    .some((signature) => {
      const [scheme, text = ""] = signature.split(",");
      const given = Buffer.from(text, "base64");
      return scheme === "v1" && given.length === wanted.length && timingSafeEqual(given, wanted);
    });
};
