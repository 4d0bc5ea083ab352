import { allItems, getItem, getItems } from "../../shared/aws/table.ts";
import type { StoredComponent } from "../../shared/component/component.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import type { StoredDrift } from "../../shared/deployment/drift.ts";
import type { StoredEventRule } from "../../shared/event-rule/event-rule.ts";
import { type IdKind, isId } from "../../shared/ids.ts";
import { keys, otaKeys, partitions } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import type { StoredNodeImport } from "../../shared/node-import/node-import.ts";
import type { StoredRelease } from "../../shared/ota/release.ts";
import { AppError } from "../../shared/problems.ts";
import type { StoredCertificate } from "../../shared/registration/certificate.ts";
import { isOver, type StoredToken } from "../../shared/registration/registration.ts";
import { entityTag, type Stored } from "../../shared/resource.ts";
import type { StoredCredential } from "../../shared/workspace/credential.ts";
import { memberId, type StoredInvitation, type StoredMember } from "../../shared/workspace/member.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import type { Key, Write } from "../../shared/writes.ts";

const unknown = (kind: string, reference: string) => new AppError("not-found", `there is no ${kind} ${reference}`);

/** The id of what is called by its id or its name. */
const idOf = async (kind: IdKind, reference: string, nameKey: Key, what: string): Promise<string> => {
  if (isId(reference, kind)) return reference;
  const name = await getItem<{ id: string }>(nameKey);
  if (name === undefined) throw unknown(what, reference);
  return name.id;
};

const found = <T>(item: T | undefined, what: string, reference: string): T => {
  if (item === undefined) throw unknown(what, reference);
  return item;
};

/** @throws AppError `not-found`, as all finders here */
export const findNodeGroup = async ({ id }: StoredWorkspace, reference: string): Promise<StoredNodeGroup> => {
  const groupId = await idOf("node-group", reference, keys.nodeGroupName(id, reference), "node group");
  return found(await getItem<StoredNodeGroup>(keys.nodeGroup(id, groupId)), "node group", reference);
};

/**
 * Node groups by names or ids, each once.
 *
 * @param at where the body names them
 * @throws AppError `invalid-request` that points to the group that does not exist or is named twice
 */
export const findNodeGroups = async (
  { id }: StoredWorkspace,
  references: readonly string[],
  at = "/groups",
): Promise<StoredNodeGroup[]> => {
  const ids = await Promise.all(
    references.map(async (reference) =>
      isId(reference, "node-group")
        ? reference
        : (await getItem<{ id: string }>(keys.nodeGroupName(id, reference)))?.id,
    ),
  );
  const groups = await getItems<StoredNodeGroup>(
    [...new Set(ids)].flatMap((groupId) => (groupId === undefined ? [] : [keys.nodeGroup(id, groupId)])),
  );
  return ids.map((groupId, index) => {
    const pointer = `${at}/${index}`;
    const group = groups.find((candidate) => candidate.id === groupId);
    const refuse = (rule: string, detail: string) =>
      new AppError("invalid-request", `the body is not valid: ${pointer}: ${detail}`, {
        findings: [{ pointer, rule, detail }],
      });
    if (group === undefined) throw refuse("unknown-node-group", `there is no node group ${references[index]}`);
    if (ids.indexOf(groupId) !== index) throw refuse("repeated", `${group.name} is named twice`);
    return group;
  });
};

/** A node by its id or name. */
export const findNode = async ({ id }: StoredWorkspace, reference: string): Promise<StoredNode> => {
  const nodeId = await idOf("node", reference, keys.nodeName(id, reference), "node");
  return found(await getItem<StoredNode>(keys.node(id, nodeId)), "node", reference);
};

/** An import of nodes by its id; it has no name. */
export const findNodeImport = async ({ id }: StoredWorkspace, reference: string): Promise<StoredNodeImport> => {
  if (!isId(reference, "node-import")) throw unknown("node import", reference);
  return found(await getItem<StoredNodeImport>(keys.nodeImport(id, reference)), "node import", reference);
};

/** A certificate of a node by its id. */
export const findCertificate = async (node: StoredNode, id: string): Promise<StoredCertificate> =>
  found(await getItem<StoredCertificate>(keys.certificate(node.id, id)), `certificate of ${node.name}`, id);

/** A member by its id or subject, among all members, of which a workspace has as many as people know each other. */
export const findMember = async (
  { id }: StoredWorkspace,
  reference: string,
): Promise<{ member: StoredMember; members: StoredMember[] }> => {
  const members = await allItems<StoredMember>(partitions.members(id));
  const member = members.find(({ subject }) => subject === reference || memberId(subject) === reference);
  return { member: found(member, "member", reference), members };
};

/** An invitation by its id. */
export const findInvitation = async ({ id }: StoredWorkspace, reference: string): Promise<StoredInvitation> =>
  found(await getItem<StoredInvitation>(keys.invitation(id, reference)), "invitation", reference);

