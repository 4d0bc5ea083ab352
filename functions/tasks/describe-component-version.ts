import { describeComponent } from "../../shared/aws/greengrass.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";

/** Whether Greengrass has made the version deployable. @throws AppError `component-rejected` with its reason if it gave up */
export const handler = task("describe-component-version", async (input) => {
  const { arn } = await desiredVersion(input);
  const state = arn === undefined ? undefined : await describeComponent(arn);
  if (arn === undefined || state === undefined) {
    throw new AppError("component-rejected", "Greengrass no longer has the component version");
  }
  if (state.state === "FAILED" || state.state === "DEPRECATED") {
    throw new AppError("component-rejected", `Greengrass: ${state.message ?? state.state}`);
  }
  return { deployable: state.state === "DEPLOYABLE" };
});
