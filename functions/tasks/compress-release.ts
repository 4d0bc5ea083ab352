import { copyObject, readObject, uploadObject } from "../../shared/aws/objects.ts";
import { transact } from "../../shared/aws/table.ts";
import { MAX_SINGLE_PART_BYTES } from "../../shared/component/file.ts";
import { env } from "../../shared/env.ts";
import { otaKeys } from "../../shared/keys.ts";
import { compressSegment, type SegmentSummary } from "../../shared/ota/archive.ts";
import type { StoredRelease } from "../../shared/ota/release.ts";
import { memberName } from "../../shared/ota/tar.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

const compressed = async (bucket: string, release: StoredRelease): Promise<SegmentSummary> => {
  const name = memberName(release.app, release.version);
  const segment = compressSegment(name, release.size, await readObject(bucket, release.binaryKey));
  await uploadObject(bucket, release.segmentKey, segment.chunks);
  return segment.summary();
};

/** The binary as a segment of an archive, compressed once for all devices, in pieces; that of equal content is copied. */
export const handler = task("compress-release", async (input) => {
  const release = await desiredRelease(input);
  if (release.segment !== undefined) return;
  const bucket = env("OTA_BUCKET");
  const { segmentKey } = release;
  // S3 copies no more than that at once; what does not compress is a little larger than its file.
  const same = (release.copyOf?.segment.size ?? 0) <= MAX_SINGLE_PART_BYTES ? release.copyOf?.segment : undefined;
  if (same !== undefined) await copyObject(bucket, same.key, segmentKey, {});
  const summary = same ?? (await compressed(bucket, release));
  await transact([
    {
      do: "update",
      table: "ota",
      key: otaKeys.release(release.workspaceId, release.id),
      set: { segment: { ...summary, key: segmentKey } },
      when: { status: "publishing" },
    },
  ]);
});
