import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ApiClient } from "../../../local/api-client.ts";
import { type Device, type DeviceOptions, startDevice } from "../../../local/device/device.ts";
import type { Endpoints } from "../../../local/endpoints.ts";
import { expecting } from "./cloud.ts";

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
