import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { marshall } from "@aws-sdk/util-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { readRows } from "../../stacks/sample/rows.ts";
import { aWorkspace, expecting, sha256, startTestCloud, type TestCloud } from "./support/cloud.ts";

const SCRIPT = join(import.meta.dirname, "../../stacks/sample/main.ts");
const BUCKET = "cf-iot-ota-appbinaries";
const bytesOf = (app: string, version: string) => `${app} ${version} `.repeat(1_000);
const md5 = (text: string) => createHash("md5").update(text).digest("hex");

const row = (
  app: string,
  env: string,
  version: string,
  ident: string,
  attributes: readonly string[] = [],
  cpuArch = "",
) => ({
  ...{ app, env, version, ident },
  ...(cpuArch !== "" && { cpuArch }),
  ...(attributes.length > 0 && { deviceAttr: Object.fromEntries(attributes.map((name) => [name, true])) }),
  url: `s3://${BUCKET}/${app}_${version}`,
  md5: md5(bytesOf(app, version)),
});
/** The nine rows that the sample's `init.py` writes. */
const ROWS = [
  row("os_armv8", "beta", "2.0.0", "alx_2.0.0", [], "armv8"),
  row("os_armv8", "prod", "1.1.0", "alx_1.1.0", [], "armv8"),
  row("os_armv7", "beta", "2.0.0", "als_2.0.0", [], "armv7"),
  row("os_armv7", "prod", "1.0.0", "als_1.0.0", [], "armv7"),
  row("scoreboard", "beta", "2.0.0", "ab_2.0.0", ["gamer"]),
  row("scoreboard", "prod", "1.0.0", "ab_1.0.0", ["gamer"]),
  row("videoStreamer", "beta", "0.1.2", "a_0.1.2", ["camera"]),
  row("videoStreamer", "prod", "0.0.1", "a_0.0.1", ["camera", "gamer"]),
  row("modemFW", "prod", "1.0", "b_1.0", ["cellular"]),
];

let cloud: TestCloud;
let api: ApiClient;
let path: string;
let dir: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path } = await aWorkspace(api, "seeded"));
  dir = mkdtempSync(join(tmpdir(), "sample-"));
  await cloud.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  for (const { app, version } of ROWS) {
    const Key = `${app}_${version}`;
    await cloud.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: bytesOf(app, version) }));
  }
});
afterAll(async () => {
  if (dir !== undefined) rmSync(dir, { recursive: true });
  await cloud?.remove();
});

const run = async (rows: unknown): Promise<{ code: number | null; out: string[] }> => {
  const file = join(dir, "rows.json");
  writeFileSync(file, JSON.stringify(rows));
  const { region, s3, accessKeyId, secretAccessKey, api: url } = cloud.endpoints;
  const args = ["--api", url, "--workspace", "seeded", "--rows", file];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", SCRIPT, ...args], {
    env: {
      SLIPWAY_API_TOKEN: await cloud.token(),
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_ENDPOINT_URL_S3: s3,
    },
  });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      out += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, out: out.trim().split("\n") };
};
const outcomes = (out: readonly string[], outcome: string) => out.filter((line) => line.endsWith(outcome)).length;
const releases = async () =>
  (await expecting(200, api.call<{ items: { status: string }[] }>("GET", `${path}/releases?limit=100`))).body.items;
const metadata = async (query: string, have = "") => {
  const answer = await fetch(`${cloud.endpoints.ota}/seeded/package?${query}&payloadType=metadataOnly`, {
    headers: have === "" ? {} : { "if-none-match": have },
  });
  return answer.status === 200 ? ((await answer.json()) as Record<string, { latestVersion: string }>) : answer.status;
};

describe("the import of the sample's table and bucket", () => {
  test("goes on where it was interrupted, imports each row once, and leaves alone what is there", async () => {
    const [first, second] = ROWS;
    if (first === undefined || second === undefined) throw new Error("there are no rows");
    // As an interruption leaves them: one draft without its binary, and none of the others.
    const size = bytesOf(second.app, second.version).length;
    const draft = { app: second.app, environment: second.env, version: second.version, size };
    await expecting(
      201,
      api.call("POST", `${path}/releases`, { body: { ...draft, sha256: sha256(bytesOf(second.app, second.version)) } }),
    );
    const one = await run([first]);
    expect([one.code, outcomes(one.out, "imported")]).toEqual([0, 1]);
    const rest = await run({ Items: ROWS.map((item) => marshall(item)) });
    expect([rest.code, outcomes(rest.out, "imported"), outcomes(rest.out, "was there")]).toEqual([0, 8, 1]);
    const again = await run(ROWS);
    expect([again.code, outcomes(again.out, "was there")]).toEqual([0, 9]);
    expect((await releases()).map(({ status }) => status)).toEqual(Array(9).fill("published"));
  });

  test("makes devices get what the sample gave them", async () => {
    const versions = (told: Awaited<ReturnType<typeof metadata>>) =>
      typeof told === "number"
        ? told
        : Object.entries(told).map(([app, { latestVersion }]) => `${app} ${latestVersion}`);
    expect(versions(await metadata("cpuArch=armv8&attrGamer=prod&attrCellular=prod"))).toEqual([
      "modemFW 1.0",
      "os_armv8 1.1.0",
      "scoreboard 1.0.0",
      "videoStreamer 0.0.1",
    ]);
    expect(versions(await metadata("cpuArch=armv8&os=beta"))).toEqual(["os_armv8 2.0.0"]);
    expect(versions(await metadata("cpuArch=armv8&os_armv7=prod"))).toEqual(["os_armv7 1.0.0", "os_armv8 1.1.0"]);
    expect(await metadata("cpuArch=armv8", md5(bytesOf("os_armv8", "1.1.0")))).toBe(304);
    const archive = await fetch(`${cloud.endpoints.ota}/seeded/package?cpuArch=armv8`);
    expect([archive.status, archive.headers.get("content-type")]).toEqual([200, "application/gzip"]);
  });

  test("tells of an object that is missing or another than its row says, and imports the others", async () => {
    const other = { ...row("os_armv8", "nightly", "1.1.0", ""), md5: "0".repeat(32) };
    const missing = row("nothing", "prod", "1.0", "");
    const { code, out } = await run([missing, other, ROWS[0]]);
    expect([code, outcomes(out, "was there")]).toEqual([1, 1]);
    expect(out.join("\n")).toMatch(/nothing 1\.0 \(prod\) failed: .*exist/);
    expect(out.join("\n")).toMatch(/os_armv8 1\.1\.0 \(nightly\) failed: .*has the MD5/);
  });
});

describe("rows", () => {
  test("have the attributes that are true, and no architecture, which the sample never asked", () => {
    const odd = { ...ROWS[7], deviceAttr: { camera: true, gamer: false } };
    expect(readRows(JSON.stringify([odd]))).toEqual([
      {
        ...{ app: "videoStreamer", environment: "prod", version: "0.0.1", attributes: ["camera"] },
        ...{ bucket: BUCKET, key: "videoStreamer_0.0.1", md5: odd.md5 },
      },
    ]);
  });

  test.each([
    [[{ ...ROWS[0], url: "https://example.com/x" }], /row 1: .*s3/s],
    [[ROWS[0], { ...ROWS[0], md5: "short" }], /row 2: /],
    [[{ ...ROWS[0], app: "attrX" }], /row 1: .*attr/s],
    [{}, /neither/],
  ])("that cannot be imported are named: %#", (rows, expected) => {
    expect(() => readRows(JSON.stringify(rows))).toThrow(expected);
  });
});
