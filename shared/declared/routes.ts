import * as z from "zod";
import { Component, CreateComponent, EditComponent } from "../component/component.ts";
import { VersionDiff } from "../component/diff.ts";
import {
  ComponentFile,
  CreatedFile,
  CreateFile,
  FoundFile,
  Manifest,
  ManifestAnswer,
  UploadPart,
} from "../component/file.ts";
import { FolderFile } from "../component/gdk.ts";
import { ImportComponent } from "../component/import.ts";
import {
  ComponentVersion,
  CreateVersion,
  Deprecate,
  EditVersion,
  ListedVersions,
  RecipeFindings,
} from "../component/version.ts";
import { Deployment, DeploymentRevision, ListedRevision } from "../deployment/deployment.ts";
import {
  DeploymentPatch,
  DeploymentRefresh,
  DeploymentReplacement,
  DeploymentRollback,
  RevisionDifferences,
} from "../deployment/edit.ts";
import { PlanAnswer, PlanNodes, PlanRequest } from "../deployment/plan-answer.ts";
import type { EnvironmentName } from "../env.ts";
import { ListedEventType } from "../event/schema.ts";
import { CreateEventRule, EventRule } from "../event-rule/event-rule.ts";
import { Intent } from "../intent/intent.ts";
import { JsonObject } from "../json.ts";
import { EditMemberships } from "../node/membership.ts";
import { CreatedNode, CreateNode, Node } from "../node/node.ts";
import { CreateNodeGroup, NodeGroup } from "../node-group/node-group.ts";
import { CreatedNodeImport, CreateNodeImport, NodeImport } from "../node-import/node-import.ts";
import { ReleaseChange } from "../ota/history.ts";
import {
  ChangeAvailability,
  CreatedRelease,
  CreateRelease,
  EditRelease,
  PromoteRelease,
  Release,
} from "../ota/release.ts";
import { Report } from "../ota/reports.ts";
import type { ProblemCode } from "../problems.ts";
import { Certificate } from "../registration/certificate.ts";
import { CreateRegistrationToken, Register, Registration, RegistrationToken } from "../registration/registration.ts";
import { Description } from "../resource.ts";
import { Delivery, Replayed, ReplayWebhook, Try } from "../webhook/delivery.ts";
import { CreatedWebhook, CreateWebhook, EditWebhook, Webhook } from "../webhook/webhook.ts";
import type { Access } from "../workspace/access.ts";
import { CreateWorkspace, EditWorkspace, Workspace } from "../workspace/workspace.ts";
import type { Permission } from "./permissions.ts";

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A name in braces takes what stands between slashes; the last one, with a `+` behind it, slashes too. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The largest body that it takes, in bytes, where that is more than the usual. */
  readonly maxBodyBytes?: number;
  readonly status: 200 | 201 | 202 | 204;
  readonly answer?: z.ZodType;
  /** The answer's media type, where it is not JSON: the answer is a text then. */
  readonly media?: "text/x-shellscript" | "text/html";
  /** Problems of this operation beside those that every operation of its kind can answer. */
  readonly problems: readonly ProblemCode[];
  /** A POST that takes no Idempotency-Key: to repeat it is safe, or its answer shows a secret once, or anyone may ask. */
  readonly repeatable?: true;
  /** It writes nothing, though it is a POST: what it is asked is too much for a URL. */
  readonly readOnly?: true;
  /** The answer carries an ETag. */
  readonly tagged?: true;
  /** The answer to a creation carries the Location of what was created. */
  readonly located?: true;
  /** Whether the caller must, or may, state which revision it edits. */
  readonly ifMatch?: "required" | "optional";
  /** Environment beside `CONTROL_TABLE`, which every API function has. */
  readonly environment?: readonly EnvironmentName[];
  /** What the handler asks of AWS beside what every operation of its kind does (`functions/declared.ts`). */
  readonly permissions?: readonly Permission[];
}

export const PAGE_LIMIT = { default: 50, max: 100 } as const;

const Page = z.object({
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT.max).default(PAGE_LIMIT.default),
  cursor: z.string().min(1).max(512).optional().meta({ description: "`nextCursor` of the page before" }),
});

const page = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().optional().meta({ description: "Absent on the last page" }),
  });

const EditDescription = z
  .strictObject({ description: Description.nullable().meta({ description: "null removes it" }) })
  .meta({ id: "EditDescription" });
export type EditDescription = z.infer<typeof EditDescription>;

const route = <const R extends Route>(declared: R): R => declared;

const W = "/v1/workspaces/{workspace}";
const G = `${W}/node-groups/{nodeGroup}` as const;
const N = `${W}/nodes/{node}` as const;
const I = `${W}/node-imports/{nodeImport}` as const;
const C = `${W}/components/{component}` as const;
const V = `${C}/versions/{version}` as const;
const R = `${W}/releases/{release}` as const;
const H = `${W}/webhooks/{webhook}` as const;

