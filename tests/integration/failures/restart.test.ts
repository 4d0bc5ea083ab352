import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ApiClient, apiClient, type IntentBody } from "../../../local/api-client.ts";
import { type RunningCloud, runCloud } from "../../../local/child.ts";
import { PORTS } from "../../../local/endpoints.ts";
import { listen, shut } from "../../../local/listen.ts";
import { freePortBase } from "../../../local/ports.ts";
import { until } from "../../local/until.ts";
import { anUploadedRelease, aPublishedComponent } from "../support/cloud.ts";
import { controlOf } from "../support/control.ts";

let dir: string;
const running: RunningCloud[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "slipway-restart-"));
});

afterEach(async () => {
  for (const cloud of running.splice(0)) if (cloud.child.exitCode === null) cloud.child.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
});

const start = async (portBase?: number): Promise<{ cloud: RunningCloud; api: ApiClient }> => {
  const cloud = await runCloud(dir, {
    args: ["--test-mode", "--retry-scale", "0.1"],
    ...(portBase !== undefined && { portBase }),
  });
  running.push(cloud);
  return { cloud, api: apiClient(cloud.endpoints.api, await cloud.token()) };
};

const killed = async ({ child }: RunningCloud): Promise<void> => {
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
};

const isAlive = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );

const engineIsGone = (cloud: RunningCloud) =>
  until(async () => !(await isAlive(Number(new URL(cloud.endpoints.dynamodb).port))), { what: "the engine's end" });

/** `local/main.ts` with these arguments, until it ends. */
const main = (args: readonly string[]) =>
  new Promise<{ code: number | null; printed: string }>((resolve) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL("../../../local/main.ts", import.meta.url)), ...args]);
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        printed += chunk;
      });
    }
    child.on("exit", (code) => resolve({ code, printed }));
  });

describe("stopped with Ctrl-C and started again on the same data", () => {
  test("everything is still there and works", async () => {
    const first = await start();
    const { api } = first;
    await api.done("POST", "/v1/workspaces", { name: "lasting" });
    await api.done("POST", "/v1/workspaces/lasting/node-groups", { name: "group" });
    await api.done("POST", "/v1/workspaces/lasting/nodes", { name: "one", groups: ["group"] });
    await aPublishedComponent(api, "/v1/workspaces/lasting", "com.example.Lasting");
    const release = await anUploadedRelease(api, "/v1/workspaces/lasting", "os_armv8");
    await api.done("POST", `/v1/workspaces/lasting/releases/${release}/publish`);
    const before = await fetch(`${first.cloud.endpoints.ota}/lasting/package?cpuArch=armv8`);
    const token = await first.cloud.token();
    expect(await first.cloud.stop()).toBe(0);
    await engineIsGone(first.cloud);

    const second = await start(first.cloud.portBase);
    // A token from before is still good: the issuer's key has stayed.
    const old = apiClient(second.cloud.endpoints.api, token);
    expect((await old.call("GET", "/v1/workspaces/lasting/nodes/one")).body.status).toBe("active");
    await old.done("PATCH", "/v1/workspaces/lasting/node-groups/group/deployment", {
      components: { "com.example.Lasting": { version: "1.0.0" } },
    });
    await old.done("POST", "/v1/workspaces/lasting/nodes", { name: "two", groups: ["group"] });
    const after = await fetch(`${second.cloud.endpoints.ota}/lasting/package?cpuArch=armv8`);
    expect(after.status).toBe(200);
    expect(after.headers.get("etag")).toBe(before.headers.get("etag"));
    expect(Buffer.from(await after.arrayBuffer())).toEqual(Buffer.from(await before.arrayBuffer()));
    await old.done("DELETE", "/v1/workspaces/lasting/nodes/one");
  });
});

