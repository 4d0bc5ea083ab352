import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import {
  DescribeComponentCommand,
  GetDeploymentCommand,
  GreengrassV2Client,
  ListDeploymentsCommand,
  ListEffectiveDeploymentsCommand,
  ListInstalledComponentsCommand,
} from "@aws-sdk/client-greengrassv2";
import { DescribeThingCommand, IoTClient, ListThingGroupsForThingCommand } from "@aws-sdk/client-iot";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type ApiClient, apiClient } from "./api-client.ts";
import { type RunningCloud, runCloud } from "./child.ts";
import { type Device, startDevice } from "./device/device.ts";

/** `npm run demo`: the main job through the public interfaces, each result checked. Exits 0 only if all hold. */

interface Created {
  readonly id: string;
  readonly subject: { readonly href: string };
  readonly registration: { readonly token: string };
}

interface Upload {
  readonly url: string;
  readonly headers: Record<string, string>;
}

const check = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`does not hold: ${what}`);
};

let steps = 0;
const step = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  const startedAt = performance.now();
  const result = await work();
  steps += 1;
  process.stdout.write(
    `${String(steps).padStart(2)}. ${what.padEnd(72)} ${(performance.now() - startedAt).toFixed(0).padStart(6)} ms\n`,
  );
  return result;
};

const hex = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest("hex");

const upload = async ({ url, headers }: Upload, bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
  const { "content-length": _length, ...sent } = headers; // fetch sets it itself
  const answer = await fetch(url, { method: "PUT", headers: sent, body: bytes });
  check(answer.status === 200, `the upload answers 200, not ${answer.status}: ${await answer.text()}`);
};

/** The sample that devices of the anonymous kind are tried with; sizes 1 to 10 MB. */
const RELEASES = [
  { app: "os_armv8", environment: "beta", version: "2.0.0", attributes: [], megabytes: 10 },
  { app: "os_armv8", environment: "prod", version: "1.1.0", attributes: [], megabytes: 8 },
  { app: "os_armv7", environment: "beta", version: "2.0.0", attributes: [], megabytes: 6 },
  { app: "os_armv7", environment: "prod", version: "1.0.0", attributes: [], megabytes: 5 },
  { app: "scoreboard", environment: "beta", version: "2.0.0", attributes: ["gamer"], megabytes: 2 },
  { app: "scoreboard", environment: "prod", version: "1.0.0", attributes: ["gamer"], megabytes: 2 },
  { app: "videoStreamer", environment: "beta", version: "0.1.2", attributes: ["camera"], megabytes: 4 },
  { app: "videoStreamer", environment: "prod", version: "0.0.1", attributes: ["camera", "gamer"], megabytes: 3 },
  { app: "modemFW", environment: "prod", version: "1.0", attributes: ["cellular"], megabytes: 1 },
] as const;

type Binaries = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

const clients = ({ endpoints }: RunningCloud) => {
  const { region, accessKeyId, secretAccessKey } = endpoints;
  const at = (endpoint: string) => ({ region, endpoint, credentials: { accessKeyId, secretAccessKey } });
  return {
    s3: new S3Client(at(endpoints.s3)),
    iot: new IoTClient(at(endpoints.iot)),
    greengrass: new GreengrassV2Client(at(endpoints.greengrass)),
  };
};

/** What the demo ends on: the node's device, and what it is to run. */
interface Managed {
  readonly device: Device;
  readonly thing: string;
  readonly greeting: string;
}

