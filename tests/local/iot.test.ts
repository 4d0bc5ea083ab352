import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { emulation } from "../../local/iot/emulation.ts";
import { RATES } from "../../local/iot/rates.ts";
import { tokenBuckets } from "../../local/throttle.ts";
import { arn, openIot, type Running } from "./iot-server.ts";

const policy = (resource = "*") =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "iot:Connect", Resource: resource }],
  });
const REFUSED = { name: "InvalidRequestException", $metadata: { httpStatusCode: 400 } };
const ABSENT = { name: "ResourceNotFoundException", $metadata: { httpStatusCode: 404 } };

let dir: string;
let running: Running;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "iot-"));
  running = await openIot(dir);
});
afterEach(async () => {
  await running.close();
  await rm(dir, { recursive: true });
});

const reopen = async (options: Parameters<typeof openIot>[1] = {}): Promise<void> => {
  await running.close();
  running = await openIot(dir, { clock: running.clock, ...options });
};

const newMember = async (thingName: string, thingGroupName: string): Promise<void> => {
  await running.iot.createThing({ thingName });
  await running.iot.addThingToThingGroup({ thingName, thingGroupName });
};
const groupsOf = async (thingName: string): Promise<(string | undefined)[]> =>
  ((await running.iot.listThingGroupsForThing({ thingName })).thingGroups ?? []).map(({ groupName }) => groupName);

