import { expect, test } from "vitest";
import { withBroker } from "./support.ts";

const broker = withBroker();

const shadow = async (name = "") => {
  const { thingName, ...identity } = await broker.device();
  const client = await broker.connect({ identity, clientId: thingName });
  const prefix = `$aws/things/${thingName}/shadow${name === "" ? "" : `/name/${name}`}`;
  return { client, thingName, prefix, at: Math.floor(broker.clock.now() / 1_000) };
};

test.each([
  ["the classic shadow", ""],
  ["a named shadow", "config"],
])("%s takes updates, tells what differs, and is deleted", async (_what, name) => {
  const { client, thingName, prefix, at } = await shadow(name);
  const label = name === "" ? thingName : `${thingName}~${name}`;
  expect(await client.ask(`${prefix}/get`, "")).toEqual({
    rejected: { code: 404, message: `No shadow exists with name: '${label}'`, timestamp: at },
  });
  await client.subscribe(`${prefix}/update/documents`);
  await client.subscribe(`${prefix}/update/delta`);
  const first = { desired: { color: "red", list: [1, 2], nested: { a: 1, b: 2 } } };
  const times = {
    desired: {
      color: { timestamp: at },
      list: [{ timestamp: at }, { timestamp: at }],
      nested: { a: { timestamp: at }, b: { timestamp: at } },
    },
  };
  expect(await client.ask(`${prefix}/update`, { state: first, clientToken: "one" })).toEqual({
    state: first,
    metadata: times,
    version: 1,
    timestamp: at,
    clientToken: "one",
  });
  expect(await client.json(`${prefix}/update/documents`)).toEqual({
    current: { version: 1, state: first, metadata: times },
    timestamp: at,
    clientToken: "one",
  });
  expect(await client.json(`${prefix}/update/delta`)).toEqual({
    state: first.desired,
    metadata: times.desired,
    version: 1,
    timestamp: at,
    clientToken: "one",
  });

  broker.clock.advance(10_000);
  await client.ask(`${prefix}/update`, {
    state: { desired: { list: [3] }, reported: { color: "red", nested: { a: 1, b: 3 } } },
  });
  expect(await client.json(`${prefix}/update/delta`)).toMatchObject({ state: { list: [3], nested: { b: 2 } } });
  expect(await client.ask(`${prefix}/get`, "")).toEqual({
    state: {
      desired: { color: "red", list: [3], nested: { a: 1, b: 2 } },
      reported: { color: "red", nested: { a: 1, b: 3 } },
      delta: { list: [3], nested: { b: 2 } },
    },
    metadata: {
      desired: { ...times.desired, list: [{ timestamp: at + 10 }] },
      reported: {
        color: { timestamp: at + 10 },
        nested: { a: { timestamp: at + 10 }, b: { timestamp: at + 10 } },
      },
    },
    version: 2,
    timestamp: at + 10,
  });

  await client.ask(`${prefix}/update`, { state: { desired: null, reported: { nested: null } }, version: 2 });
  expect(await client.ask(`${prefix}/get`, "")).toMatchObject({ state: { reported: { color: "red" } }, version: 3 });
  expect(await client.ask(`${prefix}/delete`, { clientToken: "d" })).toEqual({
    version: 3,
    timestamp: at + 10,
    clientToken: "d",
  });
  expect(await client.ask(`${prefix}/get`, "")).toMatchObject({ rejected: { code: 404 } });
  // The version goes on.
  expect(await client.ask(`${prefix}/update`, { state: { reported: { a: 1 } } })).toMatchObject({ version: 5 });
});

const nested = (depth: number): object => (depth === 0 ? {} : { a: nested(depth - 1) });

/** https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-error-messages.html */
test.each([
  ["{", 400, "Invalid JSON"],
  ["[]", 400, "Invalid JSON"],
  [{}, 400, "Missing required node: state"],
  [{ state: 1 }, 400, "State node must be an object"],
  [{ state: { desired: 1 } }, 400, "Desired node must be an object"],
  [{ state: { reported: [] } }, 400, "Reported node must be an object"],
  [{ state: { other: {} } }, 400, "State contains an invalid node: 'other'"],
  [{ state: { desired: { a: [null] } } }, 400, "State contains an invalid node"],
  [{ state: { desired: nested(9) } }, 400, "JSON contains too many levels of nesting; maximum is 8"],
  [{ state: {}, version: "1" }, 400, "Invalid version"],
  [{ state: {}, clientToken: "t".repeat(65) }, 400, "Invalid clientToken"],
  [{ state: {}, version: 7 }, 409, "Version conflict"],
  [{ state: { desired: { a: "x".repeat(9_000) } } }, 413, "The payload exceeds the maximum size allowed"],
])("an update is rejected: %j", async (request, code, message) => {
  const { client, prefix, at } = await shadow();
  const clientToken = (request as { clientToken?: string }).clientToken;
  expect(await client.ask(`${prefix}/update`, request)).toEqual({
    rejected: { code, message, timestamp: at, ...(clientToken !== undefined && { clientToken }) },
  });
});

test("a document cannot grow past 8 KB by small updates", async () => {
  const { client, prefix } = await shadow();
  const half = "x".repeat(5_000);
  expect(await client.ask(`${prefix}/update`, { state: { desired: { a: half } } })).toMatchObject({ version: 1 });
  expect(await client.ask(`${prefix}/update`, { state: { desired: { b: half } } })).toMatchObject({
    rejected: { code: 413 },
  });
  expect(await client.ask(`${prefix}/get`, "")).toMatchObject({ version: 1 });
});

test.each([
  ["an empty name", "shadow/name//get"],
  ["a name with what no name has", "shadow/name/a b/get"],
  ["a name of 65 characters", `shadow/name/${"n".repeat(65)}/get`],
  ["an answer's topic", "shadow/get/accepted"],
])("no shadow is at a topic with %s", async (_what, rest) => {
  const { client, thingName } = await shadow();
  expect(await client.publish(`$aws/things/${thingName}/${rest}`, "")).toBe(0x90);
});

test("shadows outlive a restart", async () => {
  const { client, prefix, thingName } = await shadow("kept");
  await client.ask(`${prefix}/update`, { state: { reported: { a: 1 } } });
  await broker.restart();
  const again = await broker.connect({ identity: await broker.identity(), clientId: broker.unique(thingName) });
  expect(await again.ask(`${prefix}/get`, "")).toMatchObject({ state: { reported: { a: 1 } }, version: 1 });
});

test("names that objects inherit are members like others", async () => {
  const { client, prefix } = await shadow();
  const request = '{"state":{"desired":{"__proto__":{"x":1},"constructor":2}}}';
  await client.publish(`${prefix}/update`, request);
  const { payload } = await client.next("publish", ({ topic }) => topic === `${prefix}/update/accepted`);
  expect(payload.toString()).toContain('"state":{"desired":{"__proto__":{"x":1},"constructor":2}}');
  await client.publish(`${prefix}/get`, "");
  const got = await client.next("publish", ({ topic }) => topic === `${prefix}/get/accepted`);
  expect(got.payload.toString()).toContain('"desired":{"__proto__":{"x":1},"constructor":2}');
});
