import { eachCell, RETRY_TAKING_TURNS, sequence, taskStates, type Workflow } from "./asl.ts";
import { placeNode, removeCell, removeVacated } from "./cells.ts";

export const nodeCreate: Workflow = {
  name: "node-create",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Thing of a node; a cell that delivers; memberships in its groups and, last, in its cell",
        timeoutSeconds: 3_600,
        first: "Create the thing",
      },
      {
        "Create the thing": task("create-thing", { Next: "Place the node" }),
        ...placeNode(functionArn, "Finish"),
        Finish: task("finish-node", { End: true }),
      },
    );
  },
};

export const nodeMove: Workflow = {
  name: "node-move",
  definition: (functionArn) =>
    sequence(
      functionArn,
      {
        comment: "Takes a node from cell to cell, never into two; cells that it leaves without nodes go",
        timeoutSeconds: 3_600,
        first: "Place the node",
      },
      {
        ...placeNode(functionArn, "Remove what it left"),
        "Remove what it left": removeVacated(functionArn, "Finish"),
        Finish: taskStates(functionArn)("finish-node-move", { End: true }),
      },
    ),
};

export const nodeDelete: Workflow = {
  name: "node-delete",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Takes a node away: it leaves its groups before what it is in AWS goes",
        timeoutSeconds: 3_600,
        first: "Leave the groups",
      },
      {
        "Leave the groups": task(
          "leave-groups",
          { Next: "Remove what it left" },
          { result: "$.cells", retry: RETRY_TAKING_TURNS },
        ),
        "Remove what it left": eachCell(removeCell(functionArn), { Next: "Delete the core device" }),
        "Delete the core device": task("delete-core-device", { Next: "Delete the thing" }),
        "Delete the thing": task("delete-thing", { Next: "Forget the node" }),
        "Forget the node": task("forget-node", { End: true }),
      },
    );
  },
};
