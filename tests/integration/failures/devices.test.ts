import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CreateDeploymentCommand } from "@aws-sdk/client-greengrassv2";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../../local/api-client.ts";
import { runCloud } from "../../../local/child.ts";
import { until } from "../../local/until.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "../support/cloud.ts";
import { controlOf } from "../support/control.ts";
import {
  aNode,
  certificatesOf,
  deviceIn,
  devices,
  fileIn,
  fingerprintOf,
  greengrassOf,
  version,
} from "../support/devices.ts";

/** Kills of the core device in software, and of the cloud that it is connected to. */

let cloud: TestCloud;
let api: ApiClient;
let workspace: { id: string; path: string };
let bucket: string;
const fleet = devices(() => cloud.endpoints);
const { groupArn, makeVersion, deployTo, settled, installed } = greengrassOf(() => cloud);
const aDeviceIn = deviceIn(fleet, () => ({ cloud, api, workspace: workspace.path }));

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  workspace = await aWorkspace(api, "devices");
  ({ bucket } = (await expecting(200, api.call<{ bucket: string }>("GET", workspace.path))).body);
});
afterAll(async () => {
  await fleet.remove();
  await cloud?.stop(); // the one that runs now: `remove` knows the first
  await cloud?.remove();
});

describe("kills", () => {
  test("at any moment of the registration leave a device that goes on with the same key", async () => {
    const node = await aNode(api, workspace.path, "cut");
    const dir = fleet.newDir();
    const args = ["--api", cloud.endpoints.api, "--token", node.token];
    const control = controlOf(cloud.endpoints);
    const keys = new Set<string>();
    const cuts: readonly [string, string | undefined, () => Promise<unknown>][] = [
      ["its key is there", undefined, async () => existsSync(join(dir, "registering.json"))],
      [
        "a certificate is asked for",
        "mqtt:CreateCertificateFromCsr",
        async () => struck("mqtt:CreateCertificateFromCsr"),
      ],
      ["the hook is asked", "mqtt:RegisterThing", async () => struck("mqtt:RegisterThing")],
      ["its identity is there", undefined, async () => existsSync(join(dir, "identity.json"))],
    ];
    const struck = async (operation: string) =>
      (await control.faults()).some(({ fault, struck: times }) => fault.operation === operation && times > 0);
    for (const [what, operation, reached] of cuts) {
      // The answer comes late, so that the kill falls between the deed and its being known.
      if (operation !== undefined) await control.fault({ operation, kind: "lost-answer" });
      const run = fleet.spawn(dir, args);
      await until(reached, { what });
      await run.kill();
      await control.disarm();
      const file = existsSync(join(dir, "identity.json")) ? "identity.json" : "registering.json";
      keys.add(fingerprintOf(fileIn(dir, file).privateKey));
    }
    expect(await fleet.spawn(dir, ["--once"]).exited).toBe(0);
    expect(keys.size).toBe(1);
    const all = await until(async () => {
      const some = await certificatesOf(api, node);
      return some.every(({ status }) => status === "active" || status === "revoked") ? some : undefined;
    });
    expect(new Set(all.map(({ keyFingerprint }) => keyFingerprint))).toEqual(keys);
    expect(all.filter(({ status }) => status === "active")).toEqual([
      expect.objectContaining({ id: fileIn(dir, "identity.json").certificateId }),
    ]);
  });

  test("take the components with the device that runs them", async () => {
    await makeVersion("test.Orphan", "1.0.0", {
      Manifests: [{ Lifecycle: { Startup: "sleep 1000 & echo $! > pid", Shutdown: "true" } }],
    });
    const { node, dir, device } = await aDeviceIn("orphan", ["orphan-a"]);
    await deployTo("orphan-a", node.thing, { "test.Orphan": version("1.0.0") });
    await device.stop();
    const file = join(dir, "work/test.Orphan/pid");
    const run = fleet.spawn(dir, ["--run"]);
    // What is a zombie has ended; who inherits it takes it away in its own time.
    const runs = (pid: number) =>
      existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    // A device that comes back may start the component twice.
    const pid = await until(
      () => {
        const found = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
        return found > 0 && runs(found) && found;
      },
      { what: "the component" },
    );
    await run.kill();
    await until(() => !runs(pid), { what: "the component's end" });
  });

  test("in the middle of a deployment leave a device that finishes it", async () => {
    await cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key: "test/cut", Body: "cut" }));
    for (const number of ["1.0.0", "2.0.0", "3.0.0", "4.0.0"])
      await makeVersion("test.Cut", number, {
        Manifests: [{ Lifecycle: { Run: "exec sleep 1000" }, Artifacts: [{ Uri: `s3://${bucket}/test/cut` }] }],
      });
    const { node, dir, device } = await aDeviceIn("cut-deploying", ["cut-a"]);
    await deployTo("cut-a", node.thing, { "test.Cut": version("1.0.0") });
    await device.stop();
    const control = controlOf(cloud.endpoints);
    for (const [operation, number] of [
      ["greengrass:ListThingGroupsForCoreDevice", "2.0.0"],
      ["s3:GetObject", "3.0.0"],
      ["mqtt:UpdateJobExecution", "4.0.0"],
    ] as const) {
      const targetArn = groupArn("cut-a");
      const components = { "test.Cut": version(number) };
      const { deploymentId } = await cloud.greengrass.send(new CreateDeploymentCommand({ targetArn, components }));
      await control.fault({ operation, kind: "latency", milliseconds: 60_000, probability: 1 });
      const run = fleet.spawn(dir, ["--run"]);
      const sees = async () => (await control.faults()).some(({ struck }) => struck > 0);
      await until(sees, { what: `a call of ${operation}` });
      await run.kill();
      await control.disarm();
      const again = fleet.spawn(dir, ["--run"]);
      expect(await settled(node.thing, deploymentId)).toMatchObject({ coreDeviceExecutionStatus: "SUCCEEDED" });
      expect(await installed(node.thing)).toEqual({ "test.Cut": `${number} RUNNING` });
      await again.kill();
    }
  });
});

test("a kill of the cloud ends no device: it comes back, and takes what is deployed then", async () => {
  await makeVersion("test.After", "1.0.0", { Manifests: [{}] });
  const { node, device } = await aDeviceIn("survivor", ["survivor-a"]);
  const exited = new Promise((resolve) => cloud.child.once("exit", resolve));
  cloud.child.kill("SIGKILL");
  await exited;
  const args = ["--test-mode", "--retry-scale", "0.02"];
  const again = await runCloud(cloud.dir, { portBase: cloud.portBase, args });
  cloud = { ...cloud, ...again };
  const { coreDeviceExecutionStatus } = await deployTo("survivor-a", node.thing, { "test.After": version("1.0.0") });
  expect(coreDeviceExecutionStatus).toBe("SUCCEEDED");
  await device.stop();
});
