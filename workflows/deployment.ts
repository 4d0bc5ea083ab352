import { eachCell, sequence, taskStates, type Workflow } from "./asl.ts";
import { deliverCell, placeNode, removeVacated } from "./cells.ts";

export const deploymentApply: Workflow = {
  name: "deployment-apply",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Delivers what a target wants now to every cell that it reaches; a node moves to its own, or back",
        timeoutSeconds: 3_600,
        first: "List the cells",
      },
      {
        "List the cells": task("list-cells-of-deployment", { Next: "Deliver to the cells" }, { result: "$.cells" }),
        "Deliver to the cells": eachCell(
          deliverCell(functionArn),
          { Next: "Is it a node's own?" },
          "$.cells.value.cells",
        ),
        "Is it a node's own?": {
          Type: "Choice",
          Choices: [{ Variable: "$.cells.value.places", BooleanEquals: false, Next: "Finish" }],
          Default: "Place the node",
        },
        ...placeNode(functionArn, "Remove what it left"),
        "Remove what it left": removeVacated(functionArn, "Finish"),
        Finish: task("finish-deployment", { End: true }),
      },
    );
  },
};
