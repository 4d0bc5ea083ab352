import middy from "@middy/core";
import type { Context, EventBridgeEvent } from "aws-lambda";
import { actorOfAws } from "../../shared/audit/audit.ts";
import { readDropped } from "../../shared/aws/drops.ts";
import { remembering } from "../../shared/aws/table.ts";
import { AppError } from "../../shared/problems.ts";
import { folderOfManifest, MAX_MANIFEST_BYTES, PushManifest } from "../../shared/push/manifest.ts";
import { readJson, utf8 } from "../../shared/read-json.ts";
import { loggerOf } from "../logger.ts";
import { type Created, workspaceOf } from "./bucket-workspace.ts";
import { answer } from "./push.ts";

/** A manifest was put into a workspace's bucket: the version that it describes is made, and published. */
export const handler = middy<EventBridgeEvent<string, Created>, void>().handler((event, context) =>
  remembering(() => dropped(event.detail, context)),
);

const dropped = async (detail: Created, context: Context): Promise<void> => {
  const { bucket, object, requester, "source-ip-address": ip } = detail;
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
  const origin = { bucket: bucket.name, manifest, sequencer: object.sequencer };
  const pusher = { actor: actorOfAws(requester), ...(ip !== undefined && { source: { ip, userAgent: "" } }) };
  await answer({ workspace, origin, pusher }, read, log);
};
