import { deleteBucket } from "../../shared/aws/buckets.ts";
import { desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("delete-bucket", async (input) => deleteBucket((await desiredWorkspace(input)).bucket));
