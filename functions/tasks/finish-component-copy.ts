import { finishCopy } from "../../shared/component/version.ts";
import { succeed } from "./activate.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("finish-component-copy", async (input) => {
  const now = new Date();
  await succeed(input, [finishCopy(await desiredVersion(input), now)], now);
});