const managedDevices = async (api: ApiClient, cloud: RunningCloud, dir: string): Promise<Managed> => {
  const { s3, iot, greengrass } = clients(cloud);
  const ws = "/v1/workspaces/acme";
  await step("create workspace acme", () => api.done("POST", "/v1/workspaces", { name: "acme" }));
  const workspace = (await api.call<{ bucket: string }>("GET", ws)).body;
  check(/^ws-[a-z0-9]{3}-acme-comp-artifacts$/.test(workspace.bucket), `the bucket's name ${workspace.bucket}`);

  const group = await step("create node group gateways", () =>
    api.done("POST", `${ws}/node-groups`, { name: "gateways" }),
  );
  const node = await step("create node gateway-1 in the group", async () => {
    const body = { name: "gateway-1", groups: ["gateways"] };
    const created = await api.call<Created>("POST", `${ws}/nodes`, { body });
    check(created.status === 202, `the node is to be created: ${created.status}`);
    check((await api.ended(created.body.id)).status === "succeeded", "the node is created");
    return created.body;
  });
  const { thing } = (await api.call<{ thing: string }>("GET", node.subject.href)).body;
  const { thingGroup } = (await api.call<{ thingGroup: string }>("GET", group.subject.href)).body;
  const cell = await step("check: thing, thing type, and its two thing groups", async () => {
    const described = await iot.send(new DescribeThingCommand({ thingName: thing }));
    check(described.thingTypeName === workspace.bucket, "the thing's type is named as the bucket");
    const { thingGroups = [] } = await iot.send(new ListThingGroupsForThingCommand({ thingName: thing }));
    const names = thingGroups.map(({ groupName }) => groupName ?? "");
    check(names.length === 2 && names.includes(thingGroup), `the thing is in its group and one cell: ${names}`);
    return thingGroups.find(({ groupName }) => groupName !== thingGroup)?.groupArn ?? "";
  });

  const device = await step("a device registers with the node's token, and connects", async () => {
    const registration = { api: cloud.endpoints.api, token: node.registration.token };
    const started = startDevice({ dir: join(dir, "device"), registration, s3: cloud.endpoints.s3, run: true });
    check((await started.connected) === thing, "it is the node's thing");
    return started;
  });

  const greeting = `Hello from the edge, ${new Date().toISOString()}\n`;
  writeFileSync(join(dir, "hello.sh"), '#!/bin/sh\ncat "$(dirname "$0")/greeting.txt"\nexec sleep 1000\n');
  writeFileSync(join(dir, "greeting.txt"), greeting);
  const component = `${ws}/components/com.example.Hello`;
  await step("create component com.example.Hello and draft 1.0.0", async () => {
    const created = await api.call("POST", `${ws}/components`, { body: { name: "com.example.Hello" } });
    check(created.status === 201, `the component is created: ${created.status}`);
    const draft = await api.call("POST", `${component}/versions`, {
      body: { version: "1.0.0", recipe: { run: "sh {artifacts:path}/hello.sh" } },
    });
    check(draft.status === 201, `the draft is created: ${draft.status}`);
  });
  await step("upload hello.sh and greeting.txt by presigned URLs", async () => {
    for (const name of ["hello.sh", "greeting.txt"]) {
      const bytes = readFileSync(join(dir, name));
      const file = { path: `dist/${name}`, size: bytes.length, sha256: hex("sha256", bytes) };
      const declared = await api.call<{ upload: Upload }>("POST", `${component}/versions/1.0.0/files`, { body: file });
      check(declared.status === 201, `${name} is declared: ${JSON.stringify(declared.body)}`);
      await upload(declared.body.upload, bytes);
    }
  });
  await step("publish com.example.Hello 1.0.0", () => api.done("POST", `${component}/versions/1.0.0/publish`));
  await step("check: object and hash in S3, component DEPLOYABLE", async () => {
    const Key = "components/com.example.Hello/1.0.0/dist/hello.sh";
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: workspace.bucket, Key }));
    const stored = (await Body?.transformToByteArray()) ?? new Uint8Array();
    const source = readFileSync(join(dir, "hello.sh"));
    check(hex("sha256", stored) === hex("sha256", source), "S3 has the very bytes of hello.sh");
    const { arn } = (await api.call<{ arn: string }>("GET", `${component}/versions/1.0.0`)).body;
    const { status } = await greengrass.send(new DescribeComponentCommand({ arn }));
    check(status?.componentState === "DEPLOYABLE", `the component is ${status?.componentState}`);
  });

  await step("deploy com.example.Hello 1.0.0 to the group", () =>
    api.done("PATCH", `${ws}/node-groups/gateways/deployment`, {
      components: { "com.example.Hello": { version: "1.0.0", merge: { loud: true } } },
    }),
  );
  await step("check: the cell's Greengrass deployment, and none on the group", async () => {
    const latest = async (targetArn: string) =>
      (await greengrass.send(new ListDeploymentsCommand({ targetArn }))).deployments ?? [];
    const [deployment, ...others] = await latest(cell);
    check(others.length === 0 && deployment !== undefined, "the cell has one latest deployment");
    const { components } = await greengrass.send(new GetDeploymentCommand({ deploymentId: deployment?.deploymentId }));
    check(
      JSON.stringify(components) ===
        JSON.stringify({
          "com.example.Hello": { componentVersion: "1.0.0", configurationUpdate: { merge: '{"loud":true}' } },
        }),
      `the deployment has just the component: ${JSON.stringify(components)}`,
    );
    check(
      (await latest(cell.replace(/thinggroup\/.*/, `thinggroup/${thingGroup}`))).length === 0,
      "the group has none",
    );
  });
  return { device, thing, greeting };
};

