/// <reference path="../.sst/platform/config.d.ts" />
import { streams } from "../shared/declared/triggers.ts";
import type { TableName } from "../shared/writes.ts";
import { workflows } from "../workflows/workflows.ts";
import { dashboard } from "./dashboard.ts";
import type { DeadLetters } from "./dead-letters.ts";
import { cutOff, type Metric, ofApi, ofLambda, ofQueue, ours, throttlesOf } from "./metrics.ts";
import type { Ota } from "./ota.ts";
import type { Stage } from "./stage.ts";
import type { StateMachines } from "./workflows.ts";

/** What of a stage is watched. */
export interface Watched {
  readonly key: aws.kms.Key;
  readonly api: aws.apigatewayv2.Api;
  readonly stateMachines: StateMachines;
  readonly deadLetters: DeadLetters;
  readonly ota: Pick<Ota, "distribution" | "webAcl">;
}

const MINUTE = 60;

interface AlarmDeclaration {
  readonly description: string;
  /** Their sum is watched; at most ten. */
  readonly metrics: readonly Metric[];
  /** The alarm is raised where a period has so much, or more, in so many periods one after the other. */
  readonly threshold: number;
  readonly periodSeconds: number;
  readonly periods: number;
  /** What it is when nothing is told at all. */
  readonly silence: "notBreaching" | "breaching";
}

/**
 * An open intent may wait for its workflow as long as the slowest of them may take, or may let it stand still. By then the workflow has timed out and
 * the sweep, which comes each minute, has ended the intent.
 */
const stuckSeconds = (): number => {
  const timeouts = workflows.map(({ name, definition, movesWithinSeconds }) => {
    const { TimeoutSeconds } = definition((task) => task);
    if (TimeoutSeconds === undefined) throw new Error(`the workflow ${name} may take for ever`);
    return movesWithinSeconds ?? TimeoutSeconds;
  });
  return Math.max(...timeouts) + 10 * MINUTE;
};

/** Every alarm of the stage by its name there. */
const alarmsOf = (stage: Stage, { api, stateMachines, deadLetters }: Watched): Record<string, AlarmDeclaration> => {
  const found = { periodSeconds: 5 * MINUTE, periods: 1, threshold: 1, silence: "notBreaching" } as const;
  const several = { ...found, threshold: 5 };
  const functionName = (name: string) => ({ FunctionName: stage.names.function(name) });
  const eachOf = <T>(
    things: Readonly<Record<string, T>>,
    alarm: (name: string, thing: T) => readonly [name: string, declared: AlarmDeclaration],
  ) => Object.fromEntries(Object.entries(things).map(([name, thing]) => alarm(name, thing)));
  return {
    ...eachOf(deadLetters, (trigger, queue) => [
      `${trigger}-dead-letters`,
      {
        ...found,
        periodSeconds: MINUTE,
        description: `${trigger} gave up on something: its queue keeps that for fourteen days`,
        metrics: [ofQueue("ApproximateNumberOfMessagesVisible", { QueueName: queue.name }, "Maximum")],
      },
    ]),
    // What a client did wrong, such as a file never uploaded, fails executions as well, and is no matter for alarms.
    "intents-failed": {
      ...found,
      description: "Intents failed for no fault of the client's: they tell why",
      metrics: [ours(stage, "IntentsFailed", "Sum", { fault: "service" })],
    },
    ...eachOf(stateMachines, (workflow, machine) => [
      `${workflow}-cut-off`,
      {
        ...found,
        description: `Executions of ${workflow} took too long or were stopped from outside`,
        metrics: cutOff(machine),
      },
    ]),
    "intents-stuck": {
      description: "An intent stands still for longer than any workflow may take, or the sweep tells nothing",
      metrics: [ours(stage, "OldestOpenIntentSeconds", "Maximum")],
      threshold: stuckSeconds(),
      periodSeconds: 5 * MINUTE,
      periods: 2,
      silence: "breaching",
    },
    "snapshots-old": {
      description:
        "A workspace's snapshot was not renewed in time, or the schedule tells nothing: devices will refuse it",
      metrics: [ours(stage, "OldestSnapshotSeconds", "Maximum")],
      // Renewed when a third of its time is over. From here on there is half of it left to mend what is wrong.
      threshold: stage.settings.ota.snapshotHours * 1_800,
      periodSeconds: 30 * MINUTE,
      periods: 1,
      silence: "breaching",
    },
    "registrations-refused": {
      ...found,
      threshold: 20,
      description: "AWS IoT was told to refuse devices: tokens that are wrong or used, or somebody who guesses",
      metrics: [ours(stage, "HookAnswers", "Sum", { verdict: "refused" })],
    },
    "registrations-failed": {
      ...found,
      description: "Devices could not register, since the hook failed",
      metrics: [ours(stage, "HookAnswers", "Sum", { verdict: "failed" })],
    },
    "api-5xx": {
      ...several,
      description: "The API answers with server errors",
      metrics: [ofApi("5xx", { ApiId: api.id })],
    },
    // Concurrency is the account's in a region, but for what a function has reserved: whoever is refused, others will be.
    "lambda-throttles": {
      ...found,
      description: "Functions of the account in this region are refused: too many run at once",
      metrics: [ofLambda("Throttles", {})],
    },
    // Two for each table: an alarm looks at ten metrics at most, and an index has one of either kind.
    ...Object.assign(
      {},
      ...(["Read", "Write"] as const).map((what) =>
        eachOf<TableName>({ control: "control", ota: "ota" }, (_, table) => [
          `${table}-table-${what.toLowerCase()}-throttles`,
          {
            ...found,
            description: `DynamoDB refuses ${what.toLowerCase()}s of the table ${table}, or of its indexes`,
            metrics: throttlesOf(table, stage.names.table(table), what),
          },
        ]),
      ),
    ),
    ...eachOf(streams, (name, stream) => [
      `${name}-behind`,
      {
        description: `${name} is more than five minutes behind its table's stream`,
        metrics: [ofLambda("IteratorAge", functionName(stream.function), "Maximum")],
        threshold: 5 * MINUTE * 1_000,
        periodSeconds: MINUTE,
        periods: 5,
        silence: "notBreaching",
      },
    ]),
    // CloudFront's own count is in us-east-1, and an alarm there cannot tell a topic here. What it passes on of binaries is
    // S3's; what it passes on of packages is this.
    "ota-5xx": {
      ...several,
      description: "Devices are answered with server errors when they ask for packages",
      metrics: [ofLambda("Url5xxCount", functionName("ota-package"))],
    },
  };
};

