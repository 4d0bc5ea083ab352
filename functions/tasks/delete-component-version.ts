import { deleteComponent } from "../../shared/aws/greengrass.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("delete-component-version", async (input) => {
  const { arn } = await desiredVersion(input);
  if (arn !== undefined) await deleteComponent(arn);
});
