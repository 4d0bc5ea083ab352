import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoDBClient, GetItemCommand, ListTablesCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { CreateThingCommand, IoTClient, ListThingsCommand } from "@aws-sdk/client-iot";
import {
  DescribeExecutionCommand,
  ListStateMachinesCommand,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AwsError } from "../../../local/aws-json/errors.ts";
import { ServiceError } from "../../../local/aws-json-rpc.ts";
import { startDynamoDBProxy } from "../../../local/dynamodb-proxy.ts";
import { Faults } from "../../../local/faults.ts";
import { dynamodbAccess, iotAccess, stepFunctionsAccess } from "../../../local/iam/actions.ts";
import { gate } from "../../../local/iam/gate.ts";
import { type Credentials, openIdentities } from "../../../local/iam/identities.ts";
import { startStepFunctions } from "../../../local/step-functions.ts";
import { startDynoxide } from "../dynoxide.ts";
import { openIot } from "../iot-server.ts";
import { ACCOUNT, MACHINES, machineArn, REGION } from "../machines.ts";

const PLACE = { partition: "aws", region: REGION, accountId: ACCOUNT };
const arn = (service: string, resource: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`;
const developer = { accessKeyId: "developer", secretAccessKey: "secret" };
const identities = openIdentities({
  ...PLACE,
  roles: [
    {
      name: "worker",
      policy: {
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Action: "dynamodb:*", Resource: arn("dynamodb", "table/mine") },
          { Effect: "Allow", Action: "iot:CreateThing", Resource: arn("iot", "thing/mine-*") },
          { Effect: "Allow", Action: "states:StartExecution", Resource: machineArn("echo") },
        ],
      },
    },
  ],
  developer,
  secret: "secret",
  enforce: true,
  log: () => undefined,
});
const worker = identities.credentialsOf("worker");
const WORKER = `arn:aws:sts::${ACCOUNT}:assumed-role/worker/worker`;

type Send = (credentials: Credentials) => Promise<unknown>;
interface Service {
  readonly url: string;
  readonly allowed: Send;
  readonly denied: Send;
  /** An operation that no role of ours has a use for. */
  readonly undeclared: Send;
}
let services: Record<string, Service>;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), "slipway-gate-"));
  closers.push(() => rm(dir, { recursive: true }));
  const engine = await startDynoxide(dir);
  closers.push(engine.stop);
  await engine.createTable("mine");
  await engine.createTable("other");
  const rpc = (code: string, message: string) => new ServiceError(code, message, 400);
  const faults = new Faults();
  const dynamodb = await startDynamoDBProxy({
    port: 0,
    engine: engine.endpoint,
    faults,
    gate: gate(identities, "dynamodb", dynamodbAccess(PLACE), rpc),
  });
  closers.push(dynamodb.close);
  const iot = await openIot(dir, {
    gate: gate(identities, "iot", iotAccess(PLACE), (code, message) => new AwsError(code, 403, message)),
  });
  closers.push(iot.close);
  const states = await startStepFunctions({
    ...PLACE,
    dir,
    port: 0,
    machines: [{ name: "echo", definition: MACHINES.echo ?? {} }],
    invoke: async (_, payload) => ({ payload }),
    publish: () => undefined,
    faults,
    gate: gate(identities, "states", stepFunctionsAccess, rpc),
    log: () => undefined,
  });
  closers.push(states.close);

  /** What sends a command to the service with a client of its own. */
  const clientFor =
    <C extends { destroy(): void }>(
      make: (config: object) => C,
      endpoint: string,
      send: (client: C) => Promise<unknown>,
    ) =>
    async (credentials: Credentials) => {
      const client = make({ endpoint, region: REGION, maxAttempts: 1, credentials });
      try {
        return await send(client);
      } finally {
        client.destroy();
      }
    };
  const database = (send: (client: DynamoDBClient) => Promise<unknown>) =>
    clientFor((config) => new DynamoDBClient(config), dynamodb.url, send);
  const things = (send: (client: IoTClient) => Promise<unknown>) =>
    clientFor((config) => new IoTClient(config), iot.server.url, send);
  const machines = (send: (client: SFNClient) => Promise<unknown>) =>
    clientFor((config) => new SFNClient(config), states.url, send);
  services = {
    dynamodb: {
      url: dynamodb.url,
      allowed: database((client) => client.send(new GetItemCommand({ TableName: "mine", Key: { pk: { S: "a" } } }))),
      denied: database((client) => client.send(new PutItemCommand({ TableName: "other", Item: { pk: { S: "a" } } }))),
      undeclared: database((client) => client.send(new ListTablesCommand({}))),
    },
    iot: {
      url: iot.server.url,
      allowed: things((client) => client.send(new CreateThingCommand({ thingName: "mine-1" }))),
      denied: things((client) => client.send(new CreateThingCommand({ thingName: "other" }))),
      undeclared: things((client) => client.send(new ListThingsCommand({}))),
    },
    states: {
      url: states.url,
      allowed: machines((client) => client.send(new StartExecutionCommand({ stateMachineArn: machineArn("echo") }))),
      denied: machines((client) =>
        client.send(new DescribeExecutionCommand({ executionArn: arn("states", "execution:echo:1") })),
      ),
      undeclared: machines((client) => client.send(new ListStateMachinesCommand({}))),
    },
  };
});
afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

/** The error's code, status and message as the SDK's client reads them; 200 for a success. */
const outcome = (sent: Promise<unknown> | undefined) =>
  Promise.resolve(sent).then(
    () => ({ status: 200 }),
    ({ name, message, $metadata }) => ({ name, message, status: $metadata?.httpStatusCode }),
  );
const refusal = (status: number, action: string, resource: string) => ({
  name: "AccessDeniedException",
  message:
    `User: ${WORKER} is not authorized to perform: ${action} on resource: ${resource} ` +
    `because no identity-based policy allows the ${action} action`,
  status,
});

describe.each([
  ["dynamodb", 400, "dynamodb:PutItem", arn("dynamodb", "table/other"), "dynamodb:ListTables"],
  ["iot", 403, "iot:CreateThing", arn("iot", "thing/other"), "iot:ListThings"],
  ["states", 400, "states:DescribeExecution", arn("states", "execution:echo:1"), "states:ListStateMachines"],
])("%s", (name, status, action, resource, undeclared) => {
  test("does what the caller's policy allows", async () => {
    expect(await outcome(services[name]?.allowed(worker))).toEqual({ status: 200 });
  });

  test("refuses in AWS's words what it does not", async () => {
    expect(await outcome(services[name]?.denied(worker))).toEqual(refusal(status, action, resource));
  });

  test("refuses a role, and not a developer, an operation that is not declared", async () => {
    expect(await outcome(services[name]?.undeclared(worker))).toEqual(refusal(status, undeclared, "*"));
    expect(await outcome(services[name]?.undeclared(developer))).toEqual({ status: 200 });
  });

  test("refuses a key that nobody has", async () => {
    expect(await outcome(services[name]?.allowed({ ...developer, accessKeyId: "nobody" }))).toEqual({
      name: "UnrecognizedClientException",
      message: "The security token included in the request is invalid.",
      status,
    });
  });
});

describe("on the wire", () => {
  const signedBy = ({ accessKeyId }: Credentials) => ({
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20260101/${REGION}/any/aws4_request, SignedHeaders=host, Signature=0`,
  });
  const post = async (
    name: string,
    target: string,
    body: string,
    headers: Record<string, string> = signedBy(worker),
  ) => {
    const answer = await fetch(`${services[name]?.url}/`, {
      method: "POST",
      headers: { "x-amz-target": target, "content-type": "application/x-amz-json-1.0", ...headers },
      body,
    });
    return { status: answer.status, type: answer.headers.get("content-type"), body: await answer.json() };
  };

  test.each([
    ["dynamodb", "DynamoDB_20120810.GetItem", "com.amazonaws.dynamodb.v20120810#"],
    ["states", "AWSStepFunctions.StartExecution", ""],
  ])("a refusal of %s is JSON 1.0 with the code in __type", async (name, target, prefix) => {
    expect(await post(name, target, "{}")).toEqual({
      status: 400,
      type: "application/x-amz-json-1.0",
      body: { __type: `${prefix}AccessDeniedException`, message: expect.stringContaining("is not authorized") },
    });
    expect((await post(name, target, "{}", {})).body).toMatchObject({
      __type: `${prefix}UnrecognizedClientException`,
    });
  });

  test("a refusal of IoT has the code in a header", async () => {
    const answer = await fetch(`${services.iot?.url}/things/other`, { method: "POST", headers: signedBy(worker) });
    expect(answer.status).toBe(403);
    expect(answer.headers.get("x-amzn-errortype")).toBe("AccessDeniedException");
    expect(await answer.json()).toEqual({ message: expect.stringContaining("is not authorized to perform") });
  });

  test.each(["null", "[]", '"text"', "1"])("an input that is no object, %s, is a client's error", async (body) => {
    for (const [name, target] of [
      ["dynamodb", "DynamoDB_20120810.GetItem"],
      ["dynamodb", "DynamoDB_20120810.TransactWriteItems"],
      ["states", "AWSStepFunctions.StartExecution"],
    ] as const) {
      expect((await post(name, target, body)).status).toBe(400);
    }
  });

  test.each(["null", "{}", '["Put"]', "[null]", '[{"Put":null}]', '[{"constructor":{"TableName":"mine"}}]'])(
    "parts of a transaction of another shape, %s, are a client's error",
    async (parts) => {
      const answer = await post("dynamodb", "DynamoDB_20120810.TransactWriteItems", `{"TransactItems":${parts}}`);
      expect(answer.status).toBe(400);
    },
  );
});