/** What the declaration of files asks of AWS: former bytes make room for others. */
const DECLARE_FILES = [
  "control:ConditionCheckItem",
  "control:PutItem",
  "artifact:Find",
  "artifact:Put",
  "artifact:Delete",
  "artifact:ListParts",
  "artifact:AbortUpload",
] as const satisfies readonly Permission[];
/** What the plan of an edit may refuse. */
const REFUSALS = ["unresolvable", "unmet-dependency", "deployment-too-large", "ambiguous"] as const;
const EDITS = {
  access: "operator",
  status: 202,
  answer: Intent,
  problems: [...REFUSALS, "precondition-failed", "not-ready", "conflict"],
  permissions: ["control:ConditionCheckItem", "control:Query"],
} as const;
const PLANS = {
  status: 200,
  repeatable: true,
  readOnly: true,
  problems: ["invalid-cursor", "precondition-failed"],
  permissions: ["control:Query"],
} as const;
/** A transition is told with every component that it changes. */
const PlanLimit = z.coerce.number().int().min(1).max(25).default(10);
const Against = z.object({
  from: z.coerce.number().int().min(1).max(999_999_999).optional().meta({
    description: "The revision to compare with; the one before, without it",
  }),
});

/**
 * Every operation of the HTTP API. The key is the operation's id; its handler is the file of the same name in kebab
 * case below `functions/api`.
 */
