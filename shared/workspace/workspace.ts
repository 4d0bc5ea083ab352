import * as z from "zod";
import type { Moment } from "../ids.ts";
import { type NewIntent, requestIntent, type StoredIntent } from "../intent/intent.ts";
import { keys, otaKeys } from "../keys.ts";
import { awsNames, WorkspaceName } from "../names.ts";
import { POLL_SECONDS } from "../ota/poll.ts";
import { born, Description, ResourceStatus, type Stored, Timestamps } from "../resource.ts";
import type { Write } from "../writes.ts";
import type { Role } from "./access.ts";

export const CreateWorkspace = z
  .strictObject({ name: WorkspaceName, description: Description.optional() })
  .meta({ id: "CreateWorkspace" });
export type CreateWorkspace = z.infer<typeof CreateWorkspace>;

/** What holds for all anonymous devices of a workspace. */
const OtaSettings = {
  pollSeconds: z
    .int()
    .min(60)
    .max(30 * 86_400)
    .meta({ description: "How long devices are asked to wait between polls; up to a quarter is added at random" }),
  isStopped: z.boolean().meta({ description: "Devices are answered 503 with Retry-After, whatever they ask" }),
};

export const EditWorkspace = z
  .strictObject({
    description: Description.nullable().optional().meta({ description: "null removes it" }),
    ota: z
      .strictObject({ pollSeconds: OtaSettings.pollSeconds.optional(), isStopped: OtaSettings.isStopped.optional() })
      .optional(),
  })
  .refine((edit) => Object.keys(edit).length > 0, "must change something")
  .meta({ id: "EditWorkspace", description: "What is absent stays as it is" });
export type EditWorkspace = z.infer<typeof EditWorkspace>;

export const Workspace = z
  .object({
    id: z.string(),
    name: WorkspaceName,
    description: Description.optional(),
    status: ResourceStatus,
    bucket: z.string().meta({ description: "S3 bucket of the workspace's artifacts" }),
    ota: z.object(OtaSettings),
    ...Timestamps,
  })
  .meta({ id: "Workspace" });

export type StoredWorkspace = z.infer<typeof Workspace> &
  Stored & {
    readonly type: "workspace";
  };

/** What a decision answers: the intent, and the writes that go with it in one transaction. */
export interface Accepted {
  readonly intent: StoredIntent;
  readonly writes: readonly Write[];
}

const subject = (workspace: { id: string; name: string }): NewIntent["subject"] => ({
  type: "workspace",
  id: workspace.id,
  name: workspace.name,
  href: `/v1/workspaces/${workspace.id}`,
});

/** A new workspace; the caller becomes its owner. The bucket's random part is drawn again by the workflow if taken. */
export const createWorkspace = (input: CreateWorkspace, caller: string, moment: Moment): Accepted => {
  const id = moment.newId("workspace");
  const workspace: StoredWorkspace = {
    ...keys.workspace(id),
    type: "workspace",
    id,
    ...input,
    status: "creating",
    bucket: awsNames.bucket(moment.randomText(3), input.name),
    ota: { pollSeconds: POLL_SECONDS, isStopped: false },
    ...born(moment.now),
  };
  const role: Role = "owner";
  const membership = {
    type: "membership",
    workspaceId: id,
    subject: caller,
    role,
    createdAt: moment.now.toISOString(),
  };
  return {
    intent: requestIntent(
      { kind: "workspace.create", workspaceId: id, subject: subject(workspace), requestedBy: caller },
      moment,
    ),
    writes: [
      {
        do: "create",
        item: { ...keys.workspaceName(input.name), type: "name", id },
        otherwise: { code: "name-taken", detail: `a workspace named ${input.name} exists` },
      },
      { do: "create", item: { ...workspace } },
      { do: "create", item: { ...keys.membership(caller, id), ...membership } },
      { do: "create", item: { ...keys.member(id, caller), ...membership } },
      { do: "create", item: { ...keys.sweptWorkspace(id), type: "swept-workspace" } },
      { do: "create", table: "ota", item: { ...otaKeys.workspaceName(input.name), type: "workspace", id } },
    ],
  };
};

/** Other settings of anonymous devices, here and where the package function reads them. */
export const editOta = (workspace: StoredWorkspace, edit: NonNullable<EditWorkspace["ota"]>) => {
  const { pollSeconds = workspace.ota.pollSeconds, isStopped = workspace.ota.isStopped } = edit;
  const ota = { pollSeconds, isStopped };
  const write: Write = {
    do: "update",
    table: "ota",
    key: otaKeys.workspaceName(workspace.name),
    set: ota,
    when: { id: workspace.id },
  };
  return { ota, write };
};

/** What still lies in a workspace, named for people; empty means that it may be deleted. */
export const leftovers = (present: Readonly<Record<string, boolean>>): string | undefined => {
  const names = Object.entries(present)
    .filter(([, exists]) => exists)
    .map(([name]) => name);
  if (names.length === 0) return undefined;
  return `the workspace still has ${names.join(", ")}: delete them first`;
};

/** Marks the workspace: from here on nothing can be created in it. The workflow looks again whether it is empty. */
export const deleteWorkspace = (workspace: StoredWorkspace, caller: string, moment: Moment): Accepted => ({
  intent: requestIntent(
    { kind: "workspace.delete", workspaceId: workspace.id, subject: subject(workspace), requestedBy: caller },
    moment,
  ),
  writes: [
    {
      do: "update",
      key: keys.workspace(workspace.id),
      set: { status: "deleting", updatedAt: moment.now.toISOString() },
      add: { revision: 1 },
      when: { status: { in: ["active", "failed"] } },
      otherwise: { code: "not-ready", detail: "the workspace is being created or deleted" },
    },
  ],
});

/** Part of every transaction that creates something in a workspace: nothing is made in one that is going. */
export const workspaceIsActive = (workspaceId: string): Write => ({
  do: "check",
  key: keys.workspace(workspaceId),
  when: { status: "active" },
  otherwise: { code: "not-ready", detail: "the workspace is not active" },
});
