import { componentVersionArn, deleteComponent, describeComponent } from "../../shared/aws/greengrass.ts";
import { transact } from "../../shared/aws/table.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";

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

/**
 * What a publication that failed has made in Greengrass goes, so that nobody can deploy what the version is not. One that was
 * published after all stays.
 */
export const withdrawPublication = async (version: StoredVersion): Promise<void> => {
  if (version.status !== "publishing") return;
  await withdraw(version);
  const key = keys.version(version.componentId, version.id);
  await transact([{ do: "update", key, remove: ["arn"], when: { status: "publishing" } }]);
};
