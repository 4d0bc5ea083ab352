/// <reference path="../.sst/platform/config.d.ts" />
import type { Stage } from "./stage.ts";

/** The dead letter queue of each trigger. */
export type DeadLetters = Readonly<Record<string, aws.sqs.Queue>>;

/** The longest that SQS keeps a message. */
const FOURTEEN_DAYS = 14 * 86_400;

/**
 * The queue for what a trigger could not get its function to take, over TLS alone. The function's role may write to it;
 * so may the rule, if there is one, with what it could not deliver.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
 */
export const deadLetterQueue = (stage: Stage, trigger: string, rule?: aws.cloudwatch.EventRule): aws.sqs.Queue => {
  const name = stage.names.deadLetters(trigger);
  const queue = new aws.sqs.Queue(name, {
    name,
    messageRetentionSeconds: FOURTEEN_DAYS,
    sqsManagedSseEnabled: true,
  });
  const tlsOnly = {
    Sid: "TlsOnly",
    Effect: "Deny",
    Principal: "*",
    Action: "sqs:*",
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
  const fromRule = (ruleArn: string) => ({
    Sid: "Rule",
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Condition: { ArnEquals: { "aws:SourceArn": ruleArn } },
  });
  new aws.sqs.QueuePolicy(name, {
    queueUrl: queue.url,
    policy: $util.jsonStringify({
      Version: "2012-10-17",
      Statement: $util.all([queue.arn, rule?.arn]).apply(([Resource, ruleArn]) =>
        [tlsOnly, ...(ruleArn === undefined ? [] : [fromRule(ruleArn)])].map((statement) => ({
          ...statement,
          Resource,
        })),
      ),
    }),
  });
  return queue;
};
