import { createServer, request, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { listen } from "../../local/listen.ts";
import type { TestCloud } from "../integration/support/cloud.ts";
import { type OriginOptions, startOrigin } from "../integration/support/ota.ts";

/** What the bench tells this process, in an environment variable. */
export interface OriginSetup {
  readonly cloud: Pick<TestCloud, "endpoints" | "tables" | "otaBucket" | "dir">;
  readonly options: OriginOptions;
  /** What the bare server answers. */
  readonly constant: string;
}

export interface Usage {
  /** User and system time of the process so far, in milliseconds. */
  readonly cpuMs: number;
  readonly rssMb: number;
  /** The most since it was asked before, looked at every 10 ms. */
  readonly peakMb: number;
}

const rssMb = (): number => process.memoryUsage.rss() / 1024 ** 2;
// What the system keeps of a process's peak begins with that of the process which has started it.
let peakMb = 0;

const usage = (): Usage => {
  const { user, system } = process.cpuUsage();
  const told = { cpuMs: (user + system) / 1_000, rssMb: rssMb(), peakMb };
  peakMb = told.rssMb;
  return told;
};

/** Another server's answer, as Node.js itself passes it on. */
const passOn = (url: string, outgoing: ServerResponse): void => {
  const failed = (error: Error | null | undefined) => error && outgoing.destroy(error);
  request(url, (answer) => {
    outgoing.writeHead(200, { "content-length": answer.headers["content-length"] });
    pipeline(answer, outgoing, failed);
  })
    .on("error", failed)
    .end();
};

/** The package function alone in a process, and a bare server beside it: what they use is theirs. */
const main = async (): Promise<void> => {
  const { cloud, options, constant } = JSON.parse(process.env.OTA_ORIGIN ?? "") as OriginSetup;
  const unlimited = { burstBytes: Infinity, bytesPerSecond: Infinity, maxBytes: Infinity };
  const origin = await startOrigin(cloud as TestCloud, { limits: unlimited, ...options });
  const body = Buffer.from(constant);
  const bare = createServer((incoming, outgoing) => {
    incoming.resume();
    const from = incoming.headers["x-from"];
    if (typeof from === "string") return passOn(from, outgoing);
    outgoing.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    outgoing.end(body);
  });
  const port = await listen("bare", bare, 0);
  setInterval(() => {
    peakMb = Math.max(peakMb, rssMb());
  }, 10);
  process.on("message", () => process.send?.(usage()));
  process.on("disconnect", () => process.exit(0));
  process.send?.({ origin: origin.url, bare: `http://127.0.0.1:${port}` });
};

await main();
