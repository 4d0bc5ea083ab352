import { allow, policy, type Role, statementsOf, trusting } from "../declared/policies.ts";
import { awsNames, type Place, stageNames } from "../names.ts";

/** How long a node works with credentials before it asks for new ones: what IAM lets a role's session have. */
export const DEVICE_CREDENTIAL_SECONDS = 3_600;

/**
 * What a node may do in AWS with credentials for its certificate: read artifacts from its own workspace's bucket, whose
 * name is its thing type's, and write its own logs. One role for all workspaces of a stage.
 * https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
 */
export const deviceRole = (place: Place): Role => ({
  name: awsNames.deviceRole(place.stage),
  trust: trusting("credentials.iot.amazonaws.com", place.accountId),
  policy: policy(statementsOf(["node:ReadArtifacts", "node:WriteLogs"], place)),
});

/** What fleet provisioning may do when a node registers: activate its certificate, attach policy and thing. No more. */
export const provisioningRole = (place: Place): Role => ({
  name: awsNames.provisioningRole(place.stage),
  trust: trusting("iot.amazonaws.com", place.accountId),
  policy: policy(statementsOf(["provisioning:Register"], place)),
});

/** What AWS IoT may do to log what it does for devices. */
export const iotLoggingRole = (place: Place): Role => ({
  name: awsNames.iotLoggingRole(place.stage),
  trust: trusting("iot.amazonaws.com", place.accountId),
  policy: policy(statementsOf(["iot-logs:Write"], place)),
});

/** What AWS IoT's rules may do with a message that a function could not be given: put it into the trigger's queue. */
export const ruleErrorRole = (place: Place, trigger: string): Role => {
  const names = stageNames(place);
  const queue = `arn:${place.partition}:sqs:${place.region}:${place.accountId}:${names.deadLetters(trigger)}`;
  return {
    name: `${names.trigger(trigger)}-rule-errors`,
    trust: trusting("iot.amazonaws.com", place.accountId),
    policy: policy([allow("DeadLetters", ["sqs:SendMessage"], [queue])]),
  };
};

/** The form in which AWS IoT asks the hook. */
export const HOOK_PAYLOAD_VERSION = "2020-04-01";

/** What the template has for a parameter that the device does not give. */
export const ABSENT = "none";

/**
 * The stage's provisioning template: a certificate becomes active and is bound to a thing and a policy that exist already.
 * Which ones is for the pre-provisioning hook to say; the device chooses neither, and no group either.
 * https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
 */
export const provisioningTemplate = (stage: string) => ({
  name: awsNames.provisioningTemplate(stage),
  body: JSON.stringify({
    Parameters: {
      Token: { Type: "String", Default: ABSENT },
      ThingName: { Type: "String", Default: ABSENT },
      PolicyName: { Type: "String", Default: ABSENT },
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
