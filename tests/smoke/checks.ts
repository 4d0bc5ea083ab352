import { apiChecks } from "./api-checks.ts";
import { awsChecks } from "./aws-checks.ts";
import { cleanUp } from "./clean-up.ts";
import type { Context } from "./context.ts";
import { otaChecks } from "./ota-checks.ts";
import type { Check } from "./run.ts";

/** Every check in the order of running. What was made goes at the end, whatever failed before. */
export const checks: readonly Check<Context>[] = [
  ...apiChecks,
  ...awsChecks,
  ...otaChecks,
  { name: "clean-up", run: ({ client, run, target }) => cleanUp(client, target, run) },
];
