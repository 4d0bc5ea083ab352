import { createPolicy, region } from "../../shared/aws/iot.ts";
import { env } from "../../shared/env.ts";
import { awsNames } from "../../shared/names.ts";
import { devicePolicy } from "../../shared/node/device-policy.ts";
import { task } from "./task.ts";

export const handler = task("create-device-policy", async ({ workspaceId }) => {
  const stage = env("STAGE");
  await createPolicy(
    awsNames.devicePolicy(stage, workspaceId),
    devicePolicy({
      region: await region(),
      accountId: env("ACCOUNT_ID"),
      stage,
      workspaceId,
      roleAlias: awsNames.roleAlias(stage),
      template: awsNames.provisioningTemplate(stage),
    }),
  );
});
