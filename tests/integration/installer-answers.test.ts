import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IPublishPacket } from "mqtt-packet";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { installer } from "../../functions/device/installer.ts";
import { type ServerCertificate, serverCertificate } from "../../local/certificates.ts";
import {
  type Device,
  type Front,
  makeDevice,
  programNamed,
  type RunOptions,
  shells,
  startFront,
} from "./support/installer.ts";
import { certificateFor, type Manners, startProvisioner } from "./support/provisioner.ts";

/** The installer against an API and an AWS IoT that answer in other ways than the embedded cloud does. */
const folder = mkdtempSync(join(tmpdir(), "slipway-answers-"));
chmodSync(folder, 0o755);
const SHELLS = shells(folder);
const TOKEN = `slw_${"a".repeat(38)}`;
const THING = "stage-ws_1-nod_1";
const CREATE = "$aws/certificates/create-from-csr/json";
const PROVISION = "$aws/provisioning-templates/stage-slipway-node/provision/json";

let trusted: ServerCertificate;
let stranger: ServerCertificate;
let front: Front;
let iot: Awaited<ReturnType<typeof startProvisioner>>;
let elsewhere: Awaited<ReturnType<typeof startProvisioner>>;
const devices: Device[] = [];

/** What the next run meets. */
let manners: Manners;
let registration: () => Record<string, unknown>;
let refusals: { status: number; headers?: Record<string, string>; body?: string }[];
let asked: string[];

const pem = (file: string): string => readFileSync(file, "utf8");

