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
  component: (workspaceId: string, componentId: string): Key => ({
    pk: partitions.components(workspaceId),
    sk: componentId,
  }),
  /** Component names are claimed once per account: recipes refer to them without a workspace. */
  componentName: (name: string): Key => ({ pk: `name#component#${name}`, sk: "name" }),
  version: (componentId: string, versionId: string): Key => ({ pk: partitions.versions(componentId), sk: versionId }),
  versionName: (componentId: string, version: string): Key => ({
    pk: `name#${componentId}#version#${version}`,
    sk: "name",
  }),
  file: (versionId: string, path: string): Key => ({ pk: partitions.files(versionId), sk: path }),
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
  idempotency: (hash: string): Key => ({ pk: `idempotency#${hash}`, sk: "idempotency" }),
} as const;

/** Keys of the `ota` table. */
export const otaKeys = {
  workspaceName: (name: string): Key => ({ pk: `name#${name}`, sk: "workspace" }),
  release: (workspaceId: string, releaseId: string): Key => ({
    pk: otaPartitions.releases(workspaceId),
    sk: releaseId,
  }),
  /** What devices get for an app in an environment; both compare without regard to case. */
  current: (workspaceId: string, app: string, environment: string): Key => ({
    pk: otaPartitions.current(workspaceId),
    sk: `${environment.toLowerCase()}#${app.toLowerCase()}`,
  }),
  archive: (workspaceId: string, archiveId: string): Key => ({
    pk: otaPartitions.archives(workspaceId),
    sk: archiveId,
  }),
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
  components: (workspaceId: string) => `${workspaceId}#component`,
  versions: (componentId: string) => `${componentId}#version`,
  files: (versionId: string) => `${versionId}#file`,
  deployments: (workspaceId: string) => `${workspaceId}#deployment`,
  audit: (workspaceId: string) => `${workspaceId}#audit`,
  deploymentRevisions: (targetId: string) => `${targetId}#revision`,
} as const;

export const otaPartitions = {
  releases: (workspaceId: string) => `${workspaceId}#release`,
  current: (workspaceId: string) => `${workspaceId}#current`,
  archives: (workspaceId: string) => `${workspaceId}#archive`,
} as const;

/**
 * The secondary indexes of the `control` table: intents of a workspace, intents that have not ended, and a workspace's audit
 * records by who did it, and by what it was done to.
 */
export const indexes = {
  intentsOfWorkspace: { name: "intents-of-workspace", pk: "workspaceIntents", sk: "id" },
  openIntents: { name: "open-intents", pk: "open", sk: "updatedAt" },
  auditOfActor: { name: "audit-of-actor", pk: "auditActor", sk: "id" },
  auditOfObject: { name: "audit-of-object", pk: "auditObject", sk: "id" },
} as const;
