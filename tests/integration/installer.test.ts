import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ApiClient } from "../../local/api-client.ts";
import { until } from "../local/until.ts";
import { boxesOf } from "./support/box.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { type Device, linesOf, makeDevice, programNamed, type Run, shells, startFront } from "./support/installer.ts";

const tools = mkdtempSync(join(tmpdir(), "slipway-shells-"));
chmodSync(tools, 0o755);
const SHELLS = shells(tools);
const IDENTITY = ["identity/config.yaml", "identity/device.crt", "identity/device.key", "identity/root-ca.pem"];

interface NodeBody {
  readonly id: string;
  readonly thing: string;
  readonly registeredAt?: string;
}

let cloud: TestCloud;
let api: ApiClient;
let workspace: { id: string; path: string };
let script: string;
let ca: string;
let count = 0;
const devices: Device[] = [];

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  workspace = await aWorkspace(api, "installed");
  script = await (await fetch(`${cloud.endpoints.api}/v1/install.sh`)).text();
  ca = readFileSync(cloud.endpoints.caFile, "utf8");
});
afterAll(async () => {
  await cloud?.remove();
  for (const { home } of devices) rmSync(home, { recursive: true, force: true });
  rmSync(tools, { recursive: true, force: true });
});

const aDevice = (): Device => {
  const device = makeDevice(script);
  devices.push(device);
  return device;
};

const aNode = async (body: object = {}): Promise<{ path: string; node: NodeBody; token: string }> => {
  count += 1;
  const made = await expecting(
    202,
    api.call<{ id: string; subject: { id: string }; registration: { token: string } }>(
      "POST",
      `${workspace.path}/nodes`,
      { body: { name: `n${count}`, ...body } },
    ),
  );
  expect((await api.ended(made.body.id)).status).toBe("succeeded");
  const path = `${workspace.path}/nodes/${made.body.subject.id}`;
  return { path, node: await nodeAt(path), token: made.body.registration.token };
};

const nodeAt = async (path: string): Promise<NodeBody> => (await expecting(200, api.call<NodeBody>("GET", path))).body;

const optionsFor = (device: Device, token: string, ...more: string[]): string[] => [
  ...["--api", cloud.endpoints.api, "--token", token, "--dir", device.dir],
  ...more,
];

/** @throws Error with all that it printed */
const succeeded = (run: Run): Run => {
  if (run.status !== 0) throw new Error(`it ended with ${run.status}:\n${run.stdout}\n${run.stderr}`);
  return run;
};

const publicKey = (pem: string): string =>
  createPublicKey(createPrivateKey(pem)).export({ format: "pem", type: "spki" }) as string;

/** Connects with the identity that the device has, as the nucleus would. */
const connectAs = async (device: Device, thing: string): Promise<void> => {
  const client = await boxesOf(cloud, ca).connected(
    { cert: device.read("device.crt"), key: device.read("device.key") },
    thing,
  );
  await client.drop();
};

const registers = async (device: Device, path: string, thing: string): Promise<void> => {
  await connectAs(device, thing);
  await until(async () => (await nodeAt(path)).registeredAt !== undefined, { what: "the node to be registered" });
};

/** Neither the token nor the key is in what was printed, and nothing of the run is left but these files. */
const keptSecret = (device: Device, { stdout, stderr }: Run, token: string, files: readonly string[]): void => {
  const printed = `${stdout}${stderr}`;
  expect(printed).not.toContain(token);
  expect(printed).not.toContain("PRIVATE KEY");
  const left = device.files();
  expect(Object.keys(left)).toEqual(files);
  for (const [name, text] of Object.entries(left)) {
    expect(text, name).not.toContain(token);
    if (!name.endsWith(".key")) expect(text, name).not.toContain("PRIVATE KEY");
    else for (const line of linesOf(text)) expect(printed).not.toContain(line);
  }
};

