import {
  type Definition,
  eachCell,
  type FAILED,
  type FunctionArn,
  invoke,
  RETRY_TAKING_TURNS,
  type State,
  states,
  taskStates,
} from "./asl.ts";

const cellPayload = { payload: { "cell.$": "$.cell" }, retry: RETRY_TAKING_TURNS } as const;

/**
 * Level-triggered delivery to one generation of a cell: its thing group exists, and its Greengrass deployment is what its
 * targets want now. `deliver-cell` reads the wish again before it answers; while that has moved on, once more.
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
        { ...cellPayload, result: "$.delivery" },
      ),
      "Is the cell settled?": {
        Type: "Choice",
        Choices: [{ Variable: "$.delivery.value.settled", BooleanEquals: true, Next: "The cell is settled" }],
        Default: "Deliver to the cell",
      },
      "The cell is settled": { Type: "Succeed" },
    },
  });

/** Takes one away: its deployments first, since Greengrass keeps delivering a group's deployment while it exists. */
export const removeCell = (functionArn: FunctionArn): Definition =>
  states({
    ProcessorConfig: { Mode: "INLINE" },
    StartAt: "Delete the cell's deployments",
    States: {
      "Delete the cell's deployments": invoke(
        functionArn("delete-cell-deployments"),
        "delete-cell-deployments",
        { Next: "Delete the cell" },
        cellPayload,
      ),
      "Delete the cell": invoke(functionArn("delete-cell"), "delete-cell", { End: true }, cellPayload),
    },
  });

const placePayload = { payload: { "cell.$": "$.place.value.cell" }, retry: RETRY_TAKING_TURNS } as const;

type Placing =
  | "Place the node"
  | "Where is the node?"
  | "Create its cell"
  | "Deliver to its cell"
  | "Is its cell settled?"
  | "Wait for AWS";

/**
 * States that bring a node into the cell where it belongs: one look and step after another, and before it leaves what it
 * has, a cell that delivers. Cells that it leaves without nodes are then in `$.place.value.cells`.
 */
export const placeNode = <const Name extends string>(
  functionArn: FunctionArn,
  next: Name,
): Readonly<Record<Placing, State<Placing | Name | typeof FAILED>>> => {
  const task = taskStates(functionArn);
  return {
    "Place the node": task(
      "place-node",
      { Next: "Where is the node?" },
      { result: "$.place", retry: RETRY_TAKING_TURNS },
    ),
    "Where is the node?": {
      Type: "Choice",
      Choices: [
        { Variable: "$.place.value.next", StringEquals: "prepare", Next: "Create its cell" },
        { Variable: "$.place.value.next", StringEquals: "wait", Next: "Wait for AWS" },
      ],
      Default: next,
    },
    "Create its cell": task("create-cell", { Next: "Deliver to its cell" }, placePayload),
    "Deliver to its cell": task(
      "deliver-cell",
      { Next: "Is its cell settled?" },
      { ...placePayload, result: "$.delivery" },
    ),
    "Is its cell settled?": {
      Type: "Choice",
      Choices: [{ Variable: "$.delivery.value.settled", BooleanEquals: true, Next: "Place the node" }],
      Default: "Deliver to its cell",
    },
    "Wait for AWS": { Type: "Wait", Seconds: 2, Next: "Place the node" },
  };
};

/** Takes away what a node has left without nodes. */
export const removeVacated = <const Name extends string>(
  functionArn: FunctionArn,
  next: Name,
): State<Name | typeof FAILED> => eachCell(removeCell(functionArn), { Next: next }, "$.place.value.cells");
