import { setTimeout as pause } from "node:timers/promises";
import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { changeMemberships, groupsAfter } from "../../shared/node/membership.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";
import { approve, planOf } from "../http/plans.ts";
import { checkIfMatch, findNode, findNodeGroups } from "../http/resources.ts";

/** How long an edit is applied anew to what concurrent edits have left: well within the function's own time. */
const TRY_FOR_MS = 20_000;

/** Concurrent edits all survive: the loser of a race reads the node again, and applies its own to what it finds. */
export const handler = endpoint(
  nodeRoutes,
  "updateNodeMemberships",
  async ({ workspace, params, body, ifMatch, caller, moment, accept }) => {
    let node = await findNode(workspace, params.node); // before what the body names: a node of others does not exist
    const add = await findNodeGroups(workspace, body.add ?? [], "/add");
    const remove = await findNodeGroups(workspace, body.remove ?? [], "/remove");
    const both = add.findIndex(({ id }) => remove.some((group) => group.id === id));
    if (both >= 0) {
      const detail = `${add[both]?.name} is to be joined and left`;
      const findings = [{ pointer: `/add/${both}`, rule: "repeated", detail }];
      throw new AppError("invalid-request", `the body is not valid: /add/${both}: ${detail}`, { findings });
    }
    const deadline = Date.now() + TRY_FOR_MS;
    for (let tries = 1; ; tries += 1) {
      if (tries > 1) node = await findNode(workspace, params.node);
      checkIfMatch(node, ifMatch);
      const groups = groupsAfter(node, add, remove);
      const isChanged = JSON.stringify(groups) !== JSON.stringify([...node.groups].sort());
      if (isChanged || body.plan !== undefined) {
        const { planned } = await planOf(workspace.id, { nodes: { [node.id]: { groups } } });
        approve(planned, body.plan);
      }
      try {
        return await accept(changeMemberships(node, add, remove, caller, moment));
      } catch (error) {
        const lostRace = error instanceof AppError && error.code === "conflict";
        if (!lostRace || Date.now() > deadline) throw error;
        await pause(Math.random() * Math.min(1_000, 5 * 2 ** tries));
      }
    }
  },
);
