import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateJobCommand, DescribeJobExecutionCommand, RemoveThingFromThingGroupCommand } from "@aws-sdk/client-iot";
import { CreateBucketCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import type { Outcome } from "../../local/device/deploy.ts";
import { until } from "../local/until.ts";
import { zip } from "../support/zip.ts";
import {
  aWorkspace,
  expecting,
  sendFile,
  sha256,
  startTestCloud,
  type TestCloud,
  type Upload,
} from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import {
  aNode,
  certificatesOf,
  deviceIn,
  devices,
  fileIn,
  fingerprintOf,
  greengrassOf,
  type NewNode,
  version,
} from "./support/devices.ts";

/** The core device in software against the embedded cloud: both are clients and servers of AWS's wires, and no more. */

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
  await cloud?.remove();
});

/** A published version with files. */
const publish = async (name: string, version: string, recipe: object, files: Readonly<Record<string, string>> = {}) => {
  const created = await api.call("POST", `${workspace.path}/components`, { body: { name } });
  expect([201, 409]).toContain(created.status);
  const versions = `${workspace.path}/components/${name}/versions`;
  await expecting(201, api.call("POST", versions, { body: { version, recipe } }));
  for (const [file, content] of Object.entries(files)) {
    const body = { path: `dist/${file}`, size: Buffer.byteLength(content), sha256: sha256(content) };
    const declared = await expecting(
      201,
      api.call<{ upload: Upload }>("POST", `${versions}/${version}/files`, { body }),
    );
    await sendFile(declared.body.upload, content);
  }
  await api.done("POST", `${versions}/${version}/publish`);
};

const aGroup = (name: string) => api.done("POST", `${workspace.path}/node-groups`, { name });

const change = (group: string, components: Readonly<Record<string, unknown>>) =>
  api.done("PATCH", `${workspace.path}/node-groups/${group}/deployment`, { components });

const connectionOf = async ({ path }: NewNode) =>
  (await api.call<{ registeredAt?: string; connection?: { connected: boolean } }>("GET", path)).body;

