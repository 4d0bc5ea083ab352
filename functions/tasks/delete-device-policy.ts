import { deletePolicy } from "../../shared/aws/iot.ts";
import { env } from "../../shared/env.ts";
import { awsNames } from "../../shared/names.ts";
import { task } from "./task.ts";

export const handler = task("delete-device-policy", ({ workspaceId }) =>
  deletePolicy(awsNames.devicePolicy(env("STAGE"), workspaceId)),
);
