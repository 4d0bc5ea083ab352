import { describe, expect, test } from "vitest";
import { awsNames } from "../../shared/names.ts";
import { devicePolicy, MAX_POLICY_CHARACTERS } from "../../shared/node/device-policy.ts";
import { deviceRole, iotLoggingRole, provisioningRole, provisioningTemplate } from "../../shared/node/provisioning.ts";

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: object;
}

const STAGES = ["dev", "s".repeat(16)];
const REGIONS = [
  { region: "eu-central-1", partition: "aws" },
  { region: "ap-southeast-4", partition: "aws" },
  { region: "us-gov-west-1", partition: "aws-us-gov" },
];
const WORKSPACE = "ws_0123456789abcdefghjk";
const places = STAGES.flatMap((stage) => REGIONS.map((where) => ({ stage, ...where, accountId: "123456789012" })));
const policyOf = (place: (typeof places)[number]) =>
  devicePolicy({
    ...place,
    workspaceId: WORKSPACE,
    roleAlias: awsNames.roleAlias(place.stage),
    template: awsNames.provisioningTemplate(place.stage),
  });

const listed = (value: string | readonly string[]): readonly string[] => (typeof value === "string" ? [value] : value);
const statementsOf = (document: unknown): readonly Statement[] => {
  const { Version, Statement } = document as { Version: string; Statement: readonly Statement[] };
  expect(Version).toBe("2012-10-17");
  return Statement;
};
const granted = (statements: readonly Statement[]) =>
  statements.flatMap(({ Action, Resource }) =>
    listed(Action).flatMap((action) => listed(Resource).map((resource) => ({ action, resource }))),
  );

describe.each(places)("the device policy of stage $stage in $region", (place) => {
  const text = policyOf(place);
  const statements = statementsOf(JSON.parse(text));
  const grants = granted(statements);
  const thing = "${iot:Connection.Thing.ThingName}";
  const iot = `arn:aws:iot:${place.region}:${place.accountId}`;

  test("fits AWS IoT's 2,048 characters", () => {
    expect(text.length).toBeLessThanOrEqual(MAX_POLICY_CHARACTERS);
    expect(MAX_POLICY_CHARACTERS).toBe(2_048);
  });

  test("allows named actions only, and forbids nothing", () => {
    expect(statements.map(({ Effect }) => Effect)).toEqual(statements.map(() => "Allow"));
    for (const { action } of grants) expect(action).toMatch(/^(iot|greengrass):[A-Z][A-Za-z]+$/);
  });

  test("lets a node change no thing, group, policy, role, certificate or deployment", () => {
    for (const { action } of grants)
      expect(action).not.toMatch(/:(Create|Update|Delete|Attach|Detach|Put|Register|Cancel)/);
  });

  test("names the account, the region and the kind of every resource", () => {
    for (const { resource } of grants) {
      expect(resource).toMatch(
        new RegExp(
          `^arn:aws:((iot|greengrass):${place.region}:${place.accountId}:[a-zA-Z]+[/:].|greengrass:${place.region}:aws:components:\\*$)`,
        ),
      );
      expect(resource).not.toMatch(/^\*|:\*$(?<!:components:\*)/);
    }
  });

  test("reaches the topics of the connection's own thing and of the stage's provisioning, and no others", () => {
    const both = [
      "$aws/certificates/create-from-csr/*",
      `$aws/provisioning-templates/${awsNames.provisioningTemplate(place.stage)}/provision/*`,
      `$aws/things/${thing}/jobs/*`,
      `$aws/things/${thing}/shadow/*`,
    ];
    const health = [`$aws/things/${thing}/greengrass/health/json`, `$aws/things/${thing}/greengrassv2/health/json`];
    const topics = grants.filter(({ action }) => /^iot:(Publish|Receive|Subscribe|Retain)/.test(action));
    for (const [action, kind, wanted] of [
      ["iot:Publish", "topic", [...both, ...health]],
      ["iot:Receive", "topic", [...both, ...health]],
      ["iot:Subscribe", "topicfilter", both],
    ] as const) {
      const reached = topics.filter((topic) => topic.action === action).map(({ resource }) => resource);
      expect(reached.sort()).toEqual(wanted.map((topic) => `${iot}:${kind}/${topic}`).sort());
    }
    expect([...new Set(topics.map(({ action }) => action))].sort()).toEqual([
      "iot:Publish",
      "iot:Receive",
      "iot:Subscribe",
    ]);
  });

  test("connects as its own client, whatever suffix the core adds", () => {
    expect(grants.filter(({ action }) => action === "iot:Connect").map(({ resource }) => resource)).toEqual([
      `${iot}:client/${thing}*`,
    ]);
  });

  test("takes credentials by the stage's role alias alone", () => {
    expect(
      grants.filter(({ action }) => action === "iot:AssumeRoleWithCertificate").map(({ resource }) => resource),
    ).toEqual([`${iot}:rolealias/${awsNames.roleAlias(place.stage)}`]);
  });

  test("reads the deployments of core devices of this workspace, and no other's", () => {
    const [core] = grants.filter(({ action }) => action === "greengrass:GetDeploymentConfiguration");
    const pattern = new RegExp(
      `^${(core?.resource ?? "").replace(/[.*+^${}()|[\]\\]/g, "\\$&").replaceAll("?", ".")}$`,
    );
    const arn = (stage: string, workspace: string, node: string) =>
      `arn:aws:greengrass:${place.region}:${place.accountId}:coreDevices:${awsNames.thing(stage, workspace, node)}`;
    const node = "nod_0123456789abcdefghjk";
    expect(arn(place.stage, WORKSPACE, node)).toMatch(pattern);
    expect(arn(place.stage, "ws_0123456789abcdefghjm", node)).not.toMatch(pattern);
    expect(arn("other", WORKSPACE, node)).not.toMatch(pattern);
    expect(arn(place.stage, WORKSPACE, `${node}x`)).not.toMatch(pattern);
  });
});