describe("a device of a token", () => {
  test("registers, connects, and runs what its group deploys; what is taken away it stops and removes", async () => {
    await aGroup("whole");
    const node = await aNode(api, workspace.path, "whole-1", { groups: ["whole"] });
    const script = '#!/bin/sh\necho "$2 from $1" | tee -a said\nexec sleep 1000\n';
    await publish(
      "com.example.Whole",
      "1.0.0",
      {
        install: "echo installed {work:path}",
        run: 'sh {artifacts:path}/hello.sh {iot:thingName} "{configuration:/greeting}"',
        configuration: { greeting: "hello", unused: { deep: 1 } },
      },
      { "hello.sh": script },
    );
    const dir = fleet.newDir();
    const outcomes: Outcome[] = [];
    const device = fleet.start({ dir, token: node.token, run: true, onDeployment: (one) => void outcomes.push(one) });
    expect(await device.connected).toBe(node.thing);
    await until(async () => (await connectionOf(node)).registeredAt, { what: "the registration" });
    expect((await connectionOf(node)).connection).toMatchObject({ connected: true });

    await change("whole", { "com.example.Whole": { version: "^1.0.0", merge: { greeting: "good day" } } });
    expect(await settled(node.thing)).toMatchObject({ coreDeviceExecutionStatus: "SUCCEEDED" });
    expect(await installed(node.thing)).toEqual({ "com.example.Whole": "1.0.0 RUNNING" });
    const said = join(dir, "work/com.example.Whole/said");
    await until(() => existsSync(said) && readFileSync(said, "utf8") !== "", { what: "the component's words" });
    expect(readFileSync(said, "utf8")).toBe(`good day from ${node.thing}\n`);
    expect(readFileSync(join(dir, "logs/com.example.Whole.log"), "utf8")).toContain(`installed ${join(dir, "work")}`);
    expect(readFileSync(join(dir, "packages/artifacts/com.example.Whole/1.0.0/hello.sh"), "utf8")).toBe(script);

    await change("whole", { "com.example.Whole": null });
    await until(async () => Object.keys(await installed(node.thing)).length === 0, { what: "the removal" });
    await device.idle();
    expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => "SUCCEEDED"));
    expect(existsSync(said)).toBe(false);
    expect(readdirSync(join(dir, "packages/artifacts/com.example.Whole"))).toEqual([]);
  });

  test("keeps no token, and what it keeps no one else may read", async () => {
    const node = await aNode(api, workspace.path, "discreet");
    const dir = fleet.newDir();
    const told: unknown[] = [];
    const device = fleet.start({ dir, token: node.token, log: (...line) => void told.push(line) });
    await device.idle();
    await device.stop();
    const files = readdirSync(dir).filter((name) => name.endsWith(".json"));
    expect(files.sort()).toEqual(["identity.json", "sequence.json", "state.json"]);
    for (const name of files) expect(readFileSync(join(dir, name), "utf8")).not.toContain(node.token);
    expect(JSON.stringify(told)).not.toContain(node.token);
    const { privateKey } = fileIn(dir, "identity.json");
    expect(JSON.stringify(told)).not.toContain(privateKey.split("\n")[1]);
    // Its own key: not the claim's, which AWS IoT made.
    expect((await certificatesOf(api, node)).map(({ keyFingerprint }) => keyFingerprint)).toEqual([
      fingerprintOf(privateKey),
    ]);
  });

  test("runs no code unless it is told to", async () => {
    await aGroup("still");
    const node = await aNode(api, workspace.path, "still-1", { groups: ["still"] });
    await publish("com.example.Still", "1.0.0", { install: "touch ran", run: "touch ran" });
    await change("still", { "com.example.Still": { version: "1.0.0" } });
    const dir = fleet.newDir();
    const device = fleet.start({ dir, token: node.token });
    await device.idle();
    expect(await settled(node.thing)).toMatchObject({ coreDeviceExecutionStatus: "SUCCEEDED" });
    expect(await installed(node.thing)).toEqual({ "com.example.Still": "1.0.0 INSTALLED" });
    expect(existsSync(join(dir, "work"))).toBe(false);
    await device.stop();
  });
});

