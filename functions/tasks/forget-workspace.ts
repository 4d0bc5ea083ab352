import { eachItem, transact } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import { deleteEventRule, type StoredEventRule } from "../../shared/event-rule/event-rule.ts";
import { keys, otaKeys, otaPartitions, partitions } from "../../shared/keys.ts";
import { forgetSnapshot } from "../../shared/ota/snapshot.ts";
import type { Membership } from "../../shared/workspace/access.ts";
import { keysOfCredential, type StoredCredential } from "../../shared/workspace/credential.ts";
import { keysOfInvitation, type StoredInvitation } from "../../shared/workspace/member.ts";
import type { Key, Write } from "../../shared/writes.ts";
import { succeed } from "./activate.ts";
import { desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

/** A transaction takes 100 writes, two for each owner. */
const MOST_OWNERS_AT_ONCE = 40;

const deletionOf = (all: readonly Key[]): Write[] => all.map((key) => ({ do: "delete", key }));

/**
 * Credentials, invitations, memberships and what is known of binaries, one by one, since there may be more of them than one
 * transaction takes; the owners' memberships last of all, with the workspace, so that one that could not be forgotten still
 * has someone to see it.
 */
export const handler = task("forget-workspace", async (input) => {
  const workspace = await desiredWorkspace(input);
  const membershipOf = (subject: string) =>
    deletionOf([keys.membership(subject, workspace.id), keys.member(workspace.id, subject)]);
  for await (const credential of eachItem<StoredCredential>(partitions.credentials(workspace.id))) {
    await transact(deletionOf(keysOfCredential(credential)));
  }
  for await (const invitation of eachItem<StoredInvitation>(partitions.invitations(workspace.id))) {
    await transact(deletionOf(keysOfInvitation(invitation)));
  }
  for await (const { key } of eachItem<StoredCell>(partitions.cells(workspace.id))) {
    await transact(deletionOf([keys.cell(workspace.id, key)]));
  }
  for await (const { pk, sk } of eachItem<Key>(partitions.webhooks(workspace.id))) {
    await transact([{ do: "delete", key: { pk, sk } }]);
  }
  for await (const rule of eachItem<StoredEventRule>(partitions.eventRules(workspace.id))) {
    await transact(deleteEventRule(workspace.id, rule));
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
    { do: "delete", key: keys.sweptWorkspace(workspace.id) },
    { do: "delete", table: "ota", key: otaKeys.workspaceName(workspace.name) },
    forgetSnapshot(workspace.id),
  ]);
});
