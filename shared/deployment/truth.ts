import { keys } from "../keys.ts";
import type { StoredNode } from "../node/node.ts";
import type { Write } from "../writes.ts";
import type { StoredGeneration } from "./cell.ts";
import { isSettled } from "./delivery.ts";
import type { StoredDeployment } from "./deployment.ts";
import type { StoredProgress } from "./placement.ts";
import { type CellRef, sameCell } from "./steps.ts";

/**
 * What is true of a node's deployment: what Slipway wants, what Greengrass was given, and what the device says. The last of
 * these comes by events, which AWS sends as well as it can (https://docs.aws.amazon.com/greengrass/v2/developerguide/deployment-health-notifications.html),
 * and by looks at what Greengrass has. Either may come late, so that each thing is told by its time.
 */

export const EFFECTIVE_STATUSES = [
  "QUEUED",
  "IN_PROGRESS",
  "SUCCEEDED",
  "COMPLETED",
  "FAILED",
  "TIMED_OUT",
  "CANCELED",
  "REJECTED",
] as const;
export type EffectiveStatus = (typeof EFFECTIVE_STATUSES)[number];

/** The events of Greengrass, by their `detail-type`; the page above has their form. */
export const EFFECTIVE_DEPLOYMENT_CHANGED = "Greengrass V2 Effective Deployment Status Change";
export const INSTALLED_COMPONENT_CHANGED = "Greengrass V2 Installed Component Status Change";

/** A deployment as a core device says how it went. */
export interface Effective {
  readonly deploymentId: string;
  readonly status: EffectiveStatus;
  /** When, in milliseconds; of an event, to the second. */
  readonly at: number;
  readonly targetArn?: string | undefined;
  /** The device's word for a failure. */
  readonly reason?: string | undefined;
  /** Its error codes, from the most general on. */
  readonly errors?: readonly string[] | undefined;
}

/** A component as a core device says how it is. */
export interface ReportedComponent {
  readonly version: string;
  readonly state: string;
  readonly detail?: string | undefined;
  readonly codes?: readonly string[] | undefined;
  /** When the device last told of it, in milliseconds. */
  readonly at: number;
}

export type Components = Readonly<Record<string, ReportedComponent>>;

/** A core device as Greengrass has it. */
export interface CoreDevice {
  readonly status: "HEALTHY" | "UNHEALTHY";
  readonly at: number;
  readonly coreVersion?: string | undefined;
}

/** All that Greengrass has of a core device, as one look found it. */
export interface DeviceSeen {
  readonly device: CoreDevice;
  readonly effective: readonly Effective[];
  readonly components: Components;
}

export const NODE_STATES = ["succeeded", "in-progress", "failed", "unreachable"] as const;
export type NodeState = (typeof NODE_STATES)[number];

/** How a node is with what was delivered to it. */
export interface Told {
  readonly state: NodeState;
  /** Since when it is so, in milliseconds. */
  readonly since: number;
  /** The device's word for a failure, or why nothing can be delivered. */
  readonly error?: string;
  readonly errors?: readonly string[];
}

/** What a node's device has reported. It changes by itself, so the node's ETag does not cover it. */
export interface StoredReport {
  readonly pk: string;
  readonly sk: string;
  readonly type: "node-report";
  readonly workspaceId: string;
  readonly nodeId: string;
  /** Absent until a look has found one. */
  readonly device?: CoreDevice;
  /** The newest first. */
  readonly effective: readonly Effective[];
  /** As of the last report; whether the device can be reached is told by the node's connection from then on. */
  readonly state: NodeState;
  readonly stateSince: number;
  readonly error?: string;
  /** The Greengrass deployment that the state is of. */
  readonly deploymentId?: string;
  /** When AWS was last looked at, in milliseconds; 0 for never. */
  readonly lookedAt: number;
  /** Rises with each write. */
  readonly version: number;
}

/** The components of a node's device: apart from the report, which lists go through for many nodes. */
export interface StoredComponents {
  readonly pk: string;
  readonly sk: string;
  readonly type: "node-components";
  readonly components: Components;
  readonly version: number;
}

