import { transact } from "../../shared/aws/table.ts";
import { keys } from "../../shared/keys.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";
import { withdraw } from "./withdraw.ts";

/**
 * Also what a publication left that was broken off. Once Greengrass has it no more, its number is given up: it can never be
 * taken for a published version again.
 */
export const handler = task("delete-component-version", async (input) => {
  const version = await desiredVersion(input);
  await withdraw(version);
  if (version.arn === undefined) return;
  await transact([
    {
      do: "update",
      key: keys.version(version.componentId, version.id),
      remove: ["arn", "catalogueNumber"],
      when: { status: "deleting" },
    },
  ]);
});
