import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  type AttributeDefinition,
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  ResourceInUseException,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import { tables } from "../shared/declared/tables.ts";
import { PortTaken } from "./listen.ts";

export interface DynamoDB {
  readonly url: string;
  /** The engine's own file, when it is ours; an endpoint from the environment has none. */
  readonly file: string | undefined;
  readonly pid: number | undefined;
  /** Resolves if the engine ends by itself. */
  readonly ended: Promise<string>;
  readonly close: () => Promise<void>;
}

const binary = (): string => {
  const require = createRequire(import.meta.url);
  try {
    return join(dirname(require.resolve("@dynoxide/linux-x64/package.json")), "dynoxide");
  } catch (error) {
    throw new Error(
      "the DynamoDB engine comes for Linux x64 only: elsewhere start DynamoDB Local and set SLIPWAY_DYNAMODB_ENDPOINT",
      { cause: error },
    );
  }
};

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

const READY_WITHIN_MS = 5_000;

/**
 * The engine numbers each stream record by a look through all there are: 10,000 records make a write take 10 ms.
 * An index on what it looks for makes that constant. (Old records are trimmed by the event source mappings as well.)
 */
const indexStreamRecords = (file: string): void => {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  try {
    database.exec(`CREATE INDEX IF NOT EXISTS slipway_stream_position
      ON _stream_records (table_name, CAST(sequence_number AS INTEGER))`);
  } finally {
    database.close();
  }
};

/**
 * The engine as a child that cannot outlive us: a shell holds the read end of a pipe whose other end is this process.
 * When we die, however that happens, `read` returns and the engine is ended; when the engine dies, the shell ends too.
 */
const GUARD = `exec 3<&0
"$@" <&- 3<&- & engine=$!
(read -r _ <&3; kill "$engine" 2>/dev/null) & guard=$!
wait "$engine"; code=$?
kill "$guard" 2>/dev/null
exit "$code"`;

const spawnEngine = (file: string, port: number, log: number): ChildProcess =>
  spawn(
    "/bin/sh",
    ["-c", GUARD, "dynamodb", binary(), "serve", "--host", "127.0.0.1", "--port", String(port), "--db-path", file],
    { stdio: ["pipe", log, log], detached: true }, // of its own group: Ctrl-C is ours to hand on
  );

/** Starts the engine on its own data, or takes the endpoint in `SLIPWAY_DYNAMODB_ENDPOINT`. @throws PortTaken */
export const startDynamoDB = async (options: { dir: string; port: number }): Promise<DynamoDB> => {
  const external = process.env.SLIPWAY_DYNAMODB_ENDPOINT;
  if (external !== undefined && external !== "") {
    return {
      url: external,
      file: undefined,
      pid: undefined,
      ended: new Promise(() => undefined),
      close: async () => undefined,
    };
  }
  if (await isOpen(options.port)) throw new PortTaken("dynamodb", options.port);
  mkdirSync(options.dir, { recursive: true });
  const file = join(options.dir, "dynamodb.sqlite");
  const log = openSync(join(options.dir, "engine.log"), "a");
  const child = spawnEngine(file, options.port, log);
  closeSync(log);
  let closing = false;
  const exited = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve(`the DynamoDB engine ended (${signal ?? `code ${code}`})`));
    child.once("error", (error) => resolve(`the DynamoDB engine could not be started: ${error.message}`));
  });
  const ended = new Promise<string>((resolve) => {
    void exited.then((why) => {
      if (!closing) resolve(why);
    });
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  let failure: string | undefined;
  void exited.then((why) => {
    failure = why;
  });
  while (!(await isOpen(options.port))) {
    if (failure !== undefined) throw new Error(failure);
    if (Date.now() > deadline) throw new Error(`the DynamoDB engine did not answer within ${READY_WITHIN_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  indexStreamRecords(file);
  return {
    url: `http://127.0.0.1:${options.port}`,
    file,
    pid: child.pid,
    ended,
    close: async () => {
      closing = true;
      child.stdin?.end();
      await exited;
    },
  };
};

/** Declares the attribute by which a table's items expire, unless it is declared: AWS refuses it a second time. */
const declareTimeToLive = async (client: DynamoDBClient, TableName: string, AttributeName: string): Promise<void> => {
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }));
  if (TimeToLiveDescription?.TimeToLiveStatus === "ENABLED" && TimeToLiveDescription.AttributeName === AttributeName) {
    return;
  }
  await client.send(
    new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { Enabled: true, AttributeName } }),
  );
};

/** Makes the declared tables that are not there yet, with their streams, indexes and expiry. */
export const createTables = async (client: DynamoDBClient, nameOf: (table: string) => string): Promise<void> => {
  for (const [table, declared] of Object.entries(tables)) {
    const attributes = new Set(["pk", "sk", ...declared.indexes.flatMap(({ pk, sk }) => [pk, sk])]);
    try {
      await client.send(
        new CreateTableCommand({
          TableName: nameOf(table),
          BillingMode: "PAY_PER_REQUEST",
          AttributeDefinitions: [...attributes].map(
            (AttributeName): AttributeDefinition => ({ AttributeName, AttributeType: "S" }),
          ),
          KeySchema: [
            { AttributeName: "pk", KeyType: "HASH" },
            { AttributeName: "sk", KeyType: "RANGE" },
          ],
          ...(declared.indexes.length > 0 && {
            GlobalSecondaryIndexes: declared.indexes.map(({ name, pk, sk }) => ({
              IndexName: name,
              KeySchema: [
                { AttributeName: pk, KeyType: "HASH" },
                { AttributeName: sk, KeyType: "RANGE" },
              ],
              Projection: { ProjectionType: "ALL" },
            })),
          }),
          ...(declared.stream && {
            StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
          }),
        }),
      );
    } catch (error) {
      if (!(error instanceof ResourceInUseException)) throw error;
    }
    await declareTimeToLive(client, nameOf(table), declared.ttl);
  }
};

/** The attribute that is a table's partition key. */
export const partitionKeyOf = async (client: DynamoDBClient, table: string): Promise<string> => {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  const key = Table?.KeySchema?.find(({ KeyType }) => KeyType === "HASH")?.AttributeName;
  if (key === undefined) throw new Error(`the table ${table} has no partition key`);
  return key;
};

export const streamArnOf = async (client: DynamoDBClient, table: string): Promise<string> => {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  if (Table?.LatestStreamArn === undefined) throw new Error(`the table ${table} has no stream`);
  return Table.LatestStreamArn;
};
