import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { listen, shut } from "../../local/listen.ts";
import { until } from "./until.ts";

const BINARY = join(import.meta.dirname, "../../node_modules/@dynoxide/linux-x64/dynoxide");

/** The engine does not tell which port it took, so one is looked for beforehand. */
const freePort = async (): Promise<number> => {
  const server = createServer();
  const port = await listen("a free port", server, 0);
  await shut(server);
  return port;
};

/** DynamoDB in a child process, with its database in `dir`; `stop` ends that process. */
export const startDynoxide = async (dir: string) => {
  const port = await freePort();
  const file = join(dir, "dynamodb.db");
  const child = spawn(BINARY, ["serve", "--port", String(port), "--db-path", file], { stdio: "ignore" });
  const exited = once(child, "exit");
  const config = {
    endpoint: `http://127.0.0.1:${port}`,
    region: "eu-central-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  };
  const database = new DynamoDBClient(config);
  const streams = new DynamoDBStreamsClient(config);
  const answers = () =>
    fetch(config.endpoint).then(
      () => true,
      () => false,
    );
  await until(answers, { what: "DynamoDB to answer" });
  return {
    database,
    streams,
    endpoint: config.endpoint,
    file,
    /** A table with the string key `pk` and a stream of both images. */
    createTable: (name: string) =>
      database.send(
        new CreateTableCommand({
          TableName: name,
          KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
          AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
          BillingMode: "PAY_PER_REQUEST",
          StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
        }),
      ),
    describeStreamArn: async (table: string): Promise<string> => {
      const { Table } = await database.send(new DescribeTableCommand({ TableName: table }));
      if (Table?.LatestStreamArn === undefined) throw new Error(`${table} has no stream`);
      return Table.LatestStreamArn;
    },
    stop: async () => {
      database.destroy();
      streams.destroy();
      child.kill();
      await exited;
    },
  };
};
