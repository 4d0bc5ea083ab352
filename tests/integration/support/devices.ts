import { type ChildProcess, spawn } from "node:child_process";
import { createHash, createPublicKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  CreateComponentVersionCommand,
  CreateDeploymentCommand,
  ListEffectiveDeploymentsCommand,
  ListInstalledComponentsCommand,
} from "@aws-sdk/client-greengrassv2";
import { AddThingToThingGroupCommand, CreateThingGroupCommand } from "@aws-sdk/client-iot";
import type { ApiClient } from "../../../local/api-client.ts";
import { type Device, type DeviceOptions, startDevice } from "../../../local/device/device.ts";
import type { Endpoints } from "../../../local/endpoints.ts";
import { until } from "../../local/until.ts";
import { expecting, type TestCloud } from "./cloud.ts";

export interface NewNode {
  readonly path: string;
  readonly id: string;
  readonly thing: string;
  readonly token: string;
}

/** A node that is there, and its token. */
export const aNode = async (api: ApiClient, workspace: string, name: string, body: object = {}): Promise<NewNode> => {
  const { body: intent } = await expecting(
    202,
    api.call<{ id: string; subject: { id: string }; registration: { token: string } }>("POST", `${workspace}/nodes`, {
      body: { name, ...body },
    }),
  );
  const { status } = await api.ended(intent.id);
  if (status !== "succeeded") throw new Error(`the node ${name} was not created: ${status}`);
  const path = `${workspace}/nodes/${intent.subject.id}`;
  const { thing } = (await expecting(200, api.call<{ thing: string }>("GET", path))).body;
  return { path, id: intent.subject.id, thing, token: intent.registration.token };
};

/** The devices of one test file, each in a folder of its own; all end with {@link remove}. */
export const devices = (endpoints: () => Endpoints) => {
  const folder = mkdtempSync(join(tmpdir(), "slipway-device-"));
  const running = new Set<Device>();
  const children = new Set<ChildProcess>();
  let count = 0;

  const newDir = (): string => {
    count += 1;
    return join(folder, String(count));
  };

  return {
    newDir,
    /** A device of this process. */
    start: (options: Partial<DeviceOptions> & { readonly token?: string }): Device => {
      const { token, ...more } = options;
      const device = startDevice({
        dir: newDir(),
        s3: endpoints().s3,
        ...(token !== undefined && { registration: { api: endpoints().api, token } }),
        ...more,
      });
      running.add(device);
      return device;
    },
    /** `npm run device` as a child process. */
    spawn: (dir: string, args: readonly string[]) => {
      const main = fileURLToPath(new URL("../../../local/device/main.ts", import.meta.url));
      const child = spawn(
        process.execPath,
        ["--disable-warning=ExperimentalWarning", main, "--dir", dir, "--s3", endpoints().s3, ...args],
        { stdio: ["ignore", "pipe", "pipe"] },
      );
      children.add(child);
      let printed = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk) => {
          printed += String(chunk);
        });
      const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
      return {
        child,
        exited,
        printed: () => printed,
        kill: async (): Promise<void> => {
          child.kill("SIGKILL");
          await exited;
        },
      };
    },
    remove: async (): Promise<void> => {
      for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
      await Promise.all([...running].map((device) => device.stop()));
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
};

type Components = NonNullable<ConstructorParameters<typeof CreateDeploymentCommand>[0]["components"]>;

export const version = (componentVersion: string) => ({ componentVersion });

/** Greengrass past Slipway, and what it has heard of devices. */
export const greengrassOf = (cloud: () => TestCloud) => {
  const effective = async (thing: string) =>
    (await cloud().greengrass.send(new ListEffectiveDeploymentsCommand({ coreDeviceThingName: thing })))
      .effectiveDeployments ?? [];

  const installed = async (thing: string): Promise<Record<string, string>> => {
    const command = new ListInstalledComponentsCommand({ coreDeviceThingName: thing, topologyFilter: "ALL" });
    const { installedComponents = [] } = await cloud().greengrass.send(command);
    return Object.fromEntries(
      installedComponents.map((one) => [one.componentName ?? "", `${one.componentVersion} ${one.lifecycleState}`]),
    );
  };

  /** The end of the last deployment that reached the thing. */
  const settled = (thing: string, deploymentId?: string) =>
    until(
      async () => {
        const [last] = await effective(thing);
        const isMeant = deploymentId === undefined || last?.deploymentId === deploymentId;
        const status = last?.coreDeviceExecutionStatus ?? "";
        return isMeant && ["SUCCEEDED", "FAILED", "REJECTED"].includes(status) ? last : undefined;
      },
      { what: `the end of a deployment of ${thing}` },
    );

  const groupArn = (name: string) =>
    `arn:aws:iot:${cloud().endpoints.region}:${cloud().endpoints.accountId}:thinggroup/${name}`;

  /** Deploys to a thing group past Slipway, and waits for what the thing makes of it. */
  const deployTo = async (
    group: string,
    thing: string,
    components: Components,
    policy: "ROLLBACK" | "DO_NOTHING" = "ROLLBACK",
  ) => {
    const { deploymentId = "" } = await cloud().greengrass.send(
      new CreateDeploymentCommand({
        targetArn: groupArn(group),
        components,
        deploymentPolicies: { failureHandlingPolicy: policy },
      }),
    );
    return settled(thing, deploymentId);
  };

  const makeVersion = (ComponentName: string, ComponentVersion: string, more: object = {}) => {
    const recipe = { RecipeFormatVersion: "2020-01-25", ComponentName, ComponentVersion, ...more };
    return cloud().greengrass.send(
      new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(JSON.stringify(recipe)) }),
    );
  };

  return { groupArn, makeVersion, deployTo, settled, installed };
};

/** The certificates of a node, as the API lists them. */
export const certificatesOf = async (api: ApiClient, { path }: Pick<NewNode, "path">) =>
  (
    await expecting(
      200,
      api.call<{ items: { id: string; status: string; keyFingerprint: string }[] }>("GET", `${path}/certificates`),
    )
  ).body.items;

/** What a device keeps in a file. */
export const fileIn = (dir: string, name: string) => JSON.parse(readFileSync(join(dir, name), "utf8"));

/** SHA-256 of the public key that belongs to a private one. */
export const fingerprintOf = (privateKey: string) =>
  createHash("sha256")
    .update(createPublicKey(privateKey).export({ type: "spki", format: "der" }))
    .digest("hex");

/** A node whose device runs and is idle, in thing groups of its own. */
export const deviceIn =
  (fleet: ReturnType<typeof devices>, given: () => { cloud: TestCloud; api: ApiClient; workspace: string }) =>
  async (name: string, groups: readonly string[], options: Partial<DeviceOptions> = {}) => {
    const { cloud, api, workspace } = given();
    const node = await aNode(api, workspace, name);
    for (const thingGroupName of groups) {
      await cloud.iot.send(new CreateThingGroupCommand({ thingGroupName }));
      await cloud.iot.send(new AddThingToThingGroupCommand({ thingName: node.thing, thingGroupName }));
    }
    const dir = fleet.newDir();
    const device = fleet.start({ dir, token: node.token, ...options });
    await device.idle();
    return { node, dir, device };
  };