/** Of so many deployments a report keeps how they went. */
const KEPT = 5;
/** The times of events have no milliseconds. */
const SECOND = 1_000;

const ENDED: ReadonlySet<EffectiveStatus> = new Set([
  "SUCCEEDED",
  "COMPLETED",
  "FAILED",
  "TIMED_OUT",
  "CANCELED",
  "REJECTED",
]);
const rank = ({ status }: Effective): number => (status === "QUEUED" ? 0 : ENDED.has(status) ? 2 : 1);

/** The later of two words on one deployment: by their second, then by how far it has come, then the one with an error. */
const later = (known: Effective, heard: Effective): Effective => {
  const [a, b] = [Math.floor(known.at / SECOND), Math.floor(heard.at / SECOND)];
  if (a !== b) return a > b ? known : heard;
  if (rank(known) !== rank(heard)) return rank(known) > rank(heard) ? known : heard;
  return known.status === heard.status && known.reason !== undefined && heard.reason === undefined ? known : heard;
};

const newestFirst = (effective: Iterable<Effective>): Effective[] =>
  [...effective].sort((a, b) => b.at - a.at || (a.deploymentId < b.deploymentId ? -1 : 1)).slice(0, KEPT);

/** How deployments went, once this word on one of them was heard. */
export const heardOf = (known: readonly Effective[], heard: Effective): readonly Effective[] => {
  const before = known.find(({ deploymentId }) => deploymentId === heard.deploymentId);
  const now = before === undefined ? heard : { ...before, ...later(before, heard) };
  return newestFirst([...known.filter((one) => one !== before), now]);
};

/**
 * How deployments went, once Greengrass was looked at. What it lists no more is gone, unless it was heard of since.
 * @param from when the look began, in milliseconds
 */
export const seenOf = (known: readonly Effective[], seen: readonly Effective[], from: number): readonly Effective[] => {
  const byId = new Map(seen.map((one) => [one.deploymentId, one]));
  for (const one of known) {
    const found = byId.get(one.deploymentId);
    if (found !== undefined) byId.set(one.deploymentId, later(one, found));
    else if (one.at + SECOND > from) byId.set(one.deploymentId, one);
  }
  return newestFirst(byId.values());
};

/** Components, once some of them were heard of in an event of this time; of what an older event says, nothing counts. */
export const heardComponents = (known: Components, heard: Components): Components => ({
  ...known,
  ...Object.fromEntries(Object.entries(heard).filter(([name, { at }]) => (known[name]?.at ?? 0) < at + SECOND)),
});

/** Components, once Greengrass was looked at. */
export const seenComponents = (known: Components, seen: Components, from: number): Components => {
  const since = Object.entries(known).filter(([name, { at }]) => at > from && at > (seen[name]?.at ?? 0));
  return { ...seen, ...Object.fromEntries(since) };
};

/** What a report says of a device. */
interface Reported extends Pick<StoredReport, "effective" | "lookedAt"> {
  readonly device: CoreDevice | undefined;
}

/** All that is written down of a node and what reaches it. */
export interface NodeFacts {
  readonly node: Pick<StoredNode, "id" | "cell" | "connection" | "createdAt">;
  readonly progress: Pick<StoredProgress, "cell" | "mayBeIn" | "placed"> | undefined;
  /** The generation that it is in, or is to be in. */
  readonly generation: StoredGeneration | undefined;
  /** The deployments that there are of that cell's targets. */
  readonly deployments: readonly StoredDeployment[];
  readonly report: { readonly device?: CoreDevice | undefined; readonly effective: readonly Effective[] } | undefined;
}

/** The thing group by which Greengrass delivers to a node; the one that it is on its way to, where it is in none. */
export const whereIs = ({ cell, mayBeIn }: Pick<StoredProgress, "cell" | "mayBeIn">): CellRef =>
  mayBeIn.some((one) => sameCell(one, cell)) ? cell : (mayBeIn[0] ?? cell);

