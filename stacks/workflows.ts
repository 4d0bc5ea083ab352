/// <reference path="../.sst/platform/config.d.ts" />
import { workflowRoles } from "../functions/roles.ts";
import { tasksOf, workflows } from "../workflows/workflows.ts";
import { logGroup } from "./encryption.ts";
import { type Functions, functionNamed } from "./functions.ts";
import { makeRole } from "./roles.ts";
import type { Stage } from "./stage.ts";

/** The state machine of each workflow, by the workflow's name. */
export type StateMachines = Readonly<Record<string, aws.sfn.StateMachine>>;

/**
 * Every workflow as a state machine under its own role. The names of vended log groups keep the account's one policy for
 * log delivery short. https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
 */
export const stateMachines = (stage: Stage, key: aws.kms.Key, functions: Functions): StateMachines => {
  const roles = workflowRoles(stage.place);
  return Object.fromEntries(
    workflows.map((workflow) => {
      const { name, definition } = workflow;
      const declaredRole = roles[name];
      if (declaredRole === undefined) throw new Error(`no role is declared for workflow ${name}`);
      const { role, policy } = makeRole(declaredRole);
      const machineName = stage.names.stateMachine(name);
      const logs = logGroup(stage, key, `/aws/vendedlogs/states/${machineName}`);
      const machine = new aws.sfn.StateMachine(
        name,
        {
          name: machineName,
          type: "STANDARD",
          roleArn: role.arn,
          definition: JSON.stringify(
            definition((task) => stage.arn("lambda", `function:${stage.names.function(task)}`)),
          ),
          loggingConfiguration: {
            level: stage.settings.logs.workflows,
            includeExecutionData: false,
            logDestination: $util.interpolate`${logs.arn}:*`,
          },
          tracingConfiguration: { enabled: true },
        },
        { dependsOn: [policy, ...tasksOf(workflow).map((task) => functionNamed(functions, task))] },
      );
      return [name, machine];
    }),
  );
};
