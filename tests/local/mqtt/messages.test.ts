import { expect, test } from "vitest";
import type { Client } from "./client.ts";
import { EVERYTHING, withBroker } from "./support.ts";

const broker = withBroker();

const client = async (version: 4 | 5 = 5, more: object = {}): Promise<Client> =>
  broker.connect({ identity: await broker.identity(EVERYTHING), clientId: broker.unique("client"), version, ...more });

const asked = (topic: string, more: object = {}) => [{ topic, qos: 1 as const, nl: false, rap: false, rh: 0, ...more }];

test.each([
  [5, 5],
  [4, 5],
  [5, 4],
  [4, 4],
] as const)("a message goes from MQTT %i to MQTT %i", async (from, to) => {
  const topic = broker.unique("a/b");
  const receiver = await client(to);
  expect(await receiver.subscribe(topic)).toEqual([1]);
  const sender = await client(from);
  expect(await sender.publish(topic, "hello")).toBe(0);
  expect(await receiver.next("publish")).toMatchObject({ topic, qos: 1, retain: false, dup: false });
  await sender.publish(topic, "again", { qos: 0 });
  expect(await receiver.next("publish")).toMatchObject({ qos: 0 });
});

test("MQTT 5 hands the properties of a message on, and its expiry less the time that it waited", async () => {
  const topic = broker.unique("properties");
  const receiver = await client();
  await receiver.subscribe(topic);
  const properties = {
    payloadFormatIndicator: true,
    contentType: "text/plain",
    responseTopic: "answer/here",
    correlationData: Buffer.from([0, 255, 1]),
    userProperties: { one: "1", many: ["a", "b"] },
  };
  await (await client()).publish(topic, "x", { properties: { ...properties, messageExpiryInterval: 60 } });
  const { properties: found } = await receiver.next("publish");
  expect(found).toEqual({
    ...properties,
    userProperties: expect.objectContaining(properties.userProperties),
    messageExpiryInterval: 60,
  });
});

test.each([
  ["a/b", "a/b", true],
  ["a/+", "a/b", true],
  ["a/+", "a/b/c", false],
  ["+/b", "a/b", true],
  ["a/#", "a/b/c", true],
  ["a/#", "a/", true],
  // Unlike the specification's: the parent is not matched.
  ["a/#", "a", false],
  ["#", "a/b", true],
  ["+/+/c", "a/b/c", true],
  ["a/+/c", "a//c", true],
])("%s and %s: %s", async (filter, topic, isMatched) => {
  const prefix = broker.unique("m");
  const receiver = await client();
  await receiver.subscribe(filter === "#" ? "#" : `${prefix}/${filter}`);
  const sender = await client();
  await sender.publish(`${prefix}/${topic}`, "x");
  const found = (await receiver.settled()).filter((packet) => packet.cmd === "publish");
  expect(found.length > 0).toBe(isMatched);
});

test("wildcards at the first level do not stand for AWS's own topics", async () => {
  const receiver = await client();
  await receiver.subscribe("#");
  await receiver.subscribe("+/events/presence/connected/+");
  await client();
  expect((await receiver.settled()).filter(({ cmd }) => cmd === "publish")).toEqual([]);
});

test("overlapping subscriptions get a message once, with the best QoS", async () => {
  const topic = broker.unique("overlap/x");
  const receiver = await client();
  await receiver.subscribe([...asked("overlap/+", { qos: 0 }), ...asked(topic)]);
  await (await client()).publish(topic, "x");
  await receiver.settled();
  expect(receiver.received.filter(({ cmd }) => cmd === "publish")).toMatchObject([{ qos: 1 }]);
});

test("a client that wants none of its own gets none", async () => {
  const topic = broker.unique("local");
  const both = await client();
  await both.subscribe(asked(topic, { nl: true }));
  await both.publish(topic, "own");
  await (await client()).publish(topic, "other");
  expect((await both.next("publish")).payload.toString()).toBe("other");
});

