/// <reference path="../.sst/platform/config.d.ts" />
import { type IotRuleDeclaration, iotRules } from "../shared/declared/triggers.ts";
import { awsNames } from "../shared/names.ts";
import {
  DEVICE_CREDENTIAL_SECONDS,
  deviceRole,
  HOOK_PAYLOAD_VERSION,
  iotLoggingRole,
  provisioningRole,
  provisioningTemplate,
  ruleErrorRole,
} from "../shared/node/provisioning.ts";
import { type DeadLetters, deadLetterQueue } from "./dead-letters.ts";
import { logGroup } from "./encryption.ts";
import { type Functions, functionNamed } from "./functions.ts";
import { makeRole } from "./roles.ts";
import type { Stage } from "./stage.ts";

/**
 * What AWS IoT logs of the account's devices, and what core devices log of themselves. The options and both log groups are
 * the account's in a region, so one stage has them, by its settings.
 * https://docs.aws.amazon.com/iot/latest/developerguide/configure-logging.html
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/log-manager-component.html
 */
const logDevices = (stage: Stage, key: aws.kms.Key): void => {
  const { role, policy } = makeRole(iotLoggingRole(stage.place));
  const logs = logGroup(stage, key, "AWSIotLogsV2");
  logGroup(stage, key, `/aws/greengrass/GreengrassSystemComponent/${stage.place.region}/System`);
  new aws.iot.LoggingOptions(
    "devices",
    { defaultLogLevel: stage.settings.devices.logLevel, roleArn: role.arn },
    { dependsOn: [policy, logs] },
  );
};

/**
 * A rule that hands messages of a topic to a function. What the rule could not hand over, and what the function failed at
 * three times, end in the trigger's queue.
 * https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
 */
const makeRule = (stage: Stage, functions: Functions, name: string, declared: IotRuleDeclaration): aws.sqs.Queue => {
  const called = functionNamed(functions, declared.function);
  const queue = deadLetterQueue(stage, name);
  const onError = makeRole(ruleErrorRole(stage.place, name));
  const rule = new aws.iot.TopicRule(name, {
    name: stage.names.trigger(name).replaceAll("-", "_"), // hyphens are not allowed here
    description: `Hands ${declared.topic} to ${declared.function}`,
    enabled: true,
    sql: `SELECT * FROM '${declared.topic}'`,
    sqlVersion: "2016-03-23",
    lambdas: [{ functionArn: called.arn }],
    errorAction: { sqs: { queueUrl: queue.url, roleArn: onError.role.arn, useBase64: false } },
  });
  new aws.lambda.Permission(name, {
    statementId: "rule",
    action: "lambda:InvokeFunction",
    function: called.name,
    principal: "iot.amazonaws.com",
    sourceArn: rule.arn,
    sourceAccount: stage.place.accountId,
  });
  new aws.lambda.FunctionEventInvokeConfig(name, {
    functionName: called.name,
    maximumEventAgeInSeconds: 6 * 3_600,
    maximumRetryAttempts: 2,
    destinationConfig: { onFailure: { destination: queue.arn } },
  });
  return queue;
};

/**
 * What nodes are registered with, and have credentials by, and the rules that hand on what AWS IoT tells of them. Fleet indexing stays as the account has it: nothing searches the index. The log groups of components are made
 * by the nodes that run them, since only they know the names.
 */
export const devices = (
  stage: Stage,
  { key, functions }: { readonly key: aws.kms.Key; readonly functions: Functions },
): { readonly deadLetters: DeadLetters } => {
  const { place, settings } = stage;
  new aws.iot.RoleAlias("device", {
    alias: awsNames.roleAlias(place.stage),
    roleArn: makeRole(deviceRole(place)).role.arn,
    credentialDuration: DEVICE_CREDENTIAL_SECONDS,
  });
  const { name, body } = provisioningTemplate(place.stage);
  const hook = functionNamed(functions, "pre-provisioning");
  const provisioning = makeRole(provisioningRole(place));
  const mayAsk = new aws.lambda.Permission("pre-provisioning", {
    statementId: "template",
    action: "lambda:InvokeFunction",
    function: hook.name,
    principal: "iot.amazonaws.com",
    sourceArn: stage.arn("iot", `provisioningtemplate/${name}`),
    sourceAccount: place.accountId,
  });
  new aws.iot.ProvisioningTemplate(
    "node",
    {
      name,
      description: `Registers nodes of Slipway's stage ${place.stage}`,
      type: "FLEET_PROVISIONING",
      provisioningRoleArn: provisioning.role.arn,
      templateBody: body,
      enabled: true,
      preProvisioningHook: { targetArn: hook.arn, payloadVersion: HOOK_PAYLOAD_VERSION },
    },
    { dependsOn: [provisioning.policy, mayAsk] },
  );
  if (settings.devices.setIotLogging) logDevices(stage, key);
  return {
    deadLetters: Object.fromEntries(
      Object.entries(iotRules).map(([name, declared]) => [name, makeRule(stage, functions, name, declared)]),
    ),
  };
};
