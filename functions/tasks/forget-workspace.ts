import { eachItem, transact } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import { keys, otaKeys, otaPartitions, partitions } from "../../shared/keys.ts";
import { forgetSnapshot } from "../../shared/ota/snapshot.ts";
import type { Membership } from "../../shared/workspace/access.ts";
import type { Key, Write } from "../../shared/writes.ts";
import { succeed } from "./activate.ts";
import { desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

/** A transaction takes 100 writes, two for each owner. */
const MOST_OWNERS_AT_ONCE = 40;

/**
 * Memberships first, one by one, since there may be more of them than one transaction takes, and what is known of binaries;
 * the owners' last of all, with the workspace, so that one that could not be forgotten still has someone to see it.
 */
export const handler = task("forget-workspace", async (input) => {
  const workspace = await desiredWorkspace(input);
  const membershipOf = (subject: string): Write[] => [
    { do: "delete", key: keys.membership(subject, workspace.id) },
    { do: "delete", key: keys.member(workspace.id, subject) },
  ];
  for await (const { key } of eachItem<StoredCell>(partitions.cells(workspace.id))) {
    await transact([{ do: "delete", key: keys.cell(workspace.id, key) }]);
  }
  for (const partition of [partitions.webhooks(workspace.id), partitions.eventRules(workspace.id)]) {
    for await (const { pk, sk } of eachItem<Key>(partition)) await transact([{ do: "delete", key: { pk, sk } }]);
  }
  const owners: string[] = [];
  for await (const { subject, role } of eachItem<Membership>(partitions.members(workspace.id))) {
    if (role === "owner" && owners.length < MOST_OWNERS_AT_ONCE) owners.push(subject);
    else await transact(membershipOf(subject));
  }
  for await (const { pk, sk } of eachItem<Key>({ partition: otaPartitions.binaries(workspace.id), table: "ota" })) {
    await transact([{ do: "delete", table: "ota", key: { pk, sk } }]);
  }
  await succeed(input, [
    ...owners.flatMap(membershipOf),
    { do: "delete", key: keys.workspace(workspace.id), when: { status: "deleting" } },
    { do: "delete", key: keys.workspaceName(workspace.name) },
    { do: "delete", table: "ota", key: otaKeys.workspaceName(workspace.name) },
    forgetSnapshot(workspace.id),
  ]);
});
