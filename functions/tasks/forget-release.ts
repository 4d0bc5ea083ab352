import { eachItem, transact } from "../../shared/aws/table.ts";
import { otaPartitions } from "../../shared/keys.ts";
import { forgetRelease } from "../../shared/ota/release.ts";
import type { Key } from "../../shared/writes.ts";
import { succeed } from "./activate.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

/** Its history first, a line at a time: there may be more of it than one transaction takes. */
export const handler = task("forget-release", async (input) => {
  const release = await desiredRelease(input);
  for await (const { pk, sk } of eachItem<Key>({ partition: otaPartitions.releaseChanges(release.id), table: "ota" })) {
    await transact([{ do: "delete", table: "ota", key: { pk, sk } }]);
  }
  await succeed(input, forgetRelease(release));
});
