import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as dynamodb from "@aws-sdk/client-dynamodb";
import * as streams from "@aws-sdk/client-dynamodb-streams";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTables, partitionKeyOf } from "../../local/dynamodb.ts";
import { emulation, streamsEmulation } from "../../local/dynamodb-emulation.ts";
import { tables } from "../../shared/declared/tables.ts";
import { startDynoxide } from "./dynoxide.ts";

let dir: string;
let engine: Awaited<ReturnType<typeof startDynoxide>>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dynamodb-"));
  engine = await startDynoxide(dir);
});
afterAll(async () => {
  await engine.stop();
  await rm(dir, { recursive: true });
});

const operationsOf = (client: object): string[] =>
  Object.keys(client)
    .filter((name) => name.endsWith("Command") && !name.startsWith("$"))
    .map((name) => name.slice(0, -"Command".length));

/** Asks for an operation without its input: a known one says what is missing, an unknown one that it is unknown. */
const isKnown = async (target: string): Promise<boolean> => {
  const { hostname, port } = (await engine.database.config.endpoint?.()) ?? {};
  const response = await fetch(`http://${hostname}:${port}`, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": target,
      "x-amz-date": "20260101T000000Z",
      authorization:
        "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
    },
    body: "{}",
  });
  return !(await response.text()).includes("UnknownOperationException");
};

describe("the engine", () => {
  test.each([
    { told: emulation, client: dynamodb, target: "DynamoDB_20120810" },
    { told: streamsEmulation, client: streams, target: "DynamoDBStreams_20120810" },
  ])("answers the operations of $told.service that we say it does, and no others", async ({ told, client, target }) => {
    const known: string[] = [];
    for (const name of operationsOf(client)) if (await isKnown(`${target}.${name}`)) known.push(name);
    expect(known.toSorted()).toEqual([...told.operations].toSorted());
  });
});

describe("the declared tables", () => {
  test("are made with their expiry and partition keys, and again without harm", async () => {
    const nameOf = (name: string) => `stage-${name}`;
    for (let times = 0; times < 2; times += 1) await createTables(engine.database, nameOf);
    for (const [name, { ttl }] of Object.entries(tables)) {
      const { TimeToLiveDescription } = await engine.database.send(
        new dynamodb.DescribeTimeToLiveCommand({ TableName: nameOf(name) }),
      );
      expect(TimeToLiveDescription).toEqual({ TimeToLiveStatus: "ENABLED", AttributeName: ttl });
      expect(await partitionKeyOf(engine.database, nameOf(name))).toBe("pk");
    }
  });
});
