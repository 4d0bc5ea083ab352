import { setTimeout as pause } from "node:timers/promises";
import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { getItem, listItems } from "../../shared/aws/table.ts";
import {
  Deployment,
  DeploymentRevision,
  emptyDeployment,
  type KeptRevision,
  ListedRevision,
  type StoredDeployment,
  type Target,
} from "../../shared/deployment/deployment.ts";
import { type DeploymentEdit, diffRevisions, edited } from "../../shared/deployment/edit.ts";
import { MAX_DOCUMENT_BYTES } from "../../shared/deployment/resolve.ts";
import { liftDeployment, reviseDeployment } from "../../shared/deployment/revise.ts";
import type { Moment } from "../../shared/ids.ts";
import { keys, partitions } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { AppError } from "../../shared/problems.ts";
import { view } from "../../shared/resource.ts";
import type { Accepted, StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { pageOf } from "./paging.ts";
import { approve, planOf } from "./plans.ts";
import { checkIfMatch, findNode, findNodeGroup, tagged } from "./resources.ts";

/** Whose deployment a path names. */
type Place = { readonly nodeGroup: string } | { readonly node: string };

interface Found {
  readonly target: Target;
  readonly node?: StoredNode;
}

const findTarget = async (workspace: StoredWorkspace, place: Place): Promise<Found> => {
  if ("node" in place) {
    const node = await findNode(workspace, place.node);
    return { target: { type: "node", id: node.id, name: node.name }, node };
  }
  const { id, name } = await findNodeGroup(workspace, place.nodeGroup);
  return { target: { type: "node-group", id, name } };
};

const deploymentOf = (workspace: StoredWorkspace, { id }: Target) =>
  getItem<StoredDeployment>(keys.deployment(workspace.id, id));

const nameOf = ({ type, name }: Target): string => `${type === "node" ? "node" : "node group"} ${name}`;

const found = (deployment: StoredDeployment | undefined, target: Target): StoredDeployment => {
  if (deployment === undefined) throw new AppError("not-found", `the ${nameOf(target)} has no deployment of its own`);
  return deployment;
};

/** The deployment of a target. @throws AppError `not-found`, also for a node without a deployment of its own */
export const showDeployment = async (workspace: StoredWorkspace, place: Place) => {
  const { target } = await findTarget(workspace, place);
  const deployment = found(await deploymentOf(workspace, target), target);
  return tagged(deployment, view(Deployment, deployment));
};

/** A page of a target's revisions, the newest first. */
export const listRevisions = async (
  workspace: StoredWorkspace,
  place: Place,
  query: { readonly limit: number; readonly cursor?: string | undefined },
) => {
  const { target } = await findTarget(workspace, place);
  const list = { partition: partitions.deploymentRevisions(target.id), newestFirst: true };
  return pageOf(list, query, (kept: KeptRevision) => view(ListedRevision, kept));
};

/** @throws AppError `not-found` */
const revisionOf = async (target: Target, number: number): Promise<KeptRevision> => {
  const kept = await getItem<KeptRevision>(keys.deploymentRevision(target.id, number));
  if (kept === undefined) throw new AppError("not-found", `the ${nameOf(target)} has no revision ${number}`);
  return view(DeploymentRevision, kept);
};

/** A revision's number as a path gives it: what is no number is the number of none. */
const numberOf = (text: string): number => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0);

type RevisionPlace = Place & { readonly revision: string };

export const showRevision = async (workspace: StoredWorkspace, place: RevisionPlace) => {
  const { target } = await findTarget(workspace, place);
  return { body: await revisionOf(target, numberOf(place.revision)) };
};

/** What a revision changed of the one before it, or of another one; the first one of all follows an empty one. */
export const showDifferences = async (
  workspace: StoredWorkspace,
  place: RevisionPlace,
  { from }: { readonly from?: number | undefined },
) => {
  const { target } = await findTarget(workspace, place);
  const to = await revisionOf(target, numberOf(place.revision));
  const before = from ?? to.revision - 1;
  const earlier = before === 0 ? { components: {}, priority: 0 } : await revisionOf(target, before);
  return { body: { from: before, to: to.revision, ...diffRevisions(earlier, to) } };
};

/** A rollback as it is asked for names its revision; what that said is looked up. */
export type AskedEdit =
  | Exclude<DeploymentEdit, { edit: "rollback" }>
  | { readonly edit: "rollback"; readonly revision: number; readonly reason?: string | undefined };

