import { expect } from "vitest";
import { request } from "./csr.ts";
import {
  absent,
  api,
  arn,
  exists,
  inUse,
  invalid,
  malformed,
  ok,
  QUOTAS,
  row,
  tooMany,
  tooManyVersions,
  type World,
} from "./world.ts";

const document = (resource = "*", padding = "") =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "iot:Connect", Resource: `${resource}${padding}` }],
  });
const FRAME = document("").length;

const newPolicy = async ({ iot, unique }: World): Promise<string> => {
  const policyName = unique("policy");
  await iot.createPolicy({ policyName, policyDocument: document() });
  return policyName;
};
const newGroupArn = async ({ iot, unique }: World): Promise<string> => {
  const { thingGroupArn = "" } = await iot.createThingGroup({ thingGroupName: unique("target") });
  return thingGroupArn;
};
const newCertificate = async ({ iot }: World): Promise<string> =>
  (await iot.createCertificateFromCsr({ certificateSigningRequest: await request() })).certificateArn ?? "";

const policies = [
  row(
    "CreatePolicy",
    "new",
    ({ iot }) => iot.createPolicy({ policyName: "policy-new", policyDocument: document() }),
    ok({
      policyName: "policy-new",
      policyArn: arn("policy/policy-new"),
      policyDocument: document(),
      policyVersionId: "1",
    }),
  ),
  row(
    "CreatePolicy",
    "it exists, though equal",
    async (world) => world.iot.createPolicy({ policyName: await newPolicy(world), policyDocument: document() }),
    exists(),
  ),
  row(
    "CreatePolicy",
    "a document that is not JSON",
    ({ iot, unique }) => iot.createPolicy({ policyName: unique(), policyDocument: "{" }),
    malformed(),
  ),
  row(
    "CreatePolicy",
    "a document without a statement",
    ({ iot, unique }) => iot.createPolicy({ policyName: unique(), policyDocument: '{"Version":"2012-10-17"}' }),
    malformed(),
  ),
  row(
    "CreatePolicy",
    "2,048 characters beside white space",
    ({ iot, unique }) =>
      iot.createPolicy({
        policyName: unique(),
        policyDocument: document("r".repeat(2048 - FRAME), " ".repeat(100)),
      }),
    ok(),
  ),
  row(
    "CreatePolicy",
    "2,049 characters",
    ({ iot, unique }) => iot.createPolicy({ policyName: unique(), policyDocument: document("r".repeat(2049 - FRAME)) }),
    malformed(),
  ),
  row(
    "CreatePolicy",
    "a colon in the name",
    ({ iot }) => iot.createPolicy({ policyName: "a:b", policyDocument: document() }),
    invalid(),
    "model:PolicyName",
  ),
  row(
    "GetPolicy",
    "its default version",
    async (world) => world.iot.getPolicy({ policyName: await newPolicy(world) }),
    ok({ policyDocument: document(), defaultVersionId: "1", creationDate: expect.any(Date) }),
  ),
  row("GetPolicy", "it does not exist", ({ iot }) => iot.getPolicy({ policyName: "no" }), absent()),
  row(
    "ListPolicies",
    "the first by name",
    async ({ iot }) => {
      await iot.createPolicy({ policyName: "+first", policyDocument: document() });
      return iot.listPolicies({ ascendingOrder: true, pageSize: 1 });
    },
    ok({ policies: [{ policyName: "+first", policyArn: arn("policy/+first") }] }),
  ),
  row(
    "ListPolicies",
    "a marker that was given",
    async (world) => {
      await newPolicy(world);
      await newPolicy(world);
      const { nextMarker } = await world.iot.listPolicies({ pageSize: 1 });
      return world.iot.listPolicies({ pageSize: 1, ...(nextMarker !== undefined && { marker: nextMarker }) });
    },
    ok({ policies: [{ policyName: expect.any(String) }] }),
    "model:Marker",
  ),
  row(
    "DeletePolicy",
    "it has no more versions and is not attached",
    async (world) => world.iot.deletePolicy({ policyName: await newPolicy(world) }),
    ok(),
  ),
  row("DeletePolicy", "it does not exist", ({ iot }) => iot.deletePolicy({ policyName: "no" }), absent()),
  row(
    "DeletePolicy",
    "it is attached",
    async (world) => {
      const policyName = await newPolicy(world);
      await world.iot.attachPolicy({ policyName, target: await newCertificate(world) });
      return world.iot.deletePolicy({ policyName });
    },
    inUse(),
  ),
  row(
    "DeletePolicy",
    "it has another version",
    async (world) => {
      const policyName = await newPolicy(world);
      await world.iot.createPolicyVersion({ policyName, policyDocument: document() });
      return world.iot.deletePolicy({ policyName });
    },
    inUse(),
  ),
];

