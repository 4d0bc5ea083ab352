import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IoT } from "@aws-sdk/client-iot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Faults } from "../../local/faults.ts";
import { type IotServer, startIot } from "../../local/iot/server.ts";
import { until } from "./until.ts";

const REGION = "eu-central-1";
const ACCOUNT = "123456789012";
const COOLDOWN_MS = 200;
const ENDPOINTS = { data: "data.local", credentials: "credentials.local", jobs: "jobs.local" };
const ROLE = `arn:aws:iam::${ACCOUNT}:role/provisioning`;
const arn = (resource: string) => `arn:aws:iot:${REGION}:${ACCOUNT}:${resource}`;
const CERTIFICATE = arn(`cert/${"a".repeat(64)}`);
const OTHER_CERTIFICATE = arn(`cert/${"b".repeat(64)}`);

const policy = (resource = "*", padding = "") =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "iot:Connect", Resource: `${resource}${padding}` }],
  });
const EMPTY_POLICY_LENGTH = policy("").length;
const TEMPLATE = JSON.stringify({ Parameters: {}, Resources: {} });

type Call = (iot: IoT) => Promise<unknown>;
class Refusal {
  readonly fields: object;
  constructor(name: string, status: number, more: object = {}) {
    this.fields = { name, $metadata: { httpStatusCode: status }, ...more };
  }
}
const invalid = (message?: RegExp) =>
  new Refusal("InvalidRequestException", 400, message === undefined ? {} : { message: expect.stringMatching(message) });
const absent = new Refusal("ResourceNotFoundException", 404);
const exists = (resourceArn: string) => new Refusal("ResourceAlreadyExistsException", 409, { resourceArn });
const stale = new Refusal("VersionConflictException", 409);
const inUse = new Refusal("DeleteConflictException", 409);
const malformed = new Refusal("MalformedPolicyException", 400);

let dir: string;
let server: IotServer;
let iot: IoT;
const faults = new Faults();

const open = async (): Promise<void> => {
  server = await startIot({
    dir,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    faults,
    thingTypeCooldownMs: COOLDOWN_MS,
    endpoints: ENDPOINTS,
  });
  iot = new IoT({
    endpoint: server.url,
    region: REGION,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
};

const shutDown = async (): Promise<void> => {
  iot.destroy();
  await server.close();
};

/** Every page of a listing with pages of one item. */
const pages = async <Item>(
  list: (token: string | undefined) => Promise<{ items: Item[] | undefined; token: string | undefined }>,
): Promise<Item[]> => {
  const all: Item[] = [];
  let token: string | undefined;
  do {
    const page = await list(token);
    expect(page.items).toHaveLength(1);
    all.push(...(page.items ?? []));
    token = page.token;
  } while (token !== undefined);
  return all;
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "iot-"));
  await open();
});
afterAll(async () => {
  await shutDown();
  await rm(dir, { recursive: true, force: true });
});

/** Rows run in order: a row may build on those before it. */
const table = (title: string, rows: readonly (readonly [note: string, call: Call, expected: object | Refusal])[]) =>
  describe(title, () => {
    test.each(rows)("%s", async (_note, call, expected) => {
      if (expected instanceof Refusal) await expect(call(iot)).rejects.toMatchObject(expected.fields);
      else expect(await call(iot)).toMatchObject(expected);
    });
  });

const attributes = (values: Record<string, string>, merge?: boolean) => ({
  attributePayload: { attributes: values, ...(merge === undefined ? {} : { merge }) },
});

