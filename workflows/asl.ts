import type { Permission } from "../shared/declared/permissions.ts";
import { RETRYABLE_ERRORS } from "../shared/problems.ts";
import { type TaskName, tasks } from "./tasks.ts";

/**
 * Amazon States Language (https://states-language.net), as much of it as our workflows use. Data flow is JSONPath: the
 * input's ids stay as they are in `$`; a task's answer is put beside them under a name of its own.
 */
type Next<Name extends string> = { readonly Next: Name } | { readonly End: true };

interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds: number;
  readonly MaxAttempts: number;
  readonly BackoffRate: number;
  readonly MaxDelaySeconds?: number;
  readonly JitterStrategy?: "FULL" | "NONE";
}

interface Catcher<Name extends string> {
  readonly ErrorEquals: readonly string[];
  readonly ResultPath: string;
  readonly Next: Name;
}

export type TaskState<Name extends string> = {
  readonly Type: "Task";
  readonly Resource: "arn:aws:states:::lambda:invoke";
  readonly Parameters: { readonly FunctionName: string; readonly Payload: Readonly<Record<string, unknown>> };
  readonly ResultSelector?: Readonly<Record<string, string>>;
  readonly ResultPath: string | null;
  readonly TimeoutSeconds: number;
  readonly Retry: readonly Retrier[];
  readonly Catch?: readonly Catcher<Name>[];
} & Next<Name>;

interface ChoiceRule<Name extends string> {
  readonly Variable: string;
  readonly BooleanEquals?: boolean;
  readonly StringEquals?: string;
  readonly Next: Name;
}

export type State<Name extends string> =
  | TaskState<Name>
  | { readonly Type: "Choice"; readonly Choices: readonly ChoiceRule<Name>[]; readonly Default: Name }
  | ({ readonly Type: "Wait"; readonly Seconds: number } & Next<Name>)
  | ({ readonly Type: "Pass" } & Next<Name>)
  | { readonly Type: "Succeed"; readonly OutputPath?: null }
  | { readonly Type: "Fail"; readonly Error: string; readonly Cause: string }
  | ({
      readonly Type: "Map";
      readonly ItemsPath: string;
      readonly ItemSelector: Readonly<Record<string, string>>;
      readonly MaxConcurrency: number;
      readonly ItemProcessor: Definition;
      readonly ResultPath: null;
      readonly Catch?: readonly Catcher<Name>[];
    } & Next<Name>)
  | DistributedMap<Name>;

/**
 * A Map whose items are lines of an object in S3, and whose iterations are executions of their own.
 * https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
 */
type DistributedMap<Name extends string> = {
  readonly Type: "Map";
  readonly ItemReader: {
    readonly Resource: "arn:aws:states:::s3:getObject";
    readonly ReaderConfig: { readonly InputType: "JSONL" };
    readonly Parameters: { readonly "Bucket.$": string; readonly "Key.$": string };
  };
  readonly ItemSelector: Readonly<Record<string, string>>;
  readonly MaxConcurrency: number;
  /** Of items that may fail without the Map failing. */
  readonly ToleratedFailurePercentage: number;
  readonly ItemProcessor: Definition;
  readonly ResultPath: null;
  readonly Catch?: readonly Catcher<Name>[];
} & Next<Name>;

export interface Definition {
  readonly Comment?: string;
  readonly StartAt: string;
  readonly TimeoutSeconds?: number;
  readonly States: Readonly<Record<string, State<string>>>;
  readonly ProcessorConfig?: ProcessorConfig;
}

type ProcessorConfig =
  | { readonly Mode: "INLINE" }
  | { readonly Mode: "DISTRIBUTED"; readonly ExecutionType: "STANDARD" };

/** Where a task's function is: its ARN on AWS, given by the stacks or by the embedded cloud. */
export type FunctionArn = (task: TaskName) => string;

export interface Workflow {
  readonly name: string;
  readonly definition: (functionArn: FunctionArn) => Definition;
  /** How often it moves its intent at least, where that is more often than once in its own time. */
  readonly movesWithinSeconds?: number;
  /** What its states ask of AWS themselves, beside calling tasks. */
  readonly permissions?: readonly Permission[];
}

/** States whose names `tsc` knows: an unknown `Next`, `Catch` or `StartAt` does not compile. */
export const states = <const Name extends string>(definition: {
  readonly StartAt: NoInfer<Name>;
  readonly Comment?: string;
  readonly TimeoutSeconds?: number;
  readonly ProcessorConfig?: ProcessorConfig;
  readonly States: Readonly<Record<Name, State<NoInfer<Name>>>>;
}): Definition => definition;

/** The ids that every task is given. */
const IDS = {
  "intentId.$": "$.intentId",
  "attempt.$": "$.attempt",
  "kind.$": "$.kind",
  "workspaceId.$": "$.workspaceId",
  "subjectId.$": "$.subjectId",
  "parentId.$": "$.parentId",
} as const;

/**
 * Throttling and outages pass: seven tries over about half a minute. Lambda's own errors are those that its guide says
 * to retry. https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
 */
const RETRY: readonly Retrier[] = [
  {
    ErrorEquals: [
      ...RETRYABLE_ERRORS,
      "Lambda.ServiceException",
      "Lambda.AWSLambdaException",
      "Lambda.SdkClientException",
      "Lambda.TooManyRequestsException",
    ],
    IntervalSeconds: 1,
    MaxAttempts: 6,
    BackoffRate: 2,
    MaxDelaySeconds: 10,
    JitterStrategy: "FULL",
  },
  // A function that was cut off may have had bad luck; every task may be repeated.
  {
    ErrorEquals: ["Lambda.Unknown", "Sandbox.Timedout", "States.Timeout"],
    IntervalSeconds: 2,
    MaxAttempts: 2,
    BackoffRate: 2,
  },
];

