import { describeComponent } from "../../shared/aws/greengrass.ts";
import { isDeployable } from "../../shared/component/version.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";

/** Whether Greengrass has made the version deployable. @throws AppError `component-rejected` with its reason if it gave up */
export const handler = task("describe-component-version", async (input) => {
  const version = await desiredVersion(input);
  const state = version.arn === undefined ? undefined : await describeComponent(version.arn);
  return { deployable: isDeployable(version, state, new Date()) };
});