const versions = [
  row(
    "CreatePolicyVersion",
    "as the default",
    async (world) =>
      world.iot.createPolicyVersion({
        policyName: await newPolicy(world),
        policyDocument: document("two"),
        setAsDefault: true,
      }),
    ok({ policyVersionId: "2", isDefaultVersion: true, policyDocument: document("two") }),
  ),
  row(
    "CreatePolicyVersion",
    "a sixth",
    async (world) => {
      const policyName = await newPolicy(world);
      for (let version = 2; version <= 5; version += 1)
        await world.iot.createPolicyVersion({ policyName, policyDocument: document() });
      return world.iot.createPolicyVersion({ policyName, policyDocument: document() });
    },
    tooManyVersions(),
  ),
  row(
    "CreatePolicyVersion",
    "a document that is not JSON",
    async (world) => world.iot.createPolicyVersion({ policyName: await newPolicy(world), policyDocument: "[" }),
    malformed(),
  ),
  row(
    "CreatePolicyVersion",
    "the policy does not exist",
    ({ iot }) => iot.createPolicyVersion({ policyName: "no", policyDocument: document() }),
    absent(),
  ),
  row(
    "GetPolicyVersion",
    "the first",
    async (world) => world.iot.getPolicyVersion({ policyName: await newPolicy(world), policyVersionId: "1" }),
    ok({ policyVersionId: "1", isDefaultVersion: true, policyDocument: document() }),
  ),
  row(
    "GetPolicyVersion",
    "it does not exist",
    async (world) => world.iot.getPolicyVersion({ policyName: await newPolicy(world), policyVersionId: "9" }),
    absent(),
  ),
  row(
    "GetPolicyVersion",
    "a version that is no number",
    async (world) => world.iot.getPolicyVersion({ policyName: await newPolicy(world), policyVersionId: "x" }),
    invalid(),
    "model:PolicyVersionId",
  ),
  row(
    "ListPolicyVersions",
    "one",
    async (world) => world.iot.listPolicyVersions({ policyName: await newPolicy(world) }),
    ok({ policyVersions: [{ versionId: "1", isDefaultVersion: true, createDate: expect.any(Date) }] }),
  ),
  row(
    "ListPolicyVersions",
    "the policy does not exist",
    ({ iot }) => iot.listPolicyVersions({ policyName: "no" }),
    absent(),
  ),
  row(
    "DeletePolicyVersion",
    "the default",
    async (world) => world.iot.deletePolicyVersion({ policyName: await newPolicy(world), policyVersionId: "1" }),
    inUse(),
  ),
  row(
    "DeletePolicyVersion",
    "another",
    async (world) => {
      const policyName = await newPolicy(world);
      await world.iot.createPolicyVersion({ policyName, policyDocument: document() });
      return world.iot.deletePolicyVersion({ policyName, policyVersionId: "2" });
    },
    ok(),
  ),
  row(
    "DeletePolicyVersion",
    "it does not exist",
    async (world) => world.iot.deletePolicyVersion({ policyName: await newPolicy(world), policyVersionId: "9" }),
    absent(),
  ),
  row(
    "SetDefaultPolicyVersion",
    "the second",
    async (world) => {
      const policyName = await newPolicy(world);
      await world.iot.createPolicyVersion({ policyName, policyDocument: document("two") });
      await world.iot.setDefaultPolicyVersion({ policyName, policyVersionId: "2" });
      return world.iot.getPolicy({ policyName });
    },
    ok({ defaultVersionId: "2", policyDocument: document("two") }),
  ),
  row(
    "SetDefaultPolicyVersion",
    "it does not exist",
    async (world) => world.iot.setDefaultPolicyVersion({ policyName: await newPolicy(world), policyVersionId: "9" }),
    absent(),
  ),
];