/** The state to which a workflow's states go when they fail, where the intent is told why. */
export const FAILED = "Record the failure";

export interface TaskOptions {
  /** Where the answer goes; without it the answer is dropped. */
  readonly result?: `$.${string}`;
  /** Payload beside the ids. */
  readonly payload?: Readonly<Record<string, string>>;
  readonly retry?: readonly Retrier[];
}

/** A task that hands the ids to a function. Inside a Map it has no Catch: the Map's catches. */
export const invoke = <const Name extends string = never>(
  functionArn: string,
  task: TaskName,
  next: Next<Name>,
  options: TaskOptions = {},
) =>
  ({
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke",
    Parameters: { FunctionName: functionArn, Payload: { ...IDS, ...options.payload } },
    ...(options.result !== undefined && { ResultSelector: { "value.$": "$.Payload" } }),
    ResultPath: options.result ?? null,
    TimeoutSeconds: tasks[task].timeoutSeconds + 5,
    Retry: options.retry ?? RETRY,
    ...next,
  }) as const satisfies TaskState<Name>;

/** Failures of any kind go to {@link FAILED}, with the error beside the ids. */
export const CATCH = [{ ErrorEquals: ["States.ALL"], ResultPath: "$.error", Next: FAILED }] as const;

/** Retry of a task that waits for something slow on AWS's side: every minute, for a quarter of an hour. */
export const RETRY_EACH_MINUTE: readonly Retrier[] = [
  { ErrorEquals: ["Busy"], IntervalSeconds: 60, MaxAttempts: 15, BackoffRate: 1 },
  ...RETRY,
];

/**
 * Retry of a task that takes its turn with others: for some minutes. Whoever comes later finds the work of all done, so
 * few of them ever wait for long. A state's retriers count over all of its turns, so that what passes may come more often.
 */
export const RETRY_TAKING_TURNS: readonly Retrier[] = [
  {
    ErrorEquals: ["Busy"],
    IntervalSeconds: 1,
    MaxAttempts: 60,
    BackoffRate: 1.5,
    MaxDelaySeconds: 5,
    JitterStrategy: "FULL",
  },
  // Behind many others, a turn with AWS may be long in coming.
  ...RETRY.map((retrier) =>
    retrier.ErrorEquals.includes("Throttled")
      ? { ...retrier, MaxAttempts: 60, BackoffRate: 1.5, MaxDelaySeconds: 20 }
      : { ...retrier, MaxAttempts: retrier.MaxAttempts * 3, MaxDelaySeconds: 10 },
  ),
];

/** The last two states of every workflow: the intent is told why, and the execution is seen to have failed. */
export const failureStates = (functionArn: FunctionArn) =>
  ({
    [FAILED]: invoke(
      functionArn("fail-intent"),
      "fail-intent",
      { Next: "Failed" },
      { payload: { "error.$": "$.error" } },
    ),
    Failed: { Type: "Fail", Error: "IntentFailed", Cause: "The intent tells why" },
  }) as const;

/**
 * A workflow of steps in a row: the intent starts, each task runs, the last one records the success. What a step needs
 * more than that (a Map, a loop) it states itself.
 */
export const sequence = <const Name extends string>(
  functionArn: FunctionArn,
  options: { readonly comment: string; readonly timeoutSeconds: number; readonly first: NoInfer<Name> },
  steps: Readonly<Record<Name, State<NoInfer<Name> | typeof FAILED>>>,
): Definition => ({
  Comment: options.comment,
  TimeoutSeconds: options.timeoutSeconds,
  StartAt: "Start the intent",
  States: {
    "Start the intent": {
      ...invoke(functionArn("start-intent"), "start-intent", { Next: options.first }),
      Catch: CATCH,
    },
    ...steps,
    ...failureStates(functionArn),
  },
});

/** Builds the task states of one workflow: each catches its failures. */
export const taskStates =
  (functionArn: FunctionArn) =>
  <const Name extends string = never>(task: TaskName, next: Next<Name>, options: TaskOptions = {}) => ({
    ...invoke(functionArn(task), task, next, options),
    Catch: CATCH,
  });

/** A Map over cells: `path` leads to their keys; each run is given the ids and one key as `cell`. */
export const eachCell = <const Name extends string = never>(
  processor: Definition,
  next: Next<Name>,
  path = "$.cells.value",
): State<Name | typeof FAILED> => ({
  Type: "Map",
  ItemsPath: path,
  ItemSelector: { ...IDS, "cell.$": "$$.Map.Item.Value" },
  MaxConcurrency: 5,
  ItemProcessor: processor,
  ResultPath: null,
  Catch: CATCH,
  ...next,
});

/**
 * A Map over the lines of a JSON Lines object, each run of it an execution of its own, which is given the ids and one line.
 * @param lines paths to the object's bucket and key, and the name under which a run gets its line
 */
export const eachLine = <const Name extends string = never>(
  lines: { readonly bucket: string; readonly key: string; readonly as: string },
  limits: { readonly atOnce: number; readonly toleratedFailurePercentage: number },
  processor: Definition,
  next: Next<Name>,
): State<Name | typeof FAILED> => ({
  Type: "Map",
  ItemReader: {
    Resource: "arn:aws:states:::s3:getObject",
    ReaderConfig: { InputType: "JSONL" },
    Parameters: { "Bucket.$": lines.bucket, "Key.$": lines.key },
  },
  ItemSelector: { ...IDS, [`${lines.as}.$`]: "$$.Map.Item.Value" },
  MaxConcurrency: limits.atOnce,
  ToleratedFailurePercentage: limits.toleratedFailurePercentage,
  ItemProcessor: processor,
  ResultPath: null,
  Catch: CATCH,
  ...next,
});
