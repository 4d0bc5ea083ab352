import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { commonDimensions, dimensionSets, METRIC_NAMESPACE, metrics } from "../../shared/declared/metrics.ts";
import { tables } from "../../shared/declared/tables.ts";
import { streams } from "../../shared/declared/triggers.ts";
import { stageNames } from "../../shared/names.ts";
import { workflows } from "../../workflows/workflows.ts";
import { AWS_METRICS } from "./aws-metrics.ts";
import { type Policy, resourcePolicies } from "./policies.ts";
import {
  at,
  type Inputs,
  ofType,
  only,
  type Resource,
  STAGES,
  type Synthesis,
  synthesiseAll,
  text,
  triggered,
} from "./stages.ts";
import { ACCOUNT, REGION } from "./synthesise.ts";

interface Watched {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly region?: string | undefined;
}

const ALARM = "cloudwatch/metricAlarm:MetricAlarm";
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html, metrics in one alarm */
const MAX_METRICS = 10;

let all: Synthesis[];
beforeAll(async () => {
  all = await synthesiseAll();
});

/** What an alarm looks at, of one metric or of a sum. */
const watchedBy = ({ inputs }: Resource): Watched[] => {
  const queries = inputs.metricQueries as Inputs[] | undefined;
  const seen = queries?.flatMap(({ metric }) => (metric === undefined ? [] : [metric as Inputs])) ?? [inputs];
  return seen.map(({ namespace, metricName, dimensions }) => ({
    namespace: String(namespace),
    name: String(metricName),
    dimensions: dimensions as Watched["dimensions"],
  }));
};

