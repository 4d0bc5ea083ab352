import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { GreengrassV2Client, ListDeploymentsCommand } from "@aws-sdk/client-greengrassv2";
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  DescribeThingCommand,
  IoTClient,
} from "@aws-sdk/client-iot";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { ListStateMachinesCommand, SFNClient } from "@aws-sdk/client-sfn";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { runCloud } from "../../local/child.ts";
import { awsNames } from "../../shared/names.ts";
import { requestWithKey } from "../differential/iot/csr.ts";
import {
  aWorkspace,
  expecting,
  sendFile,
  sha256,
  startTestCloud,
  type TestCloud,
  testCloud,
  type Upload,
} from "./support/cloud.ts";

const COMPONENT = "com.example.Hello";
const SCRIPT = "echo hello";
const ARGS = ["--test-mode", "--retry-scale", "0.02"];

interface Node {
  readonly thing: string;
  readonly cert: string;
  readonly key: string;
}

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

let cloud: TestCloud;
let node: Node;
let other: Node;

/** A node of a workspace, with a certificate as registration is to give it one. */
const aNode = async (api: ApiClient, workspace: { id: string; path: string }): Promise<Node> => {
  const { subject } = await api.done("POST", `${workspace.path}/nodes`, { name: "n1", groups: [] });
  const thing = awsNames.thing(cloud.endpoints.stage, workspace.id, subject.id);
  const { csr, key } = await requestWithKey();
  const made = await cloud.iot.send(
    new CreateCertificateFromCsrCommand({ certificateSigningRequest: csr, setAsActive: true }),
  );
  const principal = String(made.certificateArn);
  await cloud.iot.send(new AttachThingPrincipalCommand({ thingName: thing, principal }));
  const policyName = awsNames.devicePolicy(cloud.endpoints.stage, workspace.id);
  await cloud.iot.send(new AttachPolicyCommand({ policyName, target: principal }));
  return { thing, cert: String(made.certificatePem), key };
};

const publishWithFile = async (api: ApiClient, workspace: string): Promise<void> => {
  await expecting(201, api.call("POST", `${workspace}/components`, { body: { name: COMPONENT } }));
  const version = `${workspace}/components/${COMPONENT}/versions/1.0.0`;
  const draft = { version: "1.0.0", recipe: { run: "sh {artifact}" } };
  await expecting(201, api.call("POST", `${workspace}/components/${COMPONENT}/versions`, { body: draft }));
  const file = { path: "dist/run.sh", size: SCRIPT.length, sha256: sha256(SCRIPT) };
  const { body } = await expecting(201, api.call<{ upload: Upload }>("POST", `${version}/files`, { body: file }));
  await sendFile(body.upload, SCRIPT);
  await api.done("POST", `${version}/publish`);
};

/** What the device's port answers, as JSON. @throws Error for another status than 200 */
const ask = (url: string, { cert, key }: Node, body?: object, headers: Record<string, string> = {}) =>
  new Promise<unknown>((resolve, reject) => {
    const ca = readFileSync(cloud.endpoints.caFile);
    const method = body === undefined ? "GET" : "POST";
    const message = request(url, { method, ca, cert, key, headers, agent: false }, (answer) => {
      let text = "";
      answer.on("data", (data) => {
        text += data;
      });
      answer.on("error", reject);
      answer.on("end", () =>
        answer.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(`${answer.statusCode}: ${text}`)),
      );
    });
    message.on("error", reject);
    message.end(body && JSON.stringify(body));
  });

const keysOf = async (of: Node): Promise<Keys> => {
  const { credentials, stage } = cloud.endpoints;
  const url = `${credentials}/role-aliases/${awsNames.roleAlias(stage)}/credentials`;
  const answer = (await ask(url, of, undefined, { "x-amzn-iot-thingname": of.thing })) as { credentials: Keys };
  const { accessKeyId, secretAccessKey, sessionToken } = answer.credentials;
  return { accessKeyId, secretAccessKey, sessionToken };
};

const read = async (credentials: Keys, uri: string): Promise<string | undefined> => {
  const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  const client = new S3Client({ region: cloud.endpoints.region, endpoint: cloud.endpoints.s3, credentials });
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    return await Body?.transformToString();
  } finally {
    client.destroy();
  }
};

