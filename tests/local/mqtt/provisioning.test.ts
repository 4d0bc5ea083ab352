import { X509Certificate } from "node:crypto";
import { beforeEach, expect, test } from "vitest";
import { compilePolicy } from "../../../local/iam/evaluate.ts";
import { provisioningRole, provisioningTemplate } from "../../../shared/node/provisioning.ts";
import { ACCOUNT, REGION } from "../iot-server.ts";
import type { Client } from "./client.ts";
import { EVERYTHING, iotArn, policyDocument, signingRequest, withBroker } from "./support.ts";

const ROLE = "arn:aws:iam::123456789012:role/provisioning";
const LIMITED = "arn:aws:iam::123456789012:role/limited";
const place = { partition: "aws", region: REGION, accountId: ACCOUNT, stage: "local" };

const broker = withBroker({
  provisionerMay: (roleArn, request) =>
    roleArn === ROLE || (roleArn === LIMITED && compilePolicy(provisioningRole(place).policy)(request) === "allowed"),
});
const HOOK = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:hook`;

/** The calls of the pre-provisioning hook. */
let calls: { name: string; event: Record<string, unknown> }[] = [];
beforeEach(() => {
  calls = [];
});
const hookAnswers = (payload: unknown): void => {
  broker.hook.invoke = async (name, event) => {
    calls.push({ name, event: event as Record<string, unknown> });
    return { payload };
  };
};

const template = async (body: string, { hook = false, roleArn = ROLE, enabled = true } = {}): Promise<string> => {
  const templateName = broker.unique("template");
  await broker.iot.createProvisioningTemplate({
    templateName,
    templateBody: body,
    provisioningRoleArn: roleArn,
    enabled,
    ...(hook && { preProvisioningHook: { targetArn: HOOK } }),
  });
  return templateName;
};

/** A client with a temporary claim for a template, as a box has that is to be registered. */
const claimant = async (templateName: string) => {
  const claim = await broker.iot.createProvisioningClaim({ templateName });
  const identity = { cert: claim.certificatePem ?? "", key: claim.keyPair?.PrivateKey ?? "" };
  const clientId = broker.unique("box");
  const client = await broker.connect({ identity, clientId });
  return { client, clientId, identity, claimId: claim.certificateId };
};

const CREATE = "$aws/certificates/create-from-csr/json";
const registration = (templateName: string) => `$aws/provisioning-templates/${templateName}/provision/json`;

const newCertificate = async (client: Client) => {
  const { csr, key } = await signingRequest();
  const made = (await client.ask(CREATE, { certificateSigningRequest: csr })) as {
    certificateId: string;
    certificatePem: string;
    certificateOwnershipToken: string;
  };
  return { ...made, identity: { cert: made.certificatePem, key } };
};

const register = (client: Client, templateName: string, certificateOwnershipToken: string, parameters?: object) =>
  client.ask(registration(templateName), { certificateOwnershipToken, parameters });

const certificate = {
  Type: "AWS::IoT::Certificate",
  Properties: { CertificateId: { Ref: "AWS::IoT::Certificate::Id" }, Status: "Active" },
};
const named = (PolicyName: unknown) => ({ Type: "AWS::IoT::Policy", Properties: { PolicyName } });
const thing = (Properties: object, OverrideSettings: object = {}) => ({
  Type: "AWS::IoT::Thing",
  Properties,
  OverrideSettings,
});
const serial = { Parameters: { Serial: { Type: "String" } } };
const bySerial = (more: object = {}) => thing({ ThingName: { Ref: "Serial" }, ...more });

const statusOf = async (certificateId: string) => {
  const { certificateDescription } = await broker.iot.describeCertificate({ certificateId });
  return certificateDescription?.status;
};
const isThing = async (thingName: string) =>
  broker.iot.describeThing({ thingName }).then(
    () => true,
    () => false,
  );

test("a box gets a certificate for its own key, is registered, and connects as its thing", async () => {
  const policyName = await broker.policy(EVERYTHING);
  const templateName = await template(
    JSON.stringify({
      ...serial,
      Resources: { certificate, policy: named(policyName), thing: bySerial({ AttributePayload: { site: "north" } }) },
      DeviceConfiguration: { url: "https://example.com", serial: { Ref: "Serial" } },
    }),
  );
  const { client } = await claimant(templateName);
  const made = await newCertificate(client);
  expect(new X509Certificate(made.certificatePem).fingerprint256.replaceAll(":", "").toLowerCase()).toBe(
    made.certificateId,
  );
  expect(await statusOf(made.certificateId)).toBe("PENDING_ACTIVATION");
  const early = await broker.tryConnect({ identity: made.identity, clientId: "early" });
  expect(early.connack).toBeUndefined();

  const thingName = broker.unique("node");
  expect(await register(client, templateName, made.certificateOwnershipToken, { Serial: thingName })).toEqual({
    deviceConfiguration: { url: "https://example.com", serial: thingName },
    thingName,
  });
  expect(await statusOf(made.certificateId)).toBe("ACTIVE");
  expect(await broker.iot.describeThing({ thingName })).toMatchObject({ attributes: { site: "north" } });
  expect((await broker.iot.listThingPrincipals({ thingName })).principals).toEqual([
    iotArn(`cert/${made.certificateId}`),
  ]);
  const node = await broker.connect({ identity: made.identity, clientId: thingName });
  expect(await node.publish("x", "y")).toBe(0);
});

test("what answers one box reaches no other, whatever that is subscribed to", async () => {
  const policyName = await broker.policy(EVERYTHING);
  const templateName = await template(
    JSON.stringify({ ...serial, Resources: { certificate, policy: named(policyName), thing: bySerial() } }),
  );
  const [{ client }, { client: other }] = [await claimant(templateName), await claimant(templateName)];
  for (const topic of [CREATE, registration(templateName)])
    for (const verdict of ["accepted", "rejected"]) expect(await other.subscribe(`${topic}/${verdict}`)).toEqual([1]);
  const made = await newCertificate(client);
  expect(await register(client, templateName, made.certificateOwnershipToken, {})).toHaveProperty("rejected");
  await register(client, templateName, made.certificateOwnershipToken, { Serial: broker.unique("node") });
  expect((await other.settled()).filter(({ cmd }) => cmd === "publish")).toEqual([]);
});

test("AWS makes the key, too, where it is asked to", async () => {
  const { client } = await claimant(await template(JSON.stringify({ Resources: { certificate } })));
  const made = (await client.ask("$aws/certificates/create/json", "")) as Record<string, string>;
  expect(Object.keys(made).sort()).toEqual([
    "certificateId",
    "certificateOwnershipToken",
    "certificatePem",
    "privateKey",
  ]);
  expect(made.privateKey).toContain("PRIVATE KEY");
});

test("the hook sees who asks for what, and its parameters win over the device's", async () => {
  const allowed = await broker.policy(EVERYTHING);
  const wished = await broker.policy(policyDocument({ Action: "iot:*", Resource: "*" }));
  const thingName = broker.unique("node");
  await broker.iot.createThing({ thingName });
  // The product's own template, by its role.
  const templateName = await template(provisioningTemplate("local").body, { hook: true, roleArn: ROLE });
  const { client, clientId, claimId } = await claimant(templateName);
  const made = await newCertificate(client);
  hookAnswers({ allowProvisioning: true, parameterOverrides: { ThingName: thingName, PolicyName: allowed } });
  const parameters = { ThingName: "root", PolicyName: wished, Token: "t", "AWS::IoT::Certificate::Id": "0".repeat(64) };
  expect(await register(client, templateName, made.certificateOwnershipToken, parameters)).toEqual({
    deviceConfiguration: {},
    thingName,
  });
  expect(calls).toEqual([
    {
      name: "hook",
      event: {
        claimCertificateId: claimId,
        certificateId: made.certificateId,
        certificatePem: made.certificatePem,
        templateArn: iotArn(`provisioningtemplate/${templateName}`),
        clientId,
        parameters,
      },
    },
  ]);
  const target = iotArn(`cert/${made.certificateId}`);
  const { policies } = await broker.iot.listAttachedPolicies({ target });
  expect(policies?.map(({ policyName }) => policyName)).toEqual([allowed]);
  expect(await isThing("root")).toBe(false);
});

const open = { Resources: { certificate, thing: bySerial() }, ...serial };

test.each([
  ["does not allow it", async () => ({ payload: { allowProvisioning: false } })],
  ["says yes in text", async () => ({ payload: { allowProvisioning: "true" } })],
  ["answers nothing", async () => ({ payload: null })],
  [
    "answers with overrides that are not text",
    async () => ({ payload: { allowProvisioning: true, parameterOverrides: { a: 1 } } }),
  ],
  ["fails", async () => ({ functionError: { errorType: "Error", errorMessage: "x" } })],
  ["cannot be called", async () => Promise.reject(new Error("no such function"))],
  [
    "takes longer than five seconds",
    () => {
      broker.clock.advance(5_000);
      return new Promise<never>(() => undefined);
    },
  ],
] as const)("nothing is registered when the hook %s", async (_what, invoke) => {
  const templateName = await template(JSON.stringify(open), { hook: true });
  const { client } = await claimant(templateName);
  const made = await newCertificate(client);
  // The limit begins when the hook is called: the clock is moved once that has happened.
  broker.hook.invoke = async () => {
    await Promise.resolve();
    return invoke();
  };
  const thingName = broker.unique("node");
  const answer = await register(client, templateName, made.certificateOwnershipToken, { Serial: thingName });
  expect(answer).toMatchObject({ rejected: { statusCode: 403, errorCode: "AccessDenied" } });
  expect(await isThing(thingName)).toBe(false);
  expect(await statusOf(made.certificateId)).toBe("PENDING_ACTIVATION");
  expect((await broker.tryConnect({ identity: made.identity, clientId: thingName })).connack).toBeUndefined();
  // What was refused can be tried again by the same token.
  hookAnswers({ allowProvisioning: true });
  expect(await register(client, templateName, made.certificateOwnershipToken, { Serial: thingName })).toMatchObject({
    thingName,
  });
});

test.each([
  ["without a token", () => ({ parameters: {} }), "InvalidPayload"],
  ["with what is no token", () => ({ certificateOwnershipToken: "x" }), "InvalidCertificateOwnershipToken"],
  ["that is not JSON", () => "{", "InvalidPayload"],
  [
    "with parameters that are not text",
    (token: string) => ({ certificateOwnershipToken: token, parameters: { Serial: { Ref: "x" } } }),
    "InvalidPayload",
  ],
  [
    "without a parameter that has no default",
    (token: string) => ({ certificateOwnershipToken: token }),
    "InvalidParameters",
  ],
])("a registration %s is rejected", async (_what, request, errorCode) => {
  const templateName = await template(JSON.stringify(open));
  const { client } = await claimant(templateName);
  const { certificateOwnershipToken } = await newCertificate(client);
  expect(await client.ask(registration(templateName), request(certificateOwnershipToken))).toMatchObject({
    rejected: { statusCode: 400, errorCode },
  });
});

test("a token works once, and for an hour", async () => {
  const templateName = await template(JSON.stringify(open));
  const { client } = await claimant(templateName);
  const one = await newCertificate(client);
  const parameters = { Serial: broker.unique("node") };
  await register(client, templateName, one.certificateOwnershipToken, parameters);
  const used = { rejected: { errorCode: "InvalidCertificateOwnershipToken" } };
  expect(await register(client, templateName, one.certificateOwnershipToken, parameters)).toMatchObject(used);

  const late = await newCertificate(client);
  broker.clock.advance(3_600_000);
  const { client: other } = await claimant(templateName);
  expect(await register(other, templateName, late.certificateOwnershipToken, parameters)).toMatchObject(used);
  // The next request takes away what nobody registered.
  await newCertificate(other);
  await expect(statusOf(late.certificateId)).rejects.toThrow("does not exist");
  expect(await statusOf(one.certificateId)).toBe("ACTIVE");
});

test("of two registrations with one token that meet at the hook, one succeeds", async () => {
  const templateName = await template(JSON.stringify(open), { hook: true });
  const { client } = await claimant(templateName);
  const { client: other } = await claimant(templateName);
  const { certificateOwnershipToken } = await newCertificate(client);
  const both = Promise.withResolvers<void>();
  let waiting = 0;
  broker.hook.invoke = async () => {
    waiting += 1;
    if (waiting === 2) both.resolve();
    await both.promise;
    return { payload: { allowProvisioning: true } };
  };
  const names = [broker.unique("node"), broker.unique("node")];
  const answers = await Promise.all(
    [client, other].map((each, index) =>
      register(each, templateName, certificateOwnershipToken, { Serial: names[index] }),
    ),
  );
  expect(answers.filter((answer) => "rejected" in answer)).toMatchObject([
    { rejected: { errorCode: "InvalidCertificateOwnershipToken" } },
  ]);
  expect(await Promise.all(names.map(isThing))).toEqual(expect.arrayContaining([true, false]));
});

test("a claim is for its template, for nothing else, and for five minutes", async () => {
  const templateName = await template(JSON.stringify(open));
  const another = await template(JSON.stringify(open));
  const { client, identity } = await claimant(templateName);
  const { certificateOwnershipToken } = await newCertificate(client);
  const refused = [registration(another), "$aws/things/t/jobs/get", "$aws/things/t/shadow/update", "anything"];
  for (const topic of refused) expect(await client.publish(topic, { certificateOwnershipToken })).toBe(0x87);
  for (const filter of ["#", "$aws/#", "$aws/provisioning-templates/#", `${registration(another)}/accepted`])
    expect(await client.subscribe(filter)).toEqual([0x87]);
  expect(await client.subscribe(`${registration(templateName)}/accepted`)).toEqual([1]);

  broker.clock.advance(301_000);
  expect((await client.next("disconnect")).reasonCode).toBe(0x87);
  await client.end();
  broker.logged.length = 0;
  expect((await broker.tryConnect({ identity, clientId: "late" })).connack).toBeUndefined();
  expect(broker.logged).toMatchObject([
    { details: { reason: "the certificate is not registered, or is a claim that expired" } },
  ]);
});

test("a claim that ends while the hook runs registers nothing", async () => {
  const templateName = await template(JSON.stringify(open), { hook: true });
  const { client } = await claimant(templateName);
  const { certificateOwnershipToken } = await newCertificate(client);
  broker.clock.advance(299_000);
  const asked = Promise.withResolvers<void>();
  const goesOn = Promise.withResolvers<void>();
  broker.hook.invoke = async () => {
    asked.resolve();
    await goesOn.promise;
    return { payload: { allowProvisioning: true } };
  };
  const thingName = broker.unique("node");
  await client.publish(registration(templateName), { certificateOwnershipToken, parameters: { Serial: thingName } });
  await asked.promise;
  broker.clock.advance(3_000);
  await client.end();
  goesOn.resolve();
  const topic = `${registration(templateName)}/rejected`;
  await expect.poll(() => broker.told(topic)).toMatchObject([{ errorCode: "AccessDenied" }]);
  expect(await isThing(thingName)).toBe(false);
});

test.each([
  ["that is not enabled", { enabled: false }, "AccessDenied"],
  ["that there is not", undefined, "ResourceNotFound"],
])("a registration by a template %s is rejected", async (_what, options, errorCode) => {
  const templateName = options === undefined ? "none" : await template(JSON.stringify(open), options);
  const client = await broker.connect({ identity: await broker.identity(), clientId: broker.unique("box") });
  const { certificateOwnershipToken } = await newCertificate(client);
  expect(await register(client, templateName, certificateOwnershipToken, { Serial: "x" })).toMatchObject({
    rejected: { errorCode },
  });
});

test("a registration that fails in its last step leaves nothing of the ones before", async () => {
  const thingName = broker.unique("node");
  const templateName = await template(
    JSON.stringify({ ...open, Resources: { ...open.Resources, policy: named("no-such-policy") } }),
  );
  const { client } = await claimant(templateName);
  const made = await newCertificate(client);
  expect(await register(client, templateName, made.certificateOwnershipToken, { Serial: thingName })).toMatchObject({
    rejected: { errorCode: "ResourceNotFoundException" },
  });
  expect(await isThing(thingName)).toBe(false);
  expect(await statusOf(made.certificateId)).toBe("PENDING_ACTIVATION");
});

test("a template's role does what it may, and no more", async () => {
  const body = (resources: object) => JSON.stringify({ ...serial, Resources: { certificate, ...resources } });
  const outcome = async (resources: object, Serial: string) => {
    const templateName = await template(body(resources), { roleArn: LIMITED });
    const { client } = await claimant(templateName);
    const { certificateOwnershipToken } = await newCertificate(client);
    const answer = await register(client, templateName, certificateOwnershipToken, { Serial });
    return "rejected" in answer ? (answer.rejected as { errorMessage: string }).errorMessage : "accepted";
  };
  const own = "local-ws_00000000000000000000-nod_00000000000000000000";
  expect(await outcome({ thing: bySerial() }, own)).toBe("accepted");
  expect(await outcome({ thing: bySerial() }, "prod-node")).toBe(
    `The provisioning role may not do iot:CreateThing on ${iotArn("thing/prod-node")}`,
  );
  await broker.iot.createThingGroup({ thingGroupName: "admins" });
  expect(await outcome({ thing: bySerial({ ThingGroups: ["admins"] }) }, `${own.slice(0, -1)}1`)).toBe(
    `The provisioning role may not do iot:AddThingToThingGroup on ${iotArn(`thing/${own.slice(0, -1)}1`)}`,
  );
  const PolicyDocument = policyDocument({ Action: "iot:*", Resource: "*" });
  expect(await outcome({ policy: { Type: "AWS::IoT::Policy", Properties: { PolicyDocument } } }, own)).toMatch(
    "may not do iot:CreatePolicy",
  );
});

test.each([
  ["DO_NOTHING", { site: "north", old: "1" }, ["before"], "before"],
  ["MERGE", { site: "south", old: "1" }, ["after", "before"], "before"],
  ["REPLACE", { site: "south" }, ["after"], "after"],
  [undefined, { site: "north", old: "1" }, ["before"], "before"],
  ["FAIL", { site: "north", old: "1" }, ["before"], "before"],
])("a thing that is there already, by OverrideSettings: %s", async (override, attributes, groups, type) => {
  const unique = broker.unique("o");
  const [before, after] = [`${unique}-before`, `${unique}-after`];
  for (const name of [before, after]) {
    await broker.iot.createThingGroup({ thingGroupName: name });
    await broker.iot.createThingType({ thingTypeName: name });
  }
  const thingName = `${unique}-node`;
  await broker.iot.createThing({
    thingName,
    thingTypeName: before,
    attributePayload: { attributes: { site: "north", old: "1" } },
  });
  await broker.iot.addThingToThingGroup({ thingName, thingGroupName: before });
  const settings =
    override === undefined
      ? {}
      : {
          AttributePayload: override,
          ThingGroups: override,
          ThingTypeName: override === "MERGE" ? "DO_NOTHING" : override,
        };
  const properties = {
    ThingName: { Ref: "Serial" },
    ThingTypeName: after,
    ThingGroups: [after],
    AttributePayload: { site: "south" },
  };
  const templateName = await template(
    JSON.stringify({ ...serial, Resources: { certificate, thing: thing(properties, settings) } }),
  );
  const { client } = await claimant(templateName);
  const { certificateOwnershipToken } = await newCertificate(client);
  const answer = await register(client, templateName, certificateOwnershipToken, { Serial: thingName });
  if (override === "FAIL") expect(answer).toMatchObject({ rejected: { errorCode: "ResourceConflictsException" } });
  else expect(answer).toMatchObject({ thingName });
  expect(await broker.iot.describeThing({ thingName })).toMatchObject({
    attributes,
    thingTypeName: `${unique}-${type}`,
  });
  const { thingGroups } = await broker.iot.listThingGroupsForThing({ thingName });
  expect(thingGroups?.map(({ groupName }) => groupName)).toEqual(groups.map((group) => `${unique}-${group}`));
});

/** Each function's value, in the device's configuration. https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html */
test.each([
  ["text", "plain", "plain"],
  ["numbers and objects", { a: [1, true, { b: null }] }, { a: [1, true, { b: null }] }],
  ["Ref", { Ref: "Serial" }, "SN-1"],
  ["Ref to a default", { Ref: "Site" }, "north"],
  ["Fn::Join", { "Fn::Join": ["-", ["a", { Ref: "Serial" }, 3]] }, "a-SN-1-3"],
  ["Fn::Split", { "Fn::Split": ["-", { Ref: "Serial" }] }, ["SN", "1"]],
  ["Fn::Select", { "Fn::Select": ["1", { "Fn::Split": ["-", { Ref: "Serial" }] }] }, "1"],
  ["Fn::FindInMap", { "Fn::FindInMap": ["Sites", { Ref: "Site" }, "url"] }, "https://north"],
  ["Fn::Sub", { "Fn::Sub": "${Serial} at ${Site}, ${!Serial}" }, "SN-1 at north, ${Serial}"],
  ["Fn::Sub with variables", { "Fn::Sub": ["${x}/${Serial}", { x: { Ref: "Site" } }] }, "north/SN-1"],
  ["a parameter's text is not evaluated", { Ref: "Tricky" }, '{"Ref":"Site"} ${Site}'],
  ["a parameter that is not declared", { Ref: "Other" }, undefined],
  ["a parameter that only AWS gives", { Ref: "AWS::IoT::Own" }, undefined],
  ["a parameter that objects inherit", { Ref: "constructor" }, undefined],
  ["Fn::Select past the end", { "Fn::Select": [5, ["a"]] }, undefined],
  ["Fn::FindInMap of what there is not", { "Fn::FindInMap": ["Sites", "south", "url"] }, undefined],
  ["Fn::Sub of what there is not", { "Fn::Sub": "${Nothing}" }, undefined],
  ["a function that there is not", { "Fn::GetAtt": ["a", "b"] }, undefined],
])("a template's functions: %s", async (_what, value, evaluated) => {
  const templateName = await template(
    JSON.stringify({
      Parameters: { Serial: {}, Site: { Type: "String", Default: "north" }, Tricky: {}, "AWS::IoT::Own": {} },
      Mappings: { Sites: { north: { url: "https://north" } } },
      Resources: { certificate },
      DeviceConfiguration: { value },
    }),
  );
  const { client } = await claimant(templateName);
  const { certificateOwnershipToken } = await newCertificate(client);
  const parameters = { Serial: "SN-1", Tricky: '{"Ref":"Site"} ${Site}', Other: "x", "AWS::IoT::Own": "x" };
  const answer = await register(client, templateName, certificateOwnershipToken, parameters);
  if (evaluated === undefined) expect(answer).toMatchObject({ rejected: { errorCode: "InvalidParameters" } });
  else expect(answer).toEqual({ deviceConfiguration: { value: evaluated } });
});

test.each([
  [
    "a certificate by another ID",
    { ...certificate, Properties: { CertificateId: "0".repeat(64) } },
    "InvalidCertificateId",
  ],
  [
    "a certificate by a request",
    { ...certificate, Properties: { CertificateSigningRequest: "x" } },
    "InvalidParameters",
  ],
  [
    "a status that is none",
    { ...certificate, Properties: { ...certificate.Properties, Status: "Odd" } },
    "InvalidParameters",
  ],
  ["no certificate", undefined, "InvalidCertificateId"],
  ["a resource of another type", { Type: "AWS::IoT::Job" }, "InvalidParameters"],
  ["a billing group", thing({ ThingName: "t", BillingGroup: "b" }), "NotImplemented"],
  [
    "a policy by both ways",
    { Type: "AWS::IoT::Policy", Properties: { PolicyName: "a", PolicyDocument: "b" } },
    "InvalidParameters",
  ],
])("a template cannot provision %s", async (_what, resource, errorCode) => {
  const templateName = await template(JSON.stringify({ Resources: resource === undefined ? {} : { resource } }));
  const { client } = await claimant(templateName);
  const { certificateOwnershipToken } = await newCertificate(client);
  expect(await register(client, templateName, certificateOwnershipToken)).toMatchObject({ rejected: { errorCode } });
});

test("a policy can be in the template, and is made once", async () => {
  const document = JSON.parse(policyDocument({ Action: "iot:Connect", Resource: "client/*" })) as object;
  const policy = (PolicyDocument: unknown) => ({ Type: "AWS::IoT::Policy", Properties: { PolicyDocument } });
  const attached = async (resource: object) => {
    const templateName = await template(JSON.stringify({ Resources: { certificate, policy: resource } }));
    const { client } = await claimant(templateName);
    const made = await newCertificate(client);
    expect(await register(client, templateName, made.certificateOwnershipToken)).toEqual({ deviceConfiguration: {} });
    const { policies } = await broker.iot.listAttachedPolicies({ target: iotArn(`cert/${made.certificateId}`) });
    return policies?.map(({ policyName }) => policyName);
  };
  const first = await attached(policy(document));
  expect(first).toHaveLength(1);
  expect(await attached(policy(JSON.stringify(document)))).toEqual(first);
});

test("what is no signing request is rejected, and CBOR is said not to be there", async () => {
  const { client } = await claimant(await template(JSON.stringify({ Resources: { certificate } })));
  expect(await client.ask(CREATE, { certificateSigningRequest: "x" })).toMatchObject({
    rejected: { statusCode: 400, errorCode: "InvalidCertificateSigningRequest" },
  });
  expect(await client.ask(CREATE, {})).toMatchObject({ rejected: { errorCode: "InvalidPayload" } });
  expect(await client.ask("$aws/certificates/create/cbor", "")).toEqual({
    rejected: {
      statusCode: 501,
      errorCode: "NotImplemented",
      errorMessage: "CBOR is not emulated: use the json topics",
    },
  });
});

test("an ownership token is not readable from the data folder", async () => {
  const { client } = await claimant(await template(JSON.stringify({ Resources: { certificate } })));
  const { certificateOwnershipToken } = await newCertificate(client);
  const rows = broker.control.iot.store.all<Record<string, unknown>>("SELECT * FROM certificate_tokens");
  expect(rows.length).toBeGreaterThan(0);
  expect(JSON.stringify(rows)).not.toContain(certificateOwnershipToken);
});
