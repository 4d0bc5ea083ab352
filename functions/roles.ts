import { allow, policy, type Role, type Statement, statementsOf, trusting } from "../shared/declared/policies.ts";
import { functionOfTrigger, streams } from "../shared/declared/triggers.ts";
import { type Place, stageNames } from "../shared/names.ts";
import type { Workflow } from "../workflows/asl.ts";
import { hasDistributedMap, tasksOf, workflows } from "../workflows/workflows.ts";
import { type FunctionDeclaration, functions } from "./declared.ts";

const arn = (place: Place, service: string, resource: string): string =>
  `arn:${place.partition}:${service}:${place.region}:${place.accountId}:${resource}`;

/** The triggers that hand a function events which it must not lose: each has a dead letter queue. */
const triggersOf = (name: string): string[] =>
  Object.keys(functionOfTrigger).filter((trigger) => functionOfTrigger[trigger] === name);

const statementsOfFunction = (name: string, declared: FunctionDeclaration, place: Place): Statement[] => {
  const names = stageNames(place);
  const queues = triggersOf(name).map((trigger) => arn(place, "sqs", names.deadLetters(trigger)));
  return [
    allow(
      "Logs",
      ["logs:CreateLogStream", "logs:PutLogEvents"],
      [arn(place, "logs", `log-group:/aws/lambda/${names.function(name)}:*`)],
    ),
    ...statementsOf([...declared.permissions, "traces:Send"], place),
    ...(name in streams ? statementsOf(["stream:Read"], place) : []),
    ...(queues.length > 0 ? [allow("DeadLetters", ["sqs:SendMessage"], queues)] : []),
  ];
};

/** The role of each function, under the function's name without the stage. */
export const functionRoles = (place: Place): Readonly<Record<string, Role>> =>
  Object.fromEntries(
    Object.entries(functions).map(([name, declared]) => [
      name,
      {
        name: stageNames(place).function(name),
        trust: trusting("lambda.amazonaws.com"),
        policy: policy(statementsOfFunction(name, declared, place)),
      },
    ]),
  );

/**
 * A Map in distributed mode starts executions of its own machine, and looks at how they are.
 * https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
 */
const statementsOfMap = (workflow: Workflow, place: Place): Statement[] => {
  if (!hasDistributedMap(workflow)) return [];
  const name = stageNames(place).stateMachine(workflow.name);
  return [
    allow("Children", ["states:StartExecution"], [arn(place, "states", `stateMachine:${name}`)]),
    allow("ChildrensState", ["states:DescribeExecution"], [arn(place, "states", `execution:${name}:*`)]),
  ];
};

/**
 * The role of each state machine, under the workflow's name: it calls its own tasks, does what its
 * states do themselves, and sends logs and traces.
 */
export const workflowRoles = (place: Place): Readonly<Record<string, Role>> => {
  const names = stageNames(place);
  return Object.fromEntries(
    workflows.map((workflow) => [
      workflow.name,
      {
        name: `${names.stateMachine(workflow.name)}-workflow`,
        trust: trusting("states.amazonaws.com", place.accountId),
        policy: policy([
          allow(
            "Tasks",
            ["lambda:InvokeFunction"],
            tasksOf(workflow).map((task) => arn(place, "lambda", `function:${names.function(task)}`)),
          ),
          ...statementsOfMap(workflow, place),
          ...statementsOf([...(workflow.permissions ?? []), "logs:Deliver", "traces:Send", "traces:Sample"], place),
        ]),
      },
    ]),
  );
};
