import { expect, test } from "vitest";
import { parsePolicy, permits } from "../../../local/mqtt/policy-language.ts";
import { devicePolicy } from "../../../shared/node/device-policy.ts";
import { ACCOUNT, REGION } from "../iot-server.ts";
import { EVERYTHING, iotArn, policyDocument, withBroker } from "./support.ts";

const broker = withBroker();

const NAMES: Readonly<Record<string, string>> = { "iot:ClientId": "c*", "iot:Connection.Thing.ThingName": "t" };

/** https://docs.aws.amazon.com/iot/latest/developerguide/iot-policy-variables.html and pub-sub-policy.html */
test.each([
  ["an exact topic", ["topic/a"], "topic/a", true],
  ["another topic", ["topic/a"], "topic/ab", false],
  ["* is any text, slashes too", ["topic/a*"], "topic/a/b/c", true],
  ["* in the middle", ["topic/a*c"], "topic/abcbc", true],
  ["* in the middle without the end", ["topic/a*c"], "topic/abcb", false],
  ["? is one character", ["topic/a?"], "topic/ab", true],
  ["? is not none", ["topic/a?"], "topic/a", false],
  ["+ is text", ["topicfilter/a/+"], "topicfilter/a/+", true],
  ["+ is no wildcard", ["topicfilter/a/+"], "topicfilter/a/b", false],
  ["# is no wildcard", ["topicfilter/#"], "topicfilter/a", false],
  ["case counts", ["topic/A"], "topic/a", false],
  ["a variable", ["topic/${iot:Connection.Thing.ThingName}/x"], "topic/t/x", true],
  ["a variable's value with a wildcard is text", ["topic/${iot:ClientId}"], "topic/cx", false],
  ["a variable's value with a wildcard matches itself", ["topic/${iot:ClientId}"], "topic/c*", true],
  ["a variable without a value matches nothing", ["topic/${iot:Connection.Thing.ThingTypeName}*"], "topic/x", false],
  ["an escaped wildcard is text", ["topic/${*}"], "topic/x", false],
  ["an escaped wildcard matches itself", ["topic/${*}"], "topic/*", true],
  ["one of several", ["topic/a", "topic/b"], "topic/b", true],
])("%s", (_what, resources, resource, allowed) => {
  const statements = parsePolicy(policyDocument({ Action: "iot:Publish", Resource: resources }));
  expect(permits(statements, "iot:Publish", iotArn(resource), (name) => NAMES[name])).toBe(allowed);
});

const allow = { Effect: "Allow", Action: "iot:*", Resource: "*" };
const when = (Condition: object, Effect = "Allow") => ({ ...allow, Effect, Condition });

test.each([
  ["nothing", [], false],
  ["an allowance", [allow], true],
  ["an action in other letters", [{ ...allow, Action: "IOT:publish" }], true],
  ["another action", [{ ...allow, Action: ["iot:Subscribe", "iot:Receive"] }], false],
  ["a denial beside an allowance", [allow, { ...allow, Effect: "Deny", Resource: iotArn("topic/secret") }], false],
  ["a denial of something else", [allow, { ...allow, Effect: "Deny", Resource: iotArn("topic/other") }], true],
  ["all but this action", [{ Effect: "Allow", NotAction: "iot:Publish", Resource: "*" }], false],
  ["all but this resource", [{ Effect: "Allow", Action: "iot:*", NotResource: iotArn("topic/secret") }], false],
  ["a condition that holds", [when({ Bool: { "iot:Connection.Thing.IsAttached": ["true"] } })], true],
  ["one that does not hold", [when({ StringEquals: { "iot:ClientId": "other" } })], false],
  ["one on what there is not", [when({ StringEquals: { "iot:Nothing": "x" } })], false],
  ["one on what there is not, if it exists", [when({ StringLikeIfExists: { "iot:Nothing": "x" } })], true],
  ["a negated one", [when({ StringNotEquals: { "iot:ClientId": "client" } })], false],
  ["wildcards in StringLike", [when({ StringLike: { "iot:ClientId": "cl*" } })], true],
  ["wildcards in StringEquals", [when({ StringEquals: { "iot:ClientId": "cl*" } })], false],
  ["a variable in a condition", [when({ StringEquals: { "iot:ClientId": "${iot:ClientId}" } })], true],
  ["all of a set", [when({ "ForAllValues:StringEquals": { "iot:Set": ["a", "b"] } })], true],
  ["all of a set, but one", [when({ "ForAllValues:StringEquals": { "iot:Set": ["a"] } })], false],
  ["any of a set", [when({ "ForAnyValue:StringEquals": { "iot:Set": ["b", "c"] } })], true],
  ["none of a set", [when({ "ForAnyValue:StringEquals": { "iot:Set": ["c"] } })], false],
  ["an allowance on an unknown operator", [when({ Nonsense: { "iot:ClientId": "client" } })], false],
  ["a denial on an unknown operator", [allow, when({ Nonsense: { "iot:ClientId": "other" } }, "Deny")], false],
])("statements: %s", (_what, statements, allowed) => {
  const values: Readonly<Record<string, string | string[]>> = {
    "iot:ClientId": "client",
    "iot:Connection.Thing.IsAttached": "true",
    "iot:Set": ["a", "b"],
  };
  const document = JSON.stringify({ Version: "2012-10-17", Statement: statements });
  expect(permits(parsePolicy(document), "iot:Publish", iotArn("topic/secret"), (name) => values[name])).toBe(allowed);
});

