import { versionOrder } from "./component/order.ts";
import { foldPath } from "./component/path.ts";
import type { Key } from "./writes.ts";

/**
 * Every key of the two tables, and nowhere else. A partition is named after what it lists, so that a list is one query:
 * `ws_…#node` holds a workspace's nodes, `grp_…#node` the nodes of a group.
 */
export const keys = {
  workspace: (workspaceId: string): Key => ({ pk: workspaceId, sk: "workspace" }),
  workspaceName: (name: string): Key => ({ pk: `name#workspace#${name}`, sk: "name" }),
  membership: (subject: string, workspaceId: string): Key => ({ pk: partitions.memberships(subject), sk: workspaceId }),
  member: (workspaceId: string, subject: string): Key => ({ pk: partitions.members(workspaceId), sk: subject }),
  invitation: (workspaceId: string, invitationId: string): Key => ({
    pk: partitions.invitations(workspaceId),
    sk: invitationId,
  }),
  invitationCode: (hash: string): Key => ({ pk: `invitation-code#${hash}`, sk: "invitation-code" }),
  credential: (workspaceId: string, credentialId: string): Key => ({
    pk: partitions.credentials(workspaceId),
    sk: credentialId,
  }),
  accessToken: (hash: string): Key => ({ pk: `access-token#${hash}`, sk: "access-token" }),
  nodeGroup: (workspaceId: string, groupId: string): Key => ({ pk: partitions.nodeGroups(workspaceId), sk: groupId }),
  nodeGroupName: (workspaceId: string, name: string): Key => ({
    pk: `name#${workspaceId}#node-group#${name}`,
    sk: "name",
  }),
  node: (workspaceId: string, nodeId: string): Key => ({ pk: partitions.nodes(workspaceId), sk: nodeId }),
  nodeName: (workspaceId: string, name: string): Key => ({ pk: `name#${workspaceId}#node#${name}`, sk: "name" }),
  nodeImport: (workspaceId: string, importId: string): Key => ({
    pk: partitions.nodeImports(workspaceId),
    sk: importId,
  }),
  nodeImportBatch: (importId: string, batch: number): Key => ({
    pk: partitions.nodeImportBatches(importId),
    sk: String(batch).padStart(10, "0"),
  }),
  nodeOfGroup: (groupId: string, nodeId: string): Key => ({ pk: partitions.nodesOfGroup(groupId), sk: nodeId }),
  cell: (workspaceId: string, cellKey: string): Key => ({ pk: partitions.cells(workspaceId), sk: cellKey }),
  /** In the order of their numbers, below the cell's key. */
  cellGeneration: (workspaceId: string, cellKey: string, generation: number): Key => ({
    pk: partitions.cellGenerations(workspaceId),
    sk: `${cellKey}#${String(generation).padStart(10, "0")}`,
  }),
  nodeProgress: (workspaceId: string, nodeId: string): Key => ({
    pk: partitions.nodeProgress(workspaceId),
    sk: nodeId,
  }),
  /** What a node's device has reported. */
  nodeReport: (workspaceId: string, nodeId: string): Key => ({ pk: partitions.nodeReports(workspaceId), sk: nodeId }),
  nodeComponents: (nodeId: string): Key => ({ pk: nodeId, sk: "components" }),
  /** What was changed behind Slipway's back. */
  drift: (workspaceId: string, driftId: string): Key => ({ pk: partitions.drift(workspaceId), sk: driftId }),
  /** A workspace in the list of those that are swept. */
  sweptWorkspace: (workspaceId: string): Key => ({ pk: partitions.sweptWorkspaces(), sk: workspaceId }),
  /** How far the sweep of fleets has come. */
  fleetSweep: (): Key => ({ pk: "fleet-sweep", sk: "fleet-sweep" }),
  /** When the next call of an operation of AWS may be made. */
  turn: (operation: string): Key => ({ pk: `turn#${operation}`, sk: "turn" }),
  component: (workspaceId: string, componentId: string): Key => ({
    pk: partitions.components(workspaceId),
    sk: componentId,
  }),
  /** Component names are claimed once per account: recipes refer to them without a workspace. */
  componentName: (name: string): Key => ({ pk: `name#component#${name}`, sk: "name" }),
  version: (componentId: string, versionId: string): Key => ({ pk: partitions.versions(componentId), sk: versionId }),
  /** A version by its place among those of its component, as semver orders them. */
  versionOrder: (componentId: string, version: string): Key => ({
    pk: partitions.versionOrders(componentId),
    sk: versionOrder(version),
  }),
  versionName: (componentId: string, version: string): Key => ({
    pk: `name#${componentId}#version#${version}`,
    sk: "name",
  }),
  /** A published version that depends on others, in a list of its own: what is asked for them reads no recipes. */
  dependant: (workspaceId: string, versionId: string): Key => ({
    pk: partitions.dependants(workspaceId),
    sk: versionId,
  }),
  /** Paths that differ in letter case alone are one file: so no two can be. */
  file: (versionId: string, path: string): Key => ({ pk: partitions.files(versionId), sk: foldPath(path) }),
  /** A version of a component that AWS publishes, by its place as semver orders them. */
  publicVersion: (name: string, version: string): Key => ({
    pk: partitions.publicVersions(name),
    sk: versionOrder(version),
  }),
  /** The recipe of a published version, as AWS gives it back. */
  publishedRecipe: (versionId: string): Key => ({ pk: versionId, sk: "published-recipe" }),
  /** The push that a version was made by. */
  push: (versionId: string): Key => ({ pk: versionId, sk: "push" }),
  /** An event that asked for a push, so that it does so once. */
  pushEvent: (hash: string): Key => ({ pk: `push-event#${hash}`, sk: "push-event" }),
  deployment: (workspaceId: string, targetId: string): Key => ({
    pk: partitions.deployments(workspaceId),
    sk: targetId,
  }),
  deploymentRevision: (targetId: string, revision: number): Key => ({
    pk: partitions.deploymentRevisions(targetId),
    sk: String(revision).padStart(10, "0"),
  }),
  catalogue: (): Key => ({ pk: "catalogue", sk: "catalogue" }),
  registrationToken: (hash: string): Key => ({ pk: `registration-token#${hash}`, sk: "registration-token" }),
  /** A temporary claim certificate of AWS IoT, by its id. */
  provisioningClaim: (certificateId: string): Key => ({ pk: `claim#${certificateId}`, sk: "claim" }),
  certificate: (nodeId: string, certificateId: string): Key => ({
    pk: partitions.certificates(nodeId),
    sk: certificateId,
  }),
  audit: (workspaceId: string, recordId: string): Key => ({ pk: partitions.audit(workspaceId), sk: recordId }),
  intent: (intentId: string): Key => ({ pk: intentId, sk: "intent" }),
  /** An event that can be read, in the order of arrival. @param arrivedAt ISO 8601 with milliseconds */
  event: (workspaceId: string, arrivedAt: string, eventId: string): Key => ({
    pk: partitions.events(workspaceId),
    sk: `${arrivedAt}#${eventId}`,
  }),
  eventRule: (workspaceId: string, ruleId: string): Key => ({ pk: partitions.eventRules(workspaceId), sk: ruleId }),
  /** An event that asked for an intent, so that it does so once. */
  intentRequest: (hash: string): Key => ({ pk: `intent-request#${hash}`, sk: "intent-request" }),
  webhook: (workspaceId: string, webhookId: string): Key => ({ pk: partitions.webhooks(workspaceId), sk: webhookId }),
  /** Deliveries of events to a webhook, by the event's id: in the order of the events' times. */
  webhookDelivery: (webhookId: string, eventId: string): Key => ({
    pk: partitions.webhookDeliveries(webhookId),
    sk: eventId,
  }),
  idempotency: (hash: string): Key => ({ pk: `idempotency#${hash}`, sk: "idempotency" }),
} as const;

