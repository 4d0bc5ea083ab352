import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FILL_IN, readSettings, settingsFrom } from "../../stacks/settings.ts";
import { settingsDocument } from "../../stacks/settings-document.ts";

const ROOT = join(import.meta.dirname, "../..");
const needed = { uploads: { origins: ["https://console.example.com"] }, alarms: { email: "ops@example.com" } };
const certificate = (region: string) =>
  `arn:aws:acm:${region}:123456789012:certificate/11111111-2222-3333-4444-555555555555`;

describe("the settings of a stage", () => {
  test("need nothing of a personal stage, which may be thrown away", () => {
    expect(settingsFrom("jo", {})).toMatchObject({
      kind: "personal",
      region: "eu-west-1",
      retain: false,
      protect: false,
      uploads: { origins: ["http://localhost:*", "http://127.0.0.1:*"] },
    });
  });

  test("of staging and production keep what they store, and production is protected", () => {
    expect(settingsFrom("staging", needed)).toMatchObject({ kind: "staging", retain: true, protect: false });
    expect(settingsFrom("production", needed)).toMatchObject({ kind: "production", retain: true, protect: true });
  });

  test("are the file's where it says something, and the defaults where not", () => {
    const { api, logs } = settingsFrom("jo", { api: { burst: 7 } });
    expect(api).toEqual({ requestsPerSecond: 50, burst: 7 });
    expect(logs.retentionDays).toBe(7);
  });

  test.each([
    { said: { zone: 1 }, fault: /Unrecognized key: "zone"/ },
    { said: { api: { burst: 0 } }, fault: /api\.burst: .*>=1/ },
    { said: { logs: { retentionDays: 8 } }, fault: /logs\.retentionDays: .*1\|3\|5/ },
    { said: { logs: { level: "WARN" } }, fault: /logs\.level: .*"DEBUG"\|"INFO"/ },
    { said: { data: { recoveryDays: 36 } }, fault: /data\.recoveryDays: .*<=35/ },
    { said: { region: "Ireland" }, fault: /region: a region such as/ },
    { said: { identity: { issuer: "https://login.example.com" } }, fault: /identity\.audience: issuer and audience/ },
    { said: { identity: { issuer: "http://login.example.com", audience: ["a"] } }, fault: /identity\.issuer/ },
    { said: { uploads: { origins: ["https://a.example.com/path"] } }, fault: /uploads\.origins\.0: an origin/ },
    { said: { uploads: { origins: [] } }, fault: /uploads\.origins/ },
    { said: { alarms: { email: "ops" } }, fault: /alarms\.email/ },
    { said: { ota: { requestsPerFiveMinutes: 9 } }, fault: /ota\.requestsPerFiveMinutes: .*>=10/ },
    {
      said: { api: { domain: { name: "API", certificateArn: certificate("eu-west-1") } } },
      fault: /api\.domain\.name: a host name/,
    },
    {
      said: {
        region: "eu-north-1",
        api: { domain: { name: "a.example.com", certificateArn: certificate("eu-west-1") } },
      },
      fault: /api\.domain\.certificateArn: the ARN of a certificate of ACM in eu-north-1/,
    },
    {
      said: { ota: { domain: { name: "a.example.com", certificateArn: certificate("eu-west-1") } } },
      fault: /ota\.domain\.certificateArn: the ARN of a certificate of ACM in us-east-1/,
    },
  ])("are refused with field and rule: $said", ({ said, fault }) => {
    expect(() => settingsFrom("jo", said)).toThrow(/^stages\/jo\.json:/);
    expect(() => settingsFrom("jo", said)).toThrow(fault);
  });

  test.each(["uploads", "alarms"])("of production are refused without %s, which have no default", (field) => {
    expect(() => settingsFrom("production", { ...needed, [field]: {} })).toThrow(new RegExp(`${field}\\.`));
    expect(() => settingsFrom("production", { ...needed, [field]: undefined })).toThrow(new RegExp(`${field}\\.`));
  });

  test.each(["Jo", "1st", "", "a-stage-too-long-", "a_b"])(
    "belong to a stage whose name fits into names: %o",
    (stage) => {
      expect(() => settingsFrom(stage, {})).toThrow(/1 to 16 of/);
    },
  );
});

test("docs/SETTINGS.md is what `npm run docs` writes, and says what each setting is for", () => {
  expect(readFileSync(join(ROOT, "docs/SETTINGS.md"), "utf8")).toBe(settingsDocument());
  expect(settingsDocument()).not.toContain("undefined");
});

describe("the file of a stage", () => {
  const before = process.env.SLIPWAY_STAGES;
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "slipway-stages-"));
    process.env.SLIPWAY_STAGES = dir;
  });
  afterEach(() => {
    if (before === undefined) delete process.env.SLIPWAY_STAGES;
    else process.env.SLIPWAY_STAGES = before;
    rmSync(dir, { recursive: true });
  });

  test("may be absent for a personal stage, and for no other", () => {
    expect(readSettings("jo").kind).toBe("personal");
    expect(() => readSettings("staging")).toThrow(/staging\.json is not there/);
  });

  test("is read", () => {
    writeFileSync(join(dir, "jo.json"), JSON.stringify({ region: "us-west-2" }));
    expect(readSettings("jo").region).toBe("us-west-2");
  });

  test("is JSON", () => {
    writeFileSync(join(dir, "jo.json"), "{ region }");
    expect(() => readSettings("jo")).toThrow(/jo\.json is not JSON/);
  });

  test.each(["staging", "production"])(
    "that is committed for %s is refused until it is filled in, and then fine",
    (stage) => {
      process.env.SLIPWAY_STAGES = join(ROOT, "stages");
      expect(() => readSettings(stage)).toThrow(/fill in uploads\.origins\.0, alarms\.email/);
      const committed = readFileSync(join(ROOT, "stages", `${stage}.json`), "utf8");
      const filled = committed.replace(FILL_IN, "https://console.example.com").replace(FILL_IN, "ops@example.com");
      expect(() => settingsFrom(stage, JSON.parse(filled))).not.toThrow();
    },
  );
});
