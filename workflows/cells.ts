import { type Definition, type FunctionArn, invoke, RETRY_TAKING_TURNS, states } from "./asl.ts";

const cellPayload = { payload: { "cell.$": "$.cell" } } as const;

/**
 * Level-triggered delivery to one cell: its thing group exists, and its Greengrass deployment is what its targets want
 * now. `deliver-cell` reads the wish again before it answers; while that has moved on, once more.
 */
export const deliverCell = (functionArn: FunctionArn): Definition =>
  states({
    ProcessorConfig: { Mode: "INLINE" },
    StartAt: "Create the cell",
    States: {
      "Create the cell": invoke(
        functionArn("create-cell"),
        "create-cell",
        { Next: "Deliver to the cell" },
        cellPayload,
      ),
      "Deliver to the cell": invoke(
        functionArn("deliver-cell"),
        "deliver-cell",
        { Next: "Is the cell settled?" },
        { ...cellPayload, result: "$.delivery", retry: RETRY_TAKING_TURNS },
      ),
      "Is the cell settled?": {
        Type: "Choice",
        Choices: [{ Variable: "$.delivery.value.settled", BooleanEquals: true, Next: "The cell is settled" }],
        Default: "Deliver to the cell",
      },
      "The cell is settled": { Type: "Succeed" },
    },
  });

/** Takes one cell away: its deployments first, since Greengrass keeps delivering a group's deployment while it exists. */
export const removeCell = (functionArn: FunctionArn): Definition =>
  states({
    ProcessorConfig: { Mode: "INLINE" },
    StartAt: "Delete the cell's deployments",
    States: {
      "Delete the cell's deployments": invoke(
        functionArn("delete-cell-deployments"),
        "delete-cell-deployments",
        { Next: "Delete the cell" },
        { ...cellPayload, retry: RETRY_TAKING_TURNS },
      ),
      "Delete the cell": invoke(functionArn("delete-cell"), "delete-cell", { End: true }, cellPayload),
    },
  });