/** Whether what reaches the node is what is wanted of it now. */
export const isCurrent = ({ node, generation, deployments }: NodeFacts): boolean =>
  generation !== undefined && generation.key === node.cell && isSettled(generation, deployments);

/** How a node is with what it is to run. A device that cannot be reached has failed at nothing, and what it has done counts. */
export const toldOf = (facts: NodeFacts): Told => {
  const { node, generation, report } = facts;
  const { blocked, delivered } = generation ?? {};
  if (blocked !== undefined) return { state: "failed", since: delivered?.at ?? 0, error: blocked.detail };
  const effective = isCurrent(facts)
    ? report?.effective.find(({ deploymentId }) => deploymentId === delivered?.deploymentId)
    : undefined;
  if (effective !== undefined && ENDED.has(effective.status)) {
    const { status, at, reason, errors } = effective;
    if (status === "SUCCEEDED" || status === "COMPLETED") return { state: "succeeded", since: at };
    return {
      state: "failed",
      since: at,
      error: reason ?? errors?.at(-1) ?? status,
      ...(errors !== undefined && errors.length > 0 && { errors }),
    };
  }
  const unreachable = unreachableSince(node, report?.device);
  if (unreachable !== undefined) return { state: "unreachable", since: unreachable };
  return { state: "in-progress", since: effective?.at ?? delivered?.at ?? Date.parse(node.createdAt) };
};

/**
 * Since when a device cannot be reached: since it was last seen to go, or since the node was made where it never came. Where
 * AWS IoT has told of no connection, the core device's status decides.
 */
export const unreachableSince = (
  { connection, createdAt }: Pick<StoredNode, "connection" | "createdAt">,
  device: CoreDevice | undefined,
): number | undefined => {
  if (connection !== undefined) return connection.connected ? undefined : Date.parse(connection.since);
  if (device === undefined) return Date.parse(createdAt);
  return device.status === "UNHEALTHY" ? device.at : undefined;
};

/** A node's report with what is known of it now, unless another write came between, which answers `busy`; with {@link nodeStays}. */
export const writeReport = (
  facts: NodeFacts & { readonly node: Pick<StoredNode, "id" | "workspaceId" | "cell" | "connection" | "createdAt"> },
  before: StoredReport | undefined,
  next: Reported,
): { readonly report: StoredReport; readonly write: Write } => {
  const { node, generation } = facts;
  const { state, since, error } = toldOf({ ...facts, report: next });
  const deploymentId = generation?.delivered?.deploymentId;
  const key = keys.nodeReport(node.workspaceId, node.id);
  const report: StoredReport = {
    ...key,
    type: "node-report",
    workspaceId: node.workspaceId,
    nodeId: node.id,
    ...(next.device !== undefined && { device: next.device }),
    effective: next.effective,
    state,
    stateSince: since,
    ...(error !== undefined && { error }),
    ...(deploymentId !== undefined && { deploymentId }),
    lookedAt: next.lookedAt,
    version: (before?.version ?? 0) + 1,
  };
  return { report, write: versioned({ ...report }, before) };
};

/** A node's components, under the same condition. */
export const writeComponents = (
  node: Pick<StoredNode, "id">,
  before: StoredComponents | undefined,
  components: Components,
): Write => {
  const item: StoredComponents = {
    ...keys.nodeComponents(node.id),
    type: "node-components",
    components,
    version: (before?.version ?? 0) + 1,
  };
  return versioned({ ...item }, before);
};

const BUSY = { code: "busy", detail: "something else was written down of the node at the same time" } as const;

const versioned = (
  item: Extract<Write, { do: "create" }>["item"],
  before: { readonly version: number } | undefined,
): Write =>
  before === undefined
    ? { do: "create", item, otherwise: BUSY }
    : { do: "put", item, when: { version: before.version }, otherwise: BUSY };

/** Nothing is written down of a node that is gone, which nobody would take away again. */
export const nodeStays = ({ workspaceId, id }: Pick<StoredNode, "id" | "workspaceId">): Write => ({
  do: "check",
  key: keys.node(workspaceId, id),
  when: { id },
  otherwise: { code: "not-found", detail: `the node ${id} is gone` },
});