describe("the nucleus's rules", () => {
  test("what two groups require differently fails by the nucleus's names, until the device leaves one of them", async () => {
    for (const number of ["1.0.0", "2.0.0"]) await makeVersion("test.Lib", number, { Manifests: [{}] });
    const { node } = await aDeviceIn("conflict", ["conflict-a", "conflict-b"]);
    const { thing } = node;
    expect(await deployTo("conflict-a", thing, { "test.Lib": version("1.0.0") })).toMatchObject({
      coreDeviceExecutionStatus: "SUCCEEDED",
    });
    const failed = await deployTo("conflict-b", thing, { "test.Lib": version("2.0.0") });
    expect(failed).toMatchObject({
      coreDeviceExecutionStatus: "FAILED",
      statusDetails: {
        errorStack: ["DEPLOYMENT_FAILURE", "NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"],
        errorTypes: ["REQUEST_ERROR"],
      },
      reason: expect.stringContaining("FAILED_NO_STATE_CHANGE"),
    });
    expect(await installed(thing)).toEqual({ "test.Lib": "1.0.0 INSTALLED" });

    await cloud.iot.send(new RemoveThingFromThingGroupCommand({ thingName: thing, thingGroupName: "conflict-a" }));
    expect(await deployTo("conflict-b", thing, { "test.Lib": version("2.0.0") })).toMatchObject({
      coreDeviceExecutionStatus: "SUCCEEDED",
    });
    expect(await installed(thing)).toEqual({ "test.Lib": "2.0.0 INSTALLED" });
  });

  test("what groups require together is met together, with all that it depends on", async () => {
    for (const number of ["1.0.0", "1.1.0", "1.2.0"]) await makeVersion("test.Base", number, { Manifests: [{}] });
    const needs = (range: string) => ({
      ComponentDependencies: { "test.Base": { VersionRequirement: range, DependencyType: "HARD" } },
      Manifests: [{}],
    });
    await makeVersion("test.One", "1.0.0", needs(">=1.1.0"));
    await makeVersion("test.Two", "1.0.0", needs("<1.2.0"));
    const { node, dir } = await aDeviceIn("union", ["union-a", "union-b"]);
    const { thing } = node;
    await deployTo("union-a", thing, { "test.One": version("1.0.0") });
    expect(await installed(thing)).toEqual({ "test.One": "1.0.0 INSTALLED", "test.Base": "1.2.0 INSTALLED" });
    await deployTo("union-b", thing, { "test.Two": version("1.0.0") });
    expect(await installed(thing)).toEqual({
      "test.One": "1.0.0 INSTALLED",
      "test.Two": "1.0.0 INSTALLED",
      "test.Base": "1.1.0 INSTALLED",
    });
    const { components } = fileIn(dir, "state.json");
    expect(components["test.Base"]).toMatchObject({
      isRoot: false,
      configurationArns: [expect.any(String), expect.any(String)],
    });
    // A group that has no components any more takes away its own, and no more.
    await deployTo("union-a", thing, {});
    expect(await installed(thing)).toEqual({ "test.Two": "1.0.0 INSTALLED", "test.Base": "1.1.0 INSTALLED" });
  });

  test("a revision that is older than the group's last is rejected", async () => {
    await makeVersion("test.Stale", "1.0.0", { Manifests: [{}] });
    const { node } = await aDeviceIn("stale", ["stale-a"]);
    await deployTo("stale-a", node.thing, { "test.Stale": version("1.0.0") });
    await deployTo("stale-a", node.thing, { "test.Stale": version("1.0.0") });
    // Greengrass cancels older revisions: as AWS's own documentation has it, one can all the same come late.
    const { region, accountId } = cloud.endpoints;
    const document = {
      deploymentId: "older",
      configurationArn: `arn:aws:greengrass:${region}:${accountId}:configuration:thinggroup/stale-a:1`,
      components: {},
      creationTimestamp: 1,
    };
    await cloud.iot.send(
      new CreateJobCommand({
        jobId: "older",
        targets: [groupArn("stale-a")],
        document: JSON.stringify(document),
        namespaceId: "aws-gg-deployment",
      }),
    );
    const execution = await until(
      async () => {
        const command = new DescribeJobExecutionCommand({ jobId: "older", thingName: node.thing });
        const { execution: found } = await cloud.iot.send(command);
        return found?.status === "REJECTED" ? found : undefined;
      },
      { what: "the rejection" },
    );
    expect(execution.statusDetails?.detailsMap).toMatchObject({
      "detailed-deployment-status": "REJECTED",
      "deployment-error-stack": '["DEPLOYMENT_REJECTED","REJECTED_STALE_DEPLOYMENT"]',
    });
    expect(await installed(node.thing)).toEqual({ "test.Stale": "1.0.0 INSTALLED" });
  });

  test("configuration is kept, reset, and merged by the time of the deployments", async () => {
    await makeVersion("test.Configured", "1.0.0", {
      ComponentConfiguration: { DefaultConfiguration: { a: 1, b: { c: 2 } } },
      Manifests: [{ Lifecycle: { Run: "echo '{configuration:/a} {configuration:/b}' > configured" } }],
    });
    const { node, dir } = await aDeviceIn("configured", ["configured-a"], { run: true });
    const configured = async (configurationUpdate?: { merge?: string; reset?: string[] }) => {
      const component = { ...version("1.0.0"), ...(configurationUpdate && { configurationUpdate }) };
      const { coreDeviceExecutionStatus } = await deployTo("configured-a", node.thing, {
        "test.Configured": component,
      });
      expect(coreDeviceExecutionStatus).toBe("SUCCEEDED");
      await until(async () => (await installed(node.thing))["test.Configured"] === "1.0.0 FINISHED", {
        what: "its end",
      });
      return readFileSync(join(dir, "work/test.Configured/configured"), "utf8").trim();
    };
    expect(await configured()).toBe('1 {"c":2}');
    expect(await configured({ merge: '{"a":5,"b":{"d":3}}' })).toBe('5 {"c":2,"d":3}');
    expect(await configured()).toBe('5 {"c":2,"d":3}');
    expect(await configured({ reset: ["/a"], merge: '{"b":{"c":null}}' })).toBe('1 {"d":3}');
  });
});

