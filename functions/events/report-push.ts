import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { deleteDropped } from "../../shared/aws/drops.ts";
import { allItems, getItem, transact } from "../../shared/aws/table.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import type { Intent, StoredIntent } from "../../shared/intent/intent.ts";
import { keys, partitions } from "../../shared/keys.ts";
import {
  type DroppedObject,
  isEndOf,
  type PushedFileItem,
  recordResult,
  resultOf,
  type StoredPush,
} from "../../shared/push/push.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { loggerOf } from "../logger.ts";
import { tell } from "./tell.ts";

/**
 * An intent has ended that may be the last one of a push: then its outcome is told, once what was dropped for it is gone. The
 * event is not taken at its word: what happened, the table says. Harmless to repeat.
 */
export const handler = middy<EventBridgeEvent<string, { readonly data: Intent }>, void>().handler(
  async ({ detail }, context) => {
    const [intent, push] = await Promise.all([
      getItem<StoredIntent>(keys.intent(detail.data.id)),
      getItem<StoredPush>(keys.push(detail.data.subject.id)),
    ]);
    if (intent?.finishedAt === undefined || push === undefined || !isEndOf(push, intent)) return;
    const workspace = await getItem<StoredWorkspace>(keys.workspace(push.workspaceId));
    if (workspace === undefined) return; // deleted meanwhile, with its bucket
    const version = await getItem<StoredVersion>(keys.version(push.componentId, push.pk));
    if (intent.status === "succeeded") await deleteDropped(workspace.bucket, await droppedBy(push));
    const result = resultOf(push, intent, version);
    await tell(workspace.bucket, result);
    await transact([recordResult(push, result, new Date())]);
    loggerOf(context, { intent: intent.id }).info("told", { status: intent.status });
  },
);

/** What was dropped for a push: its files as they were copied, its recipe, and last its manifest. */
const droppedBy = async ({ pk, origin, recipeFile }: StoredPush): Promise<DroppedObject[]> => {
  const files = await allItems<PushedFileItem>(partitions.files(pk));
  return [
    ...files.flatMap(({ dropped }) => dropped ?? []),
    ...(recipeFile === undefined ? [] : [recipeFile]),
    ...("event" in origin ? [] : [origin.manifest]),
  ];
};
