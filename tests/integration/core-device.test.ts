import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkServerIdentity, connect as connectTls } from "node:tls";
import { GreengrassV2 } from "@aws-sdk/client-greengrassv2";
import { IoT } from "@aws-sdk/client-iot";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningCloud, runCloud } from "../../local/child.ts";
import { freePortBase } from "../../local/ports.ts";
import { type Client, type Identity, open } from "../local/mqtt/client.ts";
import { until } from "../local/until.ts";

/** A core device against the whole embedded cloud, on a port and under a name of its own. */
const NAME = "core.iot.test";
const dir = mkdtempSync(join(tmpdir(), "slipway-core-"));
let cloud: RunningCloud;
let mqttPort: number;

beforeAll(async () => {
  mqttPort = await freePortBase();
  await start();
});

afterAll(async () => {
  await cloud?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const start = async (): Promise<void> => {
  cloud = await runCloud(dir, {
    args: ["--mqtt-port", String(mqttPort), "--tls-name", NAME, "--tls-name", "127.0.0.2"],
  });
};

const clientOf = (endpoint: string) => ({
  endpoint,
  region: cloud.endpoints.region,
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
});
const ca = () => readFileSync(cloud.endpoints.caFile, "utf8");

const health = (thing: string, sequenceNumber: number) => ({
  ggcVersion: "2.14.0",
  platform: "linux",
  architecture: "amd64",
  thing,
  sequenceNumber,
  timestamp: 1_700_000_000_000 + sequenceNumber,
  messageType: "COMPLETE",
  overallDeviceStatus: "HEALTHY",
  components: [],
});

const connected = async (identity: Identity, clientId: string): Promise<Client> => {
  const client = await open({ port: mqttPort, ca: ca() }, identity);
  const properties = { sessionExpiryInterval: 3_600 };
  client.send({ cmd: "connect", protocolVersion: 5, clientId, clean: false, keepalive: 60, properties });
  expect((await client.next("connack")).reasonCode).toBe(0);
  return client;
};

test.each([NAME, "localhost", "127.0.0.1", "127.0.0.2"])(
  "a device that calls the server %s believes it",
  async (name) => {
    const socket = connectTls({ host: "127.0.0.1", port: mqttPort, ca: ca(), servername: isIP(name) ? "" : name });
    await once(socket, "secureConnect");
    expect(checkServerIdentity(name, socket.getPeerCertificate())).toBeUndefined();
    expect(checkServerIdentity("stranger.test", socket.getPeerCertificate())).toBeInstanceOf(Error);
    socket.destroy();
  },
);

test("a deployment reaches a core device, its report reaches Greengrass, and a kill between the two loses nothing", async () => {
  expect(cloud.endpoints.mqtt).toBe(`mqtts://127.0.0.1:${mqttPort}`);
  const iot = new IoT(clientOf(cloud.endpoints.iot));
  const thingName = "core-1";
  const thingGroupName = "cores";
  await iot.createThing({ thingName });
  await iot.createThingGroup({ thingGroupName });
  await iot.addThingToThingGroup({ thingName, thingGroupName });
  const {
    certificateArn = "",
    certificatePem = "",
    keyPair,
  } = await iot.createKeysAndCertificate({
    setAsActive: true,
  });
  await iot.attachThingPrincipal({ thingName, principal: certificateArn });
  const arn = `arn:aws:iot:${cloud.endpoints.region}:${cloud.endpoints.accountId}`;
  await iot.createPolicy({
    policyName: "core",
    policyDocument: JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: "iot:Connect", Resource: `${arn}:client/${thingName}` },
        {
          Effect: "Allow",
          Action: ["iot:Publish", "iot:Receive", "iot:Subscribe"],
          Resource: [`${arn}:topic/$aws/things/${thingName}/*`, `${arn}:topicfilter/$aws/things/${thingName}/*`],
        },
      ],
    }),
  });
  await iot.attachPolicy({ policyName: "core", target: certificateArn });
  iot.destroy();

  const things = `$aws/things/${thingName}`;
  const namespace = "namespace-aws-gg-deployment";
  const identity = { cert: certificatePem, key: keyPair?.PrivateKey ?? "" };
  const core = await connected(identity, thingName);
  await core.publish(`${things}/greengrassv2/health/json`, health(thingName, 1));
  expect(await core.subscribe(`${things}/jobs/notify-next-${namespace}`)).toEqual([1]);

  const greengrass = new GreengrassV2(clientOf(cloud.endpoints.greengrass));
  await until(async () => (await greengrass.listCoreDevices({})).coreDevices?.length === 1, { what: "a core device" });
  const { deploymentId } = await greengrass.createDeployment({ targetArn: `${arn}:thinggroup/${thingGroupName}` });
  const told = await core.json(`${things}/jobs/notify-next-${namespace}`);
  expect(told).toMatchObject({ execution: { status: "QUEUED", jobDocument: { deploymentId } } });
  const { jobId } = told.execution as { jobId: string };
  await core.ask(`${things}/jobs/${jobId}/${namespace}/update`, { status: "IN_PROGRESS", clientToken: "1" });
  greengrass.destroy();

  const exit = once(cloud.child, "exit");
  cloud.child.kill("SIGKILL");
  await exit;
  await core.end();
  await start();

  const again = await connected(identity, thingName);
  expect(await again.ask(`${things}/jobs/$next/${namespace}/get`, {})).toMatchObject({
    execution: { jobId, status: "IN_PROGRESS", jobDocument: { deploymentId } },
  });
  await again.ask(`${things}/jobs/${jobId}/${namespace}/update`, { status: "SUCCEEDED" });
  // The subscription is of the session before the kill.
  expect(await again.json(`${things}/jobs/notify-next-${namespace}`)).toEqual({ timestamp: expect.any(Number) });
  const after = new GreengrassV2(clientOf(cloud.endpoints.greengrass));
  await until(
    async () => {
      const { effectiveDeployments } = await after.listEffectiveDeployments({ coreDeviceThingName: thingName });
      return effectiveDeployments?.[0]?.coreDeviceExecutionStatus === "SUCCEEDED";
    },
    { what: "the deployment's success" },
  );
  after.destroy();
  await again.drop();
});