/** Asks until there is an answer. @throws Error when there is none within ten seconds */
const eventually = async <T>(what: string, ask: () => Promise<T | undefined>): Promise<T> => {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await pause(20)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`does not hold within 10 s: ${what}`);
};

/** The way ends where it is meant to: on a device that runs what was deployed, by its own word and by Greengrass's. */
const runningDevice = async (api: ApiClient, cloud: RunningCloud, dir: string, managed: Managed): Promise<void> => {
  const { device, thing, greeting } = managed;
  const { greengrass } = clients(cloud);
  await step("check: the API shows the node registered and connected", async () => {
    const { body } = await api.call<{ registeredAt?: string; connection?: { connected: boolean } }>(
      "GET",
      "/v1/workspaces/acme/nodes/gateway-1",
    );
    check(body.registeredAt !== undefined && body.connection?.connected === true, `the node: ${JSON.stringify(body)}`);
  });
  await step("check: Greengrass has the deployment SUCCEEDED, com.example.Hello 1.0.0 RUNNING", () =>
    eventually("the device runs com.example.Hello 1.0.0", async () => {
      const [[last], components] = await Promise.all([
        greengrass
          .send(new ListEffectiveDeploymentsCommand({ coreDeviceThingName: thing }))
          .then(({ effectiveDeployments = [] }) => effectiveDeployments),
        greengrass
          .send(new ListInstalledComponentsCommand({ coreDeviceThingName: thing }))
          .then(({ installedComponents = [] }) => installedComponents),
      ]);
      const [hello] = components.filter(({ componentName }) => componentName === "com.example.Hello");
      const runs = hello?.componentVersion === "1.0.0" && hello.lifecycleState === "RUNNING";
      return last?.coreDeviceExecutionStatus === "SUCCEEDED" && runs ? true : undefined;
    }),
  );
  await step("check: it says what greeting.txt has", () =>
    eventually("the component's log", async () => {
      const log = join(dir, "device/logs/com.example.Hello.log");
      return existsSync(log) && readFileSync(log, "utf8") === greeting ? true : undefined;
    }),
  );
  await step("stop the device", () => device.stop());
};

const publishReleases = async (api: ApiClient): Promise<Binaries> => {
  const binaries = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const { megabytes, ...release } of RELEASES) {
    const bytes = new Uint8Array(randomBytes(megabytes * 1_000_000));
    binaries.set(`${release.app} ${release.environment}`, bytes);
    await step(`publish ${release.app} ${release.version} (${release.environment}, ${megabytes} MB)`, async () => {
      const body = { ...release, size: bytes.length, sha256: hex("sha256", bytes) };
      const created = await api.call<{ id: string; upload: Upload }>("POST", "/v1/workspaces/acme/releases", { body });
      check(created.status === 201, `the release is created: ${JSON.stringify(created.body)}`);
      await upload(created.body.upload, bytes);
      await api.done("POST", `/v1/workspaces/acme/releases/${created.body.id}/publish`);
    });
  }
  return binaries;
};

interface Entry {
  readonly latestVersion: string;
  readonly url: string;
  readonly status_code: number;
  readonly md5: string;
}

