/// <reference path="../.sst/platform/config.d.ts" />
import { awsNames } from "../shared/names.ts";
import {
  DEVICE_CREDENTIAL_SECONDS,
  deviceRole,
  iotLoggingRole,
  provisioningRole,
  provisioningTemplate,
} from "../shared/node/provisioning.ts";
import { logGroup } from "./encryption.ts";
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
 * What nodes are registered with, and have credentials by. The template is off until there is a hook to say who may
 * register. Fleet indexing stays as the account has it: nothing searches the index. The log groups of components are made
 * by the nodes that run them, since only they know the names.
 */
export const devices = (stage: Stage, { key }: { readonly key: aws.kms.Key }): void => {
  const { place, settings } = stage;
  new aws.iot.RoleAlias("device", {
    alias: awsNames.roleAlias(place.stage),
    roleArn: makeRole(deviceRole(place)).role.arn,
    credentialDuration: DEVICE_CREDENTIAL_SECONDS,
  });
  const { name, body, enabled } = provisioningTemplate(place.stage);
  const provisioning = makeRole(provisioningRole(place));
  new aws.iot.ProvisioningTemplate(
    "node",
    {
      name,
      description: `Registers nodes of Slipway's stage ${place.stage}`,
      type: "FLEET_PROVISIONING",
      provisioningRoleArn: provisioning.role.arn,
      templateBody: body,
      enabled,
    },
    { dependsOn: [provisioning.policy] },
  );
  if (settings.devices.setIotLogging) logDevices(stage, key);
};
