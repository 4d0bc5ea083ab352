import { eachCell, sequence, taskStates, type Workflow } from "./asl.ts";
import { deliverCell, removeCell } from "./cells.ts";

export const nodeGroupCreate: Workflow = {
  name: "node-group-create",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Thing group of a node group, and its first cell with the initial deployment",
        timeoutSeconds: 3_600,
        first: "Create the thing group",
      },
      {
        "Create the thing group": task("create-thing-group", { Next: "List its cells" }),
        "List its cells": task("list-cells-of-deployment", { Next: "Deliver to its cells" }, { result: "$.cells" }),
        "Deliver to its cells": eachCell(deliverCell(functionArn), { Next: "Finish" }, "$.cells.value.cells"),
        Finish: task("finish-node-group", { End: true }),
      },
    );
  },
};

export const nodeGroupDelete: Workflow = {
  name: "node-group-delete",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Takes a node group without nodes away, with its cells",
        timeoutSeconds: 3_600,
        first: "Is the group empty?",
      },
      {
        "Is the group empty?": task("check-node-group-empty", { Next: "Remove its cells" }, { result: "$.cells" }),
        "Remove its cells": eachCell(removeCell(functionArn), { Next: "Delete the thing group" }),
        "Delete the thing group": task("delete-thing-group", { Next: "Forget the group" }),
        "Forget the group": task("forget-node-group", { End: true }),
      },
    );
  },
};
