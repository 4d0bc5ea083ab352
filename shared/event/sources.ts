import type { StoredVersion } from "../component/version.ts";
import type { StoredDrift } from "../deployment/drift.ts";
import type { StoredReport } from "../deployment/truth.ts";
import type { StoredRequest } from "../event-rule/event-rule.ts";
import { isId } from "../ids.ts";
import type { StoredIntent } from "../intent/intent.ts";
import type { StoredNode } from "../node/node.ts";
import type { StoredRelease } from "../ota/release.ts";
import type { PushResult } from "../push/push.ts";
import type { StoredWebhook } from "../webhook/webhook.ts";
import type { StoredWorkspace } from "../workspace/workspace.ts";
import type { Happening } from "./event.ts";
import { type EventName, eventTypes } from "./types.ts";

/** What a stream tells of an item that was written: as it was, and as it is. */
export interface Change {
  readonly was: object | undefined;
  readonly is: object | undefined;
  /** When it was written, to the second. */
  readonly at: Date;
}

/** One record kind's changes, by what the record is. */
interface Changed<Stored> {
  readonly was: Stored | undefined;
  readonly is: Stored | undefined;
  readonly at: Date;
}

/** The most findings of a problem that an event carries: the API has all of them. */
const MOST_FINDINGS = 100;

const about = (
  type: EventName,
  stored: object,
  { subject, sequence, time, workspaceId }: Omit<Happening, "type" | "data">,
): Happening => ({
  type,
  subject,
  sequence,
  time,
  workspaceId,
  data: eventTypes[type].data.parse(stored), // members that are not the event's own, such as hashes of tokens, go
});

type Revised = { readonly id: string; readonly revision: number; readonly updatedAt: string };

const revised = (type: EventName, stored: Revised, workspaceId: string): Happening =>
  about(type, stored, { subject: stored.id, sequence: stored.revision, time: stored.updatedAt, workspaceId });

/** What is gone has one number more than it last had. */
const gone = (type: EventName, was: Revised, workspaceId: string, at: Date): Happening =>
  about(type, was, { subject: was.id, sequence: was.revision + 1, time: at.toISOString(), workspaceId });

const ofIntent = ({ was, is }: Changed<StoredIntent>): Happening[] => {
  if (is === undefined || was?.status === is.status) return [];
  const types = { requested: "accepted", running: "started", succeeded: "succeeded", failed: "failed" } as const;
  // The sweep's new attempt is no other intent.
  if (was !== undefined && is.status === "requested") return [];
  const { problem } = is;
  const told = {
    ...is,
    ...(problem?.errors && { problem: { ...problem, errors: problem.errors.slice(0, MOST_FINDINGS) } }),
  };
  return [
    about(`slipway.intent.${types[is.status]}`, told, {
      subject: is.id,
      sequence: is.revision ?? 0, // one that was open when intents had no revision
      time: is.updatedAt,
      workspaceId: is.workspaceId,
    }),
  ];
};

const ofWorkspace = ({ was, is, at }: Changed<StoredWorkspace>): Happening[] => {
  if (is === undefined) return was === undefined ? [] : [gone("slipway.workspace.deleted", was, was.id, at)];
  if (is.status === "failed" && was?.status !== "failed") return [revised("slipway.workspace.failed", is, is.id)];
  if (is.status !== "active" || was?.revision === is.revision) return [];
  const type = was?.status === "creating" ? "slipway.workspace.created" : "slipway.workspace.changed";
  return [revised(type, is, is.id)];
};

/** Edits raise the revision, and what AWS IoT tells of the connection does not: the two numbers together always rise. */
const sequenceOfNode = ({ revision, connectionChanges = 0 }: StoredNode): number => revision + connectionChanges;

const ofNode = ({ was, is }: Changed<StoredNode>): Happening[] => {
  if (is === undefined) return [];
  const { id: subject, workspaceId, registeredAt, connection } = is;
  const sequence = sequenceOfNode(is);
  const isRegistered = registeredAt !== undefined && registeredAt !== was?.registeredAt;
  const isOther = connection !== undefined && connection.connected !== (was?.connection?.connected ?? false);
  return [
    ...(isRegistered
      ? [about("slipway.node.registered", is, { subject, workspaceId, sequence, time: registeredAt })]
      : []),
    ...(isOther
      ? [
          about(connection.connected ? "slipway.node.connected" : "slipway.node.offline", is, {
            ...{ subject, workspaceId, sequence, time: connection.since },
          }),
        ]
      : []),
  ];
};

const ofVersion = ({ was, is, at }: Changed<StoredVersion>): Happening[] => {
  if (is === undefined) {
    return was === undefined ? [] : [gone("slipway.component-version.deleted", was, was.workspaceId, at)];
  }
  if (was?.status !== is.status) {
    if (is.status === "failed") return [revised("slipway.component-version.failed", is, is.workspaceId)];
    // One whose deletion was refused is as published as before.
    const isNew = is.status === "published" && was?.status !== "deleting";
    return isNew ? [revised("slipway.component-version.published", is, is.workspaceId)] : [];
  }
  if (was.deprecated?.at === is.deprecated?.at) return [];
  return [revised("slipway.component-version.deprecated", is, is.workspaceId)];
};

/** A revision of a deployment as it is kept. */
interface KeptRevisionItem {
  readonly pk: string;
  readonly workspaceId: string;
  readonly revision: number;
  readonly at: string;
}

