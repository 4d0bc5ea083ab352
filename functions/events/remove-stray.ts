import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { deleteDropped } from "../../shared/aws/drops.ts";
import { headObject } from "../../shared/aws/objects.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import {
  claimFile,
  forgetFile,
  freeFile,
  holdPlace,
  isClearing,
  type StoredFile,
  versionTakesFiles,
} from "../../shared/component/file.ts";
import { packagePath } from "../../shared/component/package.ts";
import { placeOfArtifact } from "../../shared/component/recipe.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { loggerOf } from "../logger.ts";
import { type Created, workspaceOf } from "./bucket-workspace.ts";

/**
 * A file was sent by its URL, which works for an hour: longer than what was declared may stay. What no version leads to any
 * more, since the file was deleted meanwhile, or its version was, goes again. While it goes, its place is under the lease that
 * former bytes go under, so that nobody can declare the very bytes that are being removed (docs/adr/0030).
 */
export const handler = middy<EventBridgeEvent<string, Created>, void>().handler(async ({ detail }, context) => {
  const bucket = detail.bucket.name;
  const { key } = detail.object;
  const place = placeOfArtifact(key);
  const workspace = await workspaceOf(bucket);
  if (place === undefined || workspace === undefined) return;
  const held = await headObject(bucket, key);
  // All that is sent by our URLs has a hash; what somebody put there by another way is theirs to remove.
  if (held?.sha256 === undefined) return;
  const object = { key, etag: held.etag.replaceAll('"', "") };
  const remove = async (): Promise<void> => {
    await deleteDropped(bucket, [object]);
    loggerOf(context).info("removed a file that came late", { bucket, key });
  };

  const version = await versionAt(workspace.id, place.component, place.version);
  if (version === undefined) return remove();
  const file = await getItem<StoredFile>(keys.file(version.id, place.path));
  if (file?.path === place.path) return;
  if (version.copying === "running") throw new AppError("busy", "the files of the version are still being copied");
  if (version.status !== "draft" && version.status !== "failed") {
    // Nothing is declared any more, but for Slipway's own package, which is there before its declaration.
    const isPackage = version.status === "publishing" && place.path === packagePath(version.component);
    return isPackage ? undefined : remove();
  }
  const now = new Date();
  if (file !== undefined && isClearing(file, now)) throw new AppError("busy", `${file.path} is being changed`);
  const { claimed, write } =
    file === undefined
      ? holdPlace(version.id, { path: place.path, size: held.size, sha256: held.sha256 }, now)
      : claimFile(file, now);
  await transact([versionTakesFiles(version), write]);
  await remove();
  await transact([file === undefined ? forgetFile(claimed) : freeFile(claimed)]);
});

/** The version that has this number now, if the workspace has one. */
const versionAt = async (workspaceId: string, component: string, number: string) => {
  const owner = await getItem<{ id: string; workspaceId: string }>(keys.componentName(component));
  if (owner?.workspaceId !== workspaceId) return undefined;
  const claim = await getItem<{ id: string }>(keys.versionName(owner.id, number));
  return claim && getItem<StoredVersion>(keys.version(owner.id, claim.id));
};