/** Keys of the `ota` table. */
export const otaKeys = {
  /** What holds for all of the stage's devices. */
  stage: (): Key => ({ pk: "stage", sk: "stage" }),
  workspaceName: (name: string): Key => ({ pk: `name#${name}`, sk: "workspace" }),
  release: (workspaceId: string, releaseId: string): Key => ({
    pk: otaPartitions.releases(workspaceId),
    sk: releaseId,
  }),
  /** A release that devices may get for an app in an environment; both compare without regard to case. */
  current: (workspaceId: string, app: string, environment: string, releaseId: string): Key => ({
    pk: otaPartitions.current(workspaceId),
    sk: `${environment.toLowerCase()}#${app.toLowerCase()}#${releaseId}`,
  }),
  /** What a binary is, by its MD5 or SHA-256 (lower case), whatever became of its release. */
  binary: (workspaceId: string, hash: string): Key => ({ pk: otaPartitions.binaries(workspaceId), sk: hash }),
  /** What devices say of a release, in numbers. */
  reports: (releaseId: string): Key => ({ pk: `${releaseId}#reports`, sk: "reports" }),
  /** What was done to a release. @param order texts that sort as the changes came */
  releaseChange: (releaseId: string, order: string): Key => ({
    pk: otaPartitions.releaseChanges(releaseId),
    sk: order,
  }),
  archive: (workspaceId: string, archiveId: string): Key => ({
    pk: otaPartitions.archives(workspaceId),
    sk: archiveId,
  }),
  /** That a workspace has a snapshot, for the schedule to find. */
  snapshot: (workspaceId: string): Key => ({ pk: otaPartitions.snapshots(), sk: workspaceId }),
  signingKeys: (): Key => ({ pk: "signing-keys", sk: "signing-keys" }),
  /** How often something was tried in a stretch of time. */
  rate: (what: string, window: number): Key => ({ pk: `rate#${what}`, sk: String(window) }),
} as const;