table("thing types", [
  ["create", (c) => c.createThingType({ thingTypeName: "node" }), { thingTypeArn: arn("thingtype/node") }],
  ["again, equal", (c) => c.createThingType({ thingTypeName: "node" }), { thingTypeName: "node" }],
  [
    "again, different",
    (c) => c.createThingType({ thingTypeName: "node", thingTypeProperties: { thingTypeDescription: "other" } }),
    exists(arn("thingtype/node")),
  ],
  ["describe", (c) => c.describeThingType({ thingTypeName: "node" }), { thingTypeMetadata: { deprecated: false } }],
  ["describe an absent one", (c) => c.describeThingType({ thingTypeName: "none" }), absent],
  ["delete before deprecation", (c) => c.deleteThingType({ thingTypeName: "node" }), invalid(/deprecate/)],
  ["list", (c) => c.listThingTypes({ thingTypeName: "node" }), { thingTypes: [{ thingTypeName: "node" }] }],
  ["delete an absent one", (c) => c.deleteThingType({ thingTypeName: "none" }), absent],
  ["deprecate an absent one", (c) => c.deprecateThingType({ thingTypeName: "none" }), absent],
]);

table("things", [
  [
    "create",
    (c) => c.createThing({ thingName: "t-1", ...attributes({ b: "2", a: "1" }) }),
    { thingName: "t-1", thingArn: arn("thing/t-1"), thingId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  ],
  ["again, equal", (c) => c.createThing({ thingName: "t-1", ...attributes({ a: "1", b: "2" }) }), { thingName: "t-1" }],
  ["again, other attributes", (c) => c.createThing({ thingName: "t-1" }), exists(arn("thing/t-1"))],
  [
    "again, other type",
    (c) => c.createThing({ thingName: "t-1", thingTypeName: "node", ...attributes({ a: "1", b: "2" }) }),
    exists(arn("thing/t-1")),
  ],
  ["create with a type", (c) => c.createThing({ thingName: "t-2", thingTypeName: "node" }), { thingName: "t-2" }],
  ["absent type", (c) => c.createThing({ thingName: "t-3", thingTypeName: "none" }), absent],
  ["a name with a space", (c) => c.createThing({ thingName: "t 3" }), invalid(/thingName.*regular expression/)],
  ["a name of 129", (c) => c.createThing({ thingName: "t".repeat(129) }), invalid(/less than or equal to 128/)],
  [
    "4 attributes, no type",
    (c) => c.createThing({ thingName: "t-4", ...attributes({ a: "1", b: "1", c: "1", d: "1" }) }),
    invalid(),
  ],
  ["absent billing group", (c) => c.createThing({ thingName: "t-5", billingGroupName: "none" }), absent],
  [
    "describe",
    (c) => c.describeThing({ thingName: "t-1" }),
    { version: 1, attributes: { a: "1", b: "2" }, defaultClientId: "t-1", thingArn: arn("thing/t-1") },
  ],
  ["describe an absent one", (c) => c.describeThing({ thingName: "none" }), absent],
  ["update, merge", (c) => c.updateThing({ thingName: "t-1", ...attributes({ a: "", c: "3" }, true) }), {}],
  ["merged", (c) => c.describeThing({ thingName: "t-1" }), { version: 2, attributes: { b: "2", c: "3" } }],
  ["update, stale", (c) => c.updateThing({ thingName: "t-1", expectedVersion: 1 }), stale],
  ["update, replace", (c) => c.updateThing({ thingName: "t-1", expectedVersion: 2, ...attributes({ z: "9" }) }), {}],
  ["replaced", (c) => c.describeThing({ thingName: "t-1" }), { version: 3, attributes: { z: "9" } }],
  [
    "update both ways",
    (c) => c.updateThing({ thingName: "t-1", thingTypeName: "node", removeThingType: true }),
    invalid(),
  ],
  ["list by type", (c) => c.listThings({ thingTypeName: "node" }), { things: [{ thingName: "t-2" }] }],
  [
    "list by attribute",
    (c) => c.listThings({ attributeName: "z", attributeValue: "9" }),
    { things: [{ thingName: "t-1" }] },
  ],
  ["list by another value", (c) => c.listThings({ attributeName: "z", attributeValue: "8" }), { things: [] }],
  ["list, bad token", (c) => c.listThings({ nextToken: "%%" }), invalid(/token/)],
  ["list, too many", (c) => c.listThings({ maxResults: 251 }), invalid(/maxResults/)],
  ["type in use", (c) => c.deprecateThingType({ thingTypeName: "node" }), {}],
  [
    "no thing gets a deprecated type",
    (c) => c.createThing({ thingName: "t-6", thingTypeName: "node" }),
    invalid(/deprecated/),
  ],
  ["delete type too early", (c) => c.deleteThingType({ thingTypeName: "node" }), invalid(/wait/)],
  ["undo", (c) => c.deprecateThingType({ thingTypeName: "node", undoDeprecate: true }), {}],
  ["undone", (c) => c.describeThingType({ thingTypeName: "node" }), { thingTypeMetadata: { deprecated: false } }],
  ["attach a certificate", (c) => c.attachThingPrincipal({ thingName: "t-1", principal: CERTIFICATE }), {}],
  ["attach it again", (c) => c.attachThingPrincipal({ thingName: "t-1", principal: CERTIFICATE }), {}],
  ["attach to an absent thing", (c) => c.attachThingPrincipal({ thingName: "none", principal: CERTIFICATE }), absent],
  ["attach what is no principal", (c) => c.attachThingPrincipal({ thingName: "t-1", principal: "someone" }), invalid()],
  ["principals", (c) => c.listThingPrincipals({ thingName: "t-1" }), { principals: [CERTIFICATE] }],
  ["delete with a principal", (c) => c.deleteThing({ thingName: "t-1" }), invalid(/principals/)],
  ["detach", (c) => c.detachThingPrincipal({ thingName: "t-1", principal: CERTIFICATE }), {}],
  ["delete, stale", (c) => c.deleteThing({ thingName: "t-1", expectedVersion: 1 }), stale],
  ["delete", (c) => c.deleteThing({ thingName: "t-1", expectedVersion: 3 }), {}],
  ["delete again", (c) => c.deleteThing({ thingName: "t-1" }), {}],
]);

table("thing groups", [
  [
    "create",
    (c) => c.createThingGroup({ thingGroupName: "fleet", tags: [{ Key: "k", Value: "v" }] }),
    { thingGroupName: "fleet", thingGroupArn: arn("thinggroup/fleet") },
  ],
  ["again, equal", (c) => c.createThingGroup({ thingGroupName: "fleet" }), { thingGroupName: "fleet" }],
  [
    "again, different",
    (c) => c.createThingGroup({ thingGroupName: "fleet", thingGroupProperties: { thingGroupDescription: "d" } }),
    exists(arn("thinggroup/fleet")),
  ],
  ["absent parent", (c) => c.createThingGroup({ thingGroupName: "x", parentGroupName: "none" }), invalid(/Parent/)],
  ["child", (c) => c.createThingGroup({ thingGroupName: "fleet-a", parentGroupName: "fleet" }), {}],
  ["grandchild", (c) => c.createThingGroup({ thingGroupName: "fleet-a-1", parentGroupName: "fleet-a" }), {}],
  ["other root", (c) => c.createThingGroup({ thingGroupName: "other" }), {}],
  [
    "describe",
    (c) => c.describeThingGroup({ thingGroupName: "fleet-a-1" }),
    {
      version: 1,
      thingGroupMetadata: {
        parentGroupName: "fleet-a",
        rootToParentThingGroups: [
          { groupName: "fleet" },
          { groupName: "fleet-a", groupArn: arn("thinggroup/fleet-a") },
        ],
      },
    },
  ],
  ["describe an absent one", (c) => c.describeThingGroup({ thingGroupName: "none" }), absent],
  [
    "update",
    (c) =>
      c.updateThingGroup({ thingGroupName: "fleet", thingGroupProperties: attributes({ a: "1" }), expectedVersion: 1 }),
    { version: 2 },
  ],
  [
    "update, stale",
    (c) => c.updateThingGroup({ thingGroupName: "fleet", thingGroupProperties: {}, expectedVersion: 1 }),
    stale,
  ],
  [
    "list all",
    (c) => c.listThingGroups({}),
    {
      thingGroups: [
        { groupName: "fleet" },
        { groupName: "fleet-a" },
        { groupName: "fleet-a-1" },
        { groupName: "other" },
      ],
    },
  ],
  ["list a prefix", (c) => c.listThingGroups({ namePrefixFilter: "oth" }), { thingGroups: [{ groupName: "other" }] }],
  [
    "list below",
    (c) => c.listThingGroups({ parentGroup: "fleet" }),
    { thingGroups: [{ groupName: "fleet-a" }, { groupName: "fleet-a-1" }] },
  ],
  [
    "list children",
    (c) => c.listThingGroups({ parentGroup: "fleet", recursive: false }),
    { thingGroups: [{ groupName: "fleet-a" }] },
  ],
  ["delete with children", (c) => c.deleteThingGroup({ thingGroupName: "fleet" }), invalid(/child/)],
  ["add by names", (c) => c.addThingToThingGroup({ thingGroupName: "fleet-a-1", thingName: "t-2" }), {}],
  [
    "add by ARNs, again",
    (c) => c.addThingToThingGroup({ thingGroupArn: arn("thinggroup/fleet-a-1"), thingArn: arn("thing/t-2") }),
    {},
  ],
  ["add an absent thing", (c) => c.addThingToThingGroup({ thingGroupName: "fleet", thingName: "none" }), absent],
  ["add to an absent group", (c) => c.addThingToThingGroup({ thingGroupName: "none", thingName: "t-2" }), absent],
  ["add nothing", (c) => c.addThingToThingGroup({ thingGroupName: "fleet" }), invalid()],
  [
    "name and ARN differ",
    (c) =>
      c.addThingToThingGroup({ thingGroupName: "other", thingGroupArn: arn("thinggroup/fleet"), thingName: "t-2" }),
    invalid(),
  ],
  [
    "the same hierarchy",
    (c) => c.addThingToThingGroup({ thingGroupName: "fleet", thingName: "t-2" }),
    invalid(/hierarchy/),
  ],
  ["things directly in the root", (c) => c.listThingsInThingGroup({ thingGroupName: "fleet" }), { things: [] }],
  [
    "things below the root",
    (c) => c.listThingsInThingGroup({ thingGroupName: "fleet", recursive: true }),
    { things: ["t-2"] },
  ],
  [
    "update memberships, one absent: none is done",
    (c) => c.updateThingGroupsForThing({ thingName: "t-2", thingGroupsToAdd: ["other", "none"] }),
    absent,
  ],
  [
    "update memberships",
    (c) =>
      c.updateThingGroupsForThing({
        thingName: "t-2",
        thingGroupsToAdd: ["other"],
        thingGroupsToRemove: ["fleet-a-1"],
      }),
    {},
  ],
  [
    "groups of a thing",
    (c) => c.listThingGroupsForThing({ thingName: "t-2" }),
    { thingGroups: [{ groupName: "other" }] },
  ],
  ["remove", (c) => c.removeThingFromThingGroup({ thingGroupName: "other", thingName: "t-2" }), {}],
  ["remove again", (c) => c.removeThingFromThingGroup({ thingGroupName: "other", thingName: "t-2" }), {}],
  [
    "remove an absent thing",
    (c) => c.removeThingFromThingGroup({ thingGroupName: "other", thingName: "none" }),
    absent,
  ],
  ["delete, stale", (c) => c.deleteThingGroup({ thingGroupName: "other", expectedVersion: 7 }), stale],
  ["delete", (c) => c.deleteThingGroup({ thingGroupName: "other", expectedVersion: 1 }), {}],
  ["delete again", (c) => c.deleteThingGroup({ thingGroupName: "other" }), {}],
]);

table("policies", [
  [
    "create",
    (c) => c.createPolicy({ policyName: "p", policyDocument: policy() }),
    { policyVersionId: "1", policyArn: arn("policy/p") },
  ],
  ["again", (c) => c.createPolicy({ policyName: "p", policyDocument: policy() }), exists(arn("policy/p"))],
  ["not JSON", (c) => c.createPolicy({ policyName: "q", policyDocument: "{" }), malformed],
  ["no statement", (c) => c.createPolicy({ policyName: "q", policyDocument: '{"Version":"2012-10-17"}' }), malformed],
  [
    "2,049 characters",
    (c) => c.createPolicy({ policyName: "q", policyDocument: policy("r".repeat(2049 - EMPTY_POLICY_LENGTH)) }),
    malformed,
  ],
  [
    "2,048 characters and white space",
    (c) =>
      c.createPolicy({
        policyName: "full",
        policyDocument: policy("r".repeat(2048 - EMPTY_POLICY_LENGTH), " ".repeat(100)),
      }),
    { policyName: "full" },
  ],
  ["get", (c) => c.getPolicy({ policyName: "p" }), { policyDocument: policy(), defaultVersionId: "1" }],
  ["get an absent one", (c) => c.getPolicy({ policyName: "none" }), absent],
  [
    "list",
    (c) => c.listPolicies({ ascendingOrder: true }),
    { policies: [{ policyName: "full" }, { policyName: "p" }] },
  ],
  [
    "list downwards",
    (c) => c.listPolicies({ ascendingOrder: false }),
    { policies: [{ policyName: "p" }, { policyName: "full" }] },
  ],
  [
    "second version",
    (c) => c.createPolicyVersion({ policyName: "p", policyDocument: policy("two"), setAsDefault: true }),
    { policyVersionId: "2", isDefaultVersion: true },
  ],
  [
    "third",
    (c) => c.createPolicyVersion({ policyName: "p", policyDocument: policy("3") }),
    { isDefaultVersion: false },
  ],
  ["fourth", (c) => c.createPolicyVersion({ policyName: "p", policyDocument: policy("4") }), { policyVersionId: "4" }],
  ["fifth", (c) => c.createPolicyVersion({ policyName: "p", policyDocument: policy("5") }), { policyVersionId: "5" }],
  [
    "sixth",
    (c) => c.createPolicyVersion({ policyName: "p", policyDocument: policy("6") }),
    new Refusal("VersionsLimitExceededException", 409),
  ],
  [
    "version",
    (c) => c.getPolicyVersion({ policyName: "p", policyVersionId: "2" }),
    { policyDocument: policy("two"), isDefaultVersion: true },
  ],
  ["absent version", (c) => c.getPolicyVersion({ policyName: "p", policyVersionId: "9" }), absent],
  ["bad version", (c) => c.getPolicyVersion({ policyName: "p", policyVersionId: "x" }), invalid()],
  ["set default", (c) => c.setDefaultPolicyVersion({ policyName: "p", policyVersionId: "5" }), {}],
  ["delete the default", (c) => c.deletePolicyVersion({ policyName: "p", policyVersionId: "5" }), inUse],
  ["delete another", (c) => c.deletePolicyVersion({ policyName: "p", policyVersionId: "4" }), {}],
  [
    "versions, newest first",
    (c) => c.listPolicyVersions({ policyName: "p" }),
    {
      policyVersions: [
        { versionId: "5", isDefaultVersion: true },
        { versionId: "3", isDefaultVersion: false },
        { versionId: "2" },
        { versionId: "1" },
      ],
    },
  ],
  ["delete with versions", (c) => c.deletePolicy({ policyName: "p" }), inUse],
  ["attach to a certificate", (c) => c.attachPolicy({ policyName: "full", target: CERTIFICATE }), {}],
  ["attach again", (c) => c.attachPolicy({ policyName: "full", target: CERTIFICATE }), {}],
  ["attach an absent one", (c) => c.attachPolicy({ policyName: "none", target: CERTIFICATE }), absent],
  ["attach to an absent group", (c) => c.attachPolicy({ policyName: "full", target: arn("thinggroup/none") }), absent],
  ["attach to what is no target", (c) => c.attachPolicy({ policyName: "full", target: "x" }), invalid()],
  ["attach to a group", (c) => c.attachPolicy({ policyName: "p", target: arn("thinggroup/fleet") }), {}],
  ["targets", (c) => c.listTargetsForPolicy({ policyName: "full" }), { targets: [CERTIFICATE] }],
  ["attached", (c) => c.listAttachedPolicies({ target: CERTIFICATE }), { policies: [{ policyName: "full" }] }],
  ["not inherited", (c) => c.listAttachedPolicies({ target: arn("thinggroup/fleet-a") }), { policies: [] }],
  [
    "inherited",
    (c) => c.listAttachedPolicies({ target: arn("thinggroup/fleet-a"), recursive: true }),
    { policies: [{ policyName: "p" }] },
  ],
  ["delete while attached", (c) => c.deletePolicy({ policyName: "full" }), inUse],
  ["detach", (c) => c.detachPolicy({ policyName: "full", target: CERTIFICATE }), {}],
  ["detach again", (c) => c.detachPolicy({ policyName: "full", target: CERTIFICATE }), {}],
  ["delete", (c) => c.deletePolicy({ policyName: "full" }), {}],
  ["delete an absent one", (c) => c.deletePolicy({ policyName: "full" }), absent],
]);

table("role aliases, endpoints, tags", [
  ["create", (c) => c.createRoleAlias({ roleAlias: "ra", roleArn: ROLE }), { roleAliasArn: arn("rolealias/ra") }],
  ["again", (c) => c.createRoleAlias({ roleAlias: "ra", roleArn: ROLE }), exists(arn("rolealias/ra"))],
  [
    "too short",
    (c) => c.createRoleAlias({ roleAlias: "rb", roleArn: ROLE, credentialDurationSeconds: 10 }),
    invalid(/900/),
  ],
  ["update", (c) => c.updateRoleAlias({ roleAlias: "ra", credentialDurationSeconds: 900 }), { roleAlias: "ra" }],
  [
    "describe",
    (c) => c.describeRoleAlias({ roleAlias: "ra" }),
    {
      roleAliasDescription: {
        roleArn: ROLE,
        credentialDurationSeconds: 900,
        owner: ACCOUNT,
        creationDate: expect.any(Date),
      },
    },
  ],
  ["describe an absent one", (c) => c.describeRoleAlias({ roleAlias: "none" }), absent],
  ["list", (c) => c.listRoleAliases({}), { roleAliases: ["ra"] }],
  [
    "tag",
    (c) =>
      c.tagResource({
        resourceArn: arn("rolealias/ra"),
        tags: [
          { Key: "a", Value: "1" },
          { Key: "b", Value: "2" },
        ],
      }),
    {},
  ],
  ["untag", (c) => c.untagResource({ resourceArn: arn("rolealias/ra"), tagKeys: ["a"] }), {}],
  ["tags", (c) => c.listTagsForResource({ resourceArn: arn("rolealias/ra") }), { tags: [{ Key: "b", Value: "2" }] }],
  [
    "tags of a creation",
    (c) => c.listTagsForResource({ resourceArn: arn("thinggroup/fleet") }),
    { tags: [{ Key: "k", Value: "v" }] },
  ],
  ["tags of an absent resource", (c) => c.listTagsForResource({ resourceArn: arn("rolealias/none") }), absent],
  ["tags of a thing", (c) => c.listTagsForResource({ resourceArn: arn("thing/t-2") }), invalid()],
  [
    "51 tags",
    (c) =>
      c.tagResource({
        resourceArn: arn("rolealias/ra"),
        tags: Array.from({ length: 51 }, (_, i) => ({ Key: `k${i}` })),
      }),
    new Refusal("LimitExceededException", 410),
  ],
  ["delete", (c) => c.deleteRoleAlias({ roleAlias: "ra" }), {}],
  ["delete again", (c) => c.deleteRoleAlias({ roleAlias: "ra" }), absent],
  ["data endpoint", (c) => c.describeEndpoint({ endpointType: "iot:Data-ATS" }), { endpointAddress: ENDPOINTS.data }],
  ["older data endpoint", (c) => c.describeEndpoint({ endpointType: "iot:Data" }), { endpointAddress: ENDPOINTS.data }],
  [
    "credentials",
    (c) => c.describeEndpoint({ endpointType: "iot:CredentialProvider" }),
    { endpointAddress: ENDPOINTS.credentials },
  ],
  ["jobs", (c) => c.describeEndpoint({ endpointType: "iot:Jobs" }), { endpointAddress: ENDPOINTS.jobs }],
  ["another endpoint", (c) => c.describeEndpoint({ endpointType: "iot:None" }), invalid()],
]);

const template = { templateName: "tpl", templateBody: TEMPLATE, provisioningRoleArn: ROLE };
const HOOK = { payloadVersion: "2020-04-01", targetArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:hook` };
table("provisioning templates", [
  [
    "create",
    (c) => c.createProvisioningTemplate(template),
    { defaultVersionId: 1, templateArn: arn("provisioningtemplate/tpl") },
  ],
  ["again", (c) => c.createProvisioningTemplate(template), exists(arn("provisioningtemplate/tpl"))],
  [
    "not JSON",
    (c) => c.createProvisioningTemplate({ ...template, templateName: "x", templateBody: "{" }),
    invalid(/JSON/),
  ],
  [
    "describe",
    (c) => c.describeProvisioningTemplate({ templateName: "tpl" }),
    { enabled: false, type: "FLEET_PROVISIONING", templateBody: TEMPLATE },
  ],
  [
    "update",
    (c) => c.updateProvisioningTemplate({ templateName: "tpl", enabled: true, preProvisioningHook: HOOK }),
    {},
  ],
  [
    "updated",
    (c) => c.describeProvisioningTemplate({ templateName: "tpl" }),
    { enabled: true, preProvisioningHook: HOOK },
  ],
  [
    "update to an absent version",
    (c) => c.updateProvisioningTemplate({ templateName: "tpl", defaultVersionId: 8 }),
    absent,
  ],
  [
    "second version",
    (c) => c.createProvisioningTemplateVersion({ templateName: "tpl", templateBody: TEMPLATE, setAsDefault: true }),
    { versionId: 2, isDefaultVersion: true },
  ],
  [
    "list versions",
    (c) => c.listProvisioningTemplateVersions({ templateName: "tpl" }),
    { versions: [{ versionId: 1 }, { versionId: 2 }] },
  ],
  ["delete with versions", (c) => c.deleteProvisioningTemplate({ templateName: "tpl" }), inUse],
  [
    "delete the default version",
    (c) => c.deleteProvisioningTemplateVersion({ templateName: "tpl", versionId: 2 }),
    inUse,
  ],
  ["delete the first version", (c) => c.deleteProvisioningTemplateVersion({ templateName: "tpl", versionId: 1 }), {}],
  ["list", (c) => c.listProvisioningTemplates({}), { templates: [{ templateName: "tpl", enabled: true }] }],
  ["delete", (c) => c.deleteProvisioningTemplate({ templateName: "tpl" }), {}],
  ["delete again", (c) => c.deleteProvisioningTemplate({ templateName: "tpl" }), absent],
]);

describe("beyond one request", () => {
  test("pages hold every item once, and stay in place when an earlier item goes", async () => {
    const names = ["page-1", "page-2", "page-3"];
    for (const thingName of names) await iot.createThing({ thingName, ...attributes({ paged: "yes" }) });
    const found = await pages(async (nextToken) => {
      const { things, nextToken: token } = await iot.listThings({
        maxResults: 1,
        attributeName: "paged",
        ...(nextToken === undefined ? {} : { nextToken }),
      });
      if (nextToken === undefined) await iot.deleteThing({ thingName: "page-1" });
      return { items: things, token };
    });
    expect(found.map((thing) => thing.thingName)).toEqual(names);
  });

  test("a thing belongs to ten groups at most, and all of them are listed in pages", async () => {
    await iot.createThing({ thingName: "joiner" });
    const names = Array.from({ length: 11 }, (_, index) => `g-${String(index).padStart(2, "0")}`);
    for (const thingGroupName of names) await iot.createThingGroup({ thingGroupName });
    for (const thingGroupName of names.slice(0, 10))
      await iot.addThingToThingGroup({ thingGroupName, thingName: "joiner" });
    await expect(iot.addThingToThingGroup({ thingGroupName: "g-10", thingName: "joiner" })).rejects.toMatchObject({
      name: "InvalidRequestException",
    });
    const found = await pages(async (nextToken) => {
      const page = await iot.listThingGroupsForThing({
        thingName: "joiner",
        maxResults: 1,
        ...(nextToken === undefined ? {} : { nextToken }),
      });
      return { items: page.thingGroups, token: page.nextToken };
    });
    expect(found.map((group) => group.groupName)).toEqual(names.slice(0, 10));
  });

  test("a target has ten policies at most", async () => {
    for (let index = 0; index <= 10; index += 1)
      await iot.createPolicy({ policyName: `many-${index}`, policyDocument: policy() });
    for (let index = 0; index < 10; index += 1)
      await iot.attachPolicy({ policyName: `many-${index}`, target: OTHER_CERTIFICATE });
    await expect(iot.attachPolicy({ policyName: "many-10", target: OTHER_CERTIFICATE })).rejects.toMatchObject({
      name: "LimitExceededException",
      $metadata: { httpStatusCode: 410 },
    });
  });

  test("a thing type can be deleted once it is deprecated for a while and no thing has it", async () => {
    await iot.createThingType({ thingTypeName: "old" });
    await iot.createThing({ thingName: "aged", thingTypeName: "old" });
    await iot.deprecateThingType({ thingTypeName: "old" });
    const refused = () =>
      iot.deleteThingType({ thingTypeName: "old" }).then(
        () => "",
        (error: Error) => error.message,
      );
    expect(await refused()).toMatch(/wait/);
    await until(async () => /associated/.test(await refused()), { what: "the end of the cool-down" });
    await iot.updateThing({ thingName: "aged", removeThingType: true });
    await iot.deleteThingType({ thingTypeName: "old" });
    await expect(iot.describeThingType({ thingTypeName: "old" })).rejects.toMatchObject(absent.fields);
  });

  test("targets are things and groups that exist", async () => {
    await iot.createThing({ thingName: "target" });
    expect(server.hasTarget(arn("thing/target"))).toBe(true);
    expect(server.hasTarget(arn("thinggroup/fleet"))).toBe(true);
    expect(server.hasTarget(arn("thing/none"))).toBe(false);
    expect(server.hasTarget(arn("policy/p"))).toBe(false);
    expect(server.hasTarget(arn("thing/target").replace(REGION, "us-east-1"))).toBe(false);
  });

  test("a thing that is deleted leaves its groups", async () => {
    await iot.createThing({ thingName: "leaver" });
    await iot.addThingToThingGroup({ thingGroupName: "fleet", thingName: "leaver" });
    await iot.deleteThing({ thingName: "leaver" });
    expect((await iot.listThingsInThingGroup({ thingGroupName: "fleet" })).things).not.toContain("leaver");
  });

  test("what was made is there after a restart", async () => {
    const before = await iot.createThing({ thingName: "kept", ...attributes({ a: "1" }) });
    await iot.addThingToThingGroup({ thingGroupName: "fleet", thingName: "kept" });
    await shutDown();
    await open();
    expect(await iot.describeThing({ thingName: "kept" })).toMatchObject({
      thingId: before.thingId,
      attributes: { a: "1" },
    });
    expect(await iot.listThingsInThingGroup({ thingGroupName: "fleet" })).toMatchObject({ things: ["kept"] });
    expect(await iot.getPolicy({ policyName: "p" })).toMatchObject({ defaultVersionId: "5" });
  });
});
