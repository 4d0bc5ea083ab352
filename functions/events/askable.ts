import type { APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import type { Askable } from "../../shared/event-rule/event-rule.ts";
import { handler as adoptDrift } from "../api/adopt-drift.ts";
import { handler as createNode } from "../api/create-node.ts";
import { handler as createNodeGroup } from "../api/create-node-group.ts";
import { handler as deleteComponentVersion } from "../api/delete-component-version.ts";
import { handler as deleteNode } from "../api/delete-node.ts";
import { handler as deleteNodeDeployment } from "../api/delete-node-deployment.ts";
import { handler as deleteNodeGroup } from "../api/delete-node-group.ts";
import { handler as deleteNodeGroupDeployment } from "../api/delete-node-group-deployment.ts";
import { handler as deleteNodeImport } from "../api/delete-node-import.ts";
import { handler as deleteRelease } from "../api/delete-release.ts";
import { handler as deleteWorkspace } from "../api/delete-workspace.ts";
import { handler as importComponent } from "../api/import-component.ts";
import { handler as promoteRelease } from "../api/promote-release.ts";
import { handler as publishComponentVersion } from "../api/publish-component-version.ts";
import { handler as publishRelease } from "../api/publish-release.ts";
import { handler as refreshNodeDeployment } from "../api/refresh-node-deployment.ts";
import { handler as refreshNodeGroupDeployment } from "../api/refresh-node-group-deployment.ts";
import { handler as repairDrift } from "../api/repair-drift.ts";
import { handler as replaceNodeDeployment } from "../api/replace-node-deployment.ts";
import { handler as replaceNodeGroupDeployment } from "../api/replace-node-group-deployment.ts";
import { handler as revokeNodeCertificate } from "../api/revoke-node-certificate.ts";
import { handler as rollBackNodeDeployment } from "../api/roll-back-node-deployment.ts";
import { handler as rollBackNodeGroupDeployment } from "../api/roll-back-node-group-deployment.ts";
import { handler as startNodeImport } from "../api/start-node-import.ts";
import { handler as updateNodeDeployment } from "../api/update-node-deployment.ts";
import { handler as updateNodeGroupDeployment } from "../api/update-node-group-deployment.ts";
import { handler as updateNodeMemberships } from "../api/update-node-memberships.ts";
import type { ApiEvent } from "../http/middlewares.ts";

type Handler = (event: ApiEvent, context: Context) => Promise<APIGatewayProxyStructuredResultV2>;

/** The API's own handlers of what events may ask for. */
export const handlers: Readonly<Record<Askable, Handler>> = {
  deleteWorkspace,
  createNodeGroup,
  deleteNodeGroup,
  updateNodeGroupDeployment,
  replaceNodeGroupDeployment,
  deleteNodeGroupDeployment,
  refreshNodeGroupDeployment,
  rollBackNodeGroupDeployment,
  updateNodeDeployment,
  replaceNodeDeployment,
  deleteNodeDeployment,
  refreshNodeDeployment,
  rollBackNodeDeployment,
  createNode,
  updateNodeMemberships,
  deleteNode,
  revokeNodeCertificate,
  repairDrift,
  adoptDrift,
  startNodeImport,
  deleteNodeImport,
  importComponent,
  publishComponentVersion,
  deleteComponentVersion,
  publishRelease,
  promoteRelease,
  deleteRelease,
};
