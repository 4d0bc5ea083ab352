import { transact } from "../../shared/aws/table.ts";
import { keys } from "../../shared/keys.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";
import { withdraw } from "./withdraw.ts";

/**
 * What a publication that failed has made in Greengrass goes, so that nobody can deploy what the version is not. One that was
 * published after all stays.
 */
export const handler = task("withdraw-component-version", async (input) => {
  const version = await desiredVersion(input);
  if (version.status !== "publishing") return;
  await withdraw(version);
  await transact([
    {
      do: "update",
      key: keys.version(version.componentId, version.id),
      remove: ["arn"],
      when: { status: "publishing" },
    },
  ]);
});