describe("artifacts", () => {
  const artifact = (Key: string, more: object = {}, Bucket = bucket) => ({
    Manifests: [{ Artifacts: [{ Uri: `s3://${Bucket}/${Key}`, ...more }] }],
  });
  const put = (Key: string, Body: string | Buffer, Bucket = bucket) =>
    cloud.s3.send(new PutObjectCommand({ Bucket, Key, Body }));

  test("that are not what their recipe says fail the deployment, and what was there stays", async () => {
    await put("test/file", "true");
    await makeVersion("test.Changed", "1.0.0", artifact("test/file"));
    const { node, dir } = await aDeviceIn("changed", ["changed-a"]);
    expect(await deployTo("changed-a", node.thing, { "test.Changed": version("1.0.0") })).toMatchObject({
      coreDeviceExecutionStatus: "SUCCEEDED",
    });
    await put("test/other", "true");
    await makeVersion("test.Changed", "2.0.0", artifact("test/other"));
    await put("test/other", "false");
    expect(await deployTo("changed-a", node.thing, { "test.Changed": version("2.0.0") })).toMatchObject({
      coreDeviceExecutionStatus: "FAILED",
      statusDetails: {
        errorStack: ["DEPLOYMENT_FAILURE", "ARTIFACT_DOWNLOAD_ERROR", "ARTIFACT_CHECKSUM_MISMATCH"],
        errorTypes: ["COMPONENT_RECIPE_ERROR"],
      },
    });
    expect(await installed(node.thing)).toEqual({ "test.Changed": "1.0.0 INSTALLED" });
    expect(readdirSync(join(dir, "packages/artifacts/test.Changed/2.0.0"))).toEqual([]);
    // One that was spoilt on the device is fetched again.
    writeFileSync(join(dir, "packages/artifacts/test.Changed/1.0.0/file"), "spoilt");
    await deployTo("changed-a", node.thing, { "test.Changed": version("1.0.0") });
    expect(readFileSync(join(dir, "packages/artifacts/test.Changed/1.0.0/file"), "utf8")).toBe("true");
  });

  test("of another workspace are refused, by their names", async () => {
    const foreign = "another-workspaces-bucket";
    await cloud.s3.send(new CreateBucketCommand({ Bucket: foreign }));
    await put("file", "x", foreign);
    await makeVersion("test.Foreign", "1.0.0", artifact("file", {}, foreign));
    const { node } = await aDeviceIn("foreign", ["foreign-a"]);
    expect(await deployTo("foreign-a", node.thing, { "test.Foreign": version("1.0.0") })).toMatchObject({
      statusDetails: {
        errorStack: [
          "DEPLOYMENT_FAILURE",
          "ARTIFACT_DOWNLOAD_ERROR",
          "S3_ERROR",
          "S3_ACCESS_DENIED",
          "S3_GET_OBJECT_ACCESS_DENIED",
        ],
        errorTypes: ["DEPENDENCY_ERROR", "PERMISSION_ERROR"],
      },
    });
  });

  test("that are archives are unpacked", async () => {
    await put("test/tools.zip", zip([{ name: "bin/tool.sh", content: "echo unpacked > ../../said", mode: 0o755 }]));
    await makeVersion("test.Zipped", "1.0.0", {
      Manifests: [
        {
          Lifecycle: { Run: "cp {artifacts:decompressedPath}/tools/bin/tool.sh copied" },
          ...artifact("test/tools.zip", { Unarchive: "ZIP" }).Manifests[0],
        },
      ],
    });
    const { node, dir } = await aDeviceIn("zipped", ["zipped-a"], { run: true });
    await deployTo("zipped-a", node.thing, { "test.Zipped": version("1.0.0") });
    const copied = join(dir, "work/test.Zipped/copied");
    await until(() => existsSync(copied), { what: "the copy" });
    expect(readFileSync(copied, "utf8")).toContain("unpacked");
  });
});

