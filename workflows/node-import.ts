import { BATCHES_AT_ONCE } from "../shared/node-import/node-import.ts";
import { eachCell, eachLine, invoke, sequence, states, taskStates, type Workflow } from "./asl.ts";
import { deliverCell } from "./cells.ts";

export const nodeImportRun: Workflow = {
  name: "node-import-run",
  permissions: ["import-batches:Get"],
  movesWithinSeconds: 3_600, // with each batch; before the first one, the file is checked and Greengrass delivers
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Checks a file of nodes; delivers to the cells that they will be in; creates them batch by batch",
        timeoutSeconds: 43_200, // 100,000 nodes in nine groups each, at the slowest pace that AWS's quotas need
        first: "Check the file",
      },
      {
        "Check the file": task("check-node-import", { Next: "Deliver to the cells" }, { result: "$.file" }),
        "Deliver to the cells": eachCell(
          deliverCell(functionArn),
          { Next: "Import the batches" },
          "$.file.value.cells",
        ),
        // A batch that fails for good keeps no other from being done: the last step tells what is missing.
        "Import the batches": eachLine(
          { bucket: "$.file.value.bucket", key: "$.file.value.key", as: "batch" },
          { atOnce: BATCHES_AT_ONCE, toleratedFailurePercentage: 100 },
          states({
            ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
            StartAt: "Import the nodes",
            States: {
              "Import the nodes": invoke(
                functionArn("import-nodes"),
                "import-nodes",
                { Next: "The batch is done" },
                { payload: { "batch.$": "$.batch" } },
              ),
              // Nothing goes back: a thousand outputs together must have less than 256 KiB.
              "The batch is done": { Type: "Succeed", OutputPath: null },
            },
          }),
          { Next: "Finish" },
        ),
        Finish: task("finish-node-import", { End: true }),
      },
    );
  },
};

export const nodeImportDelete: Workflow = {
  name: "node-import-delete",
  definition: (functionArn) =>
    sequence(
      functionArn,
      {
        comment: "Takes an import away, with its file and results",
        timeoutSeconds: 3_600,
        first: "Delete the import",
      },
      { "Delete the import": taskStates(functionArn)("delete-node-import", { End: true }) },
    ),
};