/** Names and contents of a tar archive's members. */
const untar = (archive: Uint8Array): Map<string, Uint8Array> => {
  const members = new Map<string, Uint8Array>();
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1").replace(/\0.*$/s, "");
  for (let at = 0; archive[at] !== 0 && at < archive.length; ) {
    const size = Number.parseInt(text(archive.subarray(at + 124, at + 136)), 8);
    members.set(text(archive.subarray(at, at + 100)), archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members;
};

const anonymousDevices = async (ota: string, binaries: Binaries): Promise<void> => {
  const query = "/acme/package?cpuArch=armv8&attrGamer=prod&attrCellular=prod";
  const get = (path: string, have: readonly string[] = []) =>
    fetch(`${ota}${path}`, { headers: have.length > 0 ? { "if-none-match": have.join(", ") } : {} });
  const binary = (name: string) => {
    const bytes = binaries.get(name);
    if (bytes === undefined) throw new Error(`there is no binary ${name}`);
    return bytes;
  };
  const wanted = { os_armv8: "1.1.0", scoreboard: "1.0.0", videoStreamer: "0.0.1", modemFW: "1.0" };

  const entries = await step("device polls metadata: 200, the four apps of an armv8 gamer", async () => {
    const answer = await get(`${query}&payloadType=metadataOnly`);
    check(answer.status === 200, `the metadata answers ${answer.status}`);
    const metadata = (await answer.json()) as Record<string, Entry>;
    const versions = Object.fromEntries(
      Object.entries(metadata).map(([app, { latestVersion }]) => [app, latestVersion]),
    );
    check(Object.keys(wanted).length === Object.keys(versions).length, `the apps are ${Object.keys(versions)}`);
    for (const [app, version] of Object.entries(wanted)) check(versions[app] === version, `${app} is ${versions[app]}`);
    return metadata;
  });
  await step("device fetches one binary by its URL, and a range of it", async () => {
    const { url = "" } = entries.modemFW ?? {};
    const whole = new Uint8Array(await (await fetch(url)).arrayBuffer());
    check(hex("md5", whole) === hex("md5", binary("modemFW prod")), "the binary's bytes");
    const part = await fetch(url, { headers: { range: "bytes=1000-1999" } });
    check(part.status === 206, `a range answers ${part.status}`);
    check(hex("md5", new Uint8Array(await part.arrayBuffer())) === hex("md5", whole.subarray(1000, 2000)), "the range");
  });
  await step("device fetches the full payload: an archive of all four", async () => {
    const members = untar(gunzipSync(Buffer.from(await (await get(query)).arrayBuffer())));
    const names = [...members.keys()];
    const all = Object.entries(wanted).map(([app, version]) => `${app}_${version}`);
    check(names.length === 5 && names.at(-1) === "package_details.json", `the members are ${names}`);
    check(
      all.every((name) => names.includes(name)),
      `the members are ${names}`,
    );
    const os = members.get("os_armv8_1.1.0") ?? new Uint8Array();
    check(hex("md5", os) === hex("md5", binary("os_armv8 prod")), "the operating system's bytes");
  });
  await step("device has the operating system: a partial archive without it", async () => {
    const members = untar(
      gunzipSync(Buffer.from(await (await get(query, [entries.os_armv8?.md5 ?? ""])).arrayBuffer())),
    );
    check(!members.has("os_armv8_1.1.0") && members.size === 4, `the members are ${[...members.keys()]}`);
    const details = JSON.parse(Buffer.from(members.get("package_details.json") ?? []).toString()) as Record<
      string,
      Entry
    >;
    check(details.os_armv8?.status_code === 304 && details.modemFW?.status_code === 200, "the details' status codes");
  });
  await step("device has everything: 304, for metadata and payload", async () => {
    const have = Object.values(entries).map(({ md5 }) => `"${md5}"`);
    for (const path of [query, `${query}&payloadType=metadataOnly`]) {
      const answer = await get(path, have);
      check(answer.status === 304, `${path} answers ${answer.status}`);
    }
  });
};

const main = async (): Promise<void> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-demo-"));
  const startedAt = performance.now();
  let cloud: RunningCloud | undefined;
  let device: Device | undefined;
  try {
    cloud = await step("start the embedded cloud", () => runCloud(join(dir, "data")));
    const api = apiClient(cloud.endpoints.api, await cloud.token());
    const managed = await managedDevices(api, cloud, dir);
    device = managed.device;
    const binaries = await publishReleases(api);
    await anonymousDevices(cloud.endpoints.ota, binaries);
    await runningDevice(api, cloud, dir, managed);
    const running = cloud;
    cloud = undefined;
    await step("stop the embedded cloud", async () => check((await running.stop()) === 0, "it exits with 0"));
    process.stdout.write(
      `the main job works: ${steps} steps in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s\n`,
    );
  } catch (error) {
    if (cloud !== undefined) process.stderr.write(`the embedded cloud printed:\n${cloud.printed()}`);
    throw error;
  } finally {
    await device?.stop();
    await cloud?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};

main().catch((error: unknown) => {
  process.stderr.write(`demo failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
