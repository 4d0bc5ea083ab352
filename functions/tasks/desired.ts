import { getItem } from "../../shared/aws/table.ts";
import type { StoredComponent } from "../../shared/component/component.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { keys, otaKeys } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import type { StoredNodeImport } from "../../shared/node-import/node-import.ts";
import type { StoredRelease } from "../../shared/ota/release.ts";
import type { StoredArchive } from "../../shared/ota/stored-archive.ts";
import { AppError } from "../../shared/problems.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import type { TaskInput } from "./task.ts";

/** The desired state that a task works towards, as it is now. An absent one was deleted meanwhile. */
const present = <T>(item: T | undefined, what: string, id: string): T => {
  if (item === undefined) throw new AppError("not-found", `the ${what} ${id} is gone`);
  return item;
};

export const desiredWorkspace = async ({ workspaceId }: TaskInput): Promise<StoredWorkspace> =>
  present(await getItem<StoredWorkspace>(keys.workspace(workspaceId)), "workspace", workspaceId);

export const desiredNodeGroup = async ({ workspaceId, subjectId }: TaskInput): Promise<StoredNodeGroup> =>
  present(await getItem<StoredNodeGroup>(keys.nodeGroup(workspaceId, subjectId)), "node group", subjectId);

export const desiredNode = async ({ workspaceId, subjectId }: TaskInput): Promise<StoredNode> =>
  present(await getItem<StoredNode>(keys.node(workspaceId, subjectId)), "node", subjectId);

export const desiredNodeImport = async ({ workspaceId, subjectId }: TaskInput): Promise<StoredNodeImport> =>
  present(await getItem<StoredNodeImport>(keys.nodeImport(workspaceId, subjectId)), "node import", subjectId);

export const desiredVersion = async ({ parentId, subjectId }: TaskInput): Promise<StoredVersion> =>
  present(await getItem<StoredVersion>(keys.version(parentId, subjectId)), "component version", subjectId);

export const desiredComponent = async ({ workspaceId, parentId }: TaskInput): Promise<StoredComponent> =>
  present(await getItem<StoredComponent>(keys.component(workspaceId, parentId)), "component", parentId);

export const desiredRelease = async ({ workspaceId, subjectId }: TaskInput): Promise<StoredRelease> =>
  present(await getItem<StoredRelease>(otaKeys.release(workspaceId, subjectId), "ota"), "release", subjectId);

export const desiredArchive = async ({ workspaceId, subjectId }: TaskInput): Promise<StoredArchive> =>
  present(await getItem<StoredArchive>(otaKeys.archive(workspaceId, subjectId), "ota"), "archive", subjectId);
