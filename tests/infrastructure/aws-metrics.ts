/** Metrics that AWS tells by itself, as far as they are watched: by namespace and name, the sets of dimensions they have. */
export const AWS_METRICS: Readonly<Record<string, Readonly<Record<string, readonly (readonly string[])[]>>>> = {
  // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
  "AWS/ApiGateway": { "4xx": [["ApiId"]], "5xx": [["ApiId"]], Count: [["ApiId"]], Latency: [["ApiId"]] },
  // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
  "AWS/CloudFront": {
    Requests: [["DistributionId", "Region"]],
    "4xxErrorRate": [["DistributionId", "Region"]],
    "5xxErrorRate": [["DistributionId", "Region"]],
  },
  // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
  "AWS/DynamoDB": {
    ReadThrottleEvents: [["TableName"], ["GlobalSecondaryIndexName", "TableName"]],
    WriteThrottleEvents: [["TableName"], ["GlobalSecondaryIndexName", "TableName"]],
  },
  // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html; without dimensions, of all functions
  // https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html
  "AWS/Lambda": {
    Duration: [["FunctionName"]],
    Errors: [["FunctionName"]],
    IteratorAge: [["FunctionName"]],
    Throttles: [[], ["FunctionName"]],
    Url5xxCount: [["FunctionName"]],
  },
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
  "AWS/SQS": { ApproximateNumberOfMessagesVisible: [["QueueName"]] },
  // https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
  "AWS/States": {
    ExecutionsAborted: [["StateMachineArn"]],
    ExecutionsFailed: [["StateMachineArn"]],
    ExecutionsTimedOut: [["StateMachineArn"]],
  },
  // https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html; Region is not for CloudFront's
  "AWS/WAFV2": { BlockedRequests: [["Rule", "WebACL"]] },
};
