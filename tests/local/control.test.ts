import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startControl } from "../../local/control.ts";
import { openDeadLetters } from "../../local/dead-letters.ts";
import { Faults } from "../../local/faults.ts";
import { openIdentities } from "../../local/iam/identities.ts";

const faults = new Faults();
let dir: string;
let letters: ReturnType<typeof openDeadLetters>;
let control: Awaited<ReturnType<typeof startControl>>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "slipway-control-"));
  letters = openDeadLetters(dir);
  control = await startControl({
    heard: [{ id: "1" }],
    port: 0,
    faults,
    deadLetters: letters,
    identities: openIdentities({
      accountId: "123456789012",
      partition: "aws",
      roles: [],
      developer: { accessKeyId: "test", secretAccessKey: "test" },
      secret: "secret",
      enforce: true,
      log: () => {},
    }),
    invoke: async (name, payload) => ({ payload: { name, payload } }),
    functionName: (name) => `stage-${name}`,
  });
});
afterEach(() => faults.disarm());
afterAll(async () => {
  await control.close();
  letters.close();
  await rm(dir, { recursive: true });
});

const ask = async (method: string, path: string, body?: string) => {
  const answer = await fetch(`${control.url}${path}`, { method, ...(body !== undefined && { body }) });
  return { status: answer.status, body: (await answer.json()) as unknown };
};
const FAULT = { kind: "reset", operation: "iot:CreateThing", probability: 0.5, times: null };

test("a fault is armed, listed with how often it struck, and disarmed", async () => {
  expect(await ask("POST", "/faults", JSON.stringify(FAULT))).toEqual({ status: 200, body: {} });
  const { body } = await ask("GET", "/faults");
  expect(body).toMatchObject([{ fault: { kind: "reset", operation: "iot:CreateThing" }, struck: 0 }]);
  expect(await ask("DELETE", "/faults?seed=7")).toEqual({ status: 200, body: {} });
  expect(await ask("GET", "/faults")).toEqual({ status: 200, body: [] });
});

test.each(["abc", "", "-1", "1.5", "4294967296", "0x10"])(
  "the seed %j is refused, and nothing is disarmed",
  async (seed) => {
    await ask("POST", "/faults", JSON.stringify(FAULT));
    const answer = await ask("DELETE", `/faults?seed=${seed}`);
    expect(answer).toMatchObject({ status: 400, body: { error: expect.stringContaining("seed must be") } });
    expect(faults.armed()).toHaveLength(1);
  },
);

test("a fault that is none, a body that is no JSON and an unknown path are refused", async () => {
  for (const [method, path, body] of [
    ["POST", "/faults", '{"kind":"none"}'],
    ["POST", "/faults", "{"],
    ["PUT", "/faults", "{}"],
    ["GET", "/nothing", undefined],
  ] as const)
    expect(await ask(method, path, body), `${method} ${path} ${body}`).toMatchObject({ status: 400 });
});

test("the events that were heard are listed", async () => {
  expect(await ask("GET", "/events")).toEqual({ status: 200, body: [{ id: "1" }] });
});

test("a function is called by its name in the declarations", async () => {
  const { body } = await ask("POST", "/invoke/sweep", '{"a":1}');
  expect(body).toEqual({ payload: { name: "stage-sweep", payload: { a: 1 } } });
});
