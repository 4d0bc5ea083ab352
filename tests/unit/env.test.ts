import { afterEach, describe, expect, test, vi } from "vitest";
import { ENVIRONMENT, type EnvironmentName, env } from "../../shared/env.ts";

afterEach(() => vi.unstubAllEnvs());

describe("a variable of the environment", () => {
  test.each<{ name: EnvironmentName; value: string; fine: boolean }>([
    { name: "STAGE", value: "dev", fine: true },
    { name: "STAGE", value: "pr-42", fine: true },
    { name: "STAGE", value: "Dev", fine: false },
    { name: "STAGE", value: "4dev", fine: false },
    { name: "STAGE", value: "", fine: false },
    { name: "CONTROL_TABLE", value: "dev-control", fine: true },
    { name: "CONTROL_TABLE", value: "ab", fine: false },
    { name: "STATE_MACHINE_PREFIX", value: "arn:aws:states:eu-central-1:123456789012:stateMachine:", fine: true },
    { name: "STATE_MACHINE_PREFIX", value: "stateMachine:", fine: false },
    { name: "EVENT_BUS", value: "", fine: false },
    { name: "OTA_DEFAULT_WORKSPACE", value: "", fine: true },
    { name: "ACCOUNT_ID", value: "123456789012", fine: true },
    { name: "ACCOUNT_ID", value: "1234", fine: false },
    { name: "UPLOAD_ORIGINS", value: "", fine: false },
  ])("$name=$value: $fine", ({ name, value, fine }) => {
    vi.stubEnv(name, value);
    if (fine) expect(env(name)).toBe(value);
    else expect(() => env(name)).toThrow(`environment variable ${name}`);
  });

  test.each(Object.keys(ENVIRONMENT) as EnvironmentName[])("%s is missed by its name", (name) => {
    vi.stubEnv(name, undefined);
    expect(() => env(name)).toThrow(`environment variable ${name}`);
  });
});
