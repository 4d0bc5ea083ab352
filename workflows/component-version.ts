import { FAILED, RETRY_TAKING_TURNS, sequence, taskStates, type Workflow } from "./asl.ts";

/** From where Greengrass may have the version on, a failure takes it away again before it is told. */
const CATCH_AND_WITHDRAW = [
  { ErrorEquals: ["States.ALL"], ResultPath: "$.error", Next: "Withdraw the component version" },
] as const;
/** The first failure stays in its place. */
const CATCH_ALL = [{ ErrorEquals: ["States.ALL"], ResultPath: "$.withdrawal", Next: FAILED }] as const;

export const componentVersionCopy: Workflow = {
  name: "component-version-copy",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Gives a draft the files of the version that it was made from",
        timeoutSeconds: 3_600,
        first: "Copy the files",
      },
      {
        "Copy the files": task("copy-component-files", { Next: "Are all copied?" }, { result: "$.files" }),
        "Are all copied?": {
          Type: "Choice",
          Choices: [{ Variable: "$.files.value.more", BooleanEquals: false, Next: "Finish the copy" }],
          Default: "Copy the files",
        },
        "Finish the copy": task("finish-component-copy", { End: true }),
      },
    );
  },
};

export const componentVersionPush: Workflow = {
  name: "component-version-push",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Gives a draft the files that were dropped for it, and asks for its publication",
        timeoutSeconds: 3_600,
        first: "Copy the dropped files",
      },
      {
        "Copy the dropped files": task("copy-pushed-files", { Next: "Are all copied?" }, { result: "$.files" }),
        "Are all copied?": {
          Type: "Choice",
          Choices: [{ Variable: "$.files.value.more", BooleanEquals: false, Next: "Finish the push" }],
          Default: "Copy the dropped files",
        },
        "Finish the push": task("finish-push", { End: true }),
      },
    );
  },
};

export const componentVersionPublish: Workflow = {
  name: "component-version-publish",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    const made = <const Name extends string = never>(...[name, next, options]: Parameters<typeof task<Name>>) => ({
      ...task(name, next, options),
      Catch: CATCH_AND_WITHDRAW,
    });
    return sequence(
      functionArn,
      {
        comment:
          "Packages and checks a draft, makes it a Greengrass component version; deployments that follow move on",
        timeoutSeconds: 2_700, // each look is nine events of the 25,000 that an execution may have
        first: "Check the artifacts",
      },
      {
        "Check the artifacts": task("check-artifacts", { Next: "Package the sources" }),
        "Package the sources": task("package-sources", { Next: "Verify the artifacts" }),
        "Verify the artifacts": task("verify-artifacts", { Next: "Are all verified?" }, { result: "$.artifacts" }),
        "Are all verified?": {
          Type: "Choice",
          Choices: [{ Variable: "$.artifacts.value.more", BooleanEquals: false, Next: "Create the component version" }],
          Default: "Verify the artifacts",
        },
        // One a second in an account: whoever publishes many at once waits for their turns.
        "Create the component version": made(
          "create-component-version",
          { Next: "Describe the component version" },
          { retry: RETRY_TAKING_TURNS },
        ),
        "Describe the component version": made(
          "describe-component-version",
          { Next: "Is it deployable?" },
          { result: "$.component" },
        ),
        "Is it deployable?": {
          Type: "Choice",
          Choices: [
            { Variable: "$.component.value.deployable", BooleanEquals: true, Next: "Record the component version" },
          ],
          Default: "Wait for Greengrass",
        },
        "Wait for Greengrass": { Type: "Wait", Seconds: 1, Next: "Describe the component version" },
        "Record the component version": made("record-component-version", { Next: "Finish" }),
        Finish: made("finish-component-version", { Next: "Update the deployments" }, { retry: RETRY_TAKING_TURNS }),
        // The version is published, and the intent has ended: what fails here is seen as a failed execution.
        "Update the deployments": task("update-deployments", { End: true }),
        // Whatever comes of it, the intent is told what failed first.
        "Withdraw the component version": {
          ...task<typeof FAILED>("withdraw-component-version", { Next: FAILED }),
          Catch: CATCH_ALL,
        },
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
        comment: "Takes a version away that nothing uses: from Greengrass first, then its files",
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
