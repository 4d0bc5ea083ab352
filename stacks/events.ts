/// <reference path="../.sst/platform/config.d.ts" />
import { rules, schedules } from "../shared/declared/triggers.ts";
import { type DeadLetters, deadLetterQueue } from "./dead-letters.ts";
import { type Functions, functionNamed } from "./functions.ts";
import type { Stage } from "./stage.ts";

interface Trigger {
  readonly function: string;
  readonly rule: { eventBusName?: $util.Input<string>; eventPattern?: string; scheduleExpression?: string };
}

/**
 * A rule that calls a function. Both what EventBridge could not hand over, and what the function failed at three times,
 * end in the trigger's queue; an event older than six hours does so at once.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
 */
const makeTrigger = (stage: Stage, functions: Functions, name: string, trigger: Trigger): aws.sqs.Queue => {
  const called = functionNamed(functions, trigger.function);
  const bus = trigger.rule.eventBusName === undefined ? {} : { eventBusName: trigger.rule.eventBusName };
  const rule = new aws.cloudwatch.EventRule(name, { name: stage.names.trigger(name), ...trigger.rule });
  const queue = deadLetterQueue(stage, name, rule);
  const oldest = 6 * 3_600;
  new aws.cloudwatch.EventTarget(name, {
    rule: rule.name,
    ...bus,
    targetId: "function",
    arn: called.arn,
    deadLetterConfig: { arn: queue.arn },
    retryPolicy: { maximumEventAgeInSeconds: oldest, maximumRetryAttempts: 185 },
  });
  new aws.lambda.Permission(name, {
    statementId: "rule",
    action: "lambda:InvokeFunction",
    function: called.name,
    principal: "events.amazonaws.com",
    sourceArn: rule.arn,
  });
  new aws.lambda.FunctionEventInvokeConfig(name, {
    functionName: called.name,
    maximumEventAgeInSeconds: oldest,
    maximumRetryAttempts: 2,
    destinationConfig: { onFailure: { destination: queue.arn } },
  });
  return queue;
};

/** The stage's bus, and every declared rule and schedule with its queue. */
export const events = (
  stage: Stage,
  functions: Functions,
): { readonly bus: aws.cloudwatch.EventBus; readonly deadLetters: DeadLetters } => {
  const bus = new aws.cloudwatch.EventBus("slipway", { name: stage.names.eventBus });
  const stateMachines = stage.arn("states", `stateMachine:${stage.place.stage}-`);
  const triggers: [string, Trigger][] = [
    ...Object.entries(rules(stateMachines, stage.place.accountId, stage.place.stage)).map(
      ([name, rule]): [string, Trigger] => [
        name,
        {
          function: rule.function,
          rule: {
            ...(rule.bus === "slipway" && { eventBusName: bus.name }),
            eventPattern: JSON.stringify(rule.pattern),
          },
        },
      ],
    ),
    ...Object.entries(schedules).map(([name, schedule]): [string, Trigger] => [
      name,
      { function: schedule.function, rule: { scheduleExpression: schedule.every } },
    ]),
  ];
  return {
    bus,
    deadLetters: Object.fromEntries(
      triggers.map(([name, trigger]) => [name, makeTrigger(stage, functions, name, trigger)]),
    ),
  };
};
