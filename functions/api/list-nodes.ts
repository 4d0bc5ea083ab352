import { getItems } from "../../shared/aws/table.ts";
import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { Node, type StoredNode } from "../../shared/node/node.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";
import { findNodeGroup } from "../http/resources.ts";

export const handler = endpoint(nodeRoutes, "listNodes", async ({ workspace, query }) => {
  if (query.group === undefined) {
    return pageOf({ partition: partitions.nodes(workspace.id) }, query, (node: StoredNode) => view(Node, node));
  }
  const group = await findNodeGroup(workspace, query.group);
  const page = await pageOf({ partition: partitions.nodesOfGroup(group.id) }, query, ({ nodeId }: { nodeId: string }) =>
    keys.node(workspace.id, nodeId),
  );
  const nodes = await getItems<StoredNode>(page.body.items);
  return { body: { ...page.body, items: nodes.map((node) => view(Node, node)) } };
});