const attachments = [
  row(
    "AttachPolicy",
    "to a certificate, twice",
    async (world) => {
      const attachment = { policyName: await newPolicy(world), target: await newCertificate(world) };
      await world.iot.attachPolicy(attachment);
      return world.iot.attachPolicy(attachment);
    },
    ok(),
  ),
  row(
    "AttachPolicy",
    "it does not exist",
    async (world) => world.iot.attachPolicy({ policyName: "no", target: await newCertificate(world) }),
    absent(),
  ),
  row(
    "AttachPolicy",
    "to a certificate that does not exist",
    async (world) =>
      world.iot.attachPolicy({ policyName: await newPolicy(world), target: arn(`cert/${"0".repeat(64)}`) }),
    absent(),
  ),
  row(
    "AttachPolicy",
    "to a group that does not exist",
    async (world) => world.iot.attachPolicy({ policyName: await newPolicy(world), target: arn("thinggroup/no") }),
    absent(),
  ),
  row(
    "AttachPolicy",
    "to what is no target",
    async (world) => world.iot.attachPolicy({ policyName: await newPolicy(world), target: "someone" }),
    invalid(),
  ),
  row(
    "AttachPolicy",
    "an eleventh to one certificate",
    async (world) => {
      const target = await newCertificate(world);
      for (let count = 0; count < 10; count += 1)
        await world.iot.attachPolicy({ policyName: await newPolicy(world), target });
      return world.iot.attachPolicy({ policyName: await newPolicy(world), target });
    },
    tooMany(),
    QUOTAS,
  ),
  row(
    "DetachPolicy",
    "it can be deleted then",
    async (world) => {
      const attachment = { policyName: await newPolicy(world), target: await newCertificate(world) };
      await world.iot.attachPolicy(attachment);
      await world.iot.detachPolicy(attachment);
      return world.iot.deletePolicy({ policyName: attachment.policyName });
    },
    ok(),
    api("DeletePolicy"),
  ),
  row(
    "ListTargetsForPolicy",
    "a group",
    async (world) => {
      const policyName = await newPolicy(world);
      await world.iot.attachPolicy({ policyName, target: await newGroupArn(world) });
      return world.iot.listTargetsForPolicy({ policyName });
    },
    ok({ targets: [expect.stringMatching(/:thinggroup\/target-/)] }),
  ),
  row(
    "ListTargetsForPolicy",
    "it does not exist",
    ({ iot }) => iot.listTargetsForPolicy({ policyName: "no" }),
    absent(),
  ),
  row(
    "ListAttachedPolicies",
    "of a certificate",
    async (world) => {
      const target = await newCertificate(world);
      await world.iot.attachPolicy({ policyName: await newPolicy(world), target });
      return world.iot.listAttachedPolicies({ target });
    },
    ok({ policies: [{ policyName: expect.stringMatching(/^policy-/), policyArn: expect.any(String) }] }),
  ),
  row(
    "ListAttachedPolicies",
    "what a group has from its parent, unasked",
    async (world) => {
      await world.iot.createThingGroup({ thingGroupName: "heir-of" });
      await world.iot.createThingGroup({ thingGroupName: "heir", parentGroupName: "heir-of" });
      await world.iot.attachPolicy({ policyName: await newPolicy(world), target: arn("thinggroup/heir-of") });
      return world.iot.listAttachedPolicies({ target: arn("thinggroup/heir") });
    },
    ok({ policies: [] }),
  ),
  row(
    "ListAttachedPolicies",
    "what a group has from its parent, recursively",
    async (world) => {
      await world.iot.createThingGroup({ thingGroupName: "child-of" });
      await world.iot.createThingGroup({ thingGroupName: "child", parentGroupName: "child-of" });
      await world.iot.attachPolicy({ policyName: await newPolicy(world), target: arn("thinggroup/child-of") });
      return world.iot.listAttachedPolicies({ target: arn("thinggroup/child"), recursive: true });
    },
    ok({ policies: [{ policyName: expect.stringMatching(/^policy-/) }] }),
  ),
  row(
    "ListAttachedPolicies",
    "of a certificate that does not exist",
    ({ iot }) => iot.listAttachedPolicies({ target: arn(`cert/${"0".repeat(64)}`) }),
    absent(),
  ),
];

export const policyRows = [...policies, ...versions, ...attachments];
