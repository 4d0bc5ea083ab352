import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { apiClient } from "../../local/api-client.ts";
import { type RunningCloud, runCloud } from "../../local/child.ts";
import { type Device, startDevice } from "../../local/device/device.ts";
import { inParallel, range } from "../integration/support/cloud.ts";
import { aNode } from "../integration/support/devices.ts";
import { until } from "../local/until.ts";

const COUNT = 1_000;
/** Each takes an RSA key of the cloud's: more of them at once only wait, until they lose their patience. */
const AT_ONCE = 48;

test("1,000 devices register and stay connected, and a kill of the cloud in the middle loses none of them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "slipway-fleet-"));
  const devices: Device[] = [];
  let cloud: RunningCloud | undefined;
  try {
    cloud = await runCloud(join(folder, "data"), { args: ["--retry-scale", "0.1"] });
    const { portBase, endpoints } = cloud;
    const api = apiClient(endpoints.api, await cloud.token(undefined, 86_400));
    const { subject } = await api.done("POST", "/v1/workspaces", { name: "fleet" });
    const workspace = `/v1/workspaces/${subject.id}`;
    const nodes = await inParallel(range(COUNT), AT_ONCE, (index) => aNode(api, workspace, `device-${index}`));

    let connected = 0;
    const kill = async (running: RunningCloud): Promise<RunningCloud> => {
      await until(() => connected >= COUNT / 2, { what: "half of the devices", deadlineMs: 600_000 });
      const exited = once(running.child, "exit");
      running.child.kill("SIGKILL");
      await exited;
      return runCloud(join(folder, "data"), { portBase, args: ["--retry-scale", "0.1"] });
    };
    const killed = kill(cloud);
    await inParallel(nodes, AT_ONCE, async ({ token, thing }, index) => {
      const registration = { api: endpoints.api, token };
      const device = startDevice({ dir: join(folder, String(index)), registration, s3: endpoints.s3 });
      devices.push(device);
      expect(await device.connected).toBe(thing);
      connected += 1;
    });
    cloud = await killed;

    await Promise.all(devices.map((device) => device.idle()));
    const again = apiClient(cloud.endpoints.api, await cloud.token(undefined, 86_400));
    await inParallel(nodes, AT_ONCE, async ({ path, thing }, index) => {
      const { certificateId } = JSON.parse(readFileSync(join(folder, String(index), "identity.json"), "utf8"));
      await until(
        async () => {
          const [{ body: node }, { body: certificates }] = await Promise.all([
            again.call<{ registeredAt?: string; connection?: { connected: boolean } }>("GET", path),
            again.call<{ items: { id: string; status: string }[] }>("GET", `${path}/certificates`),
          ]);
          const active = certificates.items.filter(({ status }) => status === "active");
          const others = certificates.items.filter(({ status }) => status !== "active" && status !== "revoked");
          return (
            node.registeredAt !== undefined &&
            node.connection?.connected === true &&
            active.map(({ id }) => id).join() === certificateId &&
            others.length === 0
          );
        },
        { what: `${thing} to be registered and connected`, deadlineMs: 300_000 },
      );
    });
    expect(devices).toHaveLength(COUNT);
  } finally {
    await Promise.all(devices.map((device) => device.stop()));
    await cloud?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
