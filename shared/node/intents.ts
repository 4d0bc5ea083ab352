import type { Moment } from "../ids.ts";
import { type NewIntent, requestIntent, type StoredIntent } from "../intent/intent.ts";
import type { StoredNode } from "./node.ts";

export const nodeSubject = (node: StoredNode): NewIntent["subject"] => ({
  type: "node",
  id: node.id,
  name: node.name,
  href: `/v1/workspaces/${node.workspaceId}/nodes/${node.id}`,
});

/** The intent that takes a node to the cell that follows from its deployments. */
export const placeNode = (node: StoredNode, caller: string, moment: Moment): StoredIntent =>
  requestIntent(
    { kind: "node.move", workspaceId: node.workspaceId, subject: nodeSubject(node), requestedBy: caller },
    moment,
  );
