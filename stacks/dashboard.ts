/// <reference path="../.sst/platform/config.d.ts" />
import { functions } from "../functions/declared.ts";
import { HOOK_VERDICTS, INTENT_FAULTS, OTA_ANSWERS } from "../shared/declared/metrics.ts";
import { streams } from "../shared/declared/triggers.ts";
import {
  failuresOf,
  type Metric,
  ofApi,
  ofDistribution,
  ofLambda,
  ofQueue,
  ofWebAcl,
  ours,
  throttlesOf,
} from "./metrics.ts";
import type { Watched } from "./observability.ts";
import type { Stage } from "./stage.ts";

/** A metric under the name that it has in a graph. */
type Line = readonly [label: string, metric: Metric];

interface Graph {
  readonly title: string;
  readonly lines: readonly Line[];
}

const labelled = (metrics: readonly Metric[], label: (metric: Metric) => string): Line[] =>
  metrics.map((metric) => [label(metric), metric]);

const graphsOf = (stage: Stage, { api, stateMachines, deadLetters, ota }: Watched): Graph[] => {
  const functionName = (name: string) => ({ FunctionName: stage.names.function(name) });
  const apiId = { ApiId: api.id };
  const everyFunction = (name: string, stat: Metric["stat"] = "Sum"): Line[] =>
    Object.keys(functions).map((each): Line => [each, ofLambda(name, functionName(each), stat)]);
  return [
    {
      title: "Intents",
      lines: [
        ["accepted", ours(stage, "IntentsAccepted")],
        ["succeeded", ours(stage, "IntentsSucceeded")],
        ...INTENT_FAULTS.map((fault): Line => [`failed, ${fault}`, ours(stage, "IntentsFailed", "Sum", { fault })]),
        ["swept", ours(stage, "IntentsSwept")],
      ],
    },
    {
      title: "Callers that were refused for their role or scope",
      lines: [["refused", ours(stage, "Refusals")]],
    },
    {
      title: "Devices that would register",
      lines: HOOK_VERDICTS.map((verdict): Line => [verdict, ours(stage, "HookAnswers", "Sum", { verdict })]),
    },
    {
      title: "Seconds from request to success, and of the oldest open intent",
      lines: [
        ["p50", ours(stage, "IntentSeconds", "p50")],
        ["p95", ours(stage, "IntentSeconds", "p95")],
        ["oldest open", ours(stage, "OldestOpenIntentSeconds", "Maximum")],
      ],
    },
    {
      title: "Workflows that failed",
      lines: Object.entries(stateMachines).flatMap(([workflow, machine]) =>
        labelled(failuresOf(machine), ({ name }) => `${workflow}: ${name.replace("Executions", "")}`),
      ),
    },
    {
      title: "Dead letters",
      lines: Object.entries(deadLetters).map(
        ([trigger, queue]): Line => [
          trigger,
          ofQueue("ApproximateNumberOfMessagesVisible", { QueueName: queue.name }, "Maximum"),
        ],
      ),
    },
    {
      title: "Milliseconds behind the stream",
      lines: Object.entries(streams).map(
        ([name, stream]): Line => [name, ofLambda("IteratorAge", functionName(stream.function), "Maximum")],
      ),
    },
    {
      title: "API: requests",
      lines: [
        ["all", ofApi("Count", apiId)],
        ["4xx", ofApi("4xx", apiId)],
        ["5xx", ofApi("5xx", apiId)],
      ],
    },
    {
      title: "API: milliseconds",
      lines: [
        ["p50", ofApi("Latency", apiId, "p50")],
        ["p95", ofApi("Latency", apiId, "p95")],
      ],
    },
    {
      title: "OTA: what devices were answered behind the cache",
      lines: OTA_ANSWERS.map((answer): Line => [answer, ours(stage, "OtaPolls", "Sum", { answer })]),
    },
    {
      title: "OTA: requests, and what the web ACL blocked",
      lines: [
        ["requests", ofDistribution("Requests", ota.distribution)],
        ["blocked", ofWebAcl("BlockedRequests", ota.webAcl)],
      ],
    },
    {
      title: "OTA: percent of errors",
      lines: [
        ["4xx", ofDistribution("4xxErrorRate", ota.distribution, "Average")],
        ["5xx", ofDistribution("5xxErrorRate", ota.distribution, "Average")],
      ],
    },
    {
      title: "OTA: seconds, the oldest snapshot",
      lines: [["oldest", ours(stage, "OldestSnapshotSeconds", "Maximum")]],
    },
    { title: "Functions: errors", lines: everyFunction("Errors") },
    { title: "Functions: milliseconds, p95", lines: everyFunction("Duration", "p95") },
    { title: "Functions of the account: refused", lines: [["throttled", ofLambda("Throttles", {})]] },
    {
      title: "Tables: refused",
      lines: (["control", "ota"] as const).flatMap((table) =>
        (["Read", "Write"] as const).flatMap((what) =>
          labelled(throttlesOf(table, stage.names.table(table), what), ({ dimensions }) =>
            [table, dimensions.GlobalSecondaryIndexName, what.toLowerCase()].filter(Boolean).join(" "),
          ),
        ),
      ),
    },
  ];
};

const COLUMNS = 2;
const [WIDTH, HEIGHT] = [24 / COLUMNS, 6];

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const widget = (stage: Stage, { title, lines }: Graph, index: number) => ({
  type: "metric",
  x: (index % COLUMNS) * WIDTH,
  y: ALARMS_HEIGHT + Math.floor(index / COLUMNS) * HEIGHT,
  width: WIDTH,
  height: HEIGHT,
  properties: {
    title,
    view: "timeSeries",
    region: stage.place.region,
    period: 300,
    metrics: lines.map(([label, { namespace, name, dimensions, stat, region }]) => [
      namespace,
      name,
      ...Object.entries(dimensions).flat(),
      { label, stat, ...(region !== undefined && { region }) },
    ]),
  },
});

const ALARMS_HEIGHT = 4;

/** One page of what a stage does: its alarms, and a graph for each thing that they watch. */
export const dashboard = (stage: Stage, watched: Watched, alarms: readonly aws.cloudwatch.MetricAlarm[]): void => {
  new aws.cloudwatch.Dashboard("stage", {
    dashboardName: `${stage.place.stage}-slipway`,
    dashboardBody: $util.jsonStringify({
      widgets: [
        {
          type: "alarm",
          x: 0,
          y: 0,
          width: 24,
          height: ALARMS_HEIGHT,
          properties: { title: "Alarms", alarms: alarms.map(({ arn }) => arn) },
        },
        ...graphsOf(stage, watched).map((graph, index) => widget(stage, graph, index)),
      ],
    }),
  });
};
