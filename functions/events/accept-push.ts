import middy from "@middy/core";
import type { Context, EventBridgeEvent } from "aws-lambda";
import { actorOfAws } from "../../shared/audit/audit.ts";
import { getItem, remembering, transact } from "../../shared/aws/table.ts";
import { isId } from "../../shared/ids.ts";
import { keys } from "../../shared/keys.ts";
import { AppError, problem } from "../../shared/problems.ts";
import { folderNamed, MAX_MANIFEST_BYTES, PushRequest } from "../../shared/push/manifest.ts";
import { answerEvent, hashOfOrigin, type PushResult } from "../../shared/push/push.ts";
import { checkedJson } from "../../shared/read-json.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { loggerOf } from "../logger.ts";
import { answer } from "./push.ts";

/**
 * Somebody of the account, who may put such events on the stage's bus, asks for a push without a manifest. Where not even the
 * workspace is known, the outcome is an event alone.
 */
export const handler = middy<EventBridgeEvent<string, unknown>, void>().handler((event, context) =>
  remembering(() => pushed(event, context)),
);

const pushed = async ({ id, account, detail }: EventBridgeEvent<string, unknown>, context: Context): Promise<void> => {
  const log = loggerOf(context, { event: id });
  const origin = { event: id };
  const reference = (detail as { workspace?: unknown } | undefined)?.workspace;
  const workspace = typeof reference === "string" ? await workspaceOf(reference) : undefined;
  if (workspace === undefined) {
    const told = `there is no workspace ${JSON.stringify(reference ?? null)}`;
    const findings = [{ pointer: "/workspace", rule: "unknown-workspace", detail: told }];
    log.info("refused", { code: "not-found" });
    const now = new Date();
    const result: PushResult = {
      status: "failed",
      origin,
      problem: problem("not-found", told, findings),
      finishedAt: now.toISOString(),
    };
    try {
      await transact([answerEvent(hashOfOrigin("", origin), now, result)]);
    } catch (error) {
      if (!(error instanceof AppError && error.code === "conflict")) throw error; // told before
    }
    return;
  }
  const read = async () => {
    const bytes = Buffer.byteLength(JSON.stringify(detail));
    if (bytes > MAX_MANIFEST_BYTES) {
      throw new AppError("body-too-large", `the detail has ${bytes} bytes; at most ${MAX_MANIFEST_BYTES} are taken`);
    }
    const { workspace: _, folder, ...manifest } = checkedJson(PushRequest, detail, "the detail");
    return { manifest, ...(folder !== undefined && { folder: folderNamed(folder) }) };
  };
  await answer({ workspace, origin, pusher: { actor: actorOfAws(account) } }, read, log);
};

const workspaceOf = async (reference: string): Promise<StoredWorkspace | undefined> => {
  const id = isId(reference, "workspace")
    ? reference
    : (await getItem<{ id: string }>(keys.workspaceName(reference)))?.id;
  return id === undefined ? undefined : getItem<StoredWorkspace>(keys.workspace(id));
};
