import { RETRY_TAKING_TURNS, sequence, taskStates, type Workflow } from "./asl.ts";

export const componentVersionPublish: Workflow = {
  name: "component-version-publish",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Checks a draft's files, makes it a Greengrass component version; deployments that follow move on",
        timeoutSeconds: 1_800, // each look is nine events of the 25,000 that an execution may have
        first: "Check the artifacts",
      },
      {
        "Check the artifacts": task("check-artifacts", { Next: "Create the component version" }),
        "Create the component version": task("create-component-version", { Next: "Describe the component version" }),
        "Describe the component version": task(
          "describe-component-version",
          { Next: "Is it deployable?" },
          { result: "$.component" },
        ),
        "Is it deployable?": {
          Type: "Choice",
          Choices: [{ Variable: "$.component.value.deployable", BooleanEquals: true, Next: "Finish" }],
          Default: "Wait for Greengrass",
        },
        "Wait for Greengrass": { Type: "Wait", Seconds: 1, Next: "Describe the component version" },
        Finish: task("finish-component-version", { Next: "Update the deployments" }, { retry: RETRY_TAKING_TURNS }),
        // The version is published, and the intent has ended: what fails here is seen as a failed execution.
        "Update the deployments": task("update-deployments", { End: true }),
      },
    );
  },
};

export const componentVersionDelete: Workflow = {
  name: "component-version-delete",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Takes a version away that no deployment uses: from Greengrass first, then its files",
        timeoutSeconds: 3_600,
        first: "Is the version unused?",
      },
      {
        "Is the version unused?": task("check-version-unused", { Next: "Delete the component version" }),
        "Delete the component version": task("delete-component-version", { Next: "Delete the files" }),
        "Delete the files": task("delete-component-files", { Next: "Are the files gone?" }, { result: "$.files" }),
        "Are the files gone?": {
          Type: "Choice",
          Choices: [{ Variable: "$.files.value.gone", BooleanEquals: true, Next: "Forget the version" }],
          Default: "Delete the files",
        },
        "Forget the version": task("forget-component-version", { End: true }),
      },
    );
  },
};