test("unsubscribing says what was there", async () => {
  const topic = broker.unique("un");
  const one = await client();
  await one.subscribe(topic);
  one.send({ cmd: "unsubscribe", messageId: 7, unsubscriptions: [topic, "never"] });
  expect((await one.next("unsuback")).granted).toEqual([0, 0x11]);
  await (await client()).publish(topic, "x");
  expect((await one.settled()).filter(({ cmd }) => cmd === "publish")).toEqual([]);
});

test("a message goes to one of a shared subscription's members, of those that are there", async () => {
  const topic = broker.unique("work");
  const filter = `$share/crew/${topic}`;
  const lasting = { clean: false, properties: { sessionExpiryInterval: 600 } };
  const [one, two] = [await client(), await client(5, lasting)];
  for (const member of [one, two]) expect(await member.subscribe(filter)).toEqual([1]);
  const all = await client();
  await all.subscribe(topic);
  const sender = await client();
  const counted = async (member: Client) => (await member.settled()).filter(({ cmd }) => cmd === "publish").length;
  for (let at = 0; at < 40; at += 1) await sender.publish(topic, String(at));
  const [first, second] = [await counted(one), await counted(two)];
  expect([first + second, await counted(all)]).toEqual([40, 40]);
  // By chance: that one of two gets none of forty is not to be met with.
  expect(Math.min(first, second)).toBeGreaterThan(0);
  await two.disconnect();
  for (let at = 0; at < 40; at += 1) await sender.publish(topic, "alone");
  expect(await counted(one)).toBe(first + 40);
});

test("topic aliases stand for topics, up to eight of them", async () => {
  const topic = broker.unique("alias");
  const receiver = await client();
  await receiver.subscribe(topic);
  const sender = await client();
  await sender.publish(topic, "1", { properties: { topicAlias: 8 } });
  await sender.publish("", "2", { properties: { topicAlias: 8 } });
  for (const payload of ["1", "2"]) {
    const packet = await receiver.next("publish");
    expect([packet.topic, packet.payload.toString()]).toEqual([topic, payload]);
    expect(packet.properties).toBeUndefined();
  }
});

test.each([
  ["an alias that stands for nothing", { topic: "", properties: { topicAlias: 3 } }, 0x94],
  ["an alias past eight", { topic: "a", properties: { topicAlias: 9 } }, 0x94],
  ["no topic and no alias", { topic: "" }, 0x90],
  ["QoS 2", { topic: "a", qos: 2 as const, messageId: 1 }, 0x9b],
  ["a topic with a wildcard", { topic: "a/#" }, 0x90],
  ["a topic of 257 bytes", { topic: "t".repeat(257) }, 0x90],
  ["a topic with eight slashes", { topic: "1/2/3/4/5/6/7/8/9" }, 0x90],
  ["a reserved topic that AWS publishes to", { topic: "$aws/events/presence/connected/x" }, 0x90],
  ["a topic that begins with a dollar sign", { topic: "$mine" }, 0x90],
  ["a reserved topic with RETAIN", { topic: "$aws/things/t/jobs/get", retain: true }, 0x90],
  ["more than 128 KB", { topic: "a", payload: Buffer.alloc(128 * 1024 + 1) }, 0x97],
  ["a packet of more than 149,504 bytes", { topic: "a", payload: Buffer.alloc(149_505) }, 0x95],
])("a publication is refused: %s", async (_what, packet, reasonCode) => {
  const publication = { cmd: "publish", qos: 0, retain: false, dup: false, payload: "x", ...packet } as const;
  const five = await client();
  five.send(publication);
  expect((await five.next("disconnect")).reasonCode).toBe(reasonCode);
  await five.end();
  if ("properties" in packet || packet.topic === "") return;
  const three = await client(4);
  three.send(publication);
  await three.end();
  if (publication.qos === 2 || reasonCode === 0x95) return;
  const acknowledged = await client();
  expect(await acknowledged.publish(packet.topic, publication.payload, { retain: publication.retain })).toBe(
    reasonCode,
  );
  await acknowledged.settled();
});

const utf8 = (text: string) => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)]);

