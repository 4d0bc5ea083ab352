import { beforeAll, describe, expect, test } from "vitest";
import { awsNames } from "../../shared/names.ts";
import { identityPolicies, type Policy, trustPolicies } from "./policies.ts";
import { ofType, only, STAGES, type Synthesis, synthesiseAll, text } from "./stages.ts";
import { ACCOUNT, REGION } from "./synthesise.ts";

let all: Synthesis[];
beforeAll(async () => {
  all = await synthesiseAll();
});

describe.each(STAGES)("for the devices of stage %s", (stage) => {
  let it: Synthesis;
  beforeAll(() => {
    const found = all.find((synthesis) => synthesis.stage === stage);
    if (found === undefined) throw new Error(`${stage} was not evaluated`);
    it = found;
  });
  const roleArn = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
  const of = (policies: Policy[], role: string): Policy["statements"] => {
    const found = policies.filter((policy) => policy.of === role);
    expect(found.length).toBe(1);
    return found[0]?.statements ?? [];
  };
  const takenBy = (role: string) =>
    of(trustPolicies(it), role).map(({ Principal, Condition }) => ({ Principal, Condition }));
  const ofThisAccount = (Service: string) => [
    { Principal: { Service }, Condition: { StringEquals: { "aws:SourceAccount": ACCOUNT } } },
  ];

  test("there is one role behind one alias, for all workspaces, that reaches what is the device's own", () => {
    const role = awsNames.deviceRole(stage);
    expect(only(ofType(it, "iot/roleAlias:RoleAlias")).inputs).toEqual({
      alias: awsNames.roleAlias(stage),
      roleArn: roleArn(role),
      credentialDuration: 3_600,
    });
    expect(takenBy(role)).toEqual(ofThisAccount("credentials.iot.amazonaws.com"));
    const logs = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/aws/greengrass/*`;
    expect(
      of(identityPolicies(it), role).map(({ Action, Resource, Condition }) => [...Action, ...Resource, Condition]),
    ).toEqual([
      [
        "s3:GetObject",
        "arn:aws:s3:::${credentials-iot:ThingTypeName}/*",
        { StringEquals: { "aws:ResourceAccount": ACCOUNT } },
      ],
      ["logs:CreateLogGroup", "logs:DescribeLogStreams", logs, undefined],
      [
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        `${logs}:log-stream:/*/thing/\${credentials-iot:ThingName}`,
        undefined,
      ],
    ]);
  });

  test("there is one template, under a role that binds what is there, which asks the hook who may register", () => {
    const role = awsNames.provisioningRole(stage);
    const { inputs } = only(ofType(it, "iot/provisioningTemplate:ProvisioningTemplate"));
    expect(inputs).toMatchObject({
      name: awsNames.provisioningTemplate(stage),
      type: "FLEET_PROVISIONING",
      provisioningRoleArn: roleArn(role),
      enabled: true,
      preProvisioningHook: {
        targetArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${stage}-pre-provisioning`,
        payloadVersion: "2020-04-01",
      },
    });
    const asks = ofType(it, "lambda/permission:Permission").filter(
      (permission) => permission.inputs.function === `${stage}-pre-provisioning`,
    );
    expect(only(asks).inputs).toMatchObject({
      action: "lambda:InvokeFunction",
      principal: "iot.amazonaws.com",
      sourceArn: `arn:aws:iot:${REGION}:${ACCOUNT}:provisioningtemplate/${awsNames.provisioningTemplate(stage)}`,
      sourceAccount: ACCOUNT,
    });
    // https://docs.aws.amazon.com/iot/latest/apireference/API_CreateProvisioningTemplate.html
    expect(text(inputs, "name")).toMatch(/^[0-9A-Za-z_-]{1,36}$/);
    expect(text(inputs, "templateBody").length).toBeLessThanOrEqual(10_240);
    expect(takenBy(role)).toEqual(ofThisAccount("iot.amazonaws.com"));
    const { Parameters, Resources } = JSON.parse(text(inputs, "templateBody")) as {
      Parameters: object;
      Resources: Record<string, { Type: string }>;
    };
    const referred = [...JSON.stringify(Resources).matchAll(/\{"Ref":"([^"]+)"\}/g)].map(([, name]) => name);
    // The token is for the hook, and nothing is made of it.
    expect([...new Set([...referred, "Token"])].sort()).toEqual(Object.keys(Parameters).sort());
    expect(Object.values(Resources).map(({ Type }) => Type)).toEqual([
      "AWS::IoT::Certificate",
      "AWS::IoT::Policy",
      "AWS::IoT::Thing",
    ]);
  });

  test("AWS IoT logs into a group of the account that one stage has, under a role of its own", () => {
    const options = ofType(it, "iot/loggingOptions:LoggingOptions");
    const groups = ofType(it, "cloudwatch/logGroup:LogGroup")
      .map(({ inputs }) => text(inputs, "name"))
      .filter((name) => !name.includes(`/${stage}-`));
    if (stage !== "production") {
      expect([options, groups]).toEqual([[], []]);
      return;
    }
    expect(groups.sort()).toEqual([`/aws/greengrass/GreengrassSystemComponent/${REGION}/System`, "AWSIotLogsV2"]);
    const role = awsNames.iotLoggingRole(stage);
    expect(only(options).inputs).toEqual({ defaultLogLevel: "ERROR", roleArn: roleArn(role) });
    expect(takenBy(role)).toEqual(ofThisAccount("iot.amazonaws.com"));
    const group = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:AWSIotLogsV2`;
    expect(of(identityPolicies(it), role).flatMap(({ Resource }) => Resource)).toEqual([group, `${group}:*`]);
  });
});
