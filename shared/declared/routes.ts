import * as z from "zod";
import { AuditRecord } from "../audit/audit.ts";
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
import { Deployment, PatchDeployment } from "../deployment/deployment.ts";
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
import { AccessToken, CreateCredential, CreatedCredential, CreateToken, Credential } from "../workspace/credential.ts";
import {
  AcceptInvitation,
  CreatedInvitation,
  CreateInvitation,
  EditMember,
  Invitation,
  Joined,
  Member,
} from "../workspace/member.ts";
import { CreateWorkspace, Workspace } from "../workspace/workspace.ts";
import type { Permission } from "./permissions.ts";

export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly status: 200 | 201 | 202 | 204;
  readonly answer?: z.ZodType;
  /** The answer's media type, where it is not JSON: the answer is a text then. */
  readonly media?: "text/x-shellscript" | "application/x-ndjson";
  /** The answer has a `Link` to the next page, if there is one. */
  readonly linked?: true;
  /** Problems of this operation beside those that every operation of its kind can answer. */
  readonly problems: readonly ProblemCode[];
  /** A POST that takes no Idempotency-Key: its answer shows a secret once, or anyone may ask, and to repeat it is safe. */
  readonly repeatable?: true;
  /** Machine credentials are refused: what they could do here would outlive them. */
  readonly peopleOnly?: true;
  /** The OAuth 2.0 token endpoint: a form for a body, and problems in the form of RFC 6749 §5.2. */
  readonly oauth?: true;
  /** An operation that changes no item that is there, but makes and deletes some. */
  readonly updates?: false;
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

const AuditFilter = z.object({
  from: z.iso.datetime({ offset: true }).optional().meta({ description: "Records from this time on" }),
  to: z.iso.datetime({ offset: true }).optional().meta({ description: "Records before this time" }),
  actor: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .meta({ description: "Only what this one did, such as `user:{subject}`" }),
  object: z.string().min(1).max(128).optional().meta({ description: "Only what was done to the thing with this id" }),
});

const route = <const R extends Route>(declared: R): R => declared;

