import { eachCell, RETRY_TAKING_TURNS, sequence, taskStates, type Workflow } from "./asl.ts";
import { deliverCell } from "./cells.ts";

export const driftRepair: Workflow = {
  name: "drift-repair",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment:
          "Puts right what was changed in AWS behind Slipway's back: thing groups, deployments, and who is in them",
        timeoutSeconds: 3_600,
        first: "Put it right",
      },
      {
        "Put it right": task(
          "repair-drift",
          { Next: "Deliver to the cells" },
          { result: "$.repair", retry: RETRY_TAKING_TURNS },
        ),
        "Deliver to the cells": eachCell(
          deliverCell(functionArn),
          { Next: "Call the nodes back" },
          "$.repair.value.cells",
        ),
        "Call the nodes back": task("recall-nodes", { Next: "Finish" }),
        Finish: task("finish-drift-repair", { End: true }),
      },
    );
  },
};
