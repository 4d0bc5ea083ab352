import { emptyBucket } from "../../shared/aws/buckets.ts";
import { desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

/** Works for a few minutes at most; the workflow comes back while something is left. */
const BUDGET_MS = 300_000;

export const handler = task("empty-bucket", async (input) => {
  const { bucket } = await desiredWorkspace(input);
  return { empty: await emptyBucket(bucket, "", Date.now() + BUDGET_MS) };
});
