import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { DynamoDBStreamEvent } from "aws-lambda";
import { openDeadLetters } from "../../local/dead-letters.ts";
import { type Mapping, startEventSourceMappings } from "../../local/event-source-mapping.ts";
import type { Invoke } from "../../local/invoke.ts";
import { listen, shut } from "../../local/listen.ts";
import { startDynoxide } from "../local/dynoxide.ts";
import { until } from "../local/until.ts";
import { percentile, type Row } from "./report.ts";

const TABLE = "bench";
const CONCURRENCY = 32;

const put = (client: DynamoDBClient, key: string) =>
  client.send(new PutItemCommand({ TableName: TABLE, Item: { pk: { S: key }, text: { S: "x".repeat(500) } } }));

/** Writes `count` items, {@link CONCURRENCY} at once, and answers how many that are in a second. */
const putMany = async (client: DynamoDBClient, prefix: string, count: number): Promise<number> => {
  const numbers = Array.from({ length: count }, (_, number) => number).values();
  const lane = async (): Promise<void> => {
    for (let next = numbers.next(); !next.done; next = numbers.next()) await put(client, `${prefix}-${next.value}`);
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return count / ((performance.now() - from) / 1_000);
};

/** The same client and the same requests against a server that reads them and says yes. */
const bareEcho = async (count: number): Promise<number> => {
  const server = createServer((request, response) => {
    request
      .resume()
      .on("end", () => response.writeHead(200, { "content-type": "application/x-amz-json-1.0" }).end("{}"));
  });
  const port = await listen("a bare server", server, 0);
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new DynamoDBClient({ endpoint: `http://127.0.0.1:${port}`, region: "eu-central-1", credentials });
  try {
    return await putMany(client, "echo", count);
  } finally {
    client.destroy();
    await shut(server);
  }
};

/** The DynamoDB engine, and the way of a record from a write to a function that does nothing. */
export const benchStreams = async (count: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const engine = await startDynoxide(dir);
  const deadLetters = openDeadLetters(dir);
  const arrived = new Map<string, number>();
  let records = 0;
  const invoke: Invoke = async (_, payload) => {
    const { Records } = payload as DynamoDBStreamEvent;
    records += Records.length;
    for (const { dynamodb } of Records) arrived.set(dynamodb?.Keys?.pk?.S ?? "", performance.now());
    return { payload: null };
  };
  const mapping: Mapping = {
    name: "bench",
    table: TABLE,
    functionName: "nothing",
    filters: [],
    batchSize: 100,
    maximumRetryAttempts: 0,
    bisectBatchOnFunctionError: false,
    reportBatchItemFailures: true,
    deadLetterQueue: "dead",
  };
  const start = (name: string) =>
    startEventSourceMappings({
      streams: engine.streams,
      describeStreamArn: engine.describeStreamArn,
      mappings: [{ ...mapping, name }],
      invoke,
      deadLetters,
      dir: join(dir, name),
      region: "eu-central-1",
      accountId: "123456789012",
      trim: { file: engine.file },
      log: () => undefined,
    });
  try {
    await engine.createTable(TABLE);
    const alone = await start("alone");
    const latencies: number[] = [];
    for (let i = 0; i < count / 10; i += 1) {
      const from = performance.now();
      await put(engine.database, `alone-${i}`);
      const at = await until(() => arrived.get(`alone-${i}`), { what: "the record" });
      latencies.push(at - from);
    }
    await alone.close();

    const puts = await putMany(engine.database, "many", count);
    const echoes = await bareEcho(count);
    records = 0;
    const from = performance.now();
    const many = await start("many");
    await many.idle();
    const seconds = (performance.now() - from) / 1_000;
    await many.close();
    return [
      { name: "stream: write to handler, p50", value: percentile(latencies, 0.5), unit: "ms" },
      { name: "stream: write to handler, p99", value: percentile(latencies, 0.99), unit: "ms" },
      { name: "stream: records through the mapping, batches of 100", value: records / seconds, unit: "/s" },
      { name: "DynamoDB: PutItem, concurrency 32", value: puts, unit: "/s" },
      { name: "the same requests to a bare HTTP server", value: echoes, unit: "/s" },
    ];
  } finally {
    deadLetters.close();
    await engine.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};