const CONNECT = { Action: "iot:Connect", Resource: "client/*" };

/** What a client that may publish to `open` and subscribe to `open` meets at `closed`. */
const bounded = () =>
  broker.identity(
    policyDocument(
      CONNECT,
      { Action: ["iot:Publish", "iot:Receive"], Resource: "topic/open" },
      { Action: "iot:Subscribe", Resource: ["topicfilter/open", "topicfilter/some/+/topic"] },
    ),
  );

test("what a client of MQTT 5 may not do has a reason code, or ends the connection where there is none", async () => {
  const client = await broker.connect({ identity: await bounded(), clientId: broker.unique("five") });
  expect(await client.publish("open", "x")).toBe(0);
  expect(await client.publish("closed", "x")).toBe(0x87);
  expect(await client.publish("open", "x", { retain: true })).toBe(0x87);
  expect(await client.subscribe("some/other/topic")).toEqual([0x87]);
  const both = ["some/+/topic", "closed"].map((topic) => ({ topic, qos: 1 as const, nl: false, rap: false, rh: 0 }));
  expect(await client.subscribe(both)).toEqual([1, 0x87]);
  await client.publish("closed", "x", { qos: 0 });
  expect((await client.next("disconnect")).reasonCode).toBe(0x87);
  await client.end();
});

test.each([
  ["publishes", (topic: string) => ({ cmd: "publish", topic, payload: "x", qos: 1, messageId: 1 })],
  ["subscribes", (topic: string) => ({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos: 1 }] })],
])("a client of MQTT 3.1.1 that %s where it may not is disconnected", async (_what, packet) => {
  const clientId = broker.unique("three");
  const client = await broker.connect({ identity: await bounded(), clientId, version: 4 });
  client.send(packet("open") as never);
  await client.settled();
  client.send(packet("closed") as never);
  await client.end();
  expect(broker.told(`$aws/events/presence/disconnected/${clientId}`)).toMatchObject([
    { disconnectReason: "AUTH_ERROR" },
  ]);
});

test("a message that a client may not receive does not reach it", async () => {
  const identity = await broker.identity(
    policyDocument(
      CONNECT,
      { Action: "iot:Subscribe", Resource: "*" },
      { Action: "iot:Receive", Resource: "topic/r/open" },
    ),
  );
  const client = await broker.connect({ identity, clientId: broker.unique("receiver") });
  await client.subscribe("r/+");
  const sender = await broker.connect({ identity: await broker.identity(), clientId: broker.unique("sender") });
  await sender.publish("r/closed", "1");
  await sender.publish("r/closed", "2", { qos: 0 });
  await sender.publish("r/open", "3");
  expect((await client.next("publish")).payload.toString()).toBe("3");
});

test("policies are read anew at each decision", async () => {
  const identity = await broker.identity("");
  const client = () => broker.tryConnect({ identity, clientId: "changing" });
  expect((await client()).connack?.reasonCode).toBe(0x87);
  const policyName = await broker.policy(policyDocument(CONNECT));
  await broker.iot.attachPolicy({ policyName, target: identity.arn });
  const { client: connected, connack } = await client();
  expect(connack?.reasonCode).toBe(0);
  expect(await connected.publish("x", "1")).toBe(0x87);
  await broker.iot.createPolicyVersion({ policyName, policyDocument: EVERYTHING, setAsDefault: true });
  expect(await connected.publish("x", "1")).toBe(0);
  await broker.iot.setDefaultPolicyVersion({ policyName, policyVersionId: "1" });
  expect(await connected.publish("x", "1")).toBe(0x87);
  await broker.iot.detachPolicy({ policyName, target: identity.arn });
  expect((await client()).connack?.reasonCode).toBe(0x87);
});

test("policies of a thing's groups count, and those of the groups above", async () => {
  const { thingName, ...identity } = await broker.device("");
  const [parent, child] = [broker.unique("parent"), broker.unique("child")];
  await broker.iot.createThingGroup({ thingGroupName: parent });
  await broker.iot.createThingGroup({ thingGroupName: child, parentGroupName: parent });
  await broker.iot.attachPolicy({
    policyName: await broker.policy(policyDocument(CONNECT)),
    target: iotArn(`thinggroup/${parent}`),
  });
  const outcome = async (clientId = thingName) => (await broker.tryConnect({ identity, clientId })).connack?.reasonCode;
  expect(await outcome()).toBe(0x87);
  await broker.iot.addThingToThingGroup({ thingName, thingGroupName: child });
  expect(await outcome()).toBe(0);
  // The thing is known by the client id: under another one it is not there.
  expect(await outcome("other")).toBe(0x87);
});

