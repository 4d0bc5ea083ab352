import { awsNames } from "../names.ts";

interface Place {
  readonly region: string;
  readonly accountId: string;
  readonly stage: string;
}

export interface RoleDeclaration {
  readonly name: string;
  readonly trust: object;
  readonly policy: object;
}

const trusting = (service: string) => ({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" }],
});

/**
 * What a node may do in AWS with credentials for its certificate: read artifacts from its own workspace's bucket, whose
 * name is its thing type's, and write its own logs. One role for all workspaces of a stage.
 * https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
 */
export const deviceRole = ({ region, accountId, stage }: Place): RoleDeclaration => {
  const thing = "${credentials-iot:ThingName}";
  const logGroup = `arn:aws:logs:${region}:${accountId}:log-group:/aws/greengrass/*`;
  return {
    name: awsNames.deviceRole(stage),
    trust: trusting("credentials.iot.amazonaws.com"),
    policy: {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: "s3:GetObject",
          Resource: "arn:aws:s3:::${credentials-iot:ThingTypeName}/*",
          Condition: { StringEquals: { "aws:ResourceAccount": accountId } },
        },
        { Effect: "Allow", Action: ["logs:CreateLogGroup", "logs:DescribeLogStreams"], Resource: logGroup },
        {
          Effect: "Allow",
          Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
          // Greengrass names its streams /{date}/thing/{thing name}.
          Resource: `${logGroup}:log-stream:/*/thing/${thing}`,
        },
      ],
    },
  };
};

/** What fleet provisioning may do when a node registers: activate its certificate, attach policy and thing. No more. */
export const provisioningRole = ({ region, accountId, stage }: Place): RoleDeclaration => {
  const iot = `arn:aws:iot:${region}:${accountId}`;
  return {
    name: awsNames.provisioningRole(stage),
    trust: trusting("iot.amazonaws.com"),
    policy: {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: ["iot:DescribeCertificate", "iot:UpdateCertificate", "iot:AttachThingPrincipal", "iot:AttachPolicy"],
          Resource: [`${iot}:cert/*`, `${iot}:thing/${stage}-*`],
        },
        { Effect: "Allow", Action: ["iot:DescribeThing", "iot:CreateThing"], Resource: `${iot}:thing/${stage}-*` },
        { Effect: "Allow", Action: "iot:GetPolicy", Resource: `${iot}:policy/${stage}-*` },
      ],
    },
  };
};

/**
 * The stage's provisioning template: a certificate becomes active and is bound to a thing and a policy that exist already.
 * Which ones is for the pre-provisioning hook to say; the device chooses neither, and no group either.
 * https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
 */
export const provisioningTemplate = (stage: string) => ({
  name: awsNames.provisioningTemplate(stage),
  body: JSON.stringify({
    Parameters: {
      ThingName: { Type: "String" },
      PolicyName: { Type: "String" },
      "AWS::IoT::Certificate::Id": { Type: "String" },
    },
    Resources: {
      certificate: {
        Type: "AWS::IoT::Certificate",
        Properties: { CertificateId: { Ref: "AWS::IoT::Certificate::Id" }, Status: "Active" },
      },
      policy: { Type: "AWS::IoT::Policy", Properties: { PolicyName: { Ref: "PolicyName" } } },
      thing: {
        Type: "AWS::IoT::Thing",
        OverrideSettings: { AttributePayload: "DO_NOTHING", ThingTypeName: "DO_NOTHING", ThingGroups: "DO_NOTHING" },
        Properties: { ThingName: { Ref: "ThingName" } },
      },
    },
  }),
});