describe("lists", () => {
  test("hold every item once, and stay in place when an earlier item goes", async () => {
    const { iot } = running;
    const names = ["page-1", "page-2", "page-3"];
    for (const thingName of names) await iot.createThing({ thingName });
    const found: (string | undefined)[] = [];
    let nextToken: string | undefined;
    do {
      const page = await iot.listThings({ maxResults: 1, ...(nextToken !== undefined && { nextToken }) });
      if (nextToken === undefined) await iot.deleteThing({ thingName: "page-1" });
      expect(page.things).toHaveLength(1);
      found.push(page.things?.[0]?.thingName);
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    expect(found).toEqual(names);
  });

  test("markers hold names of every kind of character that AWS lets in", async () => {
    const { iot } = running;
    const names = ["+=,.@-", "++@", "==", "a"].sort();
    for (const policyName of names) await iot.createPolicy({ policyName, policyDocument: policy() });
    const found: (string | undefined)[] = [];
    let marker: string | undefined;
    do {
      const page = await iot.listPolicies({ pageSize: 1, ...(marker !== undefined && { marker }) });
      found.push(...(page.policies ?? []).map(({ policyName }) => policyName));
      marker = page.nextMarker;
    } while (marker !== undefined);
    expect(found).toEqual(names);
    const { policies } = await iot.listPolicies({ ascendingOrder: false });
    expect((policies ?? []).map(({ policyName }) => policyName)).toEqual([...names].reverse());
  });

  test("of groups show direct children alone if that is asked for", async () => {
    const { iot } = running;
    await iot.createThingGroup({ thingGroupName: "a" });
    await iot.createThingGroup({ thingGroupName: "a-1", parentGroupName: "a" });
    await iot.createThingGroup({ thingGroupName: "a-1-1", parentGroupName: "a-1" });
    const { thingGroups } = await iot.listThingGroups({ parentGroup: "a", recursive: false });
    expect((thingGroups ?? []).map(({ groupName }) => groupName)).toEqual(["a-1"]);
  });
});

describe("memberships", () => {
  test("all changes of one call are made, or none", async () => {
    const { iot } = running;
    for (const thingGroupName of ["old", "new"]) await iot.createThingGroup({ thingGroupName });
    await newMember("t", "old");
    const update = { thingName: "t", thingGroupsToRemove: ["old"] };
    await expect(iot.updateThingGroupsForThing({ ...update, thingGroupsToAdd: ["new", "none"] })).rejects.toMatchObject(
      ABSENT,
    );
    expect(await groupsOf("t")).toEqual(["old"]);
    await iot.updateThingGroupsForThing({ ...update, thingGroupsToAdd: ["new"] });
    expect(await groupsOf("t")).toEqual(["new"]);
  });

  test("a name and an ARN of two groups are refused", async () => {
    const { iot } = running;
    for (const thingGroupName of ["one", "other"]) await iot.createThingGroup({ thingGroupName });
    await iot.createThing({ thingName: "t" });
    await expect(
      iot.addThingToThingGroup({ thingGroupName: "one", thingGroupArn: arn("thinggroup/other"), thingName: "t" }),
    ).rejects.toMatchObject(REFUSED);
  });

  test("a thing that is deleted leaves its groups", async () => {
    const { iot } = running;
    await iot.createThingGroup({ thingGroupName: "fleet" });
    await newMember("leaver", "fleet");
    await iot.deleteThing({ thingName: "leaver" });
    expect((await iot.listThingsInThingGroup({ thingGroupName: "fleet" })).things).toEqual([]);
  });

  test("the groups of a thing are told with those above them", async () => {
    const { iot, server } = running;
    await iot.createThingGroup({ thingGroupName: "root" });
    await iot.createThingGroup({ thingGroupName: "leaf", parentGroupName: "root" });
    await newMember("t", "leaf");
    expect(server.groupsOf("t")).toEqual([
      {
        name: "leaf",
        arn: arn("thinggroup/leaf"),
        rootToParent: [{ name: "root", arn: arn("thinggroup/root") }],
      },
    ]);
    expect(server.groupsOf("none")).toEqual([]);
  });
});

describe("memberships that lag", () => {
  const LAG = { membershipLagMs: 1_000 };
  const things = async () => (await running.iot.listThingsInThingGroup({ thingGroupName: "fleet" })).things;
  const seen = async () => [await groupsOf("t"), await things(), running.server.groupsOf("t").map(({ name }) => name)];
  const IN = [["fleet"], ["t"], ["fleet"]];
  const OUT = [[], [], []];
  const leave = () => running.iot.removeThingFromThingGroup({ thingName: "t", thingGroupName: "fleet" });
  const join = () => running.iot.addThingToThingGroup({ thingName: "t", thingGroupName: "fleet" });

  beforeEach(async () => {
    await reopen(LAG);
    await running.iot.createThingGroup({ thingGroupName: "fleet" });
    await newMember("t", "fleet");
  });

  test("show a joining and a leaving after the lag, and not before", async () => {
    expect(await seen()).toEqual(OUT);
    running.clock.advance(999);
    expect(await seen()).toEqual(OUT);
    running.clock.advance(1);
    expect(await seen()).toEqual(IN);
    await leave();
    expect(await seen()).toEqual(IN);
    running.clock.advance(1_000);
    expect(await seen()).toEqual(OUT);
  });

  test("never show what was taken back before it could be seen", async () => {
    await leave();
    running.clock.advance(1_000);
    expect(await seen()).toEqual(OUT);
    await join();
    running.clock.advance(1_000);
    await leave();
    await join();
    expect(await seen()).toEqual(IN);
    running.clock.advance(1_000);
    expect(await seen()).toEqual(IN);
  });

  test("are what they are for the limits, and lag on after a restart", async () => {
    await expect(join()).resolves.toBeDefined();
    await reopen(LAG);
    expect(await seen()).toEqual(OUT);
    running.clock.advance(1_000);
    expect(await seen()).toEqual(IN);
  });

  test("of a group that is deleted are gone with it", async () => {
    running.clock.advance(1_000);
    await leave();
    await running.iot.deleteThingGroup({ thingGroupName: "fleet" });
    expect(running.server.groupsOf("t")).toEqual([]);
  });
});

describe("throttling", () => {
  test("has a rate for each operation that is emulated", () => {
    expect(Object.keys(RATES).sort()).toEqual([...emulation.operations].sort());
    expect(Object.values(RATES).every(({ perSecond }) => perSecond > 0)).toBe(true);
  });

  test("refuses what comes faster than the rate, and takes more as time goes by", async () => {
    await reopen({ throttling: "aws" });
    const { iot, clock } = running;
    const list = () => iot.listThings({});
    for (let call = 0; call < 10; call += 1) await list();
    await expect(list()).rejects.toMatchObject({ name: "ThrottlingException", $metadata: { httpStatusCode: 400 } });
    await expect(iot.describeThing({ thingName: "none" })).rejects.toMatchObject(ABSENT);
    clock.advance(100);
    await list();
    await expect(list()).rejects.toMatchObject({ name: "ThrottlingException" });
  });

  test("is off unless it is asked for", async () => {
    for (let call = 0; call < 11; call += 1) await running.iot.listThings({});
  });

  test("a bucket holds its burst and no more, and a clock that goes back takes nothing", () => {
    let now = 1_000;
    const take = tokenBuckets({ op: { perSecond: 2, burst: 3 } }, () => now);
    const taken = () => [take("op"), take("op"), take("op"), take("op")].filter(Boolean).length;
    expect(taken()).toBe(3);
    now += 1_000;
    expect(taken()).toBe(2);
    now += 1_000_000;
    expect(taken()).toBe(3);
    now -= 500_000;
    expect(taken()).toBe(0);
    now += 500;
    expect(taken()).toBe(1);
    expect(take("another")).toBe(true);
    expect(take("constructor")).toBe(true);
  });
});

describe("certificates", () => {
  test("come from one CA, whose key is its owner's alone, also after a restart", async () => {
    const first = await running.iot.createKeysAndCertificate({});
    await reopen();
    const second = await running.iot.createKeysAndCertificate({});
    const ca = new X509Certificate(await running.server.deviceCa());
    expect(ca.ca).toBe(true);
    for (const { certificatePem = "" } of [first, second]) {
      const certificate = new X509Certificate(certificatePem);
      expect(certificate.verify(ca.publicKey)).toBe(true);
      expect(certificate.checkIssued(ca)).toBe(true);
      expect(certificate.ca).toBe(false);
    }
    expect((await stat(join(dir, "device-ca.key"))).mode & 0o777).toBe(0o600);
    expect((await readdir(dir)).filter((name) => name.startsWith("device-ca")).sort()).toEqual([
      "device-ca.key",
      "device-ca.pem",
    ]);
  });

  test("that are revoked stay revoked", async () => {
    const { iot } = running;
    const { certificateId } = await iot.createKeysAndCertificate({ setAsActive: true });
    await iot.updateCertificate({ certificateId, newStatus: "REVOKED" });
    await expect(iot.updateCertificate({ certificateId, newStatus: "ACTIVE" })).rejects.toMatchObject({
      name: "CertificateStateException",
      $metadata: { httpStatusCode: 406 },
    });
    await expect(iot.updateCertificate({ certificateId, newStatus: "PENDING_TRANSFER" })).rejects.toMatchObject(
      REFUSED,
    );
  });
});

describe("provisioning claims", () => {
  const template = {
    templateName: "tpl",
    templateBody: JSON.stringify({ Parameters: {}, Resources: {} }),
    provisioningRoleArn: "arn:aws:iam::123456789012:role/provisioning",
  };

  test("are known by their certificate for five minutes, also after a restart", async () => {
    await running.iot.createProvisioningTemplate({ ...template, enabled: true });
    const { certificateId = "", expiration } = await running.iot.createProvisioningClaim({ templateName: "tpl" });
    await reopen();
    expect(running.server.claimOf(certificateId)).toMatchObject({
      certificateId,
      templateName: "tpl",
      expiresAt: expiration?.getTime(),
    });
    running.clock.advance(299_999);
    expect(running.server.claimOf(certificateId)).toBeDefined();
    running.clock.advance(1_001);
    expect(running.server.claimOf(certificateId)).toBeUndefined();
    expect(running.server.claimOf("none")).toBeUndefined();
  });

  test("are refused for a template that is not enabled, and are no certificates of the account", async () => {
    await running.iot.createProvisioningTemplate(template);
    await expect(running.iot.createProvisioningClaim({ templateName: "tpl" })).rejects.toMatchObject(REFUSED);
    await running.iot.updateProvisioningTemplate({ templateName: "tpl", enabled: true });
    await running.iot.createProvisioningClaim({ templateName: "tpl" });
    expect((await running.iot.listCertificates({})).certificates).toEqual([]);
  });

  test("a template is told with its default version's body and its hook", async () => {
    const hook = { payloadVersion: "2020-04-01", targetArn: "arn:aws:lambda:eu-central-1:123456789012:function:hook" };
    await running.iot.createProvisioningTemplate({ ...template, preProvisioningHook: hook });
    const body = JSON.stringify({ Resources: { thing: {} } });
    await running.iot.createProvisioningTemplateVersion({
      templateName: "tpl",
      templateBody: body,
      setAsDefault: true,
    });
    expect(running.server.templateOf("tpl")).toEqual({
      name: "tpl",
      arn: arn("provisioningtemplate/tpl"),
      enabled: false,
      type: "FLEET_PROVISIONING",
      roleArn: template.provisioningRoleArn,
      body,
      hook,
    });
    expect(running.server.templateOf("none")).toBeUndefined();
  });
});

describe("the whole", () => {
  test("targets are things and groups that exist", async () => {
    const { iot, server } = running;
    await iot.createThing({ thingName: "target" });
    await iot.createThingGroup({ thingGroupName: "fleet" });
    await iot.createPolicy({ policyName: "p", policyDocument: policy() });
    expect(server.hasTarget(arn("thing/target"))).toBe(true);
    expect(server.hasTarget(arn("thinggroup/fleet"))).toBe(true);
    expect(server.hasTarget(arn("thing/none"))).toBe(false);
    expect(server.hasTarget(arn("policy/p"))).toBe(false);
    expect(server.hasTarget(arn("thing/target").replace("eu-central-1", "us-east-1"))).toBe(false);
  });

  test.each([
    ["searchIndex", (iot: Running["iot"]) => iot.searchIndex({ queryString: "*" })],
    [
      "createDynamicThingGroup",
      (iot: Running["iot"]) => iot.createDynamicThingGroup({ thingGroupName: "g", queryString: "*" }),
    ],
    ["createBillingGroup", (iot: Running["iot"]) => iot.createBillingGroup({ billingGroupName: "g" })],
    ["registerThing", (iot: Running["iot"]) => iot.registerThing({ templateBody: "{}" })],
    ["listJobTemplates", (iot: Running["iot"]) => iot.listJobTemplates({})],
    [
      "a thing type's mqtt5Configuration",
      (iot: Running["iot"]) =>
        iot.createThingType({ thingTypeName: "t", thingTypeProperties: { mqtt5Configuration: {} } }),
    ],
    [
      "a job's documentSource",
      (iot: Running["iot"]) => iot.createJob({ jobId: "j", targets: ["x"], documentSource: "https://s3/doc" }),
    ],
    [
      "a placeholder in a job's document",
      (iot: Running["iot"]) =>
        iot.createJob({ jobId: "j", targets: ["x"], document: '{"url":"${aws:iot:s3-presigned-url:https://s3/b/k}"}' }),
    ],
  ])("%s is not emulated, and says so", async (_name, call) => {
    await expect(call(running.iot)).rejects.toMatchObject({
      name: "NotImplemented",
      $metadata: { httpStatusCode: 501 },
    });
  });

  test("what was made is there when it is opened again, though nothing was closed", async () => {
    const { iot } = running;
    const before = await iot.createThing({ thingName: "kept", attributePayload: { attributes: { a: "1" } } });
    await iot.createThingGroup({ thingGroupName: "fleet" });
    await iot.addThingToThingGroup({ thingName: "kept", thingGroupName: "fleet" });
    const { certificateArn = "" } = await iot.createKeysAndCertificate({});
    await iot.attachThingPrincipal({ thingName: "kept", principal: certificateArn });
    const second = await openIot(dir, { clock: running.clock });
    try {
      expect(await second.iot.describeThing({ thingName: "kept" })).toMatchObject({
        thingId: before.thingId,
        attributes: { a: "1" },
      });
      expect((await second.iot.listThingsInThingGroup({ thingGroupName: "fleet" })).things).toEqual(["kept"]);
      expect((await second.iot.listPrincipalThings({ principal: certificateArn })).things).toEqual(["kept"]);
    } finally {
      await second.close();
    }
  });
});
