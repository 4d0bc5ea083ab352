import { Intent } from "../../intent/intent.ts";
import { CreateNodeGroup, NodeGroup } from "../../node-group/node-group.ts";
import { EditDescription, G, Page, page, route, W } from "./route.ts";

/** Node groups. */
export const nodeGroupRoutes = {
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
} as const;
