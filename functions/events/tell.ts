import { putResult } from "../../shared/aws/drops.ts";
import { putEvent } from "../../shared/aws/events.ts";
import { RESULT } from "../../shared/push/manifest.ts";
import { PUSH_ENDED, type PushResult } from "../../shared/push/push.ts";

/** Tells the outcome of a push as an event, and beside its manifest. */
export const tell = async (bucket: string, result: PushResult): Promise<void> => {
  const { origin } = result;
  await putEvent(result.status === "failed" ? PUSH_ENDED.failed : PUSH_ENDED.succeeded, result);
  if ("event" in origin) return;
  const key = `${origin.manifest.key.slice(0, origin.manifest.key.lastIndexOf("/") + 1)}${RESULT}`;
  await putResult(bucket, origin.manifest, { key, text: `${JSON.stringify(result, null, 2)}\n` });
};