beforeAll(async () => {
  trusted = await serverCertificate(join(folder, "trusted"));
  stranger = await serverCertificate(join(folder, "stranger"));
  iot = await startProvisioner(trusted, "127.0.0.1", () => manners);
  elsewhere = await startProvisioner(trusted, "127.0.0.2", () => manners);
  front = await startFront(({ path, body }, response: ServerResponse) => {
    asked.push(`${path} ${body.trim()}`);
    const refusal = refusals.shift();
    const { status, headers = {}, body: text } = refusal ?? { status: 200, body: JSON.stringify(registration()) };
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
  });
});
afterAll(async () => {
  await front?.close();
  await iot?.close();
  await elsewhere?.close();
  for (const { home } of devices) rmSync(home, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

const requestIn = ({ payload }: IPublishPacket): string =>
  (JSON.parse(payload.toString()) as { certificateSigningRequest: string }).certificateSigningRequest;

/** As AWS IoT answers. */
const answer: Manners["answer"] = async (message) => {
  const payload =
    message.topic === CREATE
      ? {
          certificateId: "1",
          certificatePem: await certificateFor(requestIn(message)),
          certificateOwnershipToken: "own",
        }
      : { deviceConfiguration: {}, thingName: THING };
  return [{ topic: `${message.topic}/accepted`, payload: JSON.stringify(payload) }];
};

beforeEach(() => {
  manners = { answer };
  refusals = [];
  asked = [];
  iot.received.length = 0;
  elsewhere.received.length = 0;
  registration = () => ({
    thing: THING,
    region: "eu-west-1",
    runtime: "nucleus",
    claim: { certificatePem: trusted.certificate, privateKey: trusted.key, expiresAt: "2026-01-01T00:00:00Z" },
    template: "stage-slipway-node",
    roleAlias: "stage-slipway-device",
    endpoints: {
      mqtt: `127.0.0.1:${iot.port}`,
      credentials: "c.credentials.iot.eu-west-1.amazonaws.com",
      greengrass: "greengrass-ats.iot.eu-west-1.amazonaws.com:8443",
    },
    rootCa: pem(trusted.caFile),
  });
});

const aDevice = (): Device => {
  const device = makeDevice(installer);
  devices.push(device);
  return device;
};

const install = async (device: Device, more: readonly string[] = [], options: RunOptions = {}) =>
  device.run(["--api", front.url, "--token", TOKEN, "--dir", device.dir, ...more], options);

const refused = async (status: number, says: RegExp, more: readonly string[] = []): Promise<Device> => {
  const device = aDevice();
  const run = await install(device, more);
  expect(run).toMatchObject({ status, stderr: expect.stringMatching(says) });
  expect(run.stderr).not.toContain(TOKEN);
  // Nothing but the key, with which it goes on.
  expect(Object.keys(device.files())).toEqual(["identity/pending/device.key"]);
  return device;
};

/** Programs that stand before those of the system. @returns the environment */
const withPrograms = (device: Device, programs: Record<string, string>): Record<string, string> => {
  const own = join(device.home, "bin");
  mkdirSync(own);
  for (const [name, text] of Object.entries(programs))
    writeFileSync(join(own, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return { PATH: `${own}:${process.env.PATH}` };
};

describe("answers that are right in another form", () => {
  test.each(SHELLS)(
    "are understood by $name: in bytes, with spaces, escapes, QoS 1 and more than asked",
    async (shell) => {
      const spread = (value: unknown): string =>
        JSON.stringify(
          { "": [], more: [[{}], -1.5e3, true, null, 'a"}\\'], long: "x".repeat(17_000), ...(value as object) },
          null,
          "\t ",
        )
          .replaceAll("/", "\\/")
          .replaceAll("+", "\\u002B");
      registration = () => JSON.parse(spread({ ...registered })) as Record<string, unknown>;
      const registered = {
        ...({ thing: THING, region: "eu-west-1", runtime: "nucleus", template: "stage-slipway-node" } as const),
        claim: { certificatePem: trusted.certificate, privateKey: trusted.key },
        roleAlias: "stage-slipway-device",
        endpoints: { mqtt: `127.0.0.1:${iot.port}`, credentials: "c", greengrass: "g" },
        rootCa: pem(trusted.caFile),
      };
      refusals = [{ status: 200, body: spread(registered) }];
      manners = {
        bytes: 1,
        answer: async (message) => [
          { topic: "$aws/something/else", payload: "{}" },
          ...(await answer(message)).map(({ topic, payload }) => ({
            topic,
            payload: spread({
              ...(JSON.parse(payload) as object),
              ...(topic.startsWith(CREATE) && { certificateOwnershipToken: 'o"w\\n/+' }),
            }),
            qos: 1 as const,
          })),
        ],
      };
      const device = aDevice();
      const run = await install(device, [], { shell });
      expect(run, run.stderr).toMatchObject({ status: 0 });
      const provision = iot.received.find((packet) => packet.cmd === "publish" && packet.topic === PROVISION);
      expect(JSON.parse(String((provision as IPublishPacket).payload))).toEqual({
        certificateOwnershipToken: 'o"w\\n/+',
        parameters: { Token: TOKEN },
      });
      expect(iot.received.map(({ cmd }) => cmd)).toEqual(["connect", "subscribe", "publish", "publish", "disconnect"]);
      expect(device.read("root-ca.pem").trim()).toBe(pem(trusted.caFile).trim());
    },
  );

  test("come from a server that is called by a name", async () => {
    const { endpoints } = registration() as { endpoints: object };
    const before = registration();
    registration = () => ({ ...before, endpoints: { ...endpoints, mqtt: `localhost:${iot.port}` } });
    const device = aDevice();
    const run = await install(device);
    expect(run, run.stderr).toMatchObject({ status: 0 });
    const { configuration } = parse(device.read("config.yaml")).services["aws.greengrass.Nucleus"];
    expect(configuration).toMatchObject({ iotDataEndpoint: "localhost", mqtt: { port: iot.port } });
  });
});

describe("a server that is not the one", () => {
  test("by its certificate is told nothing", async () => {
    const before = registration();
    registration = () => ({ ...before, rootCa: pem(stranger.caFile) });
    await refused(4, /the connection to .* ended: verify error:.*\n$/);
    expect(iot.received).toEqual([]);
  });

  test("yet, or any more, is told from a clock that is wrong", async () => {
    const device = aDevice();
    const log = "verify error:num=9:certificate is not yet valid";
    const openssl = `if [ "$2" = -quiet ]; then echo "${log}" >&2; exit 1; fi\nexec "${programNamed("openssl")}" "$@"`;
    const run = await install(device, [], { env: withPrograms(device, { openssl, date: "echo long ago" }) });
    expect(run.stderr).toContain(`${log}; this device's clock says long ago`);
  });

  test("by its name is told nothing", async () => {
    const before = registration();
    const { endpoints } = before as { endpoints: object };
    registration = () => ({ ...before, endpoints: { ...endpoints, mqtt: `127.0.0.2:${elsewhere.port}` } });
    await refused(4, /the connection to .* ended: verify error:.*mismatch/);
    expect(elsewhere.received).toEqual([]);
  });
});

describe("an AWS IoT", () => {
  const rejecting =
    (at: string, payload: object): Manners["answer"] =>
    async (message) =>
      message.topic === at ? [{ topic: `${at}/rejected`, payload: JSON.stringify(payload) }] : answer(message);

  test("that does not let the claim in is told of", async () => {
    manners = { answer, connack: 5 };
    await refused(4, /does not let the claim connect/);
    manners = { answer, suback: 128 };
    await refused(4, /does not let the claim subscribe/);
  });

  test("that rejects is quoted, without what could steer a terminal", async () => {
    const busy = { statusCode: 429, errorCode: "ThrottlingException", errorMessage: "\u001b[31mslow\ndown" };
    manners = { answer: rejecting(CREATE, busy) };
    await refused(4, /AWS IoT refuses this device: ThrottlingException: \[31mslow down\n$/);
    manners = {
      answer: rejecting(PROVISION, { statusCode: 403, errorCode: "AccessDenied", errorMessage: "the hook" }),
    };
    await refused(3, /AWS IoT refuses this device: the hook\./);
  });

  test.each(["connect", "subscribe", "publish"] as const)(
    "that hangs up at %s is worth another try",
    async (closeAt) => {
      manners = { answer, closeAt };
      const device = await refused(4, /the connection to 127\.0\.0\.1:\d+ ended/);
      manners = { answer };
      expect((await install(device)).status).toBe(0);
    },
  );

  test("that speaks no MQTT is noticed", async () => {
    manners = { answer, raw: "HTTP/1.1 400 Bad Request\r\n\r\n" };
    await refused(1, /speaks no MQTT/);
  });

  test("that never answers is given up", async () => {
    manners = { answer: async () => [] };
    const device = aDevice();
    const run = await install(device, [], { env: withPrograms(device, { sleep: "exit 0" }) });
    expect(run).toMatchObject({ status: 4, stderr: expect.stringMatching(/did not answer in a minute/) });
  });

  test("that gives a certificate for another key, or makes another thing, gets no identity written", async () => {
    manners = {
      answer: async (message) => {
        if (message.topic !== CREATE) return answer(message);
        const certificatePem = await certificateFor(requestIn(message), true);
        return [
          { topic: `${CREATE}/accepted`, payload: JSON.stringify({ certificatePem, certificateOwnershipToken: "o" }) },
        ];
      },
    };
    await refused(1, /made a certificate for another key/);
    manners = {
      answer: async (message) =>
        message.topic === CREATE
          ? answer(message)
          : [{ topic: `${PROVISION}/accepted`, payload: '{"thingName":"other"}' }],
    };
    await refused(1, /made this device another thing/);
  });

  test.each([
    { mqtt: "127.0.0.1", more: [], connects: "-connect 127.0.0.1:8883 ", alpn: false },
    { mqtt: "127.0.0.1", more: ["--mqtt-port", "443"], connects: "-connect 127.0.0.1:443 ", alpn: true },
    { mqtt: "127.0.0.1:8884", more: ["--mqtt-port", "443"], connects: "-connect 127.0.0.1:8884 ", alpn: false },
  ])("at $mqtt is connected to by $connects with options $more", async ({ mqtt, more, connects, alpn }) => {
    const before = registration();
    const { endpoints } = before as { endpoints: object };
    registration = () => ({ ...before, endpoints: { ...endpoints, mqtt } });
    const device = aDevice();
    const log = join(device.home, "calls");
    const openssl = `if [ "$2" = -quiet ]; then echo "$*" >"${log}"; exit 1; fi\nexec "${programNamed("openssl")}" "$@"`;
    const run = await install(device, more, { env: withPrograms(device, { openssl }) });
    expect(run.status).toBe(4);
    const call = readFileSync(log, "utf8");
    expect(call).toContain(connects);
    expect(call.includes("-alpn x-amzn-mqtt-ca ")).toBe(alpn);
  });
});

describe("an API", () => {
  const problem = (status: number, retryAfter?: string) => ({
    status,
    headers: {
      "content-type": "application/problem+json",
      ...(retryAfter !== undefined && { "retry-after": retryAfter }),
    },
    body: JSON.stringify({ title: "t", status, detail: `because of ${status}` }),
  });

  test("that is busy is asked again when it says", async () => {
    refusals = [problem(429, "1"), problem(503, "1")];
    const device = aDevice();
    const run = await install(device);
    expect(run, run.stderr).toMatchObject({ status: 0 });
    expect(run.stdout).toContain("is busy (429): because of 429. Trying again in 1 s.");
    expect(run.stdout).toContain("is busy (503): because of 503. Trying again in 1 s.");
    expect(asked).toEqual(Array(3).fill(`/v1/register {"token":"${TOKEN}"}`));
  });

  test("that stays busy is given up, and waited for no longer than a minute at a time", async () => {
    refusals = Array(6).fill(problem(503, "3600"));
    const device = aDevice();
    const run = await install(device, [], { env: withPrograms(device, { sleep: "exit 0" }) });
    expect(run).toMatchObject({ status: 4, stderr: expect.stringContaining("is busy (503)") });
    expect(run.stdout.match(/Trying again in 60 s\./g)).toHaveLength(5);
    expect(asked).toHaveLength(6);
  });

  test.each([
    { answers: problem(400), status: 3, says: /does not take this token: because of 400/ },
    { answers: problem(401), status: 3, says: /the token is not valid/ },
    { answers: problem(404), status: 1, says: /there is no Slipway at/ },
    { answers: problem(500), status: 1, says: /answered 500: because of 500/ },
    { answers: { status: 200, body: "<html>" }, status: 1, says: /the API's answer has no usable runtime/ },
    {
      answers: { status: 200, body: '{"runtime":"nucleus"' },
      status: 1,
      says: /the API's answer has no usable runtime/,
    },
    { answers: { status: 301, headers: { location: "https://example.com/" } }, status: 1, says: /answered 301/ },
  ])("that answers $answers.status is understood: $says", async ({ answers, status, says }) => {
    refusals = [answers];
    await refused(status, says);
    expect(asked).toHaveLength(1);
  });

  test.each([
    { name: "a thing that is YAML", change: { thing: 'a"\nevil: "b' } },
    { name: "a template that leads to another topic", change: { template: "a/#" } },
    { name: "an option for openssl", change: { endpoints: { mqtt: "-help", credentials: "c", greengrass: "g" } } },
    { name: "a root that is no certificate", change: { rootCa: "nonsense" } },
    { name: "a port that is none", change: { endpoints: { mqtt: "a:b", credentials: "c", greengrass: "g" } } },
  ])("that gives $name is not followed", async ({ change }) => {
    const before = registration();
    registration = () => ({ ...before, ...change });
    await refused(1, /the API's answer (has|names) no usable/);
    expect(iot.received).toEqual([]);
  });
});