const ofDeployment = ({ was, is }: Changed<KeptRevisionItem>): Happening[] => {
  if (is === undefined || was !== undefined) return [];
  const { pk, workspaceId, revision, at } = is;
  const id = pk.replace(/#.*$/, "");
  const target = { type: isId(id, "node") ? "node" : "node-group", id };
  return [
    about("slipway.deployment.revised", { ...is, target }, { subject: id, sequence: revision, time: at, workspaceId }),
  ];
};

/** A device's reports have a number of their own, and so a subject of their own beside the node. */
const ofReport = ({ was, is }: Changed<StoredReport>): Happening[] => {
  if (is === undefined || (is.state !== "succeeded" && is.state !== "failed")) return [];
  const isSame = was?.state === is.state && was.deploymentId === is.deploymentId && was.error === is.error;
  if (isSame) return [];
  return [
    about(is.state === "failed" ? "slipway.deployment.failed" : "slipway.deployment.succeeded", is, {
      subject: `${is.nodeId}/deployment`,
      sequence: is.version,
      time: new Date(is.stateSince).toISOString(),
      workspaceId: is.workspaceId,
    }),
  ];
};

/** Drift has no number: that of what is found is even, by its second, and that of its end the next odd one or a later one. */
const evenOf = (time: Date): number => 2 * Math.floor(time.getTime() / 1_000);

const ofDrift = ({ was, is, at }: Changed<StoredDrift>): Happening[] => {
  if (is === undefined) {
    if (was === undefined) return [];
    const sequence = evenOf(at) + 1;
    const { id: subject, workspaceId } = was;
    return [about("slipway.drift.cleared", was, { subject, workspaceId, sequence, time: at.toISOString() })];
  }
  // Who asks for its repair writes that down as well, which is no news.
  if (was?.detail === is.detail && was.deploymentId === is.deploymentId) return [];
  const { id: subject, workspaceId } = is;
  return [about("slipway.drift.found", is, { subject, workspaceId, sequence: evenOf(at), time: at.toISOString() })];
};

const ofRelease = ({ was, is, at }: Changed<StoredRelease>): Happening[] => {
  if (is === undefined) return was === undefined ? [] : [gone("slipway.release.deleted", was, was.workspaceId, at)];
  if (is.status === "failed" && was?.status !== "failed")
    return [revised("slipway.release.failed", is, is.workspaceId)];
  if (is.status !== "published" || was?.revision === is.revision) return [];
  const isChange = was?.status === "published" && was.publishedAt === is.publishedAt;
  return [revised(isChange ? "slipway.release.changed" : "slipway.release.published", is, is.workspaceId)];
};

const ofRequest = ({ was, is }: Changed<StoredRequest>): Happening[] => {
  if (is?.outcome === undefined || was?.outcome !== undefined) return [];
  const { outcome, pk } = is;
  return [
    about(outcome.problem === undefined ? "slipway.intent.granted" : "slipway.intent.refused", outcome, {
      subject: pk.replace(/^.*#/, ""),
      sequence: 1, // an event has one outcome
      time: outcome.at,
      workspaceId: outcome.workspaceId,
    }),
  ];
};

const ofWebhook = ({ was, is }: Changed<StoredWebhook>): Happening[] => {
  const isNews = is?.disabled !== undefined && was?.disabled?.at !== is.disabled.at;
  return isNews ? [revised("slipway.webhook.disabled", is, is.workspaceId)] : [];
};

/** The record of an answered push, under the hash of what asked for it. */
interface PushRecord {
  readonly pk: string;
  readonly result?: PushResult;
}

const ofPush = ({ was, is }: Changed<PushRecord>): Happening[] => {
  if (is?.result === undefined || was?.result !== undefined) return [];
  const { result } = is;
  return [
    about(result.status === "failed" ? "slipway.push.failed" : "slipway.push.succeeded", result, {
      subject: is.pk.replace(/^.*#/, ""),
      sequence: 1, // a push has one outcome
      time: result.finishedAt,
      workspaceId: result.workspaceId,
    }),
  ];
};

const source =
  <Stored>(happenings: (change: Changed<Stored>) => Happening[]) =>
  (change: Change): Happening[] =>
    happenings(change as Changed<Stored>); // only our own writes fill the tables

/** Which records' changes give events, by the records' type: what is not here gives none. Streams filter by it. */
export const sources = {
  control: {
    intent: source(ofIntent),
    workspace: source(ofWorkspace),
    node: source(ofNode),
    "component-version": source(ofVersion),
    "deployment-revision": source(ofDeployment),
    "node-report": source(ofReport),
    drift: source(ofDrift),
    "intent-request": source(ofRequest),
    webhook: source(ofWebhook),
    "push-event": source(ofPush),
  },
  ota: { release: source(ofRelease) },
} as const satisfies Record<string, Record<string, (change: Change) => Happening[]>>;

/** What a change gives: nothing for most. @param table the table whose stream told it */
export const happeningsOf = (table: keyof typeof sources, change: Change): Happening[] => {
  const { type } = (change.is ?? change.was ?? {}) as { type?: string };
  const all: Readonly<Record<string, (change: Change) => Happening[]>> = sources[table];
  return type !== undefined && Object.hasOwn(all, type) ? (all[type]?.(change) ?? []) : [];
};