const W = "/v1/workspaces/{workspace}";
const G = `${W}/node-groups/{nodeGroup}` as const;
const N = `${W}/nodes/{node}` as const;
const I = `${W}/node-imports/{nodeImport}` as const;
const C = `${W}/components/{component}` as const;
const V = `${C}/versions/{version}` as const;
const R = `${W}/releases/{release}` as const;

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
    peopleOnly: true,
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

  listMembers: route({
    method: "GET",
    path: `${W}/members`,
    summary: "List the members of a workspace by subject",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(Member),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  updateMember: route({
    method: "PATCH",
    path: `${W}/members/{member}`,
    summary: "Change a member's role",
    access: "owner",
    peopleOnly: true,
    body: EditMember,
    status: 200,
    answer: Member,
    problems: ["last-owner", "conflict"],
    permissions: ["control:Query", "control:ConditionCheckItem"],
  }),
  deleteMember: route({
    method: "DELETE",
    path: `${W}/members/{member}`,
    summary: "Remove a member; the machine credentials that it made stay",
    access: "owner",
    peopleOnly: true,
    status: 204,
    updates: false,
    problems: ["last-owner", "conflict"],
    permissions: ["control:Query", "control:DeleteItem", "control:ConditionCheckItem"],
  }),
  createInvitation: route({
    method: "POST",
    path: `${W}/invitations`,
    summary: "Invite someone by a code that works once",
    access: "owner",
    peopleOnly: true,
    body: CreateInvitation,
    status: 201,
    answer: CreatedInvitation,
    repeatable: true,
    updates: false,
    problems: ["not-ready"],
    permissions: ["control:PutItem", "control:ConditionCheckItem"],
  }),
  listInvitations: route({
    method: "GET",
    path: `${W}/invitations`,
    summary: "List invitations that were not accepted, in the order of their creation",
    access: "owner",
    query: Page,
    status: 200,
    answer: page(Invitation),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  deleteInvitation: route({
    method: "DELETE",
    path: `${W}/invitations/{invitation}`,
    summary: "Take an invitation back",
    access: "owner",
    peopleOnly: true,
    status: 204,
    updates: false,
    problems: [],
    permissions: ["control:DeleteItem"],
  }),
  acceptInvitation: route({
    method: "POST",
    path: "/v1/invitations/accept",
    summary: "Become a member of the workspace that one was invited to",
    access: "caller",
    peopleOnly: true,
    body: AcceptInvitation,
    repeatable: true,
    status: 200,
    answer: Joined,
    updates: false,
    problems: ["not-found", "not-ready", "conflict"],
    permissions: ["control:PutItem", "control:DeleteItem", "control:ConditionCheckItem"],
  }),
  createCredential: route({
    method: "POST",
    path: `${W}/credentials`,
    summary: "Create a credential for a machine, with at most one's own role",
    access: "maintainer",
    peopleOnly: true,
    body: CreateCredential,
    status: 201,
    answer: CreatedCredential,
    repeatable: true,
    updates: false,
    problems: ["not-ready"],
    permissions: ["control:PutItem", "control:ConditionCheckItem"],
  }),
  listCredentials: route({
    method: "GET",
    path: `${W}/credentials`,
    summary: "List credentials of machines in the order of their creation",
    access: "maintainer",
    query: Page,
    status: 200,
    answer: page(Credential),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  deleteCredential: route({
    method: "DELETE",
    path: `${W}/credentials/{credential}`,
    summary: "Revoke a credential of at most one's own role, and the access tokens that it was exchanged for",
    access: "maintainer",
    peopleOnly: true,
    status: 204,
    updates: false,
    problems: [],
    permissions: ["control:DeleteItem"],
  }),
  createToken: route({
    method: "POST",
    path: "/v1/token",
    summary: "Exchange a machine's credential for an access token (OAuth 2.0 client credentials)",
    access: "anyone",
    oauth: true,
    body: CreateToken,
    repeatable: true,
    status: 200,
    answer: AccessToken,
    problems: ["unsupported-grant-type", "invalid-scope", "unauthorized"],
    environment: ["OTA_TABLE", "TOKENS_PER_MINUTE"],
    permissions: ["control:Query", "control:PutItem", "control:ConditionCheckItem", "ota:UpdateItem"],
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
    summary: "Add, change or remove named components of a node group's deployment",
    access: "operator",
    body: PatchDeployment,
    ifMatch: "optional",
    status: 202,
    answer: Intent,
    problems: ["unresolvable", "not-ready", "conflict"],
    permissions: ["control:ConditionCheckItem", "control:Query"],
  }),
  deleteNodeGroupDeployment: route({
    method: "DELETE",
    path: `${G}/deployment`,
    summary: "Empty a node group's deployment: its components leave the group's nodes",
    access: "operator",
    ifMatch: "optional",
    status: 202,
    answer: Intent,
    problems: ["not-ready", "conflict"],
    permissions: ["control:ConditionCheckItem"],
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
  listAudit: route({
    method: "GET",
    path: `${W}/audit`,
    summary: "List who did what in a workspace, newest first",
    access: "maintainer",
    query: Page.extend(AuditFilter.shape),
    status: 200,
    answer: page(AuditRecord),
    problems: ["invalid-cursor"],
    permissions: ["control:Query", "index:audit"],
  }),
  exportAudit: route({
    method: "GET",
    path: `${W}/audit/export`,
    summary: "Export who did what in a workspace, newest first, a record a line, up to 1,000 at once",
    access: "maintainer",
    query: AuditFilter.extend({ cursor: Page.shape.cursor }),
    status: 200,
    answer: z.string(),
    media: "application/x-ndjson",
    linked: true,
    problems: ["invalid-cursor"],
    permissions: ["control:Query", "index:audit"],
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