describe("components that break", () => {
  const broken = { Manifests: [{ Lifecycle: { Install: "exit 1", Run: "sleep 1000" } }] };
  const good = { Manifests: [{ Lifecycle: { Startup: "echo up > up", Shutdown: "echo down >> up" } }] };

  test.each([
    ["ROLLBACK", "FAILED_ROLLBACK_COMPLETE", "1.0.0 RUNNING"],
    ["DO_NOTHING", "FAILED_ROLLBACK_NOT_REQUESTED", "2.0.0 BROKEN"],
  ] as const)("with %s end as %s", async (policy, detailed, expected) => {
    const name = `test.Broken${policy}`;
    await makeVersion(name, "1.0.0", good);
    await makeVersion(name, "2.0.0", broken);
    const group = `broken-${policy}`;
    const { node, dir } = await aDeviceIn(group, [group], { run: true });
    await deployTo(group, node.thing, { [name]: version("1.0.0") });
    expect(await installed(node.thing)).toEqual({ [name]: "1.0.0 RUNNING" });
    expect(await deployTo(group, node.thing, { [name]: version("2.0.0") }, policy)).toMatchObject({
      coreDeviceExecutionStatus: "FAILED",
      statusDetails: {
        errorStack: ["DEPLOYMENT_FAILURE", "COMPONENT_UPDATE_ERROR", "COMPONENT_BROKEN"],
        errorTypes: ["USER_COMPONENT_ERROR"],
      },
      reason: expect.stringContaining(detailed),
    });
    expect(await installed(node.thing)).toEqual({ [name]: expected });
    const up = readFileSync(join(dir, `work/${name}/up`), "utf8");
    expect(up).toBe(policy === "ROLLBACK" ? "up\n" : "up\ndown\n");
  });
});

describe("a certificate", () => {
  test("that is revoked ends its device", async () => {
    const { node, device } = await aDeviceIn("revoked", []);
    const [certificate] = await until(async () => {
      const all = await certificatesOf(api, node);
      return all[0]?.status === "active" ? all : undefined;
    });
    await api.done("DELETE", `${node.path}/certificates/${certificate?.id}`);
    expect(await device.ended).toMatchObject({ reason: "certificate-refused" });
  });

  test("is replaced over its own connection, and deployments go on", async () => {
    await makeVersion("test.Rotated", "1.0.0", { Manifests: [{}] });
    const { node, dir, device } = await aDeviceIn("rotated", ["rotated-a"]);
    await until(async () => (await certificatesOf(api, node))[0]?.status === "active", {
      what: "the first certificate",
    });
    const before = fileIn(dir, "identity.json");
    await device.rotate();
    const after = fileIn(dir, "identity.json");
    expect(fingerprintOf(after.privateKey)).not.toBe(fingerprintOf(before.privateKey));
    expect(existsSync(join(dir, "next.json"))).toBe(false);
    await until(
      async () => {
        const all = await certificatesOf(api, node);
        const of = (id: string) => all.find((one) => one.id === id)?.status;
        return of(after.certificateId) === "active" && of(before.certificateId) === "revoked";
      },
      { what: "the old certificate's revocation" },
    );
    expect(await deployTo("rotated-a", node.thing, { "test.Rotated": version("1.0.0") })).toMatchObject({
      coreDeviceExecutionStatus: "SUCCEEDED",
    });
    await device.stop();

    // A power cut after the first connection with the new certificate, before the device had noted it.
    const { privateKey, certificateId, certificatePem } = after;
    writeFileSync(join(dir, "identity.json"), JSON.stringify(before));
    const next = { privateKey, csr: "used", certificate: { certificateId, certificatePem } };
    writeFileSync(join(dir, "next.json"), JSON.stringify(next));
    const again = fleet.start({ dir });
    expect(await again.connected).toBe(node.thing);
    expect(fileIn(dir, "identity.json").certificateId).toBe(certificateId);
    await again.stop();
  });

  test("to come that was never taken is forgotten", async () => {
    const { node, dir, device } = await aDeviceIn("half-rotated", []);
    await device.stop();
    const other = await aDeviceIn("half-rotated-other", []);
    const { privateKey, certificateId, certificatePem } = fileIn(other.dir, "identity.json");
    await until(async () => (await certificatesOf(api, other.node))[0]?.status === "active");
    await other.device.stop();
    await api.done("DELETE", `${other.node.path}/certificates/${certificateId}`);
    const next = { privateKey, csr: "used", certificate: { certificateId, certificatePem } };
    writeFileSync(join(dir, "next.json"), JSON.stringify(next));
    const again = fleet.start({ dir });
    expect(await again.connected).toBe(node.thing);
    expect(existsSync(join(dir, "next.json"))).toBe(false);
    await again.stop();
  });
});

