import { deleteBucket, emptyBucket } from "../../shared/aws/buckets.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

const BUDGET_MS = 10_000;

/** An upload by a URL from before may come between the emptying and this: then it is emptied once more. */
export const handler = task("delete-bucket", async (input) => {
  const { bucket } = await desiredWorkspace(input);
  try {
    await deleteBucket(bucket);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "busy")) throw error;
    await emptyBucket(bucket, "", Date.now() + BUDGET_MS);
    await deleteBucket(bucket);
  }
});