describe.each(places)("the roles of stage $stage in $region", (place) => {
  const roles = [
    { role: deviceRole(place), service: "credentials.iot.amazonaws.com" },
    { role: provisioningRole(place), service: "iot.amazonaws.com" },
    { role: iotLoggingRole(place), service: "iot.amazonaws.com" },
  ];

  test.each(roles)("$role.name is trusted to its service alone, on behalf of this account", ({ role, service }) => {
    expect(role.trust).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: service },
          Action: "sts:AssumeRole",
          Condition: { StringEquals: { "aws:SourceAccount": place.accountId } },
        },
      ],
    });
  });

  test.each(roles)("$role.name allows named actions on named resources", ({ role }) => {
    const statements = statementsOf(role.policy);
    for (const { Effect } of statements) expect(Effect).toBe("Allow");
    for (const { action, resource } of granted(statements)) {
      expect(action).toMatch(/^[a-z0-9]+:[A-Z][A-Za-z]+$/);
      expect(resource).toMatch(
        new RegExp(
          `^arn:${place.partition}:(s3:::.+/\\*|(iot|logs):${place.region}:${place.accountId}:[a-z-]+[/:].+)$`,
        ),
      );
    }
    expect(JSON.stringify(role.policy).length).toBeLessThanOrEqual(10_240);
  });

  test("a node reads from its own workspace's bucket in this account, and writes its own log streams", () => {
    const statements = statementsOf(deviceRole(place).policy);
    const s3 = statements.filter(({ Action }) => listed(Action).some((action) => action.startsWith("s3:")));
    expect(s3).toEqual([
      {
        Sid: "OwnArtifacts",
        Effect: "Allow",
        Action: ["s3:GetObject"],
        Resource: [`arn:${place.partition}:s3:::\${credentials-iot:ThingTypeName}/*`],
        Condition: { StringEquals: { "aws:ResourceAccount": place.accountId } },
      },
    ]);
    for (const { action, resource } of granted(statements)) {
      if (!["logs:PutLogEvents", "logs:CreateLogStream"].includes(action)) continue;
      expect(resource).toContain(":log-group:/aws/greengrass/");
      expect(resource).toMatch(/\/thing\/\$\{credentials-iot:ThingName\}$/);
    }
  });

  test("provisioning reaches certificates, and what the stage has, and makes no policy", () => {
    const grants = granted(statementsOf(provisioningRole(place).policy));
    for (const { action, resource } of grants) {
      expect(action).not.toMatch(/Policy$(?<!AttachPolicy|GetPolicy)|Delete|Group/);
      if (!resource.endsWith(":cert/*")) expect(resource).toMatch(new RegExp(`:(thing|policy)/${place.stage}-ws_\\*$`));
    }
  });
});

describe("the provisioning template", () => {
  const { name, body } = provisioningTemplate("dev");
  const { Parameters, Resources } = JSON.parse(body) as {
    Parameters: Record<string, { Type: string }>;
    Resources: Record<string, { Type: string; Properties: Record<string, unknown>; OverrideSettings?: object }>;
  };

  test("has a name that AWS takes, for the longest stage too", () => {
    for (const stage of STAGES) expect(provisioningTemplate(stage).name).toMatch(/^[0-9A-Za-z_-]{1,36}$/);
    expect(name).toBe("dev-slipway-node");
    expect(body.length).toBeLessThanOrEqual(10_240);
  });

  test("takes texts, and refers to nothing that is not given", () => {
    for (const { Type } of Object.values(Parameters)) expect(Type).toBe("String");
    const references = [...body.matchAll(/\{"Ref":"([^"]+)"\}/g)].map(([, reference]) => reference);
    // The token is for the hook, and nothing is made of it.
    expect([...new Set(references), "Token"].sort()).toEqual(Object.keys(Parameters).sort());
  });

  test("activates a certificate and binds it to a thing and a policy that are there; nothing else", () => {
    const types = Object.values(Resources).map(({ Type }) => Type);
    expect(types.sort()).toEqual(["AWS::IoT::Certificate", "AWS::IoT::Policy", "AWS::IoT::Thing"]);
    expect(body).not.toContain("PolicyDocument");
    expect(Resources.certificate?.Properties).toMatchObject({ Status: "Active" });
    expect(Object.keys(Resources.thing?.Properties ?? {})).toEqual(["ThingName"]);
    expect(Object.values(Resources.thing?.OverrideSettings ?? {})).toEqual(["DO_NOTHING", "DO_NOTHING", "DO_NOTHING"]);
  });
});

test("a device policy that IoT would not take is refused where it is built", () => {
  const place = { region: "eu-west-1", accountId: "123456789012", workspaceId: "ws_1", roleAlias: "a", template: "t" };
  expect(() => devicePolicy({ ...place, stage: "s".repeat(2_000) })).toThrow(/IoT takes 2048/);
});