describe("the command", () => {
  test.each([
    ["a mistyped token", ["--token", `slw_${"0".repeat(38)}`], 3, "mistyped"],
    ["no token for a new folder", [], 2, "give a --token"],
    ["what is no option", ["--tokens", "x"], 2, "Usage"],
    ["a cloud that does not run", ["--token", "x", "--data", "/nowhere"], 2, "no embedded cloud runs"],
  ])("ends at once for %s", async (_what, args, code, message) => {
    const run = fleet.spawn(fleet.newDir(), [
      ...(args.includes("--data") ? [] : ["--api", cloud.endpoints.api]),
      ...args,
    ]);
    expect(await run.exited).toBe(code);
    expect(run.printed()).toContain(message);
  });

  test("ends for a token that does not work any more", async () => {
    const node = await aNode(api, workspace.path, "ended");
    await expecting(204, api.call("DELETE", `${node.path}/registration-tokens`));
    const run = fleet.spawn(fleet.newDir(), ["--api", cloud.endpoints.api, "--token", node.token]);
    expect(await run.exited).toBe(3);
    expect(run.printed()).toContain("does not work");
  });

  test("registers once, goes on without a token, and takes another only by force", async () => {
    const node = await aNode(api, workspace.path, "once");
    const dir = fleet.newDir();
    const args = ["--api", cloud.endpoints.api, "--token", node.token];
    expect(await fleet.spawn(dir, [...args, "--once"]).exited).toBe(0);
    expect(await fleet.spawn(dir, ["--once", "--rotate"]).exited).toBe(0);
    const refused = fleet.spawn(dir, [...args, "--once"]);
    expect(await refused.exited).toBe(2);
    expect(refused.printed()).toContain("has a device already");
    const other = await aNode(api, workspace.path, "once-more");
    const forced = ["--api", cloud.endpoints.api, "--token", other.token, "--force", "--once"];
    expect(await fleet.spawn(dir, forced).exited).toBe(0);
    expect(fileIn(dir, "identity.json").thing).toBe(other.thing);
  });

  test("asks for the token again while the API has no time", async () => {
    const node = await aNode(api, workspace.path, "patient");
    await controlOf(cloud.endpoints).arm("iot:CreateProvisioningClaim", "ThrottlingException", 429, 6);
    const run = fleet.spawn(fleet.newDir(), ["--api", cloud.endpoints.api, "--token", node.token, "--once"]);
    expect(await run.exited).toBe(0);
    expect(run.printed()).toContain("registering: trying again");
    await controlOf(cloud.endpoints).disarm();
  });
});
