import { describe, expect, test } from "vitest";
import { targetFrom } from "../smoke/environment.ts";
import { type Check, eventually, runChecks, Skip } from "../smoke/run.ts";

const failing = (error: unknown) => async () => {
  throw error;
};
const fine = async () => undefined;

const run = async (checks: readonly Check<undefined>[]) => {
  const lines: string[] = [];
  const outcomes = await runChecks(checks, undefined, (line) => lines.push(line));
  return { outcomes: Object.fromEntries(outcomes), lines };
};

describe("a run of checks", () => {
  test("tells of each in one line, and goes on", async () => {
    const { outcomes, lines } = await run([
      { name: "one", run: fine },
      { name: "two", run: failing(new TypeError("fetch\nfailed", { cause: new Error("refused") })) },
      { name: "three", run: failing(new Skip("not here")) },
      { name: "four", run: failing("a text") },
    ]);
    expect(outcomes).toEqual({ one: "ok", two: "failed", three: "skipped", four: "failed" });
    expect(lines[0]).toMatch(/^ok {6}one {21}\d+\.\d s$/);
    expect(lines.slice(1)).toEqual([
      "failed  two                     fetch failed (refused)",
      "skipped three                   not here",
      "failed  four                    a text",
    ]);
  });

  test("leaves out what needs a check that did not go well, however far back", async () => {
    const { outcomes, lines } = await run([
      { name: "a", run: failing(new Error("no")) },
      { name: "b", needs: ["a"], run: fine },
      { name: "c", needs: ["b"], run: fine },
      { name: "d", run: fine },
    ]);
    expect(outcomes).toEqual({ a: "failed", b: "skipped", c: "skipped", d: "ok" });
    expect(lines[2]).toContain("needs b");
  });
});

describe("what shows after a while", () => {
  test("is asked for again until it is there", async () => {
    let tries = 0;
    await eventually(60, async () => {
      tries += 1;
      if (tries < 3) throw new Error("not yet");
    });
    expect(tries).toBe(3);
  });

  test("is given up at the deadline, with what was wrong then", async () => {
    await expect(eventually(0, failing(new Error("never")))).rejects.toThrow("never");
  });
});

describe("where a run goes", () => {
  const whole = { SLIPWAY_API: "https://api.example.com/", SLIPWAY_OTA: "https://ota.example.com", SLIPWAY_TOKEN: "t" };

  test("is in its environment", () => {
    expect(targetFrom(whole)).toEqual({
      api: "https://api.example.com",
      ota: "https://ota.example.com",
      token: "t",
      region: undefined,
      origin: undefined,
      intentSeconds: 120,
    });
    expect(targetFrom({ ...whole, AWS_REGION: "eu-west-1", SLIPWAY_SMOKE_SECONDS: "9" })).toMatchObject({
      region: "eu-west-1",
      intentSeconds: 9,
    });
  });

  test("is refused with all that is missing", () => {
    expect(() => targetFrom({})).toThrow(/SLIPWAY_API.*SLIPWAY_OTA.*SLIPWAY_TOKEN/s);
  });
});