/** The artifact's URI in the recipe that the data plane resolves for the node. */
const artifactOf = async (of: Node): Promise<string> => {
  const { resolvedComponentVersions } = (await ask(
    `${cloud.endpoints.dataPlane}/greengrass/v2/resolveComponentCandidates`,
    of,
    {
      platform: { attributes: { os: "linux", architecture: "amd64" } },
      componentCandidates: [{ componentName: COMPONENT, versionRequirements: { cell: "1.0.0" } }],
    },
  )) as { resolvedComponentVersions: { recipe: string }[] };
  const recipe = Buffer.from(String(resolvedComponentVersions[0]?.recipe), "base64").toString();
  const { Manifests } = JSON.parse(recipe) as { Manifests: { Artifacts: { Uri: string }[] }[] };
  return String(Manifests[0]?.Artifacts[0]?.Uri);
};

const groupsOf = async (of: Node): Promise<string[]> => {
  const url = `${cloud.endpoints.dataPlane}/greengrass/v2/coreDevices/${of.thing}/thingGroups`;
  const { thingGroups } = (await ask(url, of)) as { thingGroups: { thingGroupName: string }[] };
  return thingGroups.map(({ thingGroupName }) => thingGroupName);
};

beforeAll(async () => {
  cloud = await startTestCloud(ARGS);
  const api = await cloud.client();
  const acme = await aWorkspace(api, "acme");
  node = await aNode(api, acme);
  other = await aNode(api, await aWorkspace(api, "other"));
  await publishWithFile(api, acme.path);
});
afterAll(() => cloud?.remove());

test("a node finds its cell, resolves a component and reads its artifact with its own credentials", async () => {
  expect(await groupsOf(node)).toEqual([expect.stringContaining("-cell-")]);
  expect(await read(await keysOf(node), await artifactOf(node))).toBe(SCRIPT);
});

test("another workspace's node may know of the component, and reads nothing of it", async () => {
  const uri = await artifactOf(other);
  await expect(read(await keysOf(other), uri)).rejects.toMatchObject({ name: "AccessDenied" });
  await expect(
    ask(`${cloud.endpoints.dataPlane}/greengrass/v2/coreDevices/${node.thing}/thingGroups`, other),
  ).rejects.toThrow("403");
});

test("no other service takes a node's credentials", async () => {
  const { region, iot, dynamodb, greengrass, stepfunctions } = cloud.endpoints;
  const credentials = await keysOf(node);
  const at = (endpoint: string) => ({ region, endpoint, credentials, maxAttempts: 1 });
  const key = { pk: { S: "x" }, sk: { S: "x" } };
  const clients = [
    new IoTClient(at(iot)),
    new DynamoDBClient(at(dynamodb)),
    new GreengrassV2Client(at(greengrass)),
    new SFNClient(at(stepfunctions)),
  ] as const;
  const [things, items, deployments, machines] = clients;
  const refused = { name: "UnrecognizedClientException" };
  await expect(things.send(new DescribeThingCommand({ thingName: node.thing }))).rejects.toMatchObject(refused);
  await expect(items.send(new GetItemCommand({ TableName: cloud.tables.control, Key: key }))).rejects.toMatchObject(
    refused,
  );
  await expect(deployments.send(new ListDeploymentsCommand({}))).rejects.toMatchObject(refused);
  await expect(machines.send(new ListStateMachinesCommand({}))).rejects.toMatchObject(refused);
  for (const client of clients) client.destroy();
});

test("a node's certificate and its credentials outlive a kill of the process", async () => {
  const keys = await keysOf(node);
  const uri = await artifactOf(node);
  const groups = await groupsOf(node);
  const { child, dir, portBase } = cloud;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
  cloud.disconnect();
  cloud = testCloud(await runCloud(dir, { portBase, args: ARGS }), join(dir, ".."));
  expect(await read(keys, uri)).toBe(SCRIPT);
  await expect(read(keys, uri.replace("run.sh", "other.sh"))).rejects.toMatchObject({ name: "AccessDenied" });
  expect(await groupsOf(node)).toEqual(groups);
  expect(await read(await keysOf(node), uri)).toBe(SCRIPT);
});
