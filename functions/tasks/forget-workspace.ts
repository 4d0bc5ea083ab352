import { eachItem, transact } from "../../shared/aws/table.ts";
import { keys, otaKeys, partitions } from "../../shared/keys.ts";
import type { Membership } from "../../shared/workspace/access.ts";
import { succeed } from "./activate.ts";
import { desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

/** Memberships first, one by one: there may be more of them than one transaction takes. */
export const handler = task("forget-workspace", async (input) => {
  const workspace = await desiredWorkspace(input);
  for await (const { subject } of eachItem<Membership>(partitions.members(workspace.id))) {
    await transact([
      { do: "delete", key: keys.membership(subject, workspace.id) },
      { do: "delete", key: keys.member(workspace.id, subject) },
    ]);
  }
  await succeed(input, [
    { do: "delete", key: keys.workspace(workspace.id), when: { status: "deleting" } },
    { do: "delete", key: keys.workspaceName(workspace.name) },
    { do: "delete", table: "ota", key: otaKeys.workspaceName(workspace.name) },
  ]);
});