test("the API hands the script out as it is in the project", async () => {
  const answer = await fetch(`${cloud.endpoints.api}/v1/install.sh`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/x-shellscript; charset=utf-8");
  expect(answer.headers.get("cache-control")).toBe("public, max-age=300");
  expect(await answer.text()).toBe(readFileSync(new URL("../../functions/device/install.sh", import.meta.url), "utf8"));
});

describe.each(SHELLS)("in $name", (shell) => {
  test("a device registers, and connects with the identity that was written", async () => {
    const device = aDevice();
    const { path, node, token } = await aNode();
    const run = succeeded(await device.run(optionsFor(device, token), { shell }));
    expect(run.stderr).toBe("");
    expect(run.stdout).toContain(`This device is ${node.thing}.`);
    expect(run.stdout).toContain(`--init-config "${device.dir}/config.yaml"`);
    keptSecret(device, run, token, IDENTITY);
    expect(statSync(join(device.dir, "device.key")).mode & 0o777).toBe(0o600);
    expect(statSync(device.dir).mode & 0o777).toBe(0o700);
    expect(existsSync(join(device.dir, "pending"))).toBe(false);
    expect(
      new X509Certificate(device.read("device.crt")).checkPrivateKey(createPrivateKey(device.read("device.key"))),
    ).toBe(true);
    expect(createPrivateKey(device.read("device.key")).asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    await registers(device, path, node.thing);
  });

  test("a token that is used, and one that is mistyped, are refused and told apart", async () => {
    const device = aDevice();
    const { path, node, token } = await aNode();
    succeeded(await device.run(optionsFor(device, token), { shell }));
    await registers(device, path, node.thing);
    const other = aDevice();
    const used = await other.run(optionsFor(other, token), { shell });
    expect(used).toMatchObject({ status: 3, stderr: expect.stringContaining("the token is not valid") });
    const typo = `${token.slice(0, -1)}${token.endsWith("0") ? "1" : "0"}`;
    const mistyped = await other.run(optionsFor(other, typo), { shell });
    expect(mistyped).toMatchObject({ status: 3, stderr: expect.stringContaining("the token is mistyped") });
    keptSecret(other, used, token, ["identity/pending/device.key"]);
    keptSecret(other, mistyped, typo, ["identity/pending/device.key"]);
  });

  test("a run that is killed after it was given its claim goes on with the same key", async () => {
    const device = aDevice();
    const { path, node, token } = await aNode();
    let kill = (): void => undefined;
    const front = await startFront(async ({ path: asked, body }, response) => {
      const answer = await fetch(`${cloud.endpoints.api}${asked}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      expect(answer.status).toBe(200);
      kill();
      response.destroy();
    });
    const running = device.start(["--api", front.url, "--token", token, "--dir", device.dir], { shell });
    kill = () => running.kill("SIGKILL");
    expect((await running.done).status).toBeUndefined();
    await front.close();
    const key = device.read("pending/device.key");
    expect(existsSync(join(device.dir, "pending/run/pid"))).toBe(true);
    const run = succeeded(await device.run(optionsFor(device, token), { shell }));
    expect(run.stdout).toContain("Going on with the key of the run before.");
    expect(device.read("device.key")).toBe(key);
    keptSecret(device, run, token, IDENTITY);
    await registers(device, path, node.thing);
  });
});

describe("the configuration", () => {
  test("of the Java nucleus names the files, the endpoints and their ports", async () => {
    const device = aDevice();
    const { node, token } = await aNode();
    succeeded(await device.run(optionsFor(device, token, "--runtime", "nucleus")));
    const { mqtt, dataPlane, credentials, region } = cloud.endpoints;
    expect(parse(device.read("config.yaml"))).toEqual({
      system: {
        certificateFilePath: join(device.dir, "device.crt"),
        privateKeyPath: join(device.dir, "device.key"),
        rootCaPath: join(device.dir, "root-ca.pem"),
        rootpath: "/greengrass/v2",
        thingName: node.thing,
      },
      services: {
        "aws.greengrass.Nucleus": {
          componentType: "NUCLEUS",
          configuration: {
            awsRegion: region,
            iotRoleAlias: "local-slipway-device",
            iotDataEndpoint: "127.0.0.1",
            iotCredEndpoint: `127.0.0.1:${new URL(credentials).port}`,
            mqtt: { port: Number(new URL(mqtt).port) },
            greengrassDataPlaneEndpoint: "localhost",
            greengrassDataPlanePort: Number(new URL(dataPlane).port),
          },
        },
      },
    });
    expect(device.read("root-ca.pem").trim()).toBe(ca.trim());
  });

  test("of nucleus lite is as that reads it, and what is next is told with the reason for root", async () => {
    const device = aDevice();
    const { node, token } = await aNode({ runtime: "nucleus-lite" });
    const place = "/opt/on the device";
    const run = succeeded(await device.run(optionsFor(device, token, "--place", place)));
    expect(parse(device.read("config.yaml"))).toEqual({
      system: {
        certificateFilePath: `${place}/device.crt`,
        privateKeyPath: `${place}/device.key`,
        rootCaPath: `${place}/root-ca.pem`,
        rootPath: "/var/lib/greengrass",
        thingName: node.thing,
      },
      services: {
        "aws.greengrass.NucleusLite": {
          componentType: "NUCLEUS",
          configuration: {
            awsRegion: cloud.endpoints.region,
            iotRoleAlias: "local-slipway-device",
            iotDataEndpoint: "127.0.0.1",
            iotCredEndpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
            greengrassDataPlanePort: new URL(cloud.endpoints.dataPlane).port,
            runWithDefault: { posixUser: "ggc_user:ggc_group" },
          },
        },
      },
    });
    expect(run.stderr).toMatch(/nucleus lite connects to port 8883 alone, and this is \d+/);
    expect(run.stdout).toContain(`chown -R ggcore:ggcore "${place}"`);
    expect(run.stdout).toContain(`cp "${device.dir}/config.yaml" /etc/greengrass/config.yaml`);
    expect(run.stdout).toContain("systemctl restart greengrass-lite.target");
  });

  test("is not written for another runtime than the node's", async () => {
    const device = aDevice();
    const { token } = await aNode({ runtime: "nucleus-lite" });
    const run = await device.run(optionsFor(device, token, "--runtime", "nucleus"));
    expect(run).toMatchObject({
      status: 3,
      stderr: expect.stringContaining("the node is for nucleus-lite, not for nucleus"),
    });
    keptSecret(device, run, token, ["identity/pending/device.key"]);
  });
});

describe("an identity that is there", () => {
  test("stays as it is without --force, and no token is shown", async () => {
    const device = aDevice();
    const first = await aNode();
    succeeded(await device.run(optionsFor(device, first.token)));
    const before = device.files();
    const second = await aNode();
    const run = await device.run(optionsFor(device, second.token));
    expect(run).toMatchObject({ status: 3, stderr: expect.stringContaining("it stays as it is") });
    expect(device.files()).toEqual(before);
    const elsewhere = aDevice();
    succeeded(await elsewhere.run(optionsFor(elsewhere, second.token)));
  });

  test("is replaced with --force when the new one is complete, and kept beside it", async () => {
    const device = aDevice();
    const first = await aNode();
    succeeded(await device.run(optionsFor(device, first.token)));
    const before = device.files();
    const refused = await device.run(optionsFor(device, `slw_${"0".repeat(38)}`, "--force"));
    expect(refused.status).toBe(3);
    expect(device.files()).toMatchObject(before);
    const second = await aNode();
    const run = succeeded(await device.run(optionsFor(device, second.token, "--force")));
    expect(run.stdout).toContain(`The identity before is in ${device.dir}/previous`);
    const previous = IDENTITY.map((file) => file.replace("/", "/previous/"));
    keptSecret(device, run, second.token, [...IDENTITY, ...previous].sort());
    for (const file of IDENTITY) expect(device.files()[file.replace("/", "/previous/")]).toBe(before[file]);
    await registers(device, second.path, second.node.thing);
  });

  test("that was complete when a run was interrupted is put in its place, without a token", async () => {
    const device = aDevice();
    const { path, node, token } = await aNode();
    succeeded(await device.run(optionsFor(device, token)));
    const whole = device.files();
    // As if the run had been killed between two of the files.
    mkdirSync(join(device.dir, "pending"), { recursive: true });
    for (const file of ["device.crt", "root-ca.pem", "config.yaml"]) {
      writeFileSync(join(device.dir, "pending", file), device.read(file));
      rmSync(join(device.dir, file));
    }
    const run = succeeded(await device.run(["--dir", device.dir]));
    expect(run.stdout).toContain("put in its place");
    expect(device.files()).toEqual(whole);
    await registers(device, path, node.thing);
  });
});

describe("what may go wrong on the way", () => {
  test("an answer of AWS IoT's that is lost costs nothing: the same key comes again", async () => {
    const device = aDevice();
    const { path, node, token } = await aNode();
    await controlOf(cloud.endpoints).fault({ kind: "lost-answer", operation: "mqtt:RegisterThing", times: 1 });
    const lost = await device.run(optionsFor(device, token));
    expect(lost).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(/the connection to 127\.0\.0\.1:\d+ ended/),
    });
    keptSecret(device, lost, token, ["identity/pending/device.key"]);
    const key = device.read("pending/device.key");
    succeeded(await device.run(optionsFor(device, token)));
    expect(publicKey(device.read("device.key"))).toBe(publicKey(key));
    await registers(device, path, node.thing);
  });

  test("another device cannot use a token that is bound to a key", async () => {
    const device = aDevice();
    const { token } = await aNode();
    succeeded(await device.run(optionsFor(device, token)));
    const other = aDevice();
    const run = await other.run(optionsFor(other, token));
    expect(run).toMatchObject({ status: 3, stderr: expect.stringContaining("AWS IoT refuses this device") });
    keptSecret(other, run, token, ["identity/pending/device.key"]);
  });

  test("a signal takes everything away but the key", async () => {
    const device = aDevice();
    const { token } = await aNode();
    const asked = Promise.withResolvers<void>();
    const front = await startFront(() => asked.resolve()); // and never answers
    const running = device.start(["--api", front.url, "--token", token, "--dir", device.dir]);
    await asked.promise;
    running.kill("SIGTERM");
    const run = await running.done;
    await front.close();
    expect(run.status).toBe(143);
    keptSecret(device, run, token, ["identity/pending/device.key"]);
  });

  test("two runs at the same time do not meet", async () => {
    const device = aDevice();
    const { token } = await aNode();
    const asked = Promise.withResolvers<void>();
    const front = await startFront(() => asked.resolve());
    const running = device.start(["--api", front.url, "--token", token, "--dir", device.dir]);
    await asked.promise;
    const second = await device.run(optionsFor(device, token));
    expect(second).toMatchObject({ status: 4, stderr: expect.stringContaining("another run") });
    running.kill("SIGTERM");
    await running.done;
    await front.close();
    succeeded(await device.run(optionsFor(device, token)));
  });
});

describe("who is not root", () => {
  test("gets an identity in the home folder, and is told what root is needed for", async () => {
    const device = aDevice();
    const { node, token } = await aNode({ runtime: "nucleus-lite" });
    const run = succeeded(await device.run(["--api", cloud.endpoints.api, "--token", token], { asNobody: true }));
    const config = parse(readFileSync(join(device.home, ".slipway/config.yaml"), "utf8"));
    expect(config.system).toMatchObject({ thingName: node.thing, privateKeyPath: "/etc/slipway/device.key" });
    expect(run.stdout).toContain("as root: the services of nucleus lite read /etc/greengrass, and run as ggcore");
    expect(run.stdout).toContain(`sudo mv "${device.home}/.slipway/device.key"`);
  });

  test("is told where nothing can be written", async () => {
    const device = aDevice();
    const locked = join(tools, "locked");
    mkdirSync(locked, { mode: 0o555, recursive: true });
    const run = await device.run(["--api", cloud.endpoints.api, "--token", "slw_0", "--dir", `${locked}/x`], {
      asNobody: true,
    });
    expect(run).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/may not write to .*: run this as root, or/),
    });
  });
});

describe("the token", () => {
  test.each([
    { from: "the environment", how: (token: string) => ({ args: [], options: { env: { SLIPWAY_TOKEN: token } } }) },
    { from: "standard input", how: (token: string) => ({ args: ["--token", "-"], options: { input: `${token}\n` } }) },
  ])("from $from reaches no command line and no environment of another program", async ({ how }) => {
    const device = aDevice();
    const { token } = await aNode();
    const seen = join(device.home, "seen");
    const watched = join(device.home, "bin");
    mkdirSync(watched);
    const programs = [
      "curl",
      "openssl",
      "awk",
      "cat",
      "od",
      "tr",
      "mv",
      "sed",
      "sleep",
      "wc",
      "mkfifo",
      "chmod",
      "grep",
    ];
    for (const program of programs) {
      const text = `#!/bin/sh\n{ echo "${program} $*"; env; } >>"${seen}"\nexec "${programNamed(program)}" "$@"\n`;
      writeFileSync(join(watched, program), text, { mode: 0o755 });
    }
    const { args, options } = how(token);
    const env = { ...("env" in options ? options.env : {}), PATH: `${watched}:${process.env.PATH}` };
    succeeded(await device.run(["--api", cloud.endpoints.api, "--dir", device.dir, ...args], { ...options, env }));
    const log = readFileSync(seen, "utf8").split("\n");
    for (const call of ["openssl s_client ", "/v1/register"])
      expect(log.some((line) => line.includes(call))).toBe(true);
    const secrets = [token, ...linesOf(device.read("device.key"))];
    expect(log.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
  });

  test("is sent by https alone, and not to a URL that is none", async () => {
    const device = aDevice();
    for (const url of [
      "http://api.example.com",
      "ftp://127.0.0.1",
      "api.example.com",
      'https://a"b',
      "http://127.0.0.1.example.com",
    ]) {
      const run = await device.run(["--api", url, "--token", "slw_0", "--dir", device.dir]);
      expect(run.status, url).toBe(2);
    }
    expect(device.files()).toEqual({});
  });
});
