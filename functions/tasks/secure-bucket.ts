import { secureBucket } from "../../shared/aws/buckets.ts";
import { env } from "../../shared/env.ts";
import { desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("secure-bucket", async (input) => {
  const { bucket } = await desiredWorkspace(input);
  await secureBucket(bucket, env("UPLOAD_ORIGINS").split(","));
});