/** What no generator writes: https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html, §2.2.2.2 */
test.each([
  ["twice", Buffer.concat([Buffer.from([8]), utf8("a"), Buffer.from([8]), utf8("b")])],
  ["with a wildcard in its response topic", Buffer.concat([Buffer.from([8]), utf8("a/#")])],
  ["that only a server sends", Buffer.from([11, 1])],
  ["that is cut short", Buffer.from([8, 0, 9, 0x61])],
  ["that there is not", Buffer.from([0x7f, 1])],
])("a publication with a property %s ends the connection, and reaches nobody", async (_what, properties) => {
  const topic = broker.unique("p");
  const receiver = await client();
  await receiver.subscribe(topic);
  const sender = await client();
  const body = Buffer.concat([utf8(topic), Buffer.from([0, 1, properties.length]), properties]);
  sender.write(Buffer.concat([Buffer.from([0x32, body.length]), body]));
  const { reasonCode = 0 } = await sender.next("disconnect");
  expect([0x81, 0x82]).toContain(reasonCode);
  await sender.end();
  expect((await receiver.settled()).filter(({ cmd }) => cmd === "publish")).toEqual([]);
});

test("a topic of Basic Ingest goes to topic rules alone, and its prefix does not count", async () => {
  const topic = "$aws/rules/my_rule/1/2/3/4/5/6/7/8";
  const one = await client();
  expect(await one.publish(topic, "x")).toBe(0);
  await one.settled();
  expect(broker.messages.filter((message) => message.topic === topic)).toHaveLength(1);
  expect(await one.publish(`${topic}/9`, "x")).toBe(0x90);
});

test.each([
  [
    "nine filters at once",
    Array.from({ length: 9 }, (_, index) => asked(`n/${index}`)[0]),
    [...Array(9)].map(() => 0x97),
  ],
  ["a filter with a wildcard within a level", asked("a/b+"), [0x8f]],
  ["a filter with # in the middle", asked("a/#/b"), [0x8f]],
  ["a filter of 257 bytes", asked("f".repeat(257)), [0x8f]],
  ["a filter with eight slashes", asked("1/2/3/4/5/6/7/8/9"), [0x8f]],
  ["a share without a filter", asked("$share/group"), [0x8f]],
])("a subscription is refused: %s", async (_what, subscriptions, granted) => {
  const five = await client();
  expect(await five.subscribe(subscriptions as never)).toEqual(granted);
  await five.settled();
  const three = await client(4);
  three.send({ cmd: "subscribe", messageId: 1, subscriptions: subscriptions as never });
  await three.end();
});

test.each([
  ["QoS 2", asked("a", { qos: 2 }), {}, 0x9b],
  ["a subscription identifier", asked("a"), { subscriptionIdentifier: 1 }, 0xa1],
])(
  "a subscription that AWS IoT does not know ends the connection: %s",
  async (_what, subscriptions, properties, code) => {
    const five = await client();
    five.send({ cmd: "subscribe", messageId: 1, subscriptions: subscriptions as never, properties });
    expect((await five.next("disconnect")).reasonCode).toBe(code);
    await five.end();
  },
);

test("a connection has at most fifty subscriptions", async () => {
  const one = await client();
  for (let at = 0; at < 50; at += 1) expect(await one.subscribe(`many/${at}`)).toEqual([1]);
  expect(await one.subscribe("many/0")).toEqual([1]);
  expect(await one.subscribe("many/50")).toEqual([0x97]);
});

test("a retained message goes to who subscribes to just its topic, until it is emptied", async () => {
  const topic = broker.unique("kept/x");
  const sender = await client();
  await sender.publish(topic, "state", { retain: true });
  const got = async (subscription: object, filter = topic) => {
    const late = await client();
    await late.subscribe(asked(filter, subscription));
    return (await late.settled()).flatMap((packet) =>
      packet.cmd === "publish" ? [[packet.payload.toString(), packet.retain]] : [],
    );
  };
  expect(await got({})).toEqual([["state", true]]);
  expect(await got({ rh: 2 })).toEqual([]);
  expect(await got({ rh: 1 })).toEqual([["state", true]]);
  expect(await got({}, "kept/+")).toEqual([]);
  expect(await got({}, `$share/g/${topic}`)).toEqual([]);
  await broker.restart();
  expect(await got({})).toEqual([["state", true]]);
  await (await client()).publish(topic, "", { retain: true });
  expect(await got({})).toEqual([]);
});

