import { sequence, taskStates, type Workflow } from "./asl.ts";

export const componentImport: Workflow = {
  name: "component-import",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Takes the versions of a component over that Greengrass has already",
        timeoutSeconds: 3_600,
        first: "Import the component",
      },
      {
        "Import the component": task("import-component", { Next: "Are all imported?" }, { result: "$.versions" }),
        "Are all imported?": {
          Type: "Choice",
          Choices: [{ Variable: "$.versions.value.more", BooleanEquals: false, Next: "Finish the import" }],
          Default: "Import the component",
        },
        "Finish the import": task("finish-component-import", { End: true }),
      },
    );
  },
};
