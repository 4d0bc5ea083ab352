import { deleteObject } from "../../shared/aws/objects.ts";
import { allItems } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { otaPartitions } from "../../shared/keys.ts";
import { makeCurrent } from "../../shared/ota/availability.ts";
import type { Entry } from "../../shared/ota/entry.ts";
import { AppError } from "../../shared/problems.ts";
import { theMoment } from "../moment.ts";
import { succeed } from "./activate.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

/** The upload goes first: were it left to last, a crash would leave it lying. */
export const handler = task("finish-release", async (input) => {
  const release = await desiredRelease(input);
  const { md5, segment, signature, keyId, app, environment } = release;
  if (md5 === undefined || segment === undefined || signature === undefined || keyId === undefined)
    throw new AppError("conflict", "the release is not prepared");
  await deleteObject(env("OTA_BUCKET"), release.uploadKey);
  const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const entries = (
    await allItems<Entry>({ partition: otaPartitions.current(release.workspaceId), table: "ota" })
  ).filter((entry) => isSame(entry.app, app) && isSame(entry.environment, environment));
  const moment = theMoment();
  await succeed(input, makeCurrent(release, { md5, segment, signature, keyId }, entries, moment), moment.now);
});
