import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IoT } from "@aws-sdk/client-iot";
import { Faults } from "../../local/faults.ts";
import { startIot } from "../../local/iot/server.ts";
import { listen, shut } from "../../local/listen.ts";
import type { Row } from "./report.ts";

const CONCURRENCY = 16;

/** How often a second `work` is done, 0 … count-1, so many at a time. */
const perSecond = async (count: number, work: (index: number) => Promise<unknown>): Promise<number> => {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return (count * 1_000) / (performance.now() - startedAt);
};

const read = async (url: string): Promise<void> => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  await response.text();
};

/** The IoT control plane in this process, by the SDK's client and by `fetch`, beside a server that does nothing. */
export const benchIot = async (count: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "bench-iot-"));
  const echo = createServer((_request, response) => response.end("{}"));
  const server = await startIot({
    dir,
    port: 0,
    region: "eu-central-1",
    accountId: "123456789012",
    faults: new Faults(),
    thingTypeCooldownMs: 0,
    endpoints: { data: "", credentials: "", jobs: "" },
  });
  const iot = new IoT({
    endpoint: server.url,
    region: "eu-central-1",
    credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
  });
  const name = (what: string) => `IoT, concurrency ${CONCURRENCY}: ${what}`;
  try {
    const echoUrl = `http://127.0.0.1:${await listen("echo", echo, 0)}/`;
    const create = (prefix: string) => (index: number) => iot.createThing({ thingName: `${prefix}-${index}` });
    await perSecond(100, create("warm"));
    return [
      { name: name("CreateThing, SDK client"), value: await perSecond(count, create("thing")), unit: "/s" },
      {
        name: name("DescribeThing, SDK client"),
        value: await perSecond(count, (index) => iot.describeThing({ thingName: `thing-${index}` })),
        unit: "/s",
      },
      {
        name: name("DescribeThing, fetch"),
        value: await perSecond(count, (index) => read(`${server.url}/things/thing-${index}`)),
        unit: "/s",
      },
      {
        name: name("a server that does nothing, fetch"),
        value: await perSecond(count, () => read(echoUrl)),
        unit: "/s",
      },
    ];
  } finally {
    iot.destroy();
    await server.close();
    await shut(echo);
    rmSync(dir, { recursive: true });
  }
};
