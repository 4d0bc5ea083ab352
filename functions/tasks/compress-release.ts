import { readObject, uploadObject } from "../../shared/aws/buckets.ts";
import { transact } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { otaKeys } from "../../shared/keys.ts";
import { compressSegment } from "../../shared/ota/archive.ts";
import { memberName } from "../../shared/ota/tar.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

/** The binary as a segment of an archive, compressed once for all devices, in pieces. */
export const handler = task("compress-release", async (input) => {
  const release = await desiredRelease(input);
  if (release.segment !== undefined) return;
  const bucket = env("OTA_BUCKET");
  const segment = compressSegment(
    memberName(release.app, release.version),
    release.size,
    await readObject(bucket, release.binaryKey),
  );
  await uploadObject(bucket, release.segmentKey, segment.chunks);
  await transact([
    {
      do: "update",
      table: "ota",
      key: otaKeys.release(release.workspaceId, release.id),
      set: { segment: { key: release.segmentKey, ...segment.summary() } },
      when: { status: "publishing" },
    },
  ]);
});
