import { request } from "node:http";

export interface Asked {
  readonly method?: string;
  /** Path and query, sent as they are. */
  readonly path: string;
  /** Names and values in turn: a name may come more than once. The first may be `Host`. */
  readonly headers?: readonly string[];
}

export interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** One request, sent just so: nothing is added, followed, unpacked or retried. Rejects when the answer breaks off. */
export const ask = (base: string, { method = "GET", path, headers = [] }: Asked): Promise<Told> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base);
    const sent = request(
      {
        ...{ hostname, port, method, path, agent: false },
        headers: headers[0] === "Host" ? headers : ["Host", `${hostname}:${port}`, ...headers],
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const told = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
          resolve({ status: answer.statusCode ?? 0, headers: Object.fromEntries(told), body: Buffer.concat(chunks) });
        });
      },
    );
    sent.on("error", reject);
    sent.end();
  });
