import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { awsNames } from "../../../shared/names.ts";
import { DEVICE_CREDENTIAL_SECONDS } from "../../../shared/node/provisioning.ts";
import { ACCOUNT, type Answer, type Device, REGION, ROLE_ALIAS, STAGE, startWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  const roleArn = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
  await world.iot.createRoleAlias({ roleAlias: "of-no-role", roleArn: roleArn("that-is-not-there") });
  await world.iot.createRoleAlias({ roleAlias: "of-a-function", roleArn: roleArn(`${STAGE}-create-thing`) });
  const deviceRole = roleArn(awsNames.deviceRole(STAGE));
  await world.iot.createRoleAlias({ roleAlias: "for-long", roleArn: deviceRole, credentialDurationSeconds: 3_601 });
  await world.iot.createRoleAlias({ roleAlias: "for-short", roleArn: deviceRole, credentialDurationSeconds: 900 });
});
beforeEach(() => world.faults.disarm());
afterAll(() => world?.close());

const aliasArn = (alias: string) => `arn:aws:iot:${REGION}:${ACCOUNT}:rolealias/${alias}`;
const statement = (alias: string, Effect = "Allow") => ({
  Effect,
  Action: "iot:AssumeRoleWithCertificate",
  Resource: aliasArn(alias),
});

const denied = (message: string) => ({ status: 403, code: "AccessDeniedException", body: { message } });
const INVALID_THING = denied("Invalid thing name passed");
const ACCESS_DENIED = denied("Access Denied");
const NO_ALIAS = { status: 404, code: "ResourceNotFoundException", body: { message: "Role alias does not exist" } };
const invalid = (message: string) => ({ status: 400, code: "InvalidRequestException", body: { message } });
const NO_ROLE = invalid("Unable to assume the role, or the role to assume does not exist");

test("gives credentials for the alias's time, in AWS's form", async () => {
  const before = Date.now();
  const answer = await world.askCredentials(await world.newDevice());
  expect(answer).toEqual({
    status: 200,
    code: undefined,
    body: {
      credentials: {
        accessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
        secretAccessKey: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/),
        sessionToken: expect.any(String),
        expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      },
    },
  });
  const { expiration } = (answer.body as { credentials: { expiration: string } }).credentials;
  const seconds = (Date.parse(expiration) - before) / 1_000;
  expect(seconds).toBeGreaterThan(DEVICE_CREDENTIAL_SECONDS - 1);
  expect(seconds).toBeLessThanOrEqual(DEVICE_CREDENTIAL_SECONDS + (Date.now() - before) / 1_000);
});

describe("who may not", () => {
  test.each<[what: string, expected: object, ask: () => Promise<Answer>]>([
    [
      "names a thing of another device",
      INVALID_THING,
      async () => world.askCredentials(await world.newDevice(), { thing: (await world.newDevice()).thing }),
    ],
    [
      "names a thing that there is not",
      INVALID_THING,
      async () => world.askCredentials(await world.newDevice(), { thing: "never-made" }),
    ],
    [
      "names no thing in the header",
      INVALID_THING,
      async () => world.askCredentials(await world.newDevice(), { thing: "" }),
    ],
    [
      "names its thing in other capitals",
      INVALID_THING,
      async () => {
        const device = await world.newDevice();
        return world.askCredentials(device, { thing: device.thing.toUpperCase() });
      },
    ],
    [
      "names its thing and another",
      INVALID_THING,
      async () => {
        const device = await world.newDevice();
        return world.askCredentials(device, { thing: `${device.thing}, ${(await world.newDevice()).thing}` });
      },
    ],
    [
      "is attached to its thing no more",
      INVALID_THING,
      async () => {
        const device = await world.newDevice();
        await world.iot.detachThingPrincipal({ thingName: device.thing, principal: device.certificateArn });
        return world.askCredentials(device);
      },
    ],
    [
      "asks for an alias of another stage",
      ACCESS_DENIED,
      async () => world.askCredentials(await world.newDevice(), { alias: awsNames.roleAlias("other") }),
    ],
    [
      "asks for an alias with more behind the allowed one",
      ACCESS_DENIED,
      async () => world.askCredentials(await world.newDevice(), { alias: "for-short" }),
    ],
    ["asks for a wildcard", ACCESS_DENIED, async () => world.askCredentials(await world.newDevice(), { alias: "*" })],
    [
      "asks for a path within its alias",
      ACCESS_DENIED,
      async () => world.askCredentials(await world.newDevice(), { alias: `x%2F..%2F${ROLE_ALIAS}` }),
    ],
    ["has no policy", ACCESS_DENIED, async () => world.askCredentials(await world.newDevice({ policies: [] }))],
    [
      "has a policy for another action",
      ACCESS_DENIED,
      async () => {
        const other = await world.newPolicy({ ...statement(ROLE_ALIAS), Action: "iot:Connect" });
        return world.askCredentials(await world.newDevice({ policies: [other] }));
      },
    ],
    [
      "has a policy that names its thing by a variable",
      ACCESS_DENIED,
      async () => {
        const varied = await world.newPolicy(statement("${iot:Connection.Thing.ThingName}"));
        const device = await world.newDevice({ policies: [varied] });
        await world.iot.createRoleAlias({ roleAlias: device.thing, roleArn: `arn:aws:iam::${ACCOUNT}:role/any-role` });
        return world.askCredentials(device, { alias: device.thing });
      },
    ],
    [
      "has a policy that allows and one that denies",
      ACCESS_DENIED,
      async () => {
        const policies = [await world.newPolicy(statement("*")), await world.newPolicy(statement(ROLE_ALIAS, "Deny"))];
        return world.askCredentials(await world.newDevice({ policies }));
      },
    ],
    [
      "has its policy by its thing group",
      ACCESS_DENIED,
      async () => {
        const device = await world.newDevice({ policies: [] });
        const { thingGroupArn: target } = await world.iot.createThingGroup({ thingGroupName: `group-${device.thing}` });
        await world.iot.addThingToThingGroup({ thingGroupArn: target, thingName: device.thing });
        world.clock.advance(3_600_000);
        await world.iot.attachPolicy({ policyName: await world.newPolicy(statement("*")), target });
        return world.askCredentials(device);
      },
    ],
  ])("%s", async (_, expected, ask) => {
    expect(await ask()).toEqual(expected);
  });
});

