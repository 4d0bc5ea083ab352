import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { readDropped } from "../../shared/aws/drops.ts";
import { getItem } from "../../shared/aws/table.ts";
import { keys } from "../../shared/keys.ts";
import { workspaceNameOf } from "../../shared/names.ts";
import { AppError } from "../../shared/problems.ts";
import { folderOfManifest, MAX_MANIFEST_BYTES, PushManifest } from "../../shared/push/manifest.ts";
import { readJson, utf8 } from "../../shared/read-json.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { loggerOf } from "../logger.ts";
import { answer } from "./push.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
interface Created {
  readonly bucket: { readonly name: string };
  readonly object: { readonly key: string; readonly size: number; readonly etag: string; readonly sequencer: string };
}

/** A manifest was put into a workspace's bucket: the version that it describes is made, and published. */
export const handler = middy<EventBridgeEvent<string, Created>, void>().handler(async ({ detail }, context) => {
  const { bucket, object } = detail;
  const log = loggerOf(context, { bucket: bucket.name, key: object.key });
  const folder = folderOfManifest(object.key);
  const workspace = await workspaceOf(bucket.name);
  if (folder === undefined || workspace === undefined) {
    log.info("passed by"); // deeper in a folder, or the bucket of another stage
    return;
  }
  const manifest = { key: object.key, etag: object.etag };
  const read = async () => {
    if (object.size > MAX_MANIFEST_BYTES) {
      throw new AppError(
        "body-too-large",
        `the manifest has ${object.size} bytes; at most ${MAX_MANIFEST_BYTES} are taken`,
      );
    }
    const text = utf8(await readDropped(bucket.name, manifest), "the manifest");
    return { manifest: readJson(PushManifest, text, "the manifest"), folder };
  };
  await answer(workspace, { bucket: bucket.name, manifest, sequencer: object.sequencer }, read, log);
});

/** The workspace of the stage that has the bucket. */
const workspaceOf = async (bucket: string): Promise<StoredWorkspace | undefined> => {
  const name = workspaceNameOf(bucket);
  const claim = name === undefined ? undefined : await getItem<{ id: string }>(keys.workspaceName(name));
  const workspace = claim && (await getItem<StoredWorkspace>(keys.workspace(claim.id)));
  return workspace?.bucket === bucket ? workspace : undefined;
};
