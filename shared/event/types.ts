import * as z from "zod";
import { VersionStatus } from "../component/version.ts";
import { DRIFT_KINDS } from "../deployment/drift.ts";
import { Intent, ProblemDocument } from "../intent/intent.ts";
import { Node } from "../node/node.ts";
import { Release } from "../ota/release.ts";
import { Workspace } from "../workspace/workspace.ts";

/** A kind of event that Slipway tells: what its `data` is, and since which version of that. */
export interface EventType {
  /** Raised when members of `data` go or change what they mean; a new member is no new version. */
  readonly version: number;
  readonly description: string;
  readonly data: z.ZodObject;
}

const IntentData = Intent.extend({
  requestedBy: z.string().meta({ description: "Subject of who asked for it" }),
}).meta({ id: "IntentEvent" });

const RequestData = z
  .object({
    requestId: z.string().meta({ description: "`id` of the event's detail, or of the event itself" }),
    source: z.string(),
    operation: z.string().optional(),
    intentId: z.string().optional(),
    problem: ProblemDocument.optional(),
  })
  .meta({ id: "IntentRequestEvent", description: "What came of an event that asked for an intent" });

const VersionData = z
  .object({
    id: z.string(),
    component: z.string(),
    version: z.string(),
    status: VersionStatus,
    arn: z.string().optional(),
    catalogueNumber: z.int().optional(),
    deprecated: z.object({ reason: z.string(), at: z.iso.datetime(), by: z.string() }).optional(),
  })
  .meta({ id: "ComponentVersionEvent", description: "A version without its recipe" });

const DeploymentData = z
  .object({
    target: z.object({ type: z.enum(["node-group", "node"]), id: z.string() }),
    revision: z.int(),
    priority: z.int(),
    catalogue: z.int(),
    change: z
      .object({ kind: z.string(), reason: z.string().optional(), rolledBackTo: z.int().optional() })
      .optional()
      .meta({ description: "How the revision came to be; absent for the first" }),
    requestedBy: z.string(),
  })
  .meta({ id: "DeploymentEvent", description: "A revision without what it says of components: ask the API for that" });

const NodeDeploymentData = z
  .object({
    nodeId: z.string(),
    deploymentId: z.string().optional().meta({ description: "Of the Greengrass deployment" }),
    error: z.string().optional().meta({ description: "The device's word for the failure" }),
  })
  .meta({ id: "NodeDeploymentEvent", description: "How a node's device is with what was delivered to it" });

const DriftData = z
  .object({
    id: z.string(),
    kind: z.enum(DRIFT_KINDS),
    subject: z.object({ type: z.enum(["node", "cell", "node-group"]), id: z.string(), name: z.string().optional() }),
    detail: z.string(),
    since: z.iso.datetime(),
  })
  .meta({ id: "DriftEvent", description: "What was changed behind Slipway's back" });

const ReleaseData = Release.omit({ reports: true }).meta({ id: "ReleaseEvent" });

const PushData = z
  .object({
    status: z.enum(["published", "draft", "failed"]),
    workspaceId: z.string().optional(),
    component: z.string().optional(),
    version: z.string().optional(),
    intentId: z.string().optional().meta({ description: "The intent that it ended with, where it came to one" }),
    origin: z.union([
      z.object({
        bucket: z.string(),
        manifest: z.object({ key: z.string(), etag: z.string() }),
        sequencer: z.string(),
      }),
      z.object({ event: z.string() }),
    ]),
    problem: ProblemDocument.optional(),
    finishedAt: z.iso.datetime(),
  })
  .meta({ id: "PushEvent", description: "What came of a push" });

const type = <const T extends EventType>(declared: T): T => declared;
const intent = (description: string) => type({ version: 1, description, data: IntentData });
const request = (description: string) => type({ version: 1, description, data: RequestData });
const workspace = (description: string) => type({ version: 1, description, data: Workspace });
const node = (description: string) => type({ version: 1, description, data: Node });
const version = (description: string) => type({ version: 1, description, data: VersionData });
const nodeDeployment = (description: string) => type({ version: 1, description, data: NodeDeploymentData });
const drift = (description: string) => type({ version: 1, description, data: DriftData });
const release = (description: string) => type({ version: 1, description, data: ReleaseData });
const push = (description: string) => type({ version: 1, description, data: PushData });

/** Every event that Slipway tells, by its type. `sources.ts` says which change of which record gives it. */
export const eventTypes = {
  "slipway.intent.accepted": intent("An intent was accepted"),
  "slipway.intent.started": intent("An intent's workflow has started"),
  "slipway.intent.succeeded": intent("An intent has succeeded"),
  "slipway.intent.failed": intent("An intent has failed; `problem` tells why"),
  "slipway.intent.granted": request("An event has asked for an intent, which was accepted: `intentId`"),
  "slipway.intent.refused": request("An event has asked for an intent, and there is none; `problem` tells why"),
  "slipway.workspace.created": workspace("A workspace can be used"),
  "slipway.workspace.changed": workspace("A workspace's description or settings were changed"),
  "slipway.workspace.failed": workspace("A workspace could not be created or deleted"),
  "slipway.workspace.deleted": workspace("A workspace is gone"),
  "slipway.node.registered": node("A node's device has connected with a certificate for the first time"),
  "slipway.node.connected": node("A node's device is connected"),
  "slipway.node.offline": node("A node's device is connected no more"),
  "slipway.component-version.published": version("A component version can be deployed"),
  "slipway.component-version.failed": version("A component version could not be published or deleted"),
  "slipway.component-version.deprecated": version("A component version is to be used no more, or is again"),
  "slipway.component-version.deleted": version("A component version is gone"),
  "slipway.deployment.revised": type({
    version: 1,
    description: "A deployment has another revision",
    data: DeploymentData,
  }),
  "slipway.deployment.succeeded": nodeDeployment("A node's device runs what was delivered to it"),
  "slipway.deployment.failed": nodeDeployment(
    "A node's device could not do what was delivered to it; `error` tells why",
  ),
  "slipway.drift.found": drift("Something was changed behind Slipway's back, or otherwise than was known"),
  "slipway.drift.cleared": drift("What was changed behind Slipway's back is so no more"),
  "slipway.release.published": release("Anonymous devices may get a release"),
  "slipway.release.changed": release("A published release's terms or availability were changed"),
  "slipway.release.failed": release("A release could not be published or deleted"),
  "slipway.release.deleted": release("A release is gone"),
  "slipway.webhook.disabled": type({
    version: 1,
    description: "Nothing is sent to a webhook any more, since it failed for too long or was answered 410",
    data: z
      .object({
        id: z.string(),
        description: z.string().optional(),
        disabled: z.object({ reason: z.string(), at: z.iso.datetime() }),
      })
      .meta({ id: "WebhookEvent" }),
  }),
  "slipway.webhook.test": type({
    version: 1,
    description: "Somebody tries whether a webhook works; sent to that one alone",
    data: z.object({ message: z.string() }).meta({ id: "WebhookTestEvent" }),
  }),
  "slipway.push.succeeded": push("A push has made its version"),
  "slipway.push.failed": push("A push has failed; `problem` tells why"),
} as const satisfies Record<string, EventType>;

export type EventName = keyof typeof eventTypes;

export const EVENT_NAMES = Object.keys(eventTypes) as [EventName, ...EventName[]];
