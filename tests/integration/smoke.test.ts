import { spawn } from "node:child_process";
import { join } from "node:path";
import { paginateListThingGroups, paginateListThings } from "@aws-sdk/client-iot";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { checks } from "../smoke/checks.ts";
import { aPublishedComponent, aWorkspace, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";

const SMOKE = join(import.meta.dirname, "../smoke/main.ts");

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud?.remove());
afterEach(() => controlOf(cloud.endpoints).disarm());

/** As an operator runs it: all that it knows is in the environment. */
const smoke = async (more: Record<string, string> = {}, ...args: string[]) => {
  const { api, ota, region, iot, greengrass, accessKeyId, secretAccessKey } = cloud.endpoints;
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", SMOKE, ...args], {
    env: {
      SLIPWAY_API: api,
      SLIPWAY_OTA: ota,
      SLIPWAY_TOKEN: await cloud.token("operator"),
      SLIPWAY_ORIGIN: "http://localhost:3000",
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_ENDPOINT_URL_IOT: iot,
      AWS_ENDPOINT_URL_GREENGRASSV2: greengrass,
      ...more,
    },
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const lines = [...out.matchAll(/^(ok|failed|skipped) +(\S+) +(.*)$/gm)];
  return {
    code,
    out,
    err,
    /** Check → how it went. */
    outcomes: Object.fromEntries(lines.map(([, outcome, name]) => [name, outcome])),
    /** Check → what its line says besides. */
    notes: Object.fromEntries(lines.map(([, , name, note]) => [name, note])),
  };
};

/** What the runs' workspaces have left, by the API and in AWS IoT. */
const leftBehind = async (): Promise<(string | undefined)[]> => {
  const { body } = await (await cloud.client("operator")).call<{ items: { name: string }[] }>("GET", "/v1/workspaces");
  const left: (string | undefined)[] = body.items.map(({ name }) => name);
  for await (const { things } of paginateListThings({ client: cloud.iot }, {})) {
    left.push(...(things ?? []).map(({ thingName }) => thingName));
  }
  for await (const { thingGroups } of paginateListThingGroups({ client: cloud.iot }, {})) {
    left.push(...(thingGroups ?? []).map(({ groupName }) => groupName));
  }
  return left;
};

describe("a smoke run", () => {
  test("does every check against the embedded cloud, and leaves nothing behind", async () => {
    const { code, outcomes, out } = await smoke();
    expect(outcomes).toEqual(Object.fromEntries(checks.map(({ name }) => [name, "ok"])));
    expect(out).toMatch(new RegExp(`^${checks.length} ok, 0 failed, 0 skipped$`, "m"));
    expect(code).toBe(0);
    expect(await leftBehind()).toEqual([]);
  });

  test("says what it cannot do without more in its environment, and does the rest", async () => {
    const { code, outcomes, notes } = await smoke({ AWS_REGION: "", SLIPWAY_ORIGIN: "" });
    expect(Object.entries(outcomes).filter(([, outcome]) => outcome !== "ok")).toEqual([
      ["upload-from-browser", "skipped"],
      ["aws-things", "skipped"],
      ["aws-deployment", "skipped"],
      ["aws-client-token", "skipped"],
    ]);
    expect(notes["aws-things"]).toContain("AWS_REGION");
    expect(notes["upload-from-browser"]).toContain("SLIPWAY_ORIGIN");
    expect(code).toBe(0);
  });

  test("goes on after a check that fails, leaves out what needs it, and cleans up all the same", async () => {
    await controlOf(cloud.endpoints).arm("greengrass:CreateDeployment", "ValidationException", 400);
    const { code, outcomes, notes, out } = await smoke();
    const wrong = Object.entries(outcomes).filter(([, outcome]) => outcome !== "ok");
    expect(wrong).toEqual([
      ["idempotency-key", "failed"],
      ["node-group", "failed"],
      ["node", "skipped"],
      ["deployment", "skipped"],
      ["intents", "skipped"],
      ["aws-things", "skipped"],
      ["aws-deployment", "skipped"],
      ["aws-client-token", "failed"],
    ]);
    expect(notes["node-group"]).toContain("ValidationException");
    expect(notes.node).toBe("needs node-group");
    expect(out).toMatch(/^\d+ ok, 3 failed, 5 skipped$/m);
    expect(code).toBe(1);
    expect(await leftBehind()).toEqual([]);
  });

  test("fails when it cannot take away what it made, and says what is left", async () => {
    await controlOf(cloud.endpoints).arm("s3:DeleteBucket", "AccessDenied", 403);
    const { code, outcomes, notes } = await smoke();
    expect(outcomes["clean-up"]).toBe("failed");
    expect(notes["clean-up"]).toContain("left behind: workspace of smoke-");
    expect(code).toBe(1);
  });

  test("takes away what runs before it left behind, and no other workspace", async () => {
    const api = await cloud.client("operator");
    const { path } = await aWorkspace(api, "smoke-killed");
    await api.done("POST", `${path}/node-groups`, { name: "gateways" });
    await api.done("POST", `${path}/nodes`, { name: "n1", groups: ["gateways"] });
    await aPublishedComponent(api, path, "com.example.Killed");
    const deployment = { components: { "com.example.Killed": { version: "1.0.0" } } };
    await api.done("PATCH", `${path}/node-groups/gateways/deployment`, deployment);
    await aWorkspace(api, "smokeless");
    const { code, err } = await smoke({}, "--clean");
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(await leftBehind()).toEqual(["smokeless"]);
  });

  test.each([
    { wrong: { SLIPWAY_TOKEN: "" }, says: "SLIPWAY_TOKEN is not set" },
    { wrong: { SLIPWAY_API: "https://api.example.com/v1" }, says: "SLIPWAY_API must be a URL without a path" },
    { wrong: { SLIPWAY_SMOKE_SECONDS: "soon" }, says: "SLIPWAY_SMOKE_SECONDS must be a number" },
  ])("tells who runs it that $says", async ({ wrong, says }) => {
    const { code, err } = await smoke(wrong);
    expect(err).toContain(says);
    expect(err).toContain("Usage:");
    expect(code).toBe(1);
  });

  test("tells when nobody answers, and why", async () => {
    const { code, outcomes, notes } = await smoke({ SLIPWAY_OTA: "http://127.0.0.1:1" });
    expect(outcomes["ota-metadata"]).toBe("failed");
    expect(notes["ota-metadata"]).toMatch(/fetch failed \(.+\)/);
    expect(outcomes["clean-up"]).toBe("ok");
    expect(code).toBe(1);
  });
});
