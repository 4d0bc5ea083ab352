import { getItems } from "../../shared/aws/table.ts";
import type { Target } from "../../shared/deployment/deployment.ts";
import type { DeploymentEdit, ProposedEdit } from "../../shared/deployment/edit.ts";
import { type Changes, newGroupId } from "../../shared/deployment/plan.ts";
import type { PlanRequest } from "../../shared/deployment/plan-answer.ts";
import { isId } from "../../shared/ids.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import type { Key } from "../../shared/writes.ts";
import { editOf } from "./deployments.ts";

interface Named {
  readonly id: string;
  readonly name: string;
  readonly ownDeployment?: boolean;
}

/** Finds things of one kind by names or ids, all at once. */
const finder = async (
  kind: "node" | "node-group",
  references: Iterable<string>,
  keyOf: { readonly name: (name: string) => Key; readonly id: (id: string) => Key },
): Promise<(reference: string, pointer: string) => Named> => {
  const all = [...new Set(references)];
  const names = all.filter((one) => !isId(one, kind));
  const claims = await getItems<Key & { id: string }>(names.map(keyOf.name));
  const ids = new Map(claims.map(({ pk, id }) => [pk, id]));
  const idOf = (reference: string) => (isId(reference, kind) ? reference : ids.get(keyOf.name(reference).pk));
  const wanted = new Set(all.map(idOf).filter((id) => id !== undefined));
  const items = new Map((await getItems<Named>([...wanted].map(keyOf.id))).map((item) => [item.id, item]));
  return (reference, pointer) => {
    const item = items.get(idOf(reference) ?? "");
    if (item !== undefined) return item;
    const detail = `there is no ${kind === "node" ? "node" : "node group"} ${reference}`;
    throw new AppError("invalid-request", `the body is not valid: ${pointer}: ${detail}`, {
      findings: [{ pointer, rule: `unknown-${kind}`, detail }],
    });
  };
};

/** A group that is there is edited, not made; and which of the two a node is to be in would be left open. */
const requireNew = async (workspaceId: string, names: readonly string[]): Promise<void> => {
  const claims = await getItems<Key>(names.map((name) => keys.nodeGroupName(workspaceId, name)));
  const taken = new Set(claims.map(({ pk }) => pk));
  const findings = names.flatMap((name, at) => {
    if (!taken.has(keys.nodeGroupName(workspaceId, name).pk)) return [];
    return [{ pointer: `/newNodeGroups/${at}/name`, rule: "taken", detail: `there is a node group ${name} already` }];
  });
  const [first] = findings;
  if (first === undefined) return;
  throw new AppError("invalid-request", `the body is not valid: ${first.pointer}: ${first.detail}`, { findings });
};

/**
 * The changes of a request by ids.
 * @throws AppError `invalid-request` that points to what does not exist, exists or is named twice; `not-found` for a revision
 */
export const changesOf = async ({ id }: StoredWorkspace, request: PlanRequest): Promise<Changes> => {
  const { nodeGroups = {}, nodes = {}, newNodes = [], newNodeGroups = [] } = request;
  const proposed = new Map<string, Named>();
  for (const [at, { name }] of newNodeGroups.entries()) {
    if (proposed.has(name)) throw repeated(`/newNodeGroups/${at}/name`, name);
    proposed.set(name, { id: newGroupId(at), name });
  }
  await requireNew(id, [...proposed.keys()]);
  const groupsOf = [...Object.values(nodes).map((node) => node?.groups), ...newNodes.map(({ groups }) => groups)]
    .flatMap((groups) => groups ?? [])
    .filter((reference) => !proposed.has(reference));
  const [group, node] = await Promise.all([
    finder("node-group", [...Object.keys(nodeGroups), ...groupsOf], {
      name: (name) => keys.nodeGroupName(id, name),
      id: (groupId) => keys.nodeGroup(id, groupId),
    }),
    finder("node", Object.keys(nodes), {
      name: (name) => keys.nodeName(id, name),
      id: (nodeId) => keys.node(id, nodeId),
    }),
  ]);
  const groupIds = (references: readonly string[], pointer: string) =>
    once(
      references.map((one, at) => (proposed.get(one) ?? group(one, `${pointer}/${at}`)).id),
      pointer,
    );

  const deployments: Record<string, DeploymentEdit | null> = {};
  const moved: Record<string, { groups: readonly string[] } | null> = {};
  const edits: Promise<void>[] = [];
  const propose = async (target: Target, edit: ProposedEdit): Promise<void> => {
    deployments[target.id] = await editOf(target, edit);
  };
  for (const [reference, { deployment }] of Object.entries(nodeGroups)) {
    const found = group(reference, `/nodeGroups/${escaped(reference)}`);
    const target: Target = { type: "node-group", id: found.id, name: found.name };
    if (target.id in deployments) throw repeated(`/nodeGroups/${escaped(reference)}`, found.name);
    deployments[target.id] = { edit: "delete" };
    if (deployment !== null) edits.push(propose(target, deployment));
  }
  const met = new Set<string>();
  for (const [reference, change] of Object.entries(nodes)) {
    const pointer = `/nodes/${escaped(reference)}`;
    const found = node(reference, pointer);
    const target: Target = { type: "node", id: found.id, name: found.name };
    if (met.has(target.id)) throw repeated(pointer, found.name);
    met.add(target.id);
    if (change === null) moved[target.id] = null;
    else if (change.groups !== undefined) moved[target.id] = { groups: groupIds(change.groups, `${pointer}/groups`) };
    const deployment = change?.deployment;
    if (deployment === undefined) continue;
    const isThere = found.ownDeployment === true;
    if (!isThere && (deployment === null || deployment.edit === "refresh")) {
      throw new AppError("not-found", `the node ${found.name} has no deployment of its own`);
    }
    deployments[target.id] = null;
    if (deployment !== null) edits.push(propose(target, deployment));
  }
  await Promise.all(edits);
  return {
    deployments,
    nodes: moved,
    newNodeGroups,
    newNodes: newNodes.map(({ groups, ...rest }, at) => ({
      ...rest,
      groups: groupIds(groups, `/newNodes/${at}/groups`),
    })),
  };
};

/** RFC 6901. */
const escaped = (reference: string): string => reference.replaceAll("~", "~0").replaceAll("/", "~1");

const repeated = (pointer: string, name: string): AppError =>
  new AppError("invalid-request", `the body is not valid: ${pointer}: ${name} is named twice`, {
    findings: [{ pointer, rule: "repeated", detail: `${name} is named twice` }],
  });

const once = (ids: readonly string[], pointer: string): readonly string[] => {
  const again = ids.findIndex((id, at) => ids.indexOf(id) !== at);
  if (again >= 0) throw repeated(`${pointer}/${again}`, "a node group");
  return ids;
};