export const routes = {
  createWorkspace: route({
    method: "POST",
    path: "/v1/workspaces",
    summary: "Create a workspace; the caller becomes its owner",
    access: "caller",
    body: CreateWorkspace,
    status: 202,
    answer: Intent,
    problems: ["name-taken"],
    environment: ["OTA_TABLE"],
    permissions: ["control:PutItem", "ota:PutItem"],
  }),
  listWorkspaces: route({
    method: "GET",
    path: "/v1/workspaces",
    summary: "List the workspaces that the caller is a member of",
    access: "caller",
    query: Page,
    status: 200,
    answer: page(Workspace),
    problems: ["invalid-cursor"],
    permissions: ["control:Query", "control:BatchGetItem"],
  }),
  getWorkspace: route({
    method: "GET",
    path: W,
    summary: "Get a workspace",
    access: "viewer",
    status: 200,
    answer: Workspace,
    tagged: true,
    problems: [],
  }),
  updateWorkspace: route({
    method: "PATCH",
    path: W,
    summary: "Change a workspace's description, how often its anonymous devices poll, or stop them",
    access: "owner",
    body: EditWorkspace,
    ifMatch: "required",
    status: 200,
    answer: Workspace,
    tagged: true,
    problems: ["not-ready", "conflict"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:UpdateItem"],
  }),
  deleteWorkspace: route({
    method: "DELETE",
    path: W,
    summary: "Delete an empty workspace",
    access: "owner",
    status: 202,
    answer: Intent,
    problems: ["workspace-not-empty", "not-ready"],
    environment: ["OTA_TABLE"],
    permissions: ["control:Query", "ota:Query"],
  }),

  createNodeGroup: route({
    method: "POST",
    path: `${W}/node-groups`,
    summary: "Create a node group with an empty deployment",
    access: "maintainer",
    body: CreateNodeGroup,
    status: 202,
    answer: Intent,
    problems: ["name-taken", "not-ready"],
    permissions: ["control:ConditionCheckItem"],
  }),
  listNodeGroups: route({
    method: "GET",
    path: `${W}/node-groups`,
    summary: "List node groups in the order of their creation",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(NodeGroup),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getNodeGroup: route({
    method: "GET",
    path: G,
    summary: "Get a node group",
    access: "viewer",
    status: 200,
    answer: NodeGroup,
    tagged: true,
    problems: [],
  }),
  updateNodeGroup: route({
    method: "PATCH",
    path: G,
    summary: "Change a node group's description",
    access: "maintainer",
    body: EditDescription,
    ifMatch: "required",
    status: 200,
    answer: NodeGroup,
    tagged: true,
    problems: [],
  }),
  deleteNodeGroup: route({
    method: "DELETE",
    path: G,
    summary: "Delete a node group that has no nodes",
    access: "maintainer",
    status: 202,
    answer: Intent,
    problems: ["node-group-not-empty", "not-ready"],
    permissions: ["control:Query"],
  }),

  listDeployments: route({
    method: "GET",
    path: `${W}/deployments`,
    summary: "List the deployments of a workspace, one per target",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(Deployment),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getNodeGroupDeployment: route({
    method: "GET",
    path: `${G}/deployment`,
    summary: "Get a node group's deployment",
    access: "viewer",
    status: 200,
    answer: Deployment,
    tagged: true,
    problems: [],
  }),
  updateNodeGroupDeployment: route({
    method: "PATCH",
    path: `${G}/deployment`,
    summary: "Add, change or remove named components of a node group's deployment, or its settings",
    body: DeploymentPatch,
    ifMatch: "optional",
    ...EDITS,
  }),
  replaceNodeGroupDeployment: route({
    method: "PUT",
    path: `${G}/deployment`,
    summary: "Replace a node group's deployment as the plan showed; what is not said is removed",
    body: DeploymentReplacement,
    ifMatch: "optional",
    ...EDITS,
  }),
  deleteNodeGroupDeployment: route({
    method: "DELETE",
    path: `${G}/deployment`,
    summary: "Empty a node group's deployment: its components leave the group's nodes",
    ifMatch: "optional",
    ...EDITS,
  }),
  refreshNodeGroupDeployment: route({
    method: "POST",
    path: `${G}/deployment/refresh`,
    summary: "Let components of a node group's deployment see what was published since they were last named",
    body: DeploymentRefresh,
    ifMatch: "optional",
    ...EDITS,
  }),
  rollBackNodeGroupDeployment: route({
    method: "POST",
    path: `${G}/deployment/rollback`,
    summary: "Say again what a revision said, in a new one that resolves as it did then",
    body: DeploymentRollback,
    ifMatch: "optional",
    ...EDITS,
  }),
  listNodeGroupDeploymentRevisions: route({
    method: "GET",
    path: `${G}/deployment/revisions`,
    summary: "List the revisions of a node group's deployment, newest first: who made them, when and why",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(ListedRevision),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getNodeGroupDeploymentRevision: route({
    method: "GET",
    path: `${G}/deployment/revisions/{revision}`,
    summary: "Get a revision of a node group's deployment",
    access: "viewer",
    status: 200,
    answer: DeploymentRevision,
    problems: [],
  }),
  diffNodeGroupDeploymentRevision: route({
    method: "GET",
    path: `${G}/deployment/revisions/{revision}/diff`,
    summary: "Get what a revision of a node group's deployment changed, of the one before it or of another",
    access: "viewer",
    query: Against,
    status: 200,
    answer: RevisionDifferences,
    problems: [],
  }),
  getNodeDeployment: route({
    method: "GET",
    path: `${N}/deployment`,
    summary: "Get the deployment that a node has of its own, if it has one",
    access: "viewer",
    status: 200,
    answer: Deployment,
    tagged: true,
    problems: [],
  }),
  updateNodeDeployment: route({
    method: "PATCH",
    path: `${N}/deployment`,
    summary:
      "Add, change or remove named components of a node's deployment, or its settings; makes it where there is none",
    body: DeploymentPatch,
    ifMatch: "optional",
    ...EDITS,
  }),
  replaceNodeDeployment: route({
    method: "PUT",
    path: `${N}/deployment`,
    summary: "Replace a node's deployment as the plan showed; what is not said is removed",
    body: DeploymentReplacement,
    ifMatch: "optional",
    ...EDITS,
  }),
  deleteNodeDeployment: route({
    method: "DELETE",
    path: `${N}/deployment`,
    summary: "Lift a node's own deployment: those of its groups alone reach it then",
    ifMatch: "optional",
    ...EDITS,
    permissions: ["control:Query", "control:DeleteItem"],
  }),
  refreshNodeDeployment: route({
    method: "POST",
    path: `${N}/deployment/refresh`,
    summary: "Let components of a node's deployment see what was published since they were last named",
    body: DeploymentRefresh,
    ifMatch: "optional",
    ...EDITS,
  }),
  rollBackNodeDeployment: route({
    method: "POST",
    path: `${N}/deployment/rollback`,
    summary: "Say again what a revision said, in a new one that resolves as it did then",
    body: DeploymentRollback,
    ifMatch: "optional",
    ...EDITS,
  }),
  listNodeDeploymentRevisions: route({
    method: "GET",
    path: `${N}/deployment/revisions`,
    summary: "List the revisions of a node's deployment, newest first: who made them, when and why",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(ListedRevision),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getNodeDeploymentRevision: route({
    method: "GET",
    path: `${N}/deployment/revisions/{revision}`,
    summary: "Get a revision of a node's deployment",
    access: "viewer",
    status: 200,
    answer: DeploymentRevision,
    problems: [],
  }),
  diffNodeDeploymentRevision: route({
    method: "GET",
    path: `${N}/deployment/revisions/{revision}/diff`,
    summary: "Get what a revision of a node's deployment changed, of the one before it or of another",
    access: "viewer",
    query: Against,
    status: 200,
    answer: RevisionDifferences,
    problems: [],
  }),

  planChanges: route({
    method: "POST",
    path: `${W}/plans`,
    summary: "Plan proposed changes: what would come of them for every cell, why, and what forbids them",
    access: "viewer",
    query: Page.extend({ limit: PlanLimit }),
    body: PlanRequest,
    ...PLANS,
    answer: PlanAnswer,
  }),
  planNodes: route({
    method: "POST",
    path: `${W}/plans/nodes`,
    summary: "Plan proposed changes: what would become of each node",
    access: "viewer",
    query: Page.extend({
      group: z.string().min(1).max(64).optional().meta({ description: "Only nodes of this node group (name or id)" }),
    }),
    body: PlanRequest,
    ...PLANS,
    answer: PlanNodes,
  }),

  createNode: route({
    method: "POST",
    path: `${W}/nodes`,
    summary: "Create a node and the token by which a device registers as it",
    access: "operator",
    body: CreateNode,
    status: 202,
    answer: CreatedNode,
    problems: ["name-taken", "not-ready"],
    permissions: ["control:ConditionCheckItem"],
  }),
  listNodes: route({
    method: "GET",
    path: `${W}/nodes`,
    summary: "List nodes in the order of their creation",
    access: "viewer",
    query: Page.extend({
      group: z.string().min(1).max(64).optional().meta({ description: "Only nodes of this node group (name or id)" }),
    }),
    status: 200,
    answer: page(Node),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getNode: route({
    method: "GET",
    path: N,
    summary: "Get a node",
    access: "viewer",
    status: 200,
    answer: Node,
    tagged: true,
    problems: [],
  }),
  updateNode: route({
    method: "PATCH",
    path: N,
    summary: "Change a node's description",
    access: "operator",
    body: EditDescription,
    ifMatch: "required",
    status: 200,
    answer: Node,
    tagged: true,
    problems: [],
  }),
  updateNodeMemberships: route({
    method: "PATCH",
    path: `${N}/groups`,
    summary: "Put a node into node groups and take it out of others: their deployments reach it, or no more",
    access: "operator",
    body: EditMemberships,
    ifMatch: "optional",
    status: 202,
    answer: Intent,
    problems: ["not-ready", "conflict", "too-many-groups"],
    permissions: ["control:BatchGetItem", "control:ConditionCheckItem", "control:DeleteItem"],
  }),
  deleteNode: route({
    method: "DELETE",
    path: N,
    summary: "Delete a node, whatever state it is in: its device's certificates go with it",
    access: "operator",
    status: 202,
    answer: Intent,
    problems: ["not-ready"],
  }),
  createRegistrationToken: route({
    method: "POST",
    path: `${N}/registration-tokens`,
    summary: "Issue another registration token for a node; the one before works no more",
    access: "operator",
    body: CreateRegistrationToken,
    status: 201,
    answer: RegistrationToken,
    repeatable: true,
    problems: ["not-ready"],
    permissions: ["control:PutItem", "control:DeleteItem"],
  }),
  revokeRegistrationToken: route({
    method: "DELETE",
    path: `${N}/registration-tokens`,
    summary: "Revoke a node's registration token, if it has one",
    access: "operator",
    status: 204,
    problems: ["not-ready"],
    permissions: ["control:DeleteItem"],
  }),
  reRegisterNode: route({
    method: "POST",
    path: `${N}/re-register`,
    summary: "Issue a token for the device that replaces a node's; the old device works until the new one connects",
    access: "operator",
    body: CreateRegistrationToken,
    status: 201,
    answer: RegistrationToken,
    repeatable: true,
    problems: ["not-ready"],
    permissions: ["control:PutItem", "control:DeleteItem"],
  }),
  listNodeCertificates: route({
    method: "GET",
    path: `${N}/certificates`,
    summary: "List a node's certificates, those revoked of late too",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(Certificate),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  revokeNodeCertificate: route({
    method: "DELETE",
    path: `${N}/certificates/{certificate}`,
    summary: "Revoke a certificate of a node, which ends its connections",
    access: "operator",
    status: 202,
    answer: Intent,
    problems: ["not-ready"],
  }),
  register: route({
    method: "POST",
    path: "/v1/register",
    summary: "Exchange a registration token for what a device needs to ask AWS IoT for its certificate",
    access: "anyone",
    body: Register,
    repeatable: true,
    status: 200,
    answer: Registration,
    problems: ["unauthorized", "busy"],
    environment: ["OTA_TABLE", "GREENGRASS_ENDPOINT", "DEVICE_ROOT_CA", "REGISTRATIONS_PER_MINUTE"],
    permissions: [
      "control:ConditionCheckItem",
      "ota:UpdateItem",
      "iot:CreateProvisioningClaim",
      "iot:DescribeEndpoint",
      "control:PutItem",
    ],
  }),
  getInstaller: route({
    method: "GET",
    path: "/v1/install.sh",
    summary: "Get the script that registers a device, to be run by its shell",
    access: "anyone",
    status: 200,
    answer: z.string(),
    media: "text/x-shellscript",
    problems: [],
  }),

  createNodeImport: route({
    method: "POST",
    path: `${W}/node-imports`,
    summary: "Create a draft import of many nodes and get a URL to upload its file to",
    access: "operator",
    body: CreateNodeImport,
    status: 201,
    located: true,
    answer: CreatedNodeImport,
    problems: ["not-ready"],
    environment: ["IMPORTS_BUCKET"],
    permissions: ["control:ConditionCheckItem", "import-upload:Put"],
  }),
  listNodeImports: route({
    method: "GET",
    path: `${W}/node-imports`,
    summary: "List imports of nodes in the order of their creation",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(NodeImport),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getNodeImport: route({
    method: "GET",
    path: I,
    summary: "Get an import of nodes: how far it has come, and, for operators, a link to its results",
    access: "viewer",
    status: 200,
    answer: NodeImport,
    tagged: true,
    problems: [],
    environment: ["IMPORTS_BUCKET"],
    permissions: ["import-results:Get", "import-faults:Get"],
  }),
  startNodeImport: route({
    method: "POST",
    path: `${I}/start`,
    summary: "Check an import's file and create its nodes; one that has failed goes on where it was",
    access: "operator",
    status: 202,
    answer: Intent,
    problems: ["not-ready"],
    permissions: ["control:ConditionCheckItem"],
  }),
  deleteNodeImport: route({
    method: "DELETE",
    path: I,
    summary: "Delete an import with its file and results; its nodes stay",
    access: "operator",
    status: 202,
    answer: Intent,
    problems: ["not-ready"],
  }),

  createComponent: route({
    method: "POST",
    path: `${W}/components`,
    summary: "Create a component; its name is claimed for the whole account",
    access: "maintainer",
    body: CreateComponent,
    status: 201,
    located: true,
    answer: Component,
    tagged: true,
    problems: ["name-taken", "not-ready"],
    permissions: ["control:ConditionCheckItem"],
  }),
  listComponents: route({
    method: "GET",
    path: `${W}/components`,
    summary: "List components in the order of their creation, all or those that are sought",
    access: "viewer",
    query: Page.extend({
      prefix: z.string().min(1).max(128).optional().meta({ description: "Only those whose name begins so" }),
      search: z
        .string()
        .min(1)
        .max(128)
        .optional()
        .meta({ description: "Only those whose name has this in it, in any letter case" }),
      publisher: z.string().min(1).max(256).optional().meta({ description: "Only those of this publisher" }),
    }),
    status: 200,
    answer: page(Component),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  importComponent: route({
    method: "POST",
    path: `${W}/component-imports`,
    summary: "Take a component over that Greengrass has already: one of the account's own, or one of AWS's to refer to",
    access: "owner",
    body: ImportComponent,
    status: 202,
    answer: Intent,
    problems: ["name-taken", "not-ready"],
    permissions: ["control:ConditionCheckItem"],
  }),
  getComponent: route({
    method: "GET",
    path: C,
    summary: "Get a component",
    access: "viewer",
    status: 200,
    answer: Component,
    tagged: true,
    problems: [],
  }),
  updateComponent: route({
    method: "PATCH",
    path: C,
    summary: "Change a component's description or publisher",
    access: "maintainer",
    body: EditComponent,
    ifMatch: "required",
    status: 200,
    answer: Component,
    tagged: true,
    problems: [],
  }),
  deleteComponent: route({
    method: "DELETE",
    path: C,
    summary: "Delete a component that has no versions",
    access: "maintainer",
    status: 204,
    problems: ["component-not-empty"],
    permissions: ["control:DeleteItem"],
  }),

  createComponentVersion: route({
    method: "POST",
    path: `${C}/versions`,
    summary: "Create a draft version, with a recipe or that of another version",
    access: "maintainer",
    body: CreateVersion,
    status: 201,
    located: true,
    answer: ComponentVersion,
    tagged: true,
    problems: ["invalid-recipe", "name-taken", "not-ready"],
    permissions: ["control:ConditionCheckItem", "control:Query"],
  }),
  listComponentVersions: route({
    method: "GET",
    path: `${C}/versions`,
    summary: "List a component's versions, the highest first",
    access: "viewer",
    query: Page,
    status: 200,
    answer: ListedVersions,
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getComponentVersion: route({
    method: "GET",
    path: V,
    summary: "Get a version",
    access: "viewer",
    status: 200,
    answer: ComponentVersion,
    tagged: true,
    problems: [],
  }),
  updateComponentVersion: route({
    method: "PATCH",
    path: V,
    summary: "Change a draft's description or recipe",
    access: "maintainer",
    body: EditVersion,
    ifMatch: "required",
    status: 200,
    answer: ComponentVersion,
    tagged: true,
    problems: ["invalid-recipe", "version-immutable"],
  }),
  getComponentVersionFindings: route({
    method: "GET",
    path: `${V}/findings`,
    summary: "Get what is wrong with a version's recipe, held against its files and the workspace's components",
    access: "viewer",
    status: 200,
    answer: RecipeFindings,
    problems: [],
    permissions: ["control:Query"],
  }),
  getComponentVersionDiff: route({
    method: "GET",
    path: `${V}/diff/{from}`,
    summary: "Get what a version has otherwise than another one of its component",
    access: "viewer",
    status: 200,
    answer: VersionDiff,
    problems: [],
    permissions: ["control:Query"],
  }),
  listComponentVersionUsage: route({
    method: "GET",
    path: `${V}/usage`,
    summary: "List the deployments that a version satisfies, or the nodes that are to run it",
    access: "viewer",
    query: Page.extend({
      of: z.enum(["deployments", "nodes"]).default("deployments").meta({ description: "What to list" }),
    }),
    status: 200,
    answer: page(
      z
        .object({
          type: z.enum(["node-group", "node"]),
          id: z.string(),
          name: z.string(),
          requirement: z.string().optional().meta({ description: "What the deployment to it wants" }),
        })
        .meta({ id: "UserOfVersion" }),
    ),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  deprecateComponentVersion: route({
    method: "POST",
    path: `${V}/deprecation`,
    summary: "Mark a published version as to be used no more, with the reason; deployments keep it",
    access: "maintainer",
    body: Deprecate,
    repeatable: true,
    status: 200,
    answer: ComponentVersion,
    tagged: true,
    problems: ["not-ready", "conflict"],
  }),
  restoreComponentVersion: route({
    method: "DELETE",
    path: `${V}/deprecation`,
    summary: "Take the mark off a version that was to be used no more",
    access: "maintainer",
    status: 200,
    answer: ComponentVersion,
    tagged: true,
    problems: ["not-ready", "conflict"],
  }),
  exportComponentVersion: route({
    method: "GET",
    path: `${V}/export`,
    summary: "List the files of the folder from which the Greengrass Development Kit builds a version",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(FolderFile),
    problems: ["invalid-cursor"],
    permissions: ["control:Query", "artifact:Get"],
  }),
  createComponentFile: route({
    method: "POST",
    path: `${V}/files`,
    summary: "Declare a file of a draft, in place of one of the same path, and learn where to send its bytes",
    access: "maintainer",
    body: CreateFile,
    status: 201,
    answer: CreatedFile,
    problems: ["version-immutable", "path-clash", "conflict", "busy"],
    permissions: DECLARE_FILES,
  }),
  listComponentFiles: route({
    method: "GET",
    path: `${V}/files`,
    summary: "List a version's files by path",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(ComponentFile),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getComponentFile: route({
    method: "GET",
    path: `${V}/files/{path+}`,
    summary: "Get a file of a version, with a URL to download it from",
    access: "viewer",
    status: 200,
    answer: FoundFile,
    problems: [],
    permissions: ["artifact:Find"],
  }),
  deleteComponentFile: route({
    method: "DELETE",
    path: `${V}/files/{path+}`,
    summary: "Delete a file of a draft, with what was uploaded of it",
    access: "maintainer",
    status: 204,
    problems: ["version-immutable", "conflict", "busy"],
    permissions: ["control:ConditionCheckItem", "control:DeleteItem", "artifact:Delete", "artifact:AbortUpload"],
  }),
  getComponentUpload: route({
    method: "GET",
    path: `${V}/uploads/{path+}`,
    summary: "List the parts of a large file's upload: which have come, and where to send the others",
    access: "maintainer",
    query: Page,
    status: 200,
    answer: page(UploadPart),
    problems: ["invalid-cursor"],
    permissions: ["artifact:ListParts", "artifact:Put"],
  }),
  completeComponentUpload: route({
    method: "POST",
    path: `${V}/uploads/{path+}`,
    summary: "Complete a large file's upload once all of its parts have come",
    access: "maintainer",
    repeatable: true,
    status: 200,
    answer: ComponentFile,
    problems: ["version-immutable", "upload-incomplete", "conflict", "busy"],
    permissions: ["control:ConditionCheckItem", "artifact:ListParts", "artifact:Find", "artifact:Put"],
  }),
  applyComponentManifest: route({
    method: "POST",
    path: `${V}/manifest`,
    summary: "Say which files a draft is to have, and learn which of them to send: those that changed",
    access: "maintainer",
    body: Manifest,
    maxBodyBytes: 4 * 1024 ** 2,
    repeatable: true,
    status: 200,
    answer: ManifestAnswer,
    problems: ["version-immutable", "path-clash", "conflict", "busy"],
    permissions: [...DECLARE_FILES, "control:Query", "control:DeleteItem"],
  }),
  publishComponentVersion: route({
    method: "POST",
    path: `${V}/publish`,
    summary: "Publish a draft: check its files, make it a Greengrass component version",
    access: "maintainer",
    status: 202,
    answer: Intent,
    problems: ["version-immutable"],
  }),
  deleteComponentVersion: route({
    method: "DELETE",
    path: V,
    summary: "Delete a version that no deployment uses",
    access: "maintainer",
    status: 202,
    answer: Intent,
    problems: ["version-in-use", "not-ready"],
    permissions: ["control:Query"],
  }),

  createRelease: route({
    method: "POST",
    path: `${W}/releases`,
    summary: "Create a draft OTA release and get a URL to upload its binary to",
    access: "maintainer",
    body: CreateRelease,
    status: 201,
    located: true,
    answer: CreatedRelease,
    problems: ["not-ready"],
    environment: ["OTA_TABLE", "OTA_BUCKET"],
    permissions: ["control:ConditionCheckItem", "ota:PutItem", "ota-object:Put"],
  }),
  listReleases: route({
    method: "GET",
    path: `${W}/releases`,
    summary: "List OTA releases in the order of their creation",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(Release),
    problems: ["invalid-cursor"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:Query"],
  }),
  getRelease: route({
    method: "GET",
    path: R,
    summary: "Get an OTA release",
    access: "viewer",
    status: 200,
    answer: Release,
    tagged: true,
    problems: [],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem"],
  }),
  updateRelease: route({
    method: "PATCH",
    path: R,
    summary: "Change which devices get an OTA release, and when",
    access: "maintainer",
    body: EditRelease,
    ifMatch: "required",
    status: 200,
    answer: Release,
    tagged: true,
    problems: ["not-ready"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem", "ota:PutItem", "ota:UpdateItem"],
  }),
  publishRelease: route({
    method: "POST",
    path: `${R}/publish`,
    summary: "Publish an OTA release: devices get it from then on; an older one again, to withdraw what is newer",
    access: "maintainer",
    status: 202,
    answer: Intent,
    problems: ["not-ready"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem", "ota:UpdateItem"],
  }),
  pauseRelease: route({
    method: "POST",
    path: `${R}/pause`,
    summary: "Pause an OTA release: devices that do not have it get the one before it",
    access: "maintainer",
    body: ChangeAvailability,
    status: 200,
    answer: Release,
    tagged: true,
    problems: ["not-ready", "precondition-failed"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem", "ota:PutItem", "ota:UpdateItem"],
  }),
  resumeRelease: route({
    method: "POST",
    path: `${R}/resume`,
    summary: "Resume an OTA release that is paused",
    access: "maintainer",
    body: ChangeAvailability,
    status: 200,
    answer: Release,
    tagged: true,
    problems: ["not-ready", "precondition-failed"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem", "ota:PutItem", "ota:UpdateItem"],
  }),
  withdrawRelease: route({
    method: "POST",
    path: `${R}/withdraw`,
    summary: "Withdraw an OTA release: devices get the one before it, until it is published again",
    access: "maintainer",
    body: ChangeAvailability,
    status: 200,
    answer: Release,
    tagged: true,
    problems: ["not-ready", "precondition-failed"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem", "ota:PutItem", "ota:UpdateItem", "ota:DeleteItem"],
  }),
  promoteRelease: route({
    method: "POST",
    path: `${R}/promote`,
    summary: "Publish an OTA release's content as a release in another environment, without another upload",
    access: "maintainer",
    body: PromoteRelease,
    status: 202,
    answer: Intent,
    problems: ["not-ready"],
    environment: ["OTA_TABLE"],
    permissions: ["control:ConditionCheckItem", "ota:GetItem", "ota:PutItem", "ota:ConditionCheckItem"],
  }),
  listReleaseChanges: route({
    method: "GET",
    path: `${R}/history`,
    summary: "List what was done to an OTA release, newest first: who, when and why",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(ReleaseChange),
    problems: ["invalid-cursor"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem", "ota:Query"],
  }),
  deleteRelease: route({
    method: "DELETE",
    path: R,
    summary: "Delete an OTA release; if it is what devices get, they get the one before it, if it is still offered",
    access: "maintainer",
    status: 202,
    answer: Intent,
    problems: ["not-ready"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem", "ota:UpdateItem"],
  }),

  createReport: route({
    method: "POST",
    path: "/v1/{workspace}/reports",
    summary: "Say, as an anonymous device, what became of a release: installed, failed or rolled back",
    access: "anyone",
    body: Report,
    repeatable: true,
    status: 204,
    problems: ["not-found"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem", "ota:Query", "ota:UpdateItem", "control:PutItem"],
  }),

  createEventRule: route({
    method: "POST",
    path: `${W}/event-rules`,
    summary: "Let events of a source ask for intents in the workspace",
    access: "owner",
    body: CreateEventRule,
    status: 201,
    answer: EventRule,
    located: true,
    problems: ["not-ready"],
    permissions: ["control:PutItem", "control:ConditionCheckItem"],
  }),
  listEventRules: route({
    method: "GET",
    path: `${W}/event-rules`,
    summary: "List which events may ask for which intents",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(EventRule),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  deleteEventRule: route({
    method: "DELETE",
    path: `${W}/event-rules/{eventRule}`,
    summary: "Let events of a source ask for nothing more",
    access: "owner",
    status: 204,
    problems: [],
    permissions: ["control:DeleteItem"],
  }),

  createWebhook: route({
    method: "POST",
    path: `${W}/webhooks`,
    summary: "Create a webhook: events are sent to its URL, signed with the secret that is answered this once",
    access: "maintainer",
    body: CreateWebhook,
    repeatable: true,
    status: 201,
    answer: CreatedWebhook,
    tagged: true,
    located: true,
    problems: ["limit-reached", "not-ready"],
    environment: ["WEBHOOK_KEY", "WEBHOOK_LOOPBACK"],
    permissions: ["control:Query", "control:PutItem", "control:ConditionCheckItem", "webhook-key:GenerateMac"],
  }),
  listWebhooks: route({
    method: "GET",
    path: `${W}/webhooks`,
    summary: "List webhooks in the order of their creation",
    access: "maintainer",
    query: Page,
    status: 200,
    answer: page(Webhook),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getWebhook: route({
    method: "GET",
    path: H,
    summary: "Get a webhook",
    access: "maintainer",
    status: 200,
    answer: Webhook,
    tagged: true,
    problems: [],
  }),
  updateWebhook: route({
    method: "PATCH",
    path: H,
    summary: "Change a webhook, disable it, or enable it again",
    access: "maintainer",
    body: EditWebhook,
    ifMatch: "required",
    status: 200,
    answer: Webhook,
    tagged: true,
    problems: [],
    environment: ["WEBHOOK_LOOPBACK"],
  }),
  deleteWebhook: route({
    method: "DELETE",
    path: H,
    summary: "Delete a webhook: nothing more is sent",
    access: "maintainer",
    status: 204,
    problems: [],
    permissions: ["control:DeleteItem"],
  }),
  rotateWebhookSecret: route({
    method: "POST",
    path: `${H}/secret`,
    summary: "Make another secret, answered this once; for a day everything is signed with the one before as well",
    access: "maintainer",
    repeatable: true,
    status: 200,
    answer: CreatedWebhook,
    tagged: true,
    problems: ["conflict"],
    environment: ["WEBHOOK_KEY"],
    permissions: ["webhook-key:GenerateMac"],
  }),
  testWebhook: route({
    method: "POST",
    path: `${H}/test`,
    summary: "Send an event that tells nothing to a webhook, once, and see what comes of it",
    access: "maintainer",
    repeatable: true,
    readOnly: true,
    status: 200,
    answer: Try,
    problems: [],
    environment: ["EVENT_SCHEMAS", "WEBHOOK_KEY", "WEBHOOK_LOOPBACK"],
    permissions: ["webhook-key:GenerateMac"],
  }),
  listWebhookDeliveries: route({
    method: "GET",
    path: `${H}/deliveries`,
    summary: "List what was sent to a webhook in the last 30 days, newest event first",
    access: "maintainer",
    query: Page,
    status: 200,
    answer: page(Delivery),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  replayWebhook: route({
    method: "POST",
    path: `${H}/replay`,
    summary: "Send again what was not delivered since a time, or one delivery",
    access: "maintainer",
    body: ReplayWebhook,
    repeatable: true,
    status: 200,
    answer: Replayed,
    problems: ["not-ready"],
    permissions: ["control:Query"],
  }),

  listIntents: route({
    method: "GET",
    path: `${W}/intents`,
    summary: "List a workspace's intents, newest first",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(Intent),
    problems: ["invalid-cursor"],
    permissions: ["index:intentsOfWorkspace"],
  }),
  getIntent: route({
    method: "GET",
    path: "/v1/intents/{intent}",
    summary: "Get an intent: how far an accepted wish has come",
    access: "caller",
    status: 200,
    answer: Intent,
    problems: [],
    permissions: ["control:GetItem"],
  }),
  listEventTypes: route({
    method: "GET",
    path: "/v1/event-schemas",
    summary: "List the types of the events that are told on the bus and by webhooks",
    access: "anyone",
    status: 200,
    answer: z.object({ items: z.array(ListedEventType) }),
    problems: [],
  }),
  getEventSchema: route({
    method: "GET",
    path: "/v1/event-schemas/{type}/{version}",
    summary: "Get the JSON Schema of events of a type and version",
    access: "anyone",
    status: 200,
    answer: JsonObject,
    problems: [],
  }),
  getOpenapi: route({
    method: "GET",
    path: "/v1/openapi.json",
    summary: "Get this document",
    access: "anyone",
    status: 200,
    answer: JsonObject,
    problems: [],
  }),
  getDocs: route({
    method: "GET",
    path: "/v1/docs",
    summary: "Read this document as a page",
    access: "anyone",
    status: 200,
    answer: z.string(),
    media: "text/html",
    problems: [],
  }),
} as const satisfies Record<string, Route>;

export type Routes = typeof routes;
export type RouteName = keyof Routes;

/** `createNodeGroup` → `create-node-group`: the handler's file below `functions/api`. */
export const handlerName = (operation: string): string =>
  operation.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The names in braces of a path. */
export type PathParameters<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${infer Greedy}+` ? Greedy : Name) | PathParameters<Rest>
  : never;

/** The names in braces of a path, and which of them takes slashes too. */
export const parametersIn = (path: string): { readonly name: string; readonly greedy: boolean }[] =>
  [...path.matchAll(/\{(\w+)(\+?)\}/g)].map(([, name = "", plus]) => ({ name, greedy: plus === "+" }));

/** A path with each name in braces replaced. */
export const fillPath = (path: string, fill: (name: string, greedy: boolean) => string): string =>
  path.replace(/\{(\w+)(\+?)\}/g, (_, name: string, plus: string) => fill(name, plus === "+"));

/** What matches the paths that a route is for, with a group for each name. */
export const patternOf = (path: string): RegExp =>
  new RegExp(`^${fillPath(path.replaceAll(".", "\\."), (_, greedy) => (greedy ? "(.+)" : "([^/]+)"))}$`);
