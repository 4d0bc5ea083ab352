import { componentVersionArn, deleteComponent, describeComponent } from "../../shared/aws/greengrass.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { env } from "../../shared/env.ts";

/**
 * Deletes what Greengrass has of a version, if it was made for this very one: its tag tells. What someone else made under the
 * same name and version stays. @returns whether there was something to delete
 */
export const withdraw = async ({ id, component, version }: StoredVersion): Promise<boolean> => {
  const arn = await componentVersionArn(env("ACCOUNT_ID"), component, version);
  const found = await describeComponent(arn);
  if (found?.versionId !== id) return false;
  await deleteComponent(arn);
  return true;
};