describe("with a policy for every alias", () => {
  let device: Device;
  beforeAll(async () => {
    device = await world.newDevice({ policies: [await world.newPolicy(statement("*"))] });
  });

  test.each([
    ["never-made", NO_ALIAS],
    ["of-no-role", NO_ROLE],
    ["of-a-function", NO_ROLE],
    ["for-long", invalid("The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role")],
    ["for-short", { status: 200 }],
  ])("the alias %s", async (alias, expected) => {
    expect(await world.askCredentials(device, { alias })).toMatchObject(expected);
  });

  test("follows an alias that was led to another role", async () => {
    await world.iot.createRoleAlias({ roleAlias: "moves", roleArn: `arn:aws:iam::${ACCOUNT}:role/that-is-not-there` });
    expect(await world.askCredentials(device, { alias: "moves" })).toEqual(NO_ROLE);
    await world.iot.updateRoleAlias({
      roleAlias: "moves",
      roleArn: `arn:aws:iam::${ACCOUNT}:role/${awsNames.deviceRole(STAGE)}`,
    });
    expect(await world.askCredentials(device, { alias: "moves" })).toMatchObject({ status: 200 });
  });

  test("follows a policy to its default version", async () => {
    const policyName = await world.newPolicy(statement("*", "Deny"));
    const one = await world.newDevice({ policies: [policyName] });
    const policyDocument = JSON.stringify({ Version: "2012-10-17", Statement: statement(ROLE_ALIAS) });
    const { policyVersionId } = await world.iot.createPolicyVersion({ policyName, policyDocument });
    expect(await world.askCredentials(one)).toEqual(ACCESS_DENIED);
    await world.iot.setDefaultPolicyVersion({ policyName, policyVersionId });
    expect(await world.askCredentials(one)).toMatchObject({ status: 200 });
  });

  test.each([
    ["POST", `/role-aliases/${ROLE_ALIAS}/credentials`],
    ["GET", `/role-aliases/${ROLE_ALIAS}`],
    ["GET", `/role-aliases/${ROLE_ALIAS}/credentials/more`],
    ["GET", `//role-aliases/${ROLE_ALIAS}/credentials`],
    ["GET", `/x/../role-aliases/${ROLE_ALIAS}/credentials`],
    ["GET", "/"],
  ])("%s %s is nothing that there is", async (method, path) => {
    const answer = await world.ask("credentials", path, { method, cert: device.cert, key: device.key });
    expect(answer).toEqual({
      status: 404,
      code: "ResourceNotFoundException",
      body: { message: "Not Found", traceId: expect.any(String) },
    });
  });

  test("a path that cannot be decoded is refused", async () => {
    const answer = await world.askCredentials(device, { alias: "%ff" });
    expect(answer).toMatchObject({ status: 400, code: "SerializationException" });
  });
});

describe("the test mode", () => {
  test("makes it fail as it is asked to", async () => {
    const device = await world.newDevice();
    world.faults.arm({ operation: "iot:AssumeRoleWithCertificate", kind: "server-error", times: 1 });
    expect(await world.askCredentials(device)).toMatchObject({ status: 500, code: "InternalFailureException" });
    world.faults.arm({ operation: "iot:AssumeRoleWithCertificate", kind: "lost-answer", times: 1 });
    await expect(world.askCredentials(device)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(await world.askCredentials(device)).toMatchObject({ status: 200 });
  });
});