describe.each(STAGES)("in stage %s", (stage) => {
  const names = stageNames({ stage, accountId: ACCOUNT });
  let it: Synthesis;
  let alarms: Resource[];
  beforeAll(() => {
    const found = all.find((synthesis) => synthesis.stage === stage);
    if (found === undefined) throw new Error(`${stage} was not evaluated`);
    it = found;
    alarms = ofType(it, ALARM);
  });
  const named = (name: string): Resource => only(alarms.filter(({ inputs }) => inputs.name === `${stage}-${name}`));
  /** The alarms on a metric. */
  const on = (namespace: string, name: string, dimensions: Watched["dimensions"]): Resource[] =>
    alarms.filter((alarm) =>
      watchedBy(alarm).some(
        (watched) =>
          watched.namespace === namespace && watched.name === name && isDeepStrictEqual(watched.dimensions, dimensions),
      ),
    );
  const values = (type: string, field: string): string[] => ofType(it, type).map(({ inputs }) => text(inputs, field));

  /** What is wrong with a metric: that nobody tells it, or that what it is of is not there. */
  const faultOf = ({ namespace, name, dimensions, region = REGION }: Watched): string | undefined => {
    const told = `${namespace} ${name} ${JSON.stringify(dimensions)}`;
    const has = (sets: readonly (readonly string[])[] | undefined): boolean =>
      sets?.some((set) => [...set].sort().join() === Object.keys(dimensions).sort().join()) === true;
    if (namespace === METRIC_NAMESPACE) {
      if (!(name in metrics) || !has(dimensionSets(name as keyof typeof metrics))) return `nobody tells ${told}`;
      const common = commonDimensions(stage);
      return dimensions.stage === common.stage && dimensions.service === common.service
        ? undefined
        : `${told}: not ours`;
    }
    if (!has(AWS_METRICS[namespace]?.[name])) return `AWS does not tell ${told}`;
    const isGlobal = ["AWS/CloudFront", "AWS/WAFV2"].includes(namespace);
    if (region !== (isGlobal ? "us-east-1" : REGION)) return `${told}: not told in ${region}`;
    const there: Readonly<Record<string, readonly string[]>> = {
      ApiId: ofType(it, "apigatewayv2/api:Api").map((api) => `${api.name}-id`),
      DistributionId: ofType(it, "cloudfront/distribution:Distribution").map((one) => `${one.name}-id`),
      Region: ["Global"],
      FunctionName: values("lambda/function:Function", "name"),
      QueueName: values("sqs/queue:Queue", "name"),
      StateMachineArn: values("sfn/stateMachine:StateMachine", "name").map(
        (machine) => `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:${machine}`,
      ),
      TableName: values("dynamodb/table:Table", "name"),
      GlobalSecondaryIndexName: ofType(it, "dynamodb/table:Table")
        .filter(({ inputs }) => inputs.name === dimensions.TableName)
        .flatMap(({ inputs }) => (inputs.globalSecondaryIndexes as { name: string }[]).map((index) => index.name)),
      WebACL: ofType(it, "wafv2/webAcl:WebAcl").map(({ inputs }) => text(inputs, "visibilityConfig.metricName")),
      Rule: ["ALL"],
    };
    const absent = Object.entries(dimensions).find(([dimension, value]) => !there[dimension]?.includes(value));
    return absent && `${told}: there is no such ${absent[0]}`;
  };

  test("every alarm is on metrics that somebody tells, of what is there, and few enough for one alarm", () => {
    expect(alarms.length).toBeGreaterThan(0);
    expect(alarms.flatMap(watchedBy).map(faultOf).filter(Boolean)).toEqual([]);
    expect(alarms.filter((alarm) => watchedBy(alarm).length > MAX_METRICS)).toEqual([]);
    for (const { inputs } of alarms) {
      const queries = inputs.metricQueries as Inputs[] | undefined;
      if (queries === undefined) {
        // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html: percentiles go elsewhere
        expect(["Sum", "Maximum"]).toContain(inputs.statistic);
        continue;
      }
      const ids = queries.flatMap(({ id, metric }) => (metric === undefined ? [] : [`FILL(${id}, 0)`]));
      expect(queries.filter(({ expression }) => expression !== undefined)).toEqual([
        { id: "sum", expression: `SUM([${ids.join(", ")}])`, returnData: true },
      ]);
    }
  });

  test("every alarm tells the one topic, which is encrypted with a key that alarms and budgets may use", () => {
    const topic = only(ofType(it, "sns/topic:Topic"));
    const topicArn = `arn:aws:sns:${REGION}:${ACCOUNT}:${text(topic.inputs, "name")}`;
    for (const { inputs } of alarms) {
      expect(inputs).toMatchObject({ alarmActions: [topicArn], okActions: [topicArn] });
      expect(inputs.region).toBeUndefined();
    }
    expect(topic.inputs.kmsMasterKeyId).toBe(`arn:aws:kms:${REGION}:${ACCOUNT}:key/stage-key-id`);
    const key = resourcePolicies(it).find(({ of }) => of === "aws:kms/key:Key stage") as Policy;
    expect(key.statements.find(({ Sid }) => Sid === "Alarms")).toMatchObject({
      Principal: { Service: ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] },
      Action: ["kms:Decrypt", "kms:GenerateDataKey*"],
      Condition: { StringEquals: { "aws:SourceAccount": ACCOUNT } },
    });
    const { statements } = resourcePolicies(it).find(({ of }) => of.startsWith("aws:sns/")) as Policy;
    expect(statements.map(({ Sid, Effect, Principal }) => [Sid, Effect, Principal])).toEqual([
      ["TlsOnly", "Deny", "*"],
      ["Alarms", "Allow", { Service: "cloudwatch.amazonaws.com" }],
      ["Budget", "Allow", { Service: "budgets.amazonaws.com" }],
    ]);
    for (const { Effect, Condition } of statements) {
      if (Effect === "Allow") expect(Condition?.StringEquals).toEqual({ "aws:SourceAccount": ACCOUNT });
    }
    const pattern = String(statements[1]?.Condition?.ArnLike?.["aws:SourceArn"]).replace(/\*$/, "");
    for (const { inputs } of alarms) {
      expect(`arn:aws:cloudwatch:${REGION}:${ACCOUNT}:alarm:${inputs.name}`.startsWith(pattern)).toBe(true);
    }
  });

  test("who is told is who the settings say", () => {
    const told = ofType(it, "sns/topicSubscription:TopicSubscription").map(({ inputs }) => [
      inputs.protocol,
      inputs.endpoint,
    ]);
    expect(told).toEqual(stage === "dev" ? [] : [["email", "ops@example.com"]]);
  });

  test.each(triggered())("what $trigger gives up on rings at once", ({ trigger }) => {
    const [alarm] = on("AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName: names.deadLetters(trigger) });
    expect(alarm?.inputs).toMatchObject({
      comparisonOperator: "GreaterThanOrEqualToThreshold",
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: "notBreaching",
    });
  });

  test("every alarm is explained in docs/OPERATIONS.md", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/OPERATIONS.md"), "utf8");
    const rows = [...page.matchAll(/^\| `([a-z0-9{}-]+)` \|/gm)].map(([, name]) => String(name));
    const patterns = rows.map((row) => new RegExp(`^${stage}-${row.replace(/\{\w+\}/g, "[a-z-]+")}$`));
    const without = alarms.filter(({ inputs }) => !patterns.some((pattern) => pattern.test(text(inputs, "name"))));
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  test("every queue has its alarm", () => {
    for (const queue of values("sqs/queue:Queue", "name")) {
      expect(on("AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName: queue }).length).toBe(1);
    }
  });

  test("an intent that fails rings, unless the client is to blame", () => {
    const { inputs } = named("intents-failed");
    expect(inputs).toMatchObject({
      metricName: "IntentsFailed",
      dimensions: { fault: "service", service: "slipway", stage },
      statistic: "Sum",
      threshold: 1,
      treatMissingData: "notBreaching",
    });
  });

  test.each(workflows.map(({ name }) => name))("executions of %s that are cut off ring", (name) => {
    const machine = { StateMachineArn: `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:${names.stateMachine(name)}` };
    const alarm = only(on("AWS/States", "ExecutionsTimedOut", machine));
    expect(watchedBy(alarm).map((watched) => watched.name)).toEqual(["ExecutionsTimedOut", "ExecutionsAborted"]);
    expect(alarm.inputs).toMatchObject({ threshold: 1, evaluationPeriods: 1, treatMissingData: "notBreaching" });
  });

  test("an intent that stands still for longer than any workflow may let it rings, and so does a sweep that is not heard of", () => {
    const { inputs } = named("intents-stuck");
    expect(inputs).toMatchObject({
      metricName: "OldestOpenIntentSeconds",
      statistic: "Maximum",
      treatMissingData: "breaching",
      threshold: 3_600 + 600,
    });
    const slowest = workflows.map(
      ({ definition, movesWithinSeconds }) =>
        movesWithinSeconds ?? definition((task) => task).TimeoutSeconds ?? Infinity,
    );
    expect(Math.max(...slowest)).toBeLessThan(Number(inputs.threshold));
  });

  test("server errors of the API and of OTA ring", () => {
    only(on("AWS/ApiGateway", "5xx", { ApiId: "api-id" }));
    only(on("AWS/Lambda", "Url5xxCount", { FunctionName: names.function("ota-package") }));
  });

  test("what is refused because of too much at once rings: functions, tables and each index", () => {
    only(on("AWS/Lambda", "Throttles", {}));
    for (const [name, { indexes }] of Object.entries(tables)) {
      const table = { TableName: names.table(name) };
      for (const event of ["ReadThrottleEvents", "WriteThrottleEvents"]) {
        only(on("AWS/DynamoDB", event, table));
        for (const index of indexes) {
          only(on("AWS/DynamoDB", event, { ...table, GlobalSecondaryIndexName: index.name }));
        }
      }
    }
  });

  test.each(Object.entries(streams))("%s rings when it falls behind, long before records are lost", (_, stream) => {
    const { inputs } = only(on("AWS/Lambda", "IteratorAge", { FunctionName: names.function(stream.function) }));
    expect(inputs.statistic).toBe("Maximum");
    expect(Number(inputs.threshold)).toBeLessThan((stream.maximumRecordAgeSeconds * 1_000) / 10);
  });

  test("the budget is the setting's, of this stage alone, and tells the topic", () => {
    const { inputs } = only(ofType(it, "budgets/budget:Budget"));
    expect(inputs).toMatchObject({
      limitAmount: { dev: "20", staging: "100", production: "1000" }[stage],
      limitUnit: "USD",
      timeUnit: "MONTHLY",
      costFilters: [{ name: "TagKeyValue", values: [`user:slipway:stage$${stage}`] }],
    });
    expect(at(it.app, "providers.aws.defaultTags.tags")).toMatchObject({ "slipway:stage": stage });
    const topicArn = `arn:aws:sns:${REGION}:${ACCOUNT}:${stage}-slipway-alarms`;
    const notifications = inputs.notifications as Inputs[];
    expect(notifications.map(({ notificationType, threshold }) => [notificationType, threshold])).toEqual([
      ["ACTUAL", 80],
      ["FORECASTED", 100],
    ]);
    for (const { subscriberSnsTopicArns } of notifications) expect(subscriberSnsTopicArns).toEqual([topicArn]);
  });

  describe("the dashboard", () => {
    interface Widget {
      readonly type: string;
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly properties: { readonly alarms?: string[]; readonly metrics?: unknown[][] };
    }
    let widgets: Widget[];
    beforeAll(() => {
      const { inputs } = only(ofType(it, "cloudwatch/dashboard:Dashboard"));
      widgets = (JSON.parse(text(inputs, "dashboardBody")) as { widgets: Widget[] }).widgets;
    });
    const lines = (): Watched[] =>
      widgets
        .flatMap(({ properties }) => properties.metrics ?? [])
        .map(([namespace, name, ...rest]) => {
          const { region } = rest.at(-1) as { region?: string };
          const pairs = Array.from({ length: (rest.length - 1) / 2 }, (_, index) =>
            rest.slice(2 * index, 2 * index + 2),
          );
          return { namespace: String(namespace), name: String(name), dimensions: Object.fromEntries(pairs), region };
        });

    test("shows every alarm, and metrics that somebody tells of what is there", () => {
      const shown = widgets.flatMap(({ properties }) => properties.alarms ?? []);
      expect(shown.length).toBe(alarms.length);
      expect(new Set(shown).size).toBe(alarms.length);
      expect(lines().length).toBeGreaterThan(100);
      expect(lines().map(faultOf).filter(Boolean)).toEqual([]);
    });

    test("shows every metric of ours", () => {
      const ours = lines().filter(({ namespace }) => namespace === METRIC_NAMESPACE);
      expect([...new Set(ours.map(({ name }) => name))].sort()).toEqual(Object.keys(metrics).sort());
    });

    test("has no widget over another, and none beyond the page", () => {
      const taken = new Set<string>();
      for (const { x, y, width, height } of widgets) {
        expect(x + width).toBeLessThanOrEqual(24);
        for (let column = x; column < x + width; column += 1) {
          for (let row = y; row < y + height; row += 1) {
            expect(taken.has(`${column} ${row}`)).toBe(false);
            taken.add(`${column} ${row}`);
          }
        }
      }
    });
  });
});