const OWN = policyDocument(
  { Action: "iot:Connect", Resource: "client/${iot:Connection.Thing.ThingName}*" },
  { Action: "iot:Publish", Resource: "topic/${iot:Connection.Thing.ThingName}/${iot:ClientId}/*" },
  {
    Action: "iot:Publish",
    Resource: ["topic/${iot:Connection.Thing.Attributes[site]}", "topic/${iot:Certificate.Subject.CommonName}"],
  },
);

test("variables stand for the thing that the certificate is attached to", async () => {
  const { thingName, ...identity } = await broker.device(OWN);
  await broker.iot.updateThing({ thingName, attributePayload: { attributes: { site: "north" } } });
  const client = await broker.connect({ identity, clientId: thingName });
  for (const [topic, reasonCode] of [
    [`${thingName}/${thingName}/x`, 0],
    [`other/${thingName}/x`, 0x87],
    ["north", 0],
    ["south", 0x87],
    ["AWS IoT Certificate", 0],
  ] as const)
    expect(await client.publish(topic, "x")).toBe(reasonCode);
});

test("a client id that is forged is refused, and one with a suffix needs an exclusive thing", async () => {
  const victim = await broker.device(OWN);
  const { thingName, ...identity } = await broker.device(OWN);
  const outcome = async (clientId: string) => (await broker.tryConnect({ identity, clientId })).connack?.reasonCode;
  expect(await outcome(victim.thingName)).toBe(0x87);
  expect(await outcome(`${thingName}#1`)).toBe(0x87);
  await broker.iot.detachThingPrincipal({ thingName, principal: identity.arn });
  await broker.iot.attachThingPrincipal({
    thingName,
    principal: identity.arn,
    thingPrincipalType: "EXCLUSIVE_THING",
  });
  expect(await outcome(`${thingName}#1`)).toBe(0);
  expect(await outcome(victim.thingName)).toBe(0x87);
});

test("a connection that is to last, or has a will, can need a policy that says so", async () => {
  const identity = await broker.identity(
    policyDocument({
      ...CONNECT,
      Condition: { "ForAllValues:StringEquals": { "iot:ConnectAttributes": ["PersistentConnect"] } },
    }),
  );
  const outcome = async (more: object) =>
    (await broker.tryConnect({ identity, clientId: broker.unique("attributes"), ...more })).connack?.reasonCode;
  expect(await outcome({})).toBe(0);
  expect(await outcome({ properties: { sessionExpiryInterval: 60 } })).toBe(0);
  expect(await outcome({ will: { topic: "a", payload: Buffer.from("") } })).toBe(0x87);
});

test("a node's own policy lets it do what is its own, and nothing that is another's", async () => {
  const document = devicePolicy({
    region: REGION,
    accountId: ACCOUNT,
    stage: "local",
    workspaceId: "ws_1",
    roleAlias: "alias",
    template: "nodes",
  });
  const other = await broker.device(document);
  const { thingName, ...identity } = await broker.device(document);
  const node = await broker.connect({ identity, clientId: thingName });
  const topics = ["jobs/get", "jobs/notify-next-namespace-aws-gg-deployment", "shadow/name/s/get"];
  for (const topic of topics) {
    expect(await node.subscribe(`$aws/things/${thingName}/${topic}`)).toEqual([1]);
    expect(await node.subscribe(`$aws/things/${other.thingName}/${topic}`)).toEqual([0x87]);
    expect(await node.publish(`$aws/things/${other.thingName}/${topic}`, {})).toBe(0x87);
  }
  // By these it gets the certificate that follows the one it has.
  for (const topic of ["$aws/certificates/create-from-csr/json", "$aws/provisioning-templates/nodes/provision/json"]) {
    expect(await node.subscribe(`${topic}/accepted`)).toEqual([1]);
    expect(await node.ask(topic, {})).toMatchObject({ rejected: { statusCode: 400 } });
  }
  for (const filter of [
    "#",
    "$aws/things/+/jobs/get",
    "$aws/certificates/#",
    "$aws/things/#",
    "$aws/events/#",
    `$share/g/$aws/things/${other.thingName}/jobs/get`,
  ])
    expect(await node.subscribe(filter)).toEqual([0x87]);
  for (const topic of ["anything", "$aws/certificates/create/json", "$aws/provisioning-templates/t/provision/json"])
    expect(await node.publish(topic, {})).toBe(0x87);
});