export const partitions = {
  memberships: (subject: string) => `member#${subject}`,
  members: (workspaceId: string) => `${workspaceId}#member`,
  invitations: (workspaceId: string) => `${workspaceId}#invitation`,
  credentials: (workspaceId: string) => `${workspaceId}#credential`,
  nodeGroups: (workspaceId: string) => `${workspaceId}#node-group`,
  nodes: (workspaceId: string) => `${workspaceId}#node`,
  nodeImports: (workspaceId: string) => `${workspaceId}#node-import`,
  nodeImportBatches: (importId: string) => `${importId}#batch`,
  certificates: (nodeId: string) => `${nodeId}#certificate`,
  nodesOfGroup: (groupId: string) => `${groupId}#node`,
  cells: (workspaceId: string) => `${workspaceId}#cell`,
  cellGenerations: (workspaceId: string) => `${workspaceId}#cell-generation`,
  nodeProgress: (workspaceId: string) => `${workspaceId}#node-progress`,
  nodeReports: (workspaceId: string) => `${workspaceId}#node-report`,
  drift: (workspaceId: string) => `${workspaceId}#drift`,
  sweptWorkspaces: () => "swept-workspaces",
  components: (workspaceId: string) => `${workspaceId}#component`,
  versions: (componentId: string) => `${componentId}#version`,
  versionOrders: (componentId: string) => `${componentId}#version-order`,
  dependants: (workspaceId: string) => `${workspaceId}#dependant`,
  publicVersions: (name: string) => `public-component#${name}`,
  files: (versionId: string) => `${versionId}#file`,
  deployments: (workspaceId: string) => `${workspaceId}#deployment`,
  audit: (workspaceId: string) => `${workspaceId}#audit`,
  deploymentRevisions: (targetId: string) => `${targetId}#revision`,
  events: (workspaceId: string) => `${workspaceId}#event`,
  eventRules: (workspaceId: string) => `${workspaceId}#event-rule`,
  webhooks: (workspaceId: string) => `${workspaceId}#webhook`,
  webhookDeliveries: (webhookId: string) => `${webhookId}#delivery`,
} as const;

export const otaPartitions = {
  releases: (workspaceId: string) => `${workspaceId}#release`,
  current: (workspaceId: string) => `${workspaceId}#current`,
  binaries: (workspaceId: string) => `${workspaceId}#binary`,
  releaseChanges: (releaseId: string) => `${releaseId}#change`,
  archives: (workspaceId: string) => `${workspaceId}#archive`,
  snapshots: () => "snapshots",
} as const;

/** The workspace of a key of {@link otaKeys.current}; undefined for any other key. */
export const workspaceOfCurrent = (pk: string): string | undefined => /^(.+)#current$/.exec(pk)?.[1];

/**
 * The secondary indexes of the `control` table: intents of a workspace, intents that have not ended, deliveries to webhooks that
 * are to be made, and a workspace's audit records by who did it, and by what it was done to.
 */
export const indexes = {
  intentsOfWorkspace: { name: "intents-of-workspace", pk: "workspaceIntents", sk: "id" },
  openIntents: { name: "open-intents", pk: "open", sk: "updatedAt" },
  dueDeliveries: { name: "due-deliveries", pk: "due", sk: "dueAt" },
  auditOfActor: { name: "audit-of-actor", pk: "auditActor", sk: "id" },
  auditOfObject: { name: "audit-of-object", pk: "auditObject", sk: "id" },
} as const;