/** The one topic that all alarms and the budget tell: encrypted, over TLS alone, and open to them alone. */
const alarmTopic = (stage: Stage, key: aws.kms.Key): { topic: aws.sns.Topic; policy: aws.sns.TopicPolicy } => {
  const topic = new aws.sns.Topic("alarms", {
    name: `${stage.place.stage}-slipway-alarms`,
    kmsMasterKeyId: key.arn,
  });
  const account = { "aws:SourceAccount": stage.place.accountId };
  const policy = new aws.sns.TopicPolicy("alarms", {
    arn: topic.arn,
    policy: $util.jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "TlsOnly",
          Effect: "Deny",
          Principal: "*",
          Action: "sns:Publish",
          Resource: topic.arn,
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
        {
          Sid: "Alarms",
          Effect: "Allow",
          Principal: { Service: "cloudwatch.amazonaws.com" },
          Action: "sns:Publish",
          Resource: topic.arn,
          Condition: {
            StringEquals: account,
            ArnLike: { "aws:SourceArn": stage.arn("cloudwatch", `alarm:${stage.place.stage}-*`) },
          },
        },
        // https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
        {
          Sid: "Budget",
          Effect: "Allow",
          Principal: { Service: "budgets.amazonaws.com" },
          Action: "sns:Publish",
          Resource: topic.arn,
          Condition: { StringEquals: account },
        },
      ],
    }),
  });
  const { email } = stage.settings.alarms;
  if (email !== undefined) {
    new aws.sns.TopicSubscription("alarms", { topic: topic.arn, protocol: "email", endpoint: email });
  }
  return { topic, policy };
};

/** One metric as it is, several by their sum; a metric that was told nothing counts as 0 beside one that was. */
const watched = (metrics: readonly Metric[], period: number) => {
  const [first] = metrics;
  if (first !== undefined && metrics.length === 1) {
    const { namespace, name: metricName, dimensions, stat: statistic } = first;
    return { namespace, metricName, dimensions, statistic, period };
  }
  const ids = metrics.map((_, index) => `m${index}`);
  return {
    metricQueries: [
      ...metrics.map(({ namespace, name: metricName, dimensions, stat }, index) => ({
        id: `m${index}`,
        metric: { namespace, metricName, dimensions, stat, period },
      })),
      { id: "sum", expression: `SUM([${ids.map((id) => `FILL(${id}, 0)`).join(", ")}])`, returnData: true },
    ],
  };
};

const makeAlarm = (stage: Stage, topic: aws.sns.Topic, name: string, declared: AlarmDeclaration) =>
  new aws.cloudwatch.MetricAlarm(name, {
    name: `${stage.place.stage}-${name}`,
    alarmDescription: declared.description,
    ...watched(declared.metrics, declared.periodSeconds),
    comparisonOperator: "GreaterThanOrEqualToThreshold",
    threshold: declared.threshold,
    evaluationPeriods: declared.periods,
    treatMissingData: declared.silence,
    alarmActions: [topic.arn],
    okActions: [topic.arn],
  });

/**
 * What the stage may cost in a month, told apart by the tag that all of its resources have.
 * https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html, "CostFilters"
 */
const budget = ({ place, settings }: Stage, topic: aws.sns.Topic, policy: aws.sns.TopicPolicy) => {
  const told = (notificationType: "ACTUAL" | "FORECASTED", threshold: number) => ({
    notificationType,
    threshold,
    thresholdType: "PERCENTAGE",
    comparisonOperator: "GREATER_THAN",
    subscriberSnsTopicArns: [topic.arn],
  });
  new aws.budgets.Budget(
    "stage",
    {
      name: `${place.stage}-slipway`,
      budgetType: "COST",
      timeUnit: "MONTHLY",
      limitAmount: String(settings.alarms.monthlyBudgetUsd),
      limitUnit: "USD",
      costFilters: [{ name: "TagKeyValue", values: [`user:slipway:stage$${place.stage}`] }],
      notifications: [told("ACTUAL", 80), told("FORECASTED", 100)],
    },
    { dependsOn: [policy] },
  );
};

/** Alarms, whom they tell, the budget, and a dashboard to look at when one rings. */
export const observability = (stage: Stage, what: Watched): void => {
  const { topic, policy } = alarmTopic(stage, what.key);
  const alarms = Object.entries(alarmsOf(stage, what)).map(([name, declared]) =>
    makeAlarm(stage, topic, name, declared),
  );
  budget(stage, topic, policy);
  dashboard(stage, what, alarms);
};
