import { getItem, getItems } from "../../shared/aws/table.ts";
import { isId } from "../../shared/ids.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { allows, type Caller, type Membership, type Role } from "../../shared/workspace/access.ts";
import { hasEnded } from "../../shared/workspace/credential.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";

const unknown = (workspace: string) => new AppError("not-found", `there is no workspace ${workspace}`);

const over = () => new AppError("unauthorized", "the credential was revoked, or has ended");

/**
 * A machine credential is still there, where an operation opens no workspace by which that is seen.
 * @param workspaceId the one that the credential was made in
 * @throws AppError `unauthorized`
 */
export const stillThere = async (subject: string, workspaceId: string): Promise<void> => {
  const membership = await getItem<Membership>(keys.membership(subject, workspaceId));
  if (membership === undefined || hasEnded(membership, new Date())) throw over();
};

/**
 * The workspace with this id or name, for a member of it with at least the needed role. One that the caller is no member
 * of answers as one that does not exist: workspaces cannot see each other. A machine credential that was revoked, or has
 * ended, is no longer one of its own workspace either.
 * @throws AppError `not-found`, `forbidden`, `unauthorized`
 */
export const openWorkspace = async (
  { subject, workspaceId }: Caller,
  workspace: string,
  needed: Role,
): Promise<{ readonly workspace: StoredWorkspace; readonly role: Role }> => {
  const id = isId(workspace, "workspace")
    ? workspace
    : (await getItem<{ id: string }>(keys.workspaceName(workspace)))?.id;
  if (id === undefined) throw unknown(workspace);
  const items = await getItems<StoredWorkspace | (Membership & { type: "membership" })>([
    keys.workspace(id),
    keys.membership(subject, id),
  ]);
  const found = items.find((item) => item.type === "workspace");
  const membership = items.find((item) => item.type === "membership");
  const isMember = membership !== undefined && !hasEnded(membership, new Date());
  if (!isMember && workspaceId === id) throw over();
  if (found === undefined || !isMember) throw unknown(workspace);
  if (!allows(needed, membership.role)) {
    throw new AppError("forbidden", `this needs the role ${needed}; the caller's role is ${membership.role}`);
  }
  return { workspace: found, role: membership.role };
};