test("a message that is retained reaches subscribers as one that is not, unless they ask for that", async () => {
  const topic = broker.unique("live");
  const [plain, faithful] = [await client(), await client()];
  await plain.subscribe(topic);
  await faithful.subscribe(asked(topic, { rap: true }));
  await (await client()).publish(topic, "x", { retain: true });
  expect((await plain.next("publish")).retain).toBe(false);
  expect((await faithful.next("publish")).retain).toBe(true);
});

test("no more messages with QoS 1 are under way than the client can take", async () => {
  const topic = broker.unique("window");
  const receiver = await client(5, { properties: { receiveMaximum: 2 } });
  receiver.acknowledges = false;
  await receiver.subscribe(topic);
  const sender = await client();
  for (const payload of ["1", "2", "3"]) await sender.publish(topic, payload);
  const under = (await receiver.settled()).filter(({ cmd }) => cmd === "publish");
  expect(under).toHaveLength(2);
  receiver.acknowledge(await receiver.next("publish"));
  expect((await receiver.next("publish", ({ payload }) => payload.toString() === "3")).qos).toBe(1);
});

test("a packet that is larger than the client takes is dropped, and the next one comes", async () => {
  const topic = broker.unique("small");
  const receiver = await client(5, { properties: { maximumPacketSize: 200 } });
  await receiver.subscribe(topic);
  const sender = await client();
  await sender.publish(topic, "x".repeat(300));
  await sender.publish(topic, "x".repeat(300), { qos: 0 });
  await sender.publish(topic, "y");
  expect((await receiver.next("publish")).payload.toString()).toBe("y");
});

test("a will is published when a client is gone without a word, and not when it says that it goes", async () => {
  const topic = broker.unique("will");
  const watcher = await client();
  await watcher.subscribe(topic);
  const will = (payload: string, properties = {}) => ({
    will: { topic, payload: Buffer.from(payload), qos: 1 as const, retain: false, properties },
  });
  const quiet = await client(5, will("quiet"));
  await quiet.disconnect({ reasonCode: 0 });
  const asking = await client(5, will("asking"));
  await asking.disconnect({ reasonCode: 4 });
  expect((await watcher.next("publish")).payload.toString()).toBe("asking");
  const lost = await client(4, will("lost"));
  await lost.drop();
  expect((await watcher.next("publish")).payload.toString()).toBe("lost");
});

test("a will waits for its delay, and is not published if the client comes back before", async () => {
  const topic = broker.unique("delayed");
  const watcher = await client();
  await watcher.subscribe(topic);
  const identity = await broker.identity();
  const delayed = (clientId: string) =>
    broker.connect({
      identity,
      clientId,
      clean: false,
      properties: { sessionExpiryInterval: 600 },
      will: {
        topic,
        payload: Buffer.from(clientId),
        qos: 1,
        retain: false,
        properties: { willDelayInterval: 30 },
      },
    });
  const gone = async (one: Client, clientId: string) => {
    const before = broker.told(`$aws/events/presence/disconnected/${clientId}`).length;
    await one.drop();
    await expect.poll(() => broker.told(`$aws/events/presence/disconnected/${clientId}`).length).toBe(before + 1);
  };
  await gone(await delayed("patient"), "patient");
  await gone(await delayed("returning"), "returning");
  broker.clock.advance(29_000);
  await delayed("returning");
  broker.clock.advance(2_000);
  expect((await watcher.next("publish")).payload.toString()).toBe("patient");
  expect((await watcher.settled()).filter(({ cmd }) => cmd === "publish")).toEqual([]);
});
