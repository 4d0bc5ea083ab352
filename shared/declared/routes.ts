import * as z from "zod";
import { Component, CreateComponent, EditComponent } from "../component/component.ts";
import {
  ComponentFile,
  ComponentVersion,
  CreatedFile,
  CreateFile,
  CreateVersion,
  EditVersion,
  ListedVersion,
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
import { Intent } from "../intent/intent.ts";
import { JsonObject } from "../json.ts";
import { CreatedNode, CreateNode, Node } from "../node/node.ts";
import { CreateNodeGroup, NodeGroup } from "../node-group/node-group.ts";
import { CreatedNodeImport, CreateNodeImport, NodeImport } from "../node-import/node-import.ts";
import { CreatedRelease, CreateRelease, Release } from "../ota/release.ts";
import type { ProblemCode } from "../problems.ts";
import { Certificate } from "../registration/certificate.ts";
import { CreateRegistrationToken, Register, Registration, RegistrationToken } from "../registration/registration.ts";
import { Description } from "../resource.ts";
import type { Access } from "../workspace/access.ts";
import { CreateWorkspace, Workspace } from "../workspace/workspace.ts";
import type { Permission } from "./permissions.ts";

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly status: 200 | 201 | 202 | 204;
  readonly answer?: z.ZodType;
  /** The answer's media type, where it is not JSON: the answer is a text then. */
  readonly media?: "text/x-shellscript";
  /** Problems of this operation beside those that every operation of its kind can answer. */
  readonly problems: readonly ProblemCode[];
  /** A POST that takes no Idempotency-Key: its answer shows a secret once, or anyone may ask, and to repeat it is safe. */
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
    summary: "Change a workspace's description",
    access: "owner",
    body: EditDescription,
    ifMatch: "required",
    status: 200,
    answer: Workspace,
    tagged: true,
    problems: [],
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
    summary: "List components in the order of their creation",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(Component),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
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
    permissions: ["control:ConditionCheckItem"],
  }),
  listComponentVersions: route({
    method: "GET",
    path: `${C}/versions`,
    summary: "List a component's versions in the order of their creation",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(ListedVersion),
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
  createComponentFile: route({
    method: "POST",
    path: `${V}/files`,
    summary: "Declare a file of a draft and get a URL to upload it to",
    access: "maintainer",
    body: CreateFile,
    status: 201,
    answer: CreatedFile,
    problems: ["version-immutable"],
    permissions: ["control:ConditionCheckItem", "artifact:Find", "artifact:Put", "artifact:Delete"],
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
  publishRelease: route({
    method: "POST",
    path: `${R}/publish`,
    summary: "Publish an OTA release: devices get it from then on; an older one again, to bring it back",
    access: "maintainer",
    status: 202,
    answer: Intent,
    problems: ["not-ready"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem", "ota:UpdateItem"],
  }),
  deleteRelease: route({
    method: "DELETE",
    path: R,
    summary: "Delete an OTA release; if it is what devices get, they get none until another one is published",
    access: "maintainer",
    status: 202,
    answer: Intent,
    problems: ["not-ready"],
    environment: ["OTA_TABLE"],
    permissions: ["ota:GetItem", "ota:UpdateItem"],
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
  getOpenapi: route({
    method: "GET",
    path: "/v1/openapi.json",
    summary: "Get this document",
    access: "anyone",
    status: 200,
    answer: JsonObject,
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
  ? Name | PathParameters<Rest>
  : never;
