import { putResult } from "../../shared/aws/drops.ts";
import { RESULT } from "../../shared/push/manifest.ts";
import type { PushResult } from "../../shared/push/push.ts";

/** Tells the outcome of a push beside its manifest. The event is made of the record that is written then. */
export const tell = async (bucket: string, result: PushResult): Promise<void> => {
  const { origin } = result;
  if ("event" in origin) return;
  const key = `${origin.manifest.key.slice(0, origin.manifest.key.lastIndexOf("/") + 1)}${RESULT}`;
  await putResult(bucket, origin.manifest, { key, text: `${JSON.stringify(result, null, 2)}\n` });
};
