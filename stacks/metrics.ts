/// <reference path="../.sst/platform/config.d.ts" />
import { commonDimensions, METRIC_NAMESPACE, type MetricName } from "../shared/declared/metrics.ts";
import { tables } from "../shared/declared/tables.ts";
import type { TableName } from "../shared/writes.ts";
import { EDGE_REGION } from "./ota.ts";
import type { Stage } from "./stage.ts";

/** A metric of CloudWatch, in the stage's region if no other is said. */
export interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, $util.Input<string>>>;
  readonly stat: "Sum" | "Maximum" | "Average" | "p50" | "p95";
  readonly region?: string;
}

const of =
  (namespace: string) =>
  (name: string, dimensions: Metric["dimensions"], stat: Metric["stat"] = "Sum"): Metric => ({
    namespace,
    name,
    dimensions,
    stat,
  });

export const ofApi = of("AWS/ApiGateway");
export const ofLambda = of("AWS/Lambda");
export const ofQueue = of("AWS/SQS");
export const ofStates = of("AWS/States");
export const ofTable = of("AWS/DynamoDB");

/** Of CloudFront: in one region, whatever the stage's. */
export const ofDistribution = (
  name: string,
  distribution: aws.cloudfront.Distribution,
  stat: Metric["stat"] = "Sum",
): Metric => ({
  ...of("AWS/CloudFront")(name, { DistributionId: distribution.id, Region: "Global" }, stat),
  region: EDGE_REGION,
});

/** Of all rules of a web ACL before CloudFront, which has no dimension for the region. */
export const ofWebAcl = (name: string, acl: aws.wafv2.WebAcl): Metric => ({
  ...of("AWS/WAFV2")(name, { WebACL: acl.name, Rule: "ALL" }),
  region: EDGE_REGION,
});

/** A metric of ours, as `functions/metrics.ts` writes it. @param by a dimension by which it is told apart, if any */
export const ours = (
  { place }: Stage,
  name: MetricName,
  stat: Metric["stat"] = "Sum",
  by: Readonly<Record<string, string>> = {},
): Metric => ({
  namespace: METRIC_NAMESPACE,
  name,
  dimensions: { ...commonDimensions(place.stage), ...by },
  stat,
});

/** How often a table refused to read, or to write, because of too much at once: the table itself and each index. */
export const throttlesOf = (table: TableName, tableName: string, what: "Read" | "Write"): Metric[] =>
  [{}, ...tables[table].indexes.map(({ name }) => ({ GlobalSecondaryIndexName: name }))].map((index) =>
    ofTable(`${what}ThrottleEvents`, { TableName: tableName, ...index }),
  );

/** How often a state machine's executions ended without having told their intents. */
export const cutOff = (machine: aws.sfn.StateMachine): Metric[] =>
  ["ExecutionsTimedOut", "ExecutionsAborted"].map((name) => ofStates(name, { StateMachineArn: machine.arn }));

/** How a state machine's executions ended badly. What a client did wrong, such as a file never uploaded, is among it. */
export const failuresOf = (machine: aws.sfn.StateMachine): Metric[] => [
  ofStates("ExecutionsFailed", { StateMachineArn: machine.arn }),
  ...cutOff(machine),
];
