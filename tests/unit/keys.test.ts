import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ID_PREFIXES, type IdKind } from "../../shared/ids.ts";
import { keys, otaKeys, otaPartitions, partitions } from "../../shared/keys.ts";
import type { Key } from "../../shared/writes.ts";

const idOf = (kind: IdKind) => fc.constantFrom("1", "2").map((digit) => `${ID_PREFIXES[kind]}_${digit.repeat(20)}`);
const workspace = idOf("workspace");
/** Of what a name may hold, what could be mistaken for a part of a key. */
const resourceName = fc.constantFrom(
  "name",
  "node",
  "node-group",
  "workspace",
  "member",
  "version",
  "catalogue",
  "nod_1",
);
const componentName = fc.constantFrom("name", "-", "version", "component", "catalogue", "intent");
const workspaceName = fc.constantFrom("name", "workspace", "component", "node", "a-b");
const version = fc.constantFrom("1.0.0", "1.0.0-node", "2.0.0");
/** A token's subject and a file's path are anyone's. */
const anything = fc.constantFrom(
  "",
  "#",
  "name",
  "member",
  "workspace",
  "intent",
  "ws_11111111111111111111",
  "a#member",
  "#node",
);
const hash = fc.constantFrom("0", "a", "name");
const cell = fc.constantFrom("0123456789abcdef", "0000000000000000");
const target = fc.oneof(idOf("node-group"), idOf("node"));
const time = fc.constantFrom("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.679Z");
const number = fc.integer({ min: 1, max: 12 });

type Made = readonly [kind: string, arguments: string, key: Key];
const making = <Args extends unknown[]>(
  kind: string,
  make: (...args: Args) => Key,
  ...args: { [Index in keyof Args]: fc.Arbitrary<Args[Index]> }
): fc.Arbitrary<Made> =>
  fc
    .tuple(...(args as readonly fc.Arbitrary<unknown>[]))
    .map((values): Made => [kind, JSON.stringify(values), make(...(values as Args))]);

const control: Readonly<Record<keyof typeof keys, fc.Arbitrary<Made>>> = {
  workspace: making("workspace", keys.workspace, workspace),
  workspaceName: making("workspaceName", keys.workspaceName, workspaceName),
  membership: making("membership", keys.membership, anything, workspace),
  member: making("member", keys.member, workspace, anything),
  invitation: making("invitation", keys.invitation, workspace, idOf("invitation")),
  invitationCode: making("invitationCode", keys.invitationCode, hash),
  credential: making("credential", keys.credential, workspace, idOf("credential")),
  accessToken: making("accessToken", keys.accessToken, hash),
  nodeGroup: making("nodeGroup", keys.nodeGroup, workspace, idOf("node-group")),
  nodeGroupName: making("nodeGroupName", keys.nodeGroupName, workspace, resourceName),
  node: making("node", keys.node, workspace, idOf("node")),
  nodeName: making("nodeName", keys.nodeName, workspace, resourceName),
  nodeImport: making("nodeImport", keys.nodeImport, workspace, idOf("node-import")),
  nodeImportBatch: making("nodeImportBatch", keys.nodeImportBatch, idOf("node-import"), number),
  nodeOfGroup: making("nodeOfGroup", keys.nodeOfGroup, idOf("node-group"), idOf("node")),
  cell: making("cell", keys.cell, workspace, cell),
  cellGeneration: making("cellGeneration", keys.cellGeneration, workspace, cell, number),
  nodeProgress: making("nodeProgress", keys.nodeProgress, workspace, idOf("node")),
  nodeReport: making("nodeReport", keys.nodeReport, workspace, idOf("node")),
  nodeComponents: making("nodeComponents", keys.nodeComponents, idOf("node")),
  drift: making("drift", keys.drift, workspace, fc.constantFrom("nod_1.components", "name", "catalogue")),
  sweptWorkspace: making("sweptWorkspace", keys.sweptWorkspace, workspace),
  fleetSweep: making("fleetSweep", keys.fleetSweep),
  turn: making("turn", keys.turn, fc.constantFrom("CreateDeployment", "name", "catalogue")),
  component: making("component", keys.component, workspace, idOf("component")),
  componentName: making("componentName", keys.componentName, componentName),
  version: making("version", keys.version, idOf("component"), idOf("component-version")),
  versionOrder: making("versionOrder", keys.versionOrder, idOf("component"), version),
  versionName: making("versionName", keys.versionName, idOf("component"), version),
  dependant: making("dependant", keys.dependant, workspace, idOf("component-version")),
  file: making("file", keys.file, idOf("component-version"), anything),
  publicVersion: making("publicVersion", keys.publicVersion, componentName, version),
  publishedRecipe: making("publishedRecipe", keys.publishedRecipe, idOf("component-version")),
  push: making("push", keys.push, idOf("component-version")),
  pushEvent: making("pushEvent", keys.pushEvent, hash),
  deployment: making("deployment", keys.deployment, workspace, target),
  deploymentRevision: making("deploymentRevision", keys.deploymentRevision, target, number),
  catalogue: making("catalogue", keys.catalogue),
  registrationToken: making("registrationToken", keys.registrationToken, hash),
  provisioningClaim: making("provisioningClaim", keys.provisioningClaim, hash),
  certificate: making("certificate", keys.certificate, idOf("node"), hash),
  audit: making("audit", keys.audit, workspace, idOf("audit")),
  intent: making("intent", keys.intent, idOf("intent")),
  event: making("event", keys.event, workspace, time, idOf("event")),
  eventRule: making("eventRule", keys.eventRule, workspace, idOf("event-rule")),
  intentRequest: making("intentRequest", keys.intentRequest, hash),
  webhook: making("webhook", keys.webhook, workspace, idOf("webhook")),
  webhookDelivery: making("webhookDelivery", keys.webhookDelivery, idOf("webhook"), idOf("event")),
  idempotency: making("idempotency", keys.idempotency, hash),
};
const ota: Readonly<Record<keyof typeof otaKeys, fc.Arbitrary<Made>>> = {
  workspaceName: making("workspaceName", otaKeys.workspaceName, workspaceName),
  rate: making("rate", otaKeys.rate, anything, number),
  release: making("release", otaKeys.release, workspace, idOf("release")),
  snapshot: making("snapshot", otaKeys.snapshot, workspace),
  signingKeys: making("signingKeys", otaKeys.signingKeys),
  archive: making("archive", otaKeys.archive, workspace, hash),
  current: making(
    "current",
    otaKeys.current,
    workspace,
    fc.constantFrom("a", "b", "a-b"),
    fc.constantFrom("prod", "beta"),
    idOf("release"),
  ),
  reports: making("reports", otaKeys.reports, idOf("release")),
  stage: making("stage", otaKeys.stage),
  binary: making("binary", otaKeys.binary, workspace, hash),
  releaseChange: making("releaseChange", otaKeys.releaseChange, idOf("release"), hash),
};

