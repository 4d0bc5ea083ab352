import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { componentsOfDeployment } from "../../shared/aws/greengrass.ts";
import { getItem } from "../../shared/aws/table.ts";
import { adoptedEdit } from "../../shared/deployment/adopt.ts";
import { parseGenerationId, type StoredGeneration } from "../../shared/deployment/cell.ts";
import type { StoredDeployment } from "../../shared/deployment/deployment.ts";
import { type StoredDrift, whyNotAdopted, whyNotRepaired } from "../../shared/deployment/drift.ts";
import { isId, type Moment } from "../../shared/ids.ts";
import { requestIntent, type StoredIntent } from "../../shared/intent/intent.ts";
import { keys } from "../../shared/keys.ts";
import { placeNode } from "../../shared/node/intents.ts";
import { changeMemberships, groupsAfter } from "../../shared/node/membership.ts";
import { AppError } from "../../shared/problems.ts";
import type { Accepted, StoredWorkspace } from "../../shared/workspace/workspace.ts";
import type { Write } from "../../shared/writes.ts";
import { revise } from "./deployments.ts";
import { approve, planOf } from "./plans.ts";
import { findDrift, findNode, findNodeGroup } from "./resources.ts";

/** The parts of a request that this needs. */
interface Asking {
  readonly workspace: StoredWorkspace;
  readonly params: { readonly drift: string };
  readonly caller: string;
  readonly moment: Moment;
  readonly accept: (accepted: Accepted) => Promise<APIGatewayProxyStructuredResultV2>;
}

const GONE = { code: "not-found", detail: "it is no drift any more" } as const;

/** Kinds that a node's own way puts right. */
const BY_PLACING: ReadonlySet<StoredDrift["kind"]> = new Set(["cell-membership", "group-membership", "components"]);

/**
 * Has a drift put right: things of nodes by the workflow that takes nodes where they belong, cells and node groups by one of
 * their own.
 * @throws AppError `not-found`; `cannot-repair` with what to do instead; `not-ready` for a node that is not active
 */
export const repairDrift = async (asking: Asking) => {
  const drift = await findDrift(asking.workspace, asking.params.drift);
  const reason = whyNotRepaired(drift);
  if (reason !== undefined) throw new AppError("cannot-repair", reason);
  const { workspace, caller, moment, accept } = asking;
  const intent = await repairing(workspace, drift, caller, moment);
  const noted: Write = {
    do: "update",
    key: keys.drift(workspace.id, drift.id),
    set: { intent: intent.id },
    when: { type: "drift" },
    otherwise: GONE,
  };
  return accept({ intent, writes: [noted] });
};

const repairing = async (
  workspace: StoredWorkspace,
  { kind, id, subject }: StoredDrift,
  caller: string,
  moment: Moment,
): Promise<StoredIntent> => {
  if (BY_PLACING.has(kind)) {
    const node = await findNode(workspace, subject.id);
    if (node.status !== "active") throw new AppError("not-ready", `the node ${node.name} is ${node.status}`);
    return placeNode(node, caller, moment);
  }
  return requestIntent(
    {
      kind: "drift.repair",
      workspaceId: workspace.id,
      subject: { type: "drift", id, name: id, href: `/v1/workspaces/${workspace.id}/drift/${encodeURIComponent(id)}` },
      requestedBy: caller,
    },
    moment,
  );
};

/**
 * Makes what was changed behind Slipway's back what is wanted, held against the plan of that as an edit is.
 * @throws AppError `not-found`; `cannot-adopt` with the reason; and what the plan refuses
 */
export const adoptDrift = async (asking: Asking) => {
  const drift = await findDrift(asking.workspace, asking.params.drift);
  const reason = whyNotAdopted(drift);
  if (reason !== undefined) throw new AppError("cannot-adopt", reason);
  return drift.kind === "group-membership" ? adoptMembership(asking, drift) : adoptDeployment(asking, drift);
};

const noLonger = ({ workspaceId, id }: StoredDrift): Write => ({
  do: "delete",
  key: keys.drift(workspaceId, id),
  when: { type: "drift" },
  otherwise: GONE,
});

const adoptMembership = async ({ workspace, caller, moment, accept }: Asking, drift: StoredDrift) => {
  const node = await findNode(workspace, drift.subject.id);
  const group = await findNodeGroup(workspace, drift.groupId ?? "");
  const [add, remove] = drift.change === "added" ? [[group], []] : [[], [group]];
  const { planned } = await planOf(workspace.id, {
    nodes: { [node.id]: { groups: groupsAfter(node, add, remove) } },
  });
  approve(planned, undefined);
  const { intent, writes } = changeMemberships(node, add, remove, caller, moment);
  return accept({ intent, writes: [...writes, noLonger(drift)] });
};

const adoptDeployment = async (asking: Asking, drift: StoredDrift) => {
  const { workspace, accept } = asking;
  const { key, generation } = parseGenerationId(drift.subject.id);
  const cellGeneration = keys.cellGeneration(workspace.id, key, generation);
  const [target = ""] = drift.targets ?? [];
  const [found, deployment] = await Promise.all([
    getItem<StoredGeneration>(cellGeneration),
    getItem<StoredDeployment>(keys.deployment(workspace.id, target)),
  ]);
  if (found?.delivered === undefined || deployment === undefined) throw new AppError(GONE.code, GONE.detail);
  const [ours, theirs] = await Promise.all([
    componentsOfDeployment(found.delivered.deploymentId),
    componentsOfDeployment(drift.deploymentId ?? ""),
  ]);
  if (theirs === undefined) throw new AppError("cannot-adopt", "the other deployment was deleted meanwhile");
  const place = isId(target, "node") ? { node: target } : { nodeGroup: target };
  // What AWS has then is still the other deployment: even what is equal to it is to be delivered by Slipway.
  const again: Write = {
    do: "update",
    key: cellGeneration,
    set: { again: true },
    when: { type: "cell-generation" },
    otherwise: GONE,
  };
  const request = {
    ...asking,
    params: place,
    ifMatch: deployment.revision,
    accept: ({ intent, writes }: Accepted) => accept({ intent, writes: [...writes, again, noLonger(drift)] }),
  };
  return revise(request, adoptedEdit(deployment, ours ?? {}, theirs));
};
