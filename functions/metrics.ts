import { Metrics } from "@aws-lambda-powertools/metrics";
import { once } from "../shared/aws/settings.ts";
import {
  commonDimensions,
  METRIC_NAMESPACE,
  type MetricDimensions,
  type MetricName,
  metrics,
} from "../shared/declared/metrics.ts";
import { env } from "../shared/env.ts";

const root = once(() => {
  const { service: serviceName, ...defaultDimensions } = commonDimensions(env("STAGE"));
  return new Metrics({ namespace: METRIC_NAMESPACE, serviceName, defaultDimensions });
});

/**
 * Writes one value of a metric to the function's log, from which CloudWatch takes it: over all, and by each dimension that
 * the metric is declared with. Each call is a line of its own, so that invocations which run at the same time share
 * nothing. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html
 */
export const measure = <Name extends MetricName>(
  name: Name,
  value: number,
  ...[dimensions]: keyof MetricDimensions<Name> extends never ? [] : [MetricDimensions<Name>]
): void => {
  const metric = root().singleMetric().addDimensions({});
  for (const [dimension, told] of Object.entries<string>(dimensions ?? {})) metric.addDimensions({ [dimension]: told });
  metric.addMetric(name, metrics[name].unit, value);
};