describe.each([
  { table: "control", made: fc.oneof(...Object.values(control)) },
  { table: "ota", made: fc.oneof(...Object.values(ota)) },
])("in the $table table", ({ made }) => {
  test("no two things have the same key", () => {
    fc.assert(
      fc.property(made, made, ([kind, args, key], [otherKind, otherArgs, other]) => {
        const sameKey = key.pk === other.pk && key.sk === other.sk;
        expect(sameKey).toBe(kind === otherKind && args === otherArgs);
      }),
      { numRuns: 5_000 },
    );
  });

  test("a key has no empty part where DynamoDB allows none", () => {
    fc.assert(
      fc.property(made, ([kind, , key]) => {
        expect(key.pk).not.toBe("");
        if (kind !== "member" && kind !== "file") expect(key.sk).not.toBe("");
      }),
    );
  });
});

describe("a list", () => {
  const all = [...Object.values(control), ...Object.values(ota)];
  test("is one partition, which holds nothing else", () => {
    const lists: Readonly<Record<string, string>> = {
      memberships: "membership",
      members: "member",
      invitations: "invitation",
      credentials: "credential",
      nodeGroups: "nodeGroup",
      nodes: "node",
      nodeImports: "nodeImport",
      nodeImportBatches: "nodeImportBatch",
      certificates: "certificate",
      nodesOfGroup: "nodeOfGroup",
      cells: "cell",
      cellGenerations: "cellGeneration",
      nodeProgress: "nodeProgress",
      nodeReports: "nodeReport",
      drift: "drift",
      sweptWorkspaces: "sweptWorkspace",
      components: "component",
      versions: "version",
      versionOrders: "versionOrder",
      dependants: "dependant",
      publicVersions: "publicVersion",
      files: "file",
      deployments: "deployment",
      audit: "audit",
      deploymentRevisions: "deploymentRevision",
      events: "event",
      eventRules: "eventRule",
      webhooks: "webhook",
      webhookDeliveries: "webhookDelivery",
    };
    expect(Object.keys(lists)).toEqual(Object.keys(partitions));
    const ids = ["ws", "grp", "nod", "imp", "cmp", "ver"].map((prefix) => `${prefix}_${"1".repeat(20)}`);
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(partitions)),
        fc.constantFrom(...ids),
        fc.oneof(...Object.values(control)),
        (list, id, [kind, , key]) => {
          const partition = partitions[list as keyof typeof partitions](id);
          // A node group's and a workspace's nodes have like names, of ids that differ in kind.
          const alike = ["nodes", "nodesOfGroup"].includes(list) ? ["node", "nodeOfGroup"] : [lists[list]];
          if (key.pk === partition) expect(alike).toContain(kind);
        },
      ),
      { numRuns: 5_000 },
    );
    expect(all).toHaveLength(Object.keys(keys).length + Object.keys(otaKeys).length);
    expect(otaPartitions.releases("ws_1")).not.toBe(otaPartitions.current("ws_1"));
  });

  test("of revisions is in the order of their numbers", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (one, other) => {
        if (one === other) return;
        expect(keys.deploymentRevision("grp_1", one).sk < keys.deploymentRevision("grp_1", other).sk).toBe(one < other);
      }),
    );
  });

  test("of current releases has the same place for an app and environment in whatever case", () => {
    expect(otaKeys.current("ws_1", "App", "PROD", "rel_1")).toEqual(otaKeys.current("ws_1", "aPP", "prod", "rel_1"));
    expect(otaKeys.current("ws_1", "a", "b", "rel_1")).not.toEqual(otaKeys.current("ws_1", "b", "a", "rel_1"));
  });
});
