import { deleteObject } from "../../shared/aws/objects.ts";
import { env } from "../../shared/env.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("delete-release-objects", async (input) => {
  const { uploadKey, binaryKey, segmentKey } = await desiredRelease(input);
  for (const key of [uploadKey, binaryKey, segmentKey]) await deleteObject(env("OTA_BUCKET"), key);
});
