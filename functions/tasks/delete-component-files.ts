import { emptyBucket } from "../../shared/aws/buckets.ts";
import { eachItem, transact } from "../../shared/aws/table.ts";
import { artifactKey } from "../../shared/component/recipe.ts";
import { partitions } from "../../shared/keys.ts";
import type { Item } from "../../shared/writes.ts";
import { desiredVersion, desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

/** Works for a few minutes at most; the workflow comes back while something is left. */
const BUDGET_MS = 300_000;

export const handler = task("delete-component-files", async (input) => {
  const version = await desiredVersion(input);
  const { bucket } = await desiredWorkspace(input);
  const deadline = Date.now() + BUDGET_MS;
  const gone = await emptyBucket(bucket, artifactKey(version.component, version.version, ""), deadline);
  for await (const file of eachItem<Item>(partitions.files(version.id))) {
    if (Date.now() > deadline) return { gone: false };
    await transact([{ do: "delete", key: file }]);
  }
  return { gone };
});
