import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Context, DynamoDBBatchResponse, DynamoDBRecord } from "aws-lambda";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { handler } from "../../functions/streams/publish-events.ts";
import { putEvents } from "../../shared/aws/events.ts";

interface Entry {
  readonly DetailType: string;
  readonly Detail: string;
}

/** An EventBridge that refuses the entries which somebody names, and nothing of their requests else. */
let server: Server;
let requests: Entry[][] = [];
let refuses: (entry: Entry) => boolean = () => false;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { Entries } = JSON.parse(Buffer.concat(chunks).toString()) as { Entries: Entry[] };
      requests.push(Entries);
      const told = Entries.map((entry) => (refuses(entry) ? { ErrorCode: "ThrottlingException" } : { EventId: "1" }));
      const FailedEntryCount = told.filter((one) => "ErrorCode" in one).length;
      response.setHeader("content-type", "application/x-amz-json-1.1");
      response.end(JSON.stringify({ FailedEntryCount, Entries: told }));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
});
afterAll(() => new Promise((done) => server.close(done)));
beforeEach(() => {
  requests = [];
  refuses = () => false;
  const variables = {
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "a",
    AWS_SECRET_ACCESS_KEY: "b",
    AWS_ENDPOINT_URL_EVENTBRIDGE: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    STAGE: "dev",
    EVENT_BUS: "dev-slipway",
    EVENT_SCHEMAS: "urn:slipway:dev:event-schemas:",
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const events = (count: number, bytes = 10) =>
  Array.from({ length: count }, (_, index) => ({
    source: "slipway",
    type: `t.${index}`,
    detail: { text: "x".repeat(bytes) },
  }));

describe("events", () => {
  test.each([
    [1, 10, [1]],
    [10, 10, [10]],
    [11, 10, [10, 1]],
    [25, 10, [10, 10, 5]],
    [4, 100_000, [2, 2]],
    [2, 249_000, [1, 1]],
    [0, 10, []],
  ])("%i of %i bytes are put in requests that EventBridge takes", async (count, bytes, sizes) => {
    expect(await putEvents(events(count, bytes))).toBeUndefined();
    expect(requests.map((entries) => entries.length)).toEqual(sizes);
    expect(requests.flat().map(({ DetailType }) => DetailType)).toEqual(events(count).map(({ type }) => type));
    for (const entries of requests) {
      expect(entries.reduce((sum, { Detail }) => sum + Detail.length, 0)).toBeLessThan(256 * 1_024);
    }
  });

  test("of which one is refused are told up to that one", async () => {
    refuses = ({ DetailType }) => DetailType === "t.13";
    const refused = await putEvents(events(25));
    expect(refused?.index).toBe(13);
    expect(refused?.error.message).toMatch(/t\.13: ThrottlingException/);
    expect(requests).toHaveLength(2);
  });
});

/** What a stream tells of an intent that has another status. */
const record = (index: number, from: string, to: string): DynamoDBRecord => {
  const image = (status: string) => ({
    type: { S: "intent" },
    id: { S: `int_${String(index).padStart(20, "0")}` },
    kind: { S: "node.create" },
    status: { S: status },
    workspaceId: { S: "ws_1" },
    requestedBy: { S: "ann" },
    revision: { N: "2" },
    attempt: { N: "1" },
    subject: { M: { type: { S: "node" }, id: { S: "n" }, name: { S: "n" }, href: { S: "/" } } },
    createdAt: { S: "2026-01-02T03:04:05.000Z" },
    updatedAt: { S: "2026-01-02T03:04:05.000Z" },
  });
  return { dynamodb: { SequenceNumber: String(1_000 + index), OldImage: image(from), NewImage: image(to) } };
};
const publish = (Records: DynamoDBRecord[]): Promise<DynamoDBBatchResponse> =>
  handler({ Records }, { awsRequestId: "r", functionName: "publish-events" } as Context);

describe("a batch of records", () => {
  test("is done with when all that it gives is told", async () => {
    const batch = [
      record(0, "requested", "running"),
      record(1, "running", "running"),
      record(2, "running", "succeeded"),
    ];
    expect(await publish(batch)).toEqual({ batchItemFailures: [] });
    expect(requests.flat().map(({ DetailType }) => DetailType)).toEqual([
      "slipway.intent.started",
      "slipway.intent.succeeded",
    ]);
  });

  test("comes again from the record whose event was refused, and not from those before", async () => {
    refuses = ({ Detail }) => Detail.includes("int_00000000000000000012");
    const batch = Array.from({ length: 30 }, (_, index) =>
      record(index, index % 3 === 0 ? "requested" : "running", "running"),
    );
    expect(await publish(batch)).toEqual({ batchItemFailures: [{ itemIdentifier: "1012" }] });
  });

  test("comes again from a record that is no record of ours", async () => {
    const broken: DynamoDBRecord = {
      dynamodb: { SequenceNumber: "7", NewImage: { type: { S: "intent" }, status: { S: "failed" } } },
    };
    const batch = [record(0, "requested", "running"), broken, record(2, "requested", "running")];
    expect(await publish(batch)).toEqual({ batchItemFailures: [{ itemIdentifier: "7" }] });
    expect(requests.flat()).toHaveLength(1);
  });

  test("of measured ends counts none that comes again", async () => {
    refuses = ({ Detail }) => Detail.includes("int_00000000000000000001");
    const printed: string[] = [];
    const spy = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => printed.push(String(chunk)) > 0);
    await publish([record(0, "running", "succeeded"), record(1, "running", "succeeded")]);
    spy.mockRestore();
    expect(printed.filter((line) => line.includes("IntentsSucceeded"))).toHaveLength(1);
  });
});
