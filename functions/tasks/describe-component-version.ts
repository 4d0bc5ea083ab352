import { deleteComponent, describeComponent } from "../../shared/aws/greengrass.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";

/**
 * Whether Greengrass has made the version deployable. One that it gave up is removed, so that its number is free for
 * a corrected draft, before the reason is told.
 */
export const handler = task("describe-component-version", async (input) => {
  const { arn } = await desiredVersion(input);
  const state = arn === undefined ? undefined : await describeComponent(arn);
  if (arn === undefined || state === undefined) {
    throw new AppError("component-rejected", "Greengrass no longer has the component version");
  }
  if (state.state === "FAILED" || state.state === "DEPRECATED") {
    await deleteComponent(arn);
    throw new AppError("component-rejected", `Greengrass: ${state.message ?? state.state}`);
  }
  return { deployable: state.state === "DEPLOYABLE" };
});
