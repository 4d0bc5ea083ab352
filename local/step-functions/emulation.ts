import type { Emulation } from "../emulation.ts";
import { makeOperations, type Options } from "./operations.ts";

/** What the stand-in for Step Functions does, and where it differs from AWS. */
export const emulation: Emulation = {
  service: "Step Functions",
  client: "@aws-sdk/client-sfn",
  // The table of operations alone, of an engine that is never asked.
  operations: [...makeOperations({} as Options).keys()].sort(),
  differences: [
    {
      of: "state machines",
      aws: "made, changed, versioned, aliased and tagged by the API",
      here: "those that the engine is started with; STANDARD only; no versions, aliases, tags, roles or logging",
    },
    {
      of: "a definition that changes",
      aws: "an execution keeps the one that it began with",
      here: "after a restart it goes on with the new one; where that lacks the state that comes next, from its start",
    },
    {
      of: "definitions",
      aws: "JSONPath and JSONata, variables",
      here: "JSONPath only; anything else is refused at the start, as is what asl-validator does not accept",
    },
    {
      of: "Task",
      aws: "hundreds of integrations, activities, HTTPS endpoints",
      here: "Lambda functions by ARN, `lambda:invoke` and `lambda:invoke.waitForTaskToken`, with FunctionName and Payload",
    },
    {
      of: "the result of `lambda:invoke`",
      aws: "has SdkHttpMetadata and SdkResponseMetadata",
      here: "has ExecutedVersion, Payload and StatusCode",
    },
    {
      of: "causes of Lambda's own errors",
      aws: "name the service, the status code and the request",
      here: "are the message alone",
    },
    {
      of: "a state whose process died",
      aws: "goes on",
      here: "is entered again: a task that ran may run twice, a Retry counts anew, an inline Map or Parallel begins anew, a Map Run that was aborted for a Retry may go on",
    },
    {
      of: "`$$.Execution.RoleArn`, `roleArn`",
      aws: "the machine's role",
      here: "none: there are no roles",
    },
    {
      of: "ItemReader",
      aws: "CSV, JSON, JSON Lines, Parquet, manifests, S3 listings; also of objects' members",
      here: "CSV, JSON arrays, JSON Lines and S3 listings; no ItemsPointer, no Transformation",
    },
    {
      of: "ResultWriter",
      aws: "splits large files; WriterConfig; also writes when the execution is stopped",
      here: "one file for each status; no WriterConfig; nothing when the execution is stopped",
    },
    {
      of: "Distributed Map",
      aws: "begins to run children while it reads; EXPRESS children have no history",
      here: "reads all items, to disk, before it runs the first child; EXPRESS children can be described, too",
    },
    {
      of: "RedriveExecution",
      aws: "runs only the failed branches and iterations of a Parallel or inline Map again",
      here: "runs the whole state again, and enters it once more in the history",
    },
    {
      of: "status changes",
      aws: "best effort",
      here: "at least once, also after a crash; none of the children of a Map Run",
    },
    {
      of: "DescribeExecution with METADATA_ONLY; StartSyncExecution, TestState, ValidateStateMachineDefinition",
      aws: "answered",
      here: "501",
    },
    { of: "throttling, quotas of open executions and Map Runs", aws: "per account", here: "none" },
    { of: "time", aws: "as the definition says", here: "`--retry-scale` shortens Wait and the intervals of Retry" },
  ],
};
