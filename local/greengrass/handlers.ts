import { clientDeviceHandlers } from "./client-devices.ts";
import { componentHandlers } from "./components.ts";
import { coreDeviceHandlers } from "./core-devices.ts";
import { deploymentHandlers } from "./deployments.ts";
import { effectiveDeploymentHandlers } from "./effective-deployments.ts";
import { resolveHandlers } from "./resolve.ts";
import { serviceRoleHandlers } from "./service-role.ts";
import type { GreengrassHandlers } from "./state.ts";
import { tagHandlers } from "./tags.ts";

/** Every operation that is emulated. */
export const handlers: GreengrassHandlers = {
  ...componentHandlers,
  ...deploymentHandlers,
  ...coreDeviceHandlers,
  ...effectiveDeploymentHandlers,
  ...clientDeviceHandlers,
  ...resolveHandlers,
  ...serviceRoleHandlers,
  ...tagHandlers,
};
