import { RETRY_TAKING_TURNS, sequence, taskStates, type Workflow } from "./asl.ts";

const cell = { payload: { "cell.$": "$.cell.value.key" } } as const;

export const nodeCreate: Workflow = {
  name: "node-create",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Thing of a node; a cell that delivers; memberships in its groups and, last, in its cell",
        timeoutSeconds: 600,
        first: "Create the thing",
      },
      {
        "Create the thing": task("create-thing", { Next: "Create the cell" }, { result: "$.cell" }),
        "Create the cell": task("create-cell", { Next: "Does the cell deliver?" }, { ...cell, result: "$.state" }),
        "Does the cell deliver?": {
          Type: "Choice",
          Choices: [{ Variable: "$.state.value.delivers", BooleanEquals: true, Next: "Join the groups" }],
          Default: "Deliver to the cell",
        },
        "Deliver to the cell": task(
          "deliver-cell",
          { Next: "Is the cell settled?" },
          { ...cell, result: "$.delivery", retry: RETRY_TAKING_TURNS },
        ),
        "Is the cell settled?": {
          Type: "Choice",
          Choices: [{ Variable: "$.delivery.value.settled", BooleanEquals: true, Next: "Join the groups" }],
          Default: "Deliver to the cell",
        },
        "Join the groups": task("join-groups", { Next: "Finish" }),
        Finish: task("finish-node", { End: true }),
      },
    );
  },
};

export const nodeDelete: Workflow = {
  name: "node-delete",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Takes a node away: it leaves its groups before what it is in AWS goes",
        timeoutSeconds: 600,
        first: "Leave the groups",
      },
      {
        "Leave the groups": task("leave-groups", { Next: "Delete the core device" }),
        "Delete the core device": task("delete-core-device", { Next: "Delete the thing" }),
        "Delete the thing": task("delete-thing", { Next: "Forget the node" }),
        "Forget the node": task("forget-node", { End: true }),
      },
    );
  },
};