/** A machine's credential by its id; names are for people. */
export const findCredential = async ({ id }: StoredWorkspace, reference: string): Promise<StoredCredential> =>
  found(await getItem<StoredCredential>(keys.credential(id, reference)), "credential", reference);

/** A rule for events by its id; it has no name. */
export const findEventRule = async ({ id }: StoredWorkspace, reference: string): Promise<StoredEventRule> => {
  if (!isId(reference, "event-rule")) throw unknown("event rule", reference);
  return found(await getItem<StoredEventRule>(keys.eventRule(id, reference)), "event rule", reference);
};

/** What was changed behind Slipway's back, by its id; none once it was put right. */
export const findDrift = async ({ id }: StoredWorkspace, reference: string): Promise<StoredDrift> =>
  found(await getItem<StoredDrift>(keys.drift(id, reference)), "drift", reference);

/** The registration token of a node. @throws AppError `not-found` also for one that is used, revoked or over */
export const findToken = async ({ name, token }: StoredNode, now: Date): Promise<StoredToken> => {
  const stored = token && (await getItem<StoredToken>(keys.registrationToken(token)));
  if (!stored || isOver(stored, now)) throw new AppError("not-found", `the node ${name} has no registration token`);
  return stored;
};

/** Component names are the account's: one of another workspace is as unknown as none. */
export const findComponent = async ({ id }: StoredWorkspace, reference: string): Promise<StoredComponent> => {
  const componentId = await idOf("component", reference, keys.componentName(reference), "component");
  return found(await getItem<StoredComponent>(keys.component(id, componentId)), "component", reference);
};

/** A version by its id or its semantic version. */
export const findVersion = async (
  workspace: StoredWorkspace,
  component: string,
  reference: string,
): Promise<StoredVersion> => {
  const found = await findComponent(workspace, component);
  const version = await versionOf(found, reference);
  if (version === undefined) throw unknown(`version of ${found.name}`, reference);
  return version;
};

/** A version of a component by its id or its semantic version, if there is one. */
export const versionOf = async ({ id }: StoredComponent, reference: string): Promise<StoredVersion | undefined> => {
  const versionId = isId(reference, "component-version")
    ? reference
    : (await getItem<{ id: string }>(keys.versionName(id, reference)))?.id;
  return versionId === undefined ? undefined : getItem<StoredVersion>(keys.version(id, versionId));
};

/** A release by its id; it has no name. */
export const findRelease = async ({ id }: StoredWorkspace, reference: string): Promise<StoredRelease> => {
  if (!isId(reference, "release")) throw unknown("release", reference);
  return found(await getItem<StoredRelease>(otaKeys.release(id, reference), "ota"), "release", reference);
};

/** An answer with its ETag. */
export const tagged = <Body>(stored: { readonly revision: number }, body: Body) => ({
  body,
  headers: { etag: entityTag(stored) },
});

/** The answer to a creation that is done at once. */
export const created = <Body>(stored: { readonly revision: number }, body: Body, location: string) => ({
  body,
  headers: { etag: entityTag(stored), location },
});

/** RFC 9110 §13.1.1: the edit goes ahead only if the caller has seen the current revision. */
export const checkIfMatch = (stored: { readonly revision: number }, ifMatch: number | undefined): void => {
  if (ifMatch !== undefined && ifMatch !== stored.revision) {
    throw new AppError("precondition-failed", `the current ETag is ${entityTag(stored)}`);
  }
};

/** A stored thing with another description, and the conditional write that makes it so. */
export const describeAnew = <T extends Stored & { description?: string | undefined }>(
  stored: T,
  description: string | null,
  ifMatch: number | undefined,
  now: Date,
): { next: T; write: Write } => changeAnew(stored, { description }, ifMatch, now);

/**
 * A stored thing with other members, and the conditional write that makes it so.
 * @param edits by name; null removes a member, and undefined leaves it as it is
 */
export const changeAnew = <T extends Stored>(
  stored: T,
  edits: Readonly<Record<string, string | object | null | undefined>>,
  ifMatch: number | undefined,
  now: Date,
): { next: T; write: Write } => {
  checkIfMatch(stored, ifMatch);
  const removed = Object.keys(edits).filter((name) => edits[name] === null);
  const changed = {
    ...Object.fromEntries(Object.entries(edits).filter(([, value]) => value !== null && value !== undefined)),
    revision: stored.revision + 1,
    updatedAt: now.toISOString(),
  };
  const kept = Object.fromEntries(Object.entries(stored).filter(([name]) => !removed.includes(name)));
  return {
    next: { ...kept, ...changed } as T,
    write: {
      do: "update",
      key: { pk: stored.pk, sk: stored.sk },
      set: changed,
      ...(removed.length > 0 && { remove: removed }),
      when: { revision: stored.revision },
      otherwise: { code: "precondition-failed", detail: "it was changed at the same time: read it again" },
    },
  };
};