describe("stopped with Ctrl-C while a call waits for an injected latency", () => {
  test("does not wait for it", async () => {
    const { cloud } = await start();
    const { region, s3: endpoint, accessKeyId, secretAccessKey } = cloud.endpoints;
    const control = controlOf(cloud.endpoints);
    await control.fault({ kind: "latency", operation: "s3:ListBuckets", milliseconds: 600_000 });
    const s3 = new S3Client({ region, endpoint, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 });
    const call = s3.send(new ListBucketsCommand({})).catch((error: Error) => error.message);
    await until(async () => (await control.faults()).some(({ struck }) => struck === 1), { what: "the latency" });

    expect(await cloud.stop()).toBe(0);
    expect(await call).toMatch(/ECONNRESET|socket hang up/);
    s3.destroy();
  });
});

describe("killed", () => {
  test("leaves no child behind, and what was accepted ends after the next start", async () => {
    const first = await start();
    await first.api.done("POST", "/v1/workspaces", { name: "killed" });
    await controlOf(first.cloud.endpoints).arm("lambda:local-create-thing", "Busy", 500); // none gets far
    const names = Array.from({ length: 10 }, (_, index) => `node-${index}`);
    const accepted = await Promise.all(
      names.map((name) => first.api.call<IntentBody>("POST", "/v1/workspaces/killed/nodes", { body: { name } })),
    );
    expect(accepted.map(({ status }) => status)).toEqual(names.map(() => 202));
    await killed(first.cloud);
    await engineIsGone(first.cloud);

    const second = await start(first.cloud.portBase);
    for (const { body } of accepted) {
      expect(await second.api.ended(body.id)).toMatchObject({ status: "succeeded" });
    }
    const { body } = await second.api.call<{ items: { status: string }[] }>("GET", "/v1/workspaces/killed/nodes");
    expect(body.items.map(({ status }) => status)).toEqual(names.map(() => "active"));
  });

  test("takes the supervisor down with a reason when its database engine ends", async () => {
    const { cloud } = await start();
    const exited = new Promise<number | null>((resolve) => cloud.child.once("exit", resolve));
    const port = String(cloud.portBase + PORTS.indexOf("engine"));
    // The engine's own process, found by the port in its command line.
    const engine = await until(async () => {
      const { readdirSync } = await import("node:fs");
      return readdirSync("/proc").find((pid) => {
        if (!/^\d+$/.test(pid)) return false;
        try {
          const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
          return program.endsWith("dynoxide") && args.includes(port);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === "ENOENT") return false; // it ended while we looked
          throw error;
        }
      });
    });
    process.kill(Number(engine), "SIGKILL");
    expect(await exited).toBe(1);
  });
});

describe("cannot start", () => {
  test("and says which port is taken", async () => {
    const base = await freePortBase();
    const other = createServer();
    await listen("other", other, base + 5);
    try {
      const { code, printed } = await main(["--data", dir, "--port-base", String(base)]);
      expect(code).toBe(1);
      expect(printed).toContain(`port ${base + 5} (AWS IoT) is taken`);
      expect(printed).toContain("--port-base");
    } finally {
      await shut(other);
    }
  });

  test("and says that another one runs on the same data", async () => {
    await start();
    const { code, printed } = await main(["--data", dir, "--port-base", String(await freePortBase())]);
    expect(code).toBe(1);
    expect(printed).toContain("another embedded cloud runs on");
  });

  test("and says that the data folder is of another version", async () => {
    const older = join(dir, "older");
    mkdirSync(older, { recursive: true });
    writeFileSync(join(older, "keys.json"), "{}");
    const { code, printed } = await main(["--data", older, "--port-base", String(await freePortBase())]);
    expect(code).toBe(1);
    expect(printed).toContain("is of data version 1");
  });

  test.each([
    [["--port-base", "abc"], "--port-base must be a number"],
    [["--port-base", "70000"], "--port-base must be a number"],
    [["--colour", "red"], "--colour"],
    [["--fault", "iot:*,kind=odd"], "--fault iot:*,kind=odd: kind"],
  ])("and names the wrong option in %j", async (args, told) => {
    const { code, printed } = await main(["--data", dir, ...args]);
    expect(code).toBe(2);
    expect(printed).toContain(told);
    expect(printed).toContain("Usage: npm start");
  });
});
