import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiClient, apiClient } from "../../local/api-client.ts";
import { type RunningCloud, runCloud } from "../../local/child.ts";

const dir = mkdtempSync(join(tmpdir(), "slipway-interfaces-"));
let cloud: RunningCloud;
let api: ApiClient;

beforeAll(async () => {
  cloud = await runCloud(dir);
  api = apiClient(cloud.endpoints.api, await cloud.token());
});

afterAll(async () => {
  await cloud?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A script of `local/` as its npm script runs it. */
const script = (name: string, ...args: string[]) =>
  new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    const file = fileURLToPath(new URL(`../../local/${name}.ts`, import.meta.url));
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file, ...args]);
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    child.on("exit", (code) => resolve({ code, out, err }));
  });

describe("endpoints.json", () => {
  test("names every endpoint, region, account and CA, and goes when the cloud stops", async () => {
    const endpoints = JSON.parse(readFileSync(join(dir, "endpoints.json"), "utf8")) as Record<string, string>;
    const names = ["api", "ota", "issuer", "dynamodb", "s3", "iot", "greengrass", "stepfunctions", "events"];
    for (const [index, name] of names.entries()) {
      expect(endpoints[name]).toBe(`http://127.0.0.1:${cloud.portBase + index}`);
    }
    expect(endpoints.mqtt).toBe(`mqtts://127.0.0.1:${cloud.portBase + 9}`);
    expect(endpoints.dataPlane).toBe(`https://127.0.0.1:${cloud.portBase + 10}`);
    expect(endpoints.credentials).toBe(`https://127.0.0.1:${cloud.portBase + 11}`);
    expect(endpoints).toMatchObject({ region: "eu-west-1", accountId: "123456789012" });
    expect(existsSync(String(endpoints.caFile))).toBe(true);
    expect(endpoints).not.toHaveProperty("control"); // no faults on demand outside the test mode

    const other = mkdtempSync(join(tmpdir(), "slipway-interfaces-"));
    const short = await runCloud(other);
    expect(existsSync(join(other, "endpoints.json"))).toBe(true);
    await short.stop();
    expect(existsSync(join(other, "endpoints.json"))).toBe(false);
    rmSync(other, { recursive: true });
  });
});

describe("npm run token", () => {
  test("prints a bearer token for a subject, and nothing else", async () => {
    const { code, out } = await script("token", "--data", dir, "--subject", "someone");
    expect(code).toBe(0);
    expect(out).toMatch(/^\S+\n$/);
    expect(decodeJwt(out.trim())).toMatchObject({ sub: "someone", iss: cloud.endpoints.issuer, aud: "slipway" });
  });

  test("makes the subject a member of a workspace, by name or id, with the role", async () => {
    const { subject } = await api.done("POST", "/v1/workspaces", { name: "shared" });
    for (const [who, workspace] of [
      ["by-name", "shared"],
      ["by-id", subject.id],
    ] as const) {
      const { out } = await script(
        "token",
        "--data",
        dir,
        "--subject",
        who,
        "--workspace",
        workspace,
        "--role",
        "viewer",
      );
      const member = apiClient(cloud.endpoints.api, out.trim());
      expect((await member.call("GET", "/v1/workspaces/shared")).status).toBe(200);
      expect((await member.call("DELETE", "/v1/workspaces/shared")).status).toBe(403);
    }
  });

  test.each([
    [["--workspace", "nowhere", "--role", "viewer"], "there is no workspace nowhere"],
    [["--workspace", "shared", "--role", "king"], "--role must be one of"],
    [["--workspace", "shared"], "--workspace and --role go together"],
    [["--nonsense"], "--nonsense"],
  ])("refuses %j and says why", async (args, told) => {
    const { code, out, err } = await script("token", "--data", dir, ...args);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain(told);
  });

  test("says how to start the cloud when none runs", async () => {
    const { code, err } = await script("token", "--data", join(dir, "nothing-here"));
    expect(code).toBe(1);
    expect(err).toContain("npm start -- --data");
  });
});

describe("npm run demo", () => {
  test("walks the main job, checks it, and exits with 0", async () => {
    const { code, out, err } = await script("demo");
    expect(err).toBe("");
    expect(out).toContain("the main job works");
    expect(code).toBe(0);
  });
});

describe("npm run dlq", () => {
  test("prints nothing while there are no dead letters", async () => {
    expect(await script("dlq", "--data", dir)).toMatchObject({ code: 0, out: "" });
  });
});
