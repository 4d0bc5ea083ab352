import { eachCell, RETRY_EACH_MINUTE, sequence, taskStates, type Workflow } from "./asl.ts";
import { removeCell } from "./cells.ts";

export const workspaceCreate: Workflow = {
  name: "workspace-create",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      { comment: "Bucket, IoT policy and thing type of a workspace", timeoutSeconds: 600, first: "Create the bucket" },
      {
        "Create the bucket": task("create-bucket", { Next: "Secure the bucket" }),
        "Secure the bucket": task("secure-bucket", { Next: "Create the device policy" }),
        "Create the device policy": task("create-device-policy", { Next: "Create the thing type" }),
        "Create the thing type": task("create-thing-type", { Next: "Finish" }),
        Finish: task("finish-workspace", { End: true }),
      },
    );
  },
};

export const workspaceDelete: Workflow = {
  name: "workspace-delete",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Takes an empty workspace away: what devices hold on to goes last",
        timeoutSeconds: 3_600,
        first: "Is the workspace empty?",
      },
      {
        "Is the workspace empty?": task("check-workspace-empty", { Next: "Remove its cells" }, { result: "$.cells" }),
        "Remove its cells": eachCell(removeCell(functionArn), { Next: "Empty the bucket" }),
        "Empty the bucket": task("empty-bucket", { Next: "Is the bucket empty?" }, { result: "$.bucket" }),
        "Is the bucket empty?": {
          Type: "Choice",
          Choices: [{ Variable: "$.bucket.value.empty", BooleanEquals: true, Next: "Delete the bucket" }],
          Default: "Empty the bucket",
        },
        "Delete the bucket": task("delete-bucket", { Next: "Delete the device policy" }),
        "Delete the device policy": task("delete-device-policy", { Next: "Delete the thing type" }),
        "Delete the thing type": task(
          "delete-thing-type",
          { Next: "Forget the workspace" },
          { retry: RETRY_EACH_MINUTE },
        ),
        "Forget the workspace": task("forget-workspace", { End: true }),
      },
    );
  },
};
