import { finishArchive } from "../../shared/ota/stored-archive.ts";
import { succeed } from "./activate.ts";
import { desiredArchive } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("finish-archive", async (input) => {
  const now = new Date();
  await succeed(input, [finishArchive(await desiredArchive(input), now)], now);
});
