import { eachCell, sequence, taskStates, type Workflow } from "./asl.ts";
import { deliverCell } from "./cells.ts";

export const deploymentApply: Workflow = {
  name: "deployment-apply",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Delivers what a target wants now to every cell that it reaches",
        timeoutSeconds: 3_600,
        first: "List the cells",
      },
      {
        "List the cells": task("list-cells-of-deployment", { Next: "Deliver to the cells" }, { result: "$.cells" }),
        "Deliver to the cells": eachCell(deliverCell(functionArn), { Next: "Finish" }),
        Finish: task("finish-deployment", { End: true }),
      },
    );
  },
};
