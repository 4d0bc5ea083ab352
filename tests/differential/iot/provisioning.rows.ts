import { X509Certificate } from "node:crypto";
import { expect } from "vitest";
import {
  ACCOUNT,
  absent,
  api,
  arn,
  exists,
  guide,
  inUse,
  invalid,
  ok,
  QUOTAS,
  REGION,
  ROLE,
  row,
  tooMany,
  tooManyVersions,
  type World,
} from "./world.ts";

const BODY = JSON.stringify({ Parameters: {}, Resources: {} });
const HOOK = { payloadVersion: "2020-04-01", targetArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:hook` };
const template = (templateName: string) => ({ templateName, templateBody: BODY, provisioningRoleArn: ROLE });

const newTemplate = async ({ iot, unique }: World, enabled = false): Promise<string> => {
  const templateName = unique("tpl");
  await iot.createProvisioningTemplate({ ...template(templateName), enabled });
  return templateName;
};
const newVersion = ({ iot }: World, templateName: string, setAsDefault = false) =>
  iot.createProvisioningTemplateVersion({ templateName, templateBody: BODY, setAsDefault });

const templates = [
  row(
    "CreateProvisioningTemplate",
    "new",
    ({ iot }) => iot.createProvisioningTemplate(template("tpl-new")),
    ok({ templateName: "tpl-new", templateArn: arn("provisioningtemplate/tpl-new"), defaultVersionId: 1 }),
  ),
  row(
    "CreateProvisioningTemplate",
    "it exists",
    async (world) => world.iot.createProvisioningTemplate(template(await newTemplate(world))),
    exists(),
  ),
  row(
    "CreateProvisioningTemplate",
    "a body that is not JSON",
    ({ iot, unique }) => iot.createProvisioningTemplate({ ...template(unique()), templateBody: "{" }),
    invalid(),
  ),
  row(
    "CreateProvisioningTemplate",
    "a name of 37",
    ({ iot }) => iot.createProvisioningTemplate(template("t".repeat(37))),
    invalid(),
    "model:TemplateName",
  ),
  row(
    "CreateProvisioningTemplate",
    "a body of more than 10,240 characters",
    ({ iot, unique }) =>
      iot.createProvisioningTemplate({ ...template(unique()), templateBody: `${BODY}${" ".repeat(10_240)}` }),
    invalid(),
    "model:TemplateBody",
  ),
  row(
    "DescribeProvisioningTemplate",
    "it is not enabled unless it is asked for",
    async (world) => world.iot.describeProvisioningTemplate({ templateName: await newTemplate(world) }),
    ok({ enabled: false, type: "FLEET_PROVISIONING", templateBody: BODY, provisioningRoleArn: ROLE }),
    "model:CreateProvisioningTemplateRequest",
  ),
  row(
    "DescribeProvisioningTemplate",
    "it does not exist",
    ({ iot }) => iot.describeProvisioningTemplate({ templateName: "no" }),
    absent(),
  ),
  row(
    "UpdateProvisioningTemplate",
    "enabled, with a hook",
    async (world) => {
      const templateName = await newTemplate(world);
      await world.iot.updateProvisioningTemplate({ templateName, enabled: true, preProvisioningHook: HOOK });
      return world.iot.describeProvisioningTemplate({ templateName });
    },
    ok({ enabled: true, preProvisioningHook: HOOK }),
  ),
  row(
    "UpdateProvisioningTemplate",
    "the hook removed",
    async (world) => {
      const templateName = await newTemplate(world);
      await world.iot.updateProvisioningTemplate({ templateName, preProvisioningHook: HOOK });
      await world.iot.updateProvisioningTemplate({ templateName, removePreProvisioningHook: true });
      return world.iot.describeProvisioningTemplate({ templateName });
    },
    ok({ preProvisioningHook: undefined }),
  ),
  row(
    "UpdateProvisioningTemplate",
    "a default version that does not exist",
    async (world) =>
      world.iot.updateProvisioningTemplate({ templateName: await newTemplate(world), defaultVersionId: 8 }),
    absent(),
  ),
  row(
    "DeleteProvisioningTemplate",
    "it has one version",
    async (world) => world.iot.deleteProvisioningTemplate({ templateName: await newTemplate(world) }),
    ok(),
  ),
  row(
    "DeleteProvisioningTemplate",
    "it has another version",
    async (world) => {
      const templateName = await newTemplate(world);
      await newVersion(world, templateName);
      return world.iot.deleteProvisioningTemplate({ templateName });
    },
    inUse(),
  ),
  row(
    "DeleteProvisioningTemplate",
    "it does not exist",
    ({ iot }) => iot.deleteProvisioningTemplate({ templateName: "no" }),
    absent(),
  ),
  row(
    "ListProvisioningTemplates",
    "one",
    async ({ iot }) => {
      await iot.createProvisioningTemplate(template("0-first"));
      return iot.listProvisioningTemplates({ maxResults: 1 });
    },
    ok({
      templates: [
        {
          templateName: "0-first",
          templateArn: arn("provisioningtemplate/0-first"),
          enabled: false,
          type: "FLEET_PROVISIONING",
        },
      ],
    }),
  ),
  row(
    "CreateProvisioningTemplateVersion",
    "as the default",
    async (world) => newVersion(world, await newTemplate(world), true),
    ok({ versionId: 2, isDefaultVersion: true }),
  ),
  row(
    "CreateProvisioningTemplateVersion",
    "a sixth",
    async (world) => {
      const templateName = await newTemplate(world);
      for (let version = 2; version <= 5; version += 1) await newVersion(world, templateName);
      return newVersion(world, templateName);
    },
    tooManyVersions(),
  ),
  row("CreateProvisioningTemplateVersion", "the template does not exist", (world) => newVersion(world, "no"), absent()),
  row(
    "DescribeProvisioningTemplateVersion",
    "the first",
    async (world) =>
      world.iot.describeProvisioningTemplateVersion({ templateName: await newTemplate(world), versionId: 1 }),
    ok({ versionId: 1, isDefaultVersion: true, templateBody: BODY }),
  ),
  row(
    "DescribeProvisioningTemplateVersion",
    "it does not exist",
    async (world) =>
      world.iot.describeProvisioningTemplateVersion({ templateName: await newTemplate(world), versionId: 9 }),
    absent(),
  ),
  row(
    "ListProvisioningTemplateVersions",
    "two",
    async (world) => {
      const templateName = await newTemplate(world);
      await newVersion(world, templateName);
      return world.iot.listProvisioningTemplateVersions({ templateName });
    },
    ok({
      versions: expect.arrayContaining([
        expect.objectContaining({ versionId: 1, isDefaultVersion: true }),
        expect.objectContaining({ versionId: 2, isDefaultVersion: false }),
      ]),
    }),
  ),
  row(
    "ListProvisioningTemplateVersions",
    "the template does not exist",
    ({ iot }) => iot.listProvisioningTemplateVersions({ templateName: "no" }),
    absent(),
  ),
  row(
    "DeleteProvisioningTemplateVersion",
    "the default",
    async (world) =>
      world.iot.deleteProvisioningTemplateVersion({ templateName: await newTemplate(world), versionId: 1 }),
    inUse(),
  ),
  row(
    "DeleteProvisioningTemplateVersion",
    "another",
    async (world) => {
      const templateName = await newTemplate(world);
      await newVersion(world, templateName);
      return world.iot.deleteProvisioningTemplateVersion({ templateName, versionId: 2 });
    },
    ok(),
  ),
  row(
    "DeleteProvisioningTemplateVersion",
    "it does not exist",
    async (world) =>
      world.iot.deleteProvisioningTemplateVersion({ templateName: await newTemplate(world), versionId: 9 }),
    absent(),
  ),
];

const claims = [
  row(
    "CreateProvisioningClaim",
    "valid for five minutes",
    async (world) => {
      const now = world.clock.now();
      const answer = await world.iot.createProvisioningClaim({ templateName: await newTemplate(world, true) });
      const { validToDate } = new X509Certificate(answer.certificatePem ?? "");
      return {
        ...answer,
        life: (answer.expiration?.getTime() ?? 0) - now,
        certificateLife: validToDate.getTime() - now,
      };
    },
    ok({
      certificateId: expect.stringMatching(/^[0-9a-f]{64}$/),
      keyPair: { PrivateKey: expect.stringMatching(/PRIVATE KEY/), PublicKey: expect.stringMatching(/PUBLIC KEY/) },
      life: expect.toSatisfy((life: number) => life >= 300_000 && life < 301_000, "five minutes, to the second"),
      certificateLife: expect.toSatisfy((life: number) => life >= 300_000 && life < 301_000, "the same"),
    }),
    guide("provision-wo-cert"),
  ),
  row(
    "CreateProvisioningClaim",
    "the template does not exist",
    ({ iot }) => iot.createProvisioningClaim({ templateName: "no" }),
    absent(),
  ),
  row(
    "CreateProvisioningClaim",
    "a dot in the template's name",
    ({ iot }) => iot.createProvisioningClaim({ templateName: "a.b" }),
    invalid(),
    "model:TemplateName",
  ),
];

const newAlias = async ({ iot, unique }: World): Promise<string> => {
  const roleAlias = unique("alias");
  await iot.createRoleAlias({ roleAlias, roleArn: ROLE });
  return roleAlias;
};

const aliases = [
  row(
    "CreateRoleAlias",
    "new",
    ({ iot }) => iot.createRoleAlias({ roleAlias: "alias-new", roleArn: ROLE }),
    ok({ roleAlias: "alias-new", roleAliasArn: arn("rolealias/alias-new") }),
  ),
  row(
    "CreateRoleAlias",
    "it exists",
    async (world) => world.iot.createRoleAlias({ roleAlias: await newAlias(world), roleArn: ROLE }),
    exists(),
  ),
  row(
    "CreateRoleAlias",
    "credentials for less than 900 seconds",
    ({ iot, unique }) => iot.createRoleAlias({ roleAlias: unique(), roleArn: ROLE, credentialDurationSeconds: 899 }),
    invalid(),
    "model:CredentialDurationSeconds",
  ),
  row(
    "DescribeRoleAlias",
    "credentials for an hour unless it is asked for otherwise",
    async (world) => world.iot.describeRoleAlias({ roleAlias: await newAlias(world) }),
    ok({
      roleAliasDescription: {
        roleArn: ROLE,
        owner: ACCOUNT,
        credentialDurationSeconds: 3600,
        creationDate: expect.any(Date),
      },
    }),
    api("CreateRoleAlias"),
  ),
  row("DescribeRoleAlias", "it does not exist", ({ iot }) => iot.describeRoleAlias({ roleAlias: "no" }), absent()),
  row(
    "UpdateRoleAlias",
    "its duration",
    async (world) => {
      const roleAlias = await newAlias(world);
      await world.iot.updateRoleAlias({ roleAlias, credentialDurationSeconds: 900 });
      return world.iot.describeRoleAlias({ roleAlias });
    },
    ok({ roleAliasDescription: { credentialDurationSeconds: 900, roleArn: ROLE } }),
  ),
  row("UpdateRoleAlias", "it does not exist", ({ iot }) => iot.updateRoleAlias({ roleAlias: "no" }), absent()),
  row(
    "DeleteRoleAlias",
    "it exists",
    async (world) => world.iot.deleteRoleAlias({ roleAlias: await newAlias(world) }),
    ok(),
  ),
  row("DeleteRoleAlias", "it does not exist", ({ iot }) => iot.deleteRoleAlias({ roleAlias: "no" }), absent()),
  row(
    "ListRoleAliases",
    "the first by name",
    async ({ iot }) => {
      await iot.createRoleAlias({ roleAlias: "0-first", roleArn: ROLE });
      return iot.listRoleAliases({ ascendingOrder: true, pageSize: 1 });
    },
    ok({ roleAliases: ["0-first"], nextMarker: expect.any(String) }),
  ),
  row(
    "CreateRoleAlias",
    "one more than 100",
    async (world) => {
      for (let more = true; more; )
        more = await newAlias(world)
          .then(() => true)
          .catch(() => false);
      return world.iot.createRoleAlias({ roleAlias: world.unique(), roleArn: ROLE });
    },
    tooMany(),
    QUOTAS,
  ),
];

const endpoints = (
  [
    ["iot:Data-ATS", "data.local"],
    ["iot:Data", "data.local"],
    ["iot:CredentialProvider", "credentials.local"],
    ["iot:Jobs", "jobs.local"],
  ] as const
).map(([endpointType, endpointAddress]) =>
  row("DescribeEndpoint", endpointType, ({ iot }) => iot.describeEndpoint({ endpointType }), ok({ endpointAddress })),
);

const noEndpoint = row(
  "DescribeEndpoint",
  "of a type that there is not",
  ({ iot }) => iot.describeEndpoint({ endpointType: "iot:None" }),
  invalid(),
);

export const provisioningRows = [...templates, ...claims, ...aliases, ...endpoints, noEndpoint];