/** @throws AppError `not-found` for a revision that there is none */
export const editOf = async (target: Target, asked: AskedEdit): Promise<DeploymentEdit> => {
  if (asked.edit !== "rollback") return asked;
  const { revision, ...edit } = asked;
  return { ...edit, to: await revisionOf(target, revision) };
};

/** The parts of a request that an edit needs. */
interface Asking {
  readonly workspace: StoredWorkspace;
  readonly params: Place;
  readonly ifMatch: number | undefined;
  readonly caller: string;
  readonly moment: Moment;
  readonly accept: (accepted: Accepted) => Promise<APIGatewayProxyStructuredResultV2>;
}

/** How long an edit is applied anew to what concurrent edits have left: well within the function's own time. */
const TRY_FOR_MS = 24_000;
/** A hundred losers that came back sooner would be in one another's way, and few of their tries would count. */
const MOST_PAUSE_MS = 4_000;

/**
 * Edits a target's deployment. Concurrent edits all survive: each is applied to what it finds, and the condition on the
 * revision makes the loser of a race read and apply again, after a pause with full jitter. What takes time is done once, so
 * that a loser is back with few reads and one write; an edit with a plan, though, is held against it each time.
 *
 * @param shown hash of the plan that the caller was shown
 * @throws AppError `not-found`, `not-ready`, `precondition-failed`, and what the plan of the edit refuses
 */
export const revise = async (
  { workspace, params, ifMatch, caller, moment, accept }: Asking,
  asked: AskedEdit,
  shown?: string,
): Promise<APIGatewayProxyStructuredResultV2> => {
  const deadline = Date.now() + TRY_FOR_MS;
  const { target, node: asFound } = await findTarget(workspace, params);
  let catalogue = 0;
  for (let tries = 1; ; tries += 1) {
    // A node's cell is part of what may have changed.
    const [current, node] = await Promise.all([
      deploymentOf(workspace, target),
      asFound === undefined || tries === 1 ? asFound : findNode(workspace, target.id),
    ]);
    if (asked.edit === "delete" || asked.edit === "refresh") found(current, target);
    checkIfMatch(current ?? { revision: 0 }, ifMatch);
    const edit = await editOf(target, asked);
    const isPlanned = tries === 1 || shown !== undefined;
    const lifted = edit.edit === "delete" && node !== undefined;
    const { planned, catalogue: now } = isPlanned
      ? await planOf(workspace.id, { deployments: { [target.id]: lifted ? null : edit } })
      : { catalogue };
    catalogue = now;
    const start = current ?? (await beforeTheFirst(workspace, target, catalogue, moment));
    const next = edited(start, edit, { catalogue, now: moment.now });
    checkSize(next);
    if (planned !== undefined) approve(planned, shown, namedBy(edit));
    try {
      return await accept(
        lifted && current !== undefined
          ? liftDeployment({ next, current, node }, caller, moment)
          : reviseDeployment({ next, current, node }, caller, moment),
      );
    } catch (error) {
      const lostRace = error instanceof AppError && error.code === "conflict";
      if (!lostRace || Date.now() > deadline) throw error;
      await pause(Math.random() * Math.min(MOST_PAUSE_MS, 10 * 2 ** tries));
    }
  }
};

/** Components that an edit names with what is wanted of them. */
const namedBy = (edit: DeploymentEdit): ReadonlySet<string> =>
  new Set(edit.edit === "patch" || edit.edit === "replace" ? Object.keys(edit.components ?? {}) : []);

/** What a node's first deployment follows: an empty one, numbered as the last of those that it had before. */
const beforeTheFirst = async (
  workspace: StoredWorkspace,
  target: Target,
  catalogue: number,
  { now }: Moment,
): Promise<StoredDeployment> => {
  const partition = partitions.deploymentRevisions(target.id);
  const { items } = await listItems<KeptRevision>({ partition, limit: 1, newestFirst: true });
  return { ...emptyDeployment(workspace.id, target, catalogue, now), revision: items[0]?.revision ?? 0 };
};

const checkSize = ({ components }: StoredDeployment): void => {
  const bytes = Buffer.byteLength(JSON.stringify(components));
  if (bytes <= MAX_DOCUMENT_BYTES) return;
  const detail = `the deployment's components would take ${bytes} bytes; devices take at most ${MAX_DOCUMENT_BYTES}`;
  throw new AppError("invalid-request", detail, { findings: [{ pointer: "/components", rule: "too-large", detail }] });
};
