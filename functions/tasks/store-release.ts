import { copyObject, headObject } from "../../shared/aws/objects.ts";
import { env } from "../../shared/env.ts";
import { digestMetadata } from "../../shared/ota/repr-digest.ts";
import { memberName } from "../../shared/ota/tar.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

/** The binary at the path of its public URL. The path holds the release's id: what it leads to never changes. */
export const handler = task("store-release", async (input) => {
  const release = await desiredRelease(input);
  const bucket = env("OTA_BUCKET");
  if (await headObject(bucket, release.binaryKey)) return; // copies are whole or absent
  await copyObject(bucket, release.copyOf?.binaryKey ?? release.uploadKey, release.binaryKey, {
    ContentType: "application/octet-stream",
    ContentDisposition: `attachment; filename="${memberName(release.app, release.version)}"`,
    CacheControl: "public, max-age=31536000, immutable",
    Metadata: digestMetadata(release.sha256),
  });
});
