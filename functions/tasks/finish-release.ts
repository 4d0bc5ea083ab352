import { deleteObject } from "../../shared/aws/buckets.ts";
import { env } from "../../shared/env.ts";
import { makeCurrent } from "../../shared/ota/release.ts";
import { AppError } from "../../shared/problems.ts";
import { succeed } from "./activate.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

/** The upload goes first: were it left to last, a crash would leave it lying. */
export const handler = task("finish-release", async (input) => {
  const release = await desiredRelease(input);
  const { md5, segment, signature, keyId } = release;
  if (md5 === undefined || segment === undefined || signature === undefined || keyId === undefined)
    throw new AppError("conflict", "the release is not prepared");
  await deleteObject(env("OTA_BUCKET"), release.uploadKey);
  const now = new Date();
  await succeed(input, makeCurrent(release, { md5, segment, signature, keyId }, now), now);
});
