import { expect } from "vitest";
import { guide, type SfnRow } from "./world.ts";

const ASL = guide("concepts-amazon-states-language");
const INTRINSIC = guide("intrinsic-functions");
const PATHS = guide("amazon-states-language-paths");
const CHOICE = guide("state-choice");

/** An execution of the machine with the input, and its output or its error. */
const flows: readonly [machine: string, when: string, input: unknown, output: unknown, source: string][] = [
  ["succeed", "InputPath selects", { in: [1], out: 2 }, [1], guide("state-succeed")],
  [
    "flow",
    "InputPath, Parameters, ResultPath and OutputPath follow each other",
    { data: { val: 1 }, lambda: { who: "me" } },
    { val: 1, result: { who: "me", fixed: true } },
    guide("concepts-input-output-filtering"),
  ],
  ["no-result", "ResultPath is null: the input is the output", { a: 1 }, { a: 1 }, guide("input-output-resultpath")],
  ["no-output", "OutputPath is null: the output is empty", { a: 1 }, {}, guide("input-output-example")],
  ["format", "States.Format, with escaped braces", { name: "A'\"", age: 7 }, { value: "A'\" is 7, {}" }, INTRINSIC],
  ["string-to-json", "States.StringToJson", { text: '{"a":[1]}' }, { value: { a: [1] } }, INTRINSIC],
  ["json-to-string", "States.JsonToString", { object: { a: ['"'] } }, { value: '{"a":["\\""]}' }, INTRINSIC],
  ["array", "States.Array", { x: { y: 1 } }, { value: ["a", 1, { y: 1 }, null] }, INTRINSIC],
  ["array-partition", "States.ArrayPartition", { xs: [1, 2, 3] }, { value: [[1, 2], [3]] }, INTRINSIC],
  ["array-range", "States.ArrayRange", {}, { value: [1, 3, 5, 7, 9] }, INTRINSIC],
  ["array-contains", "States.ArrayContains", { xs: [1, 2] }, { value: true }, INTRINSIC],
  ["array-unique", "States.ArrayUnique", { xs: [1, 2, 1, "1"] }, { value: [1, 2, "1"] }, INTRINSIC],
  ["array-length", "States.MathAdd of States.ArrayLength", { xs: [1, 2, 3] }, { value: 2 }, INTRINSIC],
  ["base64", "States.Base64Encode and States.Base64Decode", { text: "é" }, { value: "é" }, INTRINSIC],
  ["hash", "States.Hash", {}, { value: "aaff4a450a104cd177d28d18d74485e8cae074b7" }, INTRINSIC],
  [
    "merge",
    "States.JsonMerge, shallow",
    { a: { x: { p: 1 } }, b: { x: { q: 2 } } },
    { value: { x: { q: 2 } } },
    INTRINSIC,
  ],
  [
    "split",
    "States.StringSplit by any of the characters",
    {},
    { value: ["This", "is", "a", "test", "string"] },
    INTRINSIC,
  ],
  ["filter", "a path with a filter leads to an array", { xs: [{ n: 1 }, { n: 2 }] }, { value: [2] }, PATHS],
  ["all-of-none", "a path over an empty array leads to an empty one", { xs: [] }, { value: [] }, PATHS],
  ["choice", "StringMatches with a wildcard", { a: "log-1.txt" }, "Text", CHOICE],
  ["choice", "And, with a comparison of two paths", { a: 2, b: 1 }, "Big", CHOICE],
  ["choice", "Not IsPresent", {}, "Absent", CHOICE],
  ["choice", "TimestampLessThan", { a: "2019-12-31T23:59:59Z" }, "Old", CHOICE],
  ["choice", "the default", { a: true }, "Other", CHOICE],
  [
    "wait-timestamp",
    "Wait until a time that is past",
    { until: "2020-01-01T00:00:00Z" },
    { until: "2020-01-01T00:00:00Z" },
    guide("state-wait"),
  ],
  [
    "parallel",
    "Parallel gives every branch the input, and an array",
    { x: 5 },
    { x: 5, both: [1, { x: 5 }] },
    guide("state-parallel"),
  ],
  [
    "map",
    "Map, with ItemSelector",
    { of: "f", items: ["a", "b"] },
    [
      { i: 0, v: "a", of: "f" },
      { i: 1, v: "b", of: "f" },
    ],
    guide("state-map-inline"),
  ],
  ["map", "Map over nothing", { of: "f", items: [] }, [], guide("state-map-inline")],
  [
    "echo",
    "lambda:invoke gives what Lambda answers",
    { a: 1 },
    expect.objectContaining({ Payload: { input: { a: 1 } }, StatusCode: 200 }),
    guide("connect-lambda"),
  ],
  ["function-arn", "a function's ARN gives the payload alone", { a: 1 }, { a: 1 }, guide("connect-lambda")],
];

const ERRORS = guide("concepts-error-handling");
const failures: readonly [
  machine: string,
  when: string,
  input: unknown,
  fields: Record<string, unknown>,
  source: string,
][] = [
  ["fail-state", "a Fail state", {}, { error: "Refused", cause: "because" }, guide("state-fail")],
  [
    "fail-path",
    "a Fail state with paths",
    { error: "E", cause: "c" },
    { error: "E", cause: "of c" },
    guide("state-fail"),
  ],
  [
    "fails",
    "a function's error is its errorType, with what Lambda reports as the cause",
    {},
    { error: "Conflict", cause: JSON.stringify({ errorType: "Conflict", errorMessage: "taken" }) },
    ERRORS,
  ],
  [
    "missing",
    "there is no such function",
    {},
    { error: "Lambda.ResourceNotFoundException" },
    guide("bp-lambda-serviceexception"),
  ],
  [
    "throttled",
    "Lambda is asked too often",
    {},
    { error: "Lambda.TooManyRequestsException" },
    guide("bp-lambda-serviceexception"),
  ],
  ["cut-off", "a function that exceeds its time", {}, { error: "Sandbox.Timedout" }, guide("concepts-error-handling")],
  ["caught-by-none", "a Catch of another error", {}, { error: "Conflict" }, ERRORS],
  [
    "large-all",
    "States.ALL does not catch States.DataLimitExceeded",
    {},
    { error: "States.DataLimitExceeded" },
    ERRORS,
  ],
  [
    "runtime-all",
    "States.ALL does not catch States.Runtime",
    {},
    {
      error: "States.Runtime",
      cause: expect.stringContaining("The JSONPath '$.missing' specified for the field 'x.$'"),
    },
    ERRORS,
  ],
  ["retried-once", "the retries are used up", {}, { error: "Conflict" }, ERRORS],
  ["task-timeout", "a task exceeds TimeoutSeconds", {}, { error: "States.Timeout", cause: undefined }, ERRORS],
  [
    "timeout-path",
    "a task exceeds TimeoutSecondsPath",
    { seconds: 1 },
    { error: "States.Timeout" },
    guide("state-task"),
  ],
  [
    "timeout-path",
    "TimeoutSecondsPath leads to a text",
    { seconds: "1" },
    { error: "States.Runtime" },
    guide("state-task"),
  ],
  ["timeout-task-failed", "States.TaskFailed does not catch States.Timeout", {}, { error: "States.Timeout" }, ERRORS],
  ["no-choice", "no rule of a Choice holds", { a: 2 }, { error: "States.NoChoiceMatched" }, ERRORS],
  ["no-choice", "a Choice asks for what is not there", {}, { error: "States.Runtime" }, CHOICE],
  [
    "result-path-mismatch",
    "ResultPath has no place in the input",
    { a: 1 },
    { error: "States.ResultPathMatchFailure" },
    ERRORS,
  ],
  ["array-get", "an intrinsic function fails", { xs: [1] }, { error: "States.IntrinsicFailure" }, ERRORS],
  ["map-fails", "an iteration of a Map fails", [1], { error: "Each", cause: "always" }, ERRORS],
  ["map", "ItemsPath does not lead to an array", { items: 1, of: "f" }, { error: "States.Runtime" }, ASL],
  [
    "endless",
    "the history has 25,000 events",
    {},
    { error: "States.Runtime", cause: "The execution reached the maximum number of history events (25000)." },
    guide("bp-history-limit"),
  ],
];

export const languageRows: readonly SfnRow[] = [
  ...flows.map(
    ([machine, when, input, output, source]): SfnRow => ({
      operation: "DescribeExecution",
      when: `${machine}: ${when}`,
      send: async ({ done }) => {
        const execution = (await done(machine, input)) as { output?: string };
        return { ...execution, value: execution.output === undefined ? execution : JSON.parse(execution.output) };
      },
      expect: { status: 200, fields: { value: output } },
      source,
    }),
  ),
  ...failures.map(
    ([machine, when, input, fields, source]): SfnRow => ({
      operation: "DescribeExecution",
      when: `${machine}: ${when}`,
      send: async ({ done }) => {
        const execution = (await done(machine, input)) as { status?: string };
        return { ...execution, became: execution.status };
      },
      expect: { status: 200, fields: { became: "FAILED", ...fields } },
      source,
    }),
  ),
  {
    operation: "DescribeExecution",
    when: "machine-timeout: the machine exceeds TimeoutSeconds",
    send: async ({ done }) => {
      const execution = (await done("machine-timeout")) as { status?: string };
      return { ...execution, became: execution.status };
    },
    expect: { status: 200, fields: { became: "TIMED_OUT", error: undefined, redriveStatus: "REDRIVABLE" } },
    source: ERRORS,
  },
  ...[
    {
      machine: "caught-by-name",
      when: "Catch by the errorType: the error is the next state's input",
      output: { Error: "Conflict", Cause: expect.stringContaining("taken") },
    },
    {
      machine: "caught-with-path",
      when: "Catch of States.TaskFailed with a ResultPath keeps the input",
      output: { a: 1, e: { Error: "Conflict", Cause: expect.stringContaining("taken") } },
    },
    {
      machine: "large-named",
      when: "States.DataLimitExceeded is caught by its name",
      output: expect.objectContaining({ Error: "States.DataLimitExceeded" }),
    },
    {
      machine: "context",
      when: "the context object",
      output: {
        id: expect.stringContaining(":execution:context:"),
        input: { a: 1 },
        state: "First",
        retries: 0,
        redrives: 0,
        machine: "context",
      },
    },
  ].map(
    ({ machine, when, output }): SfnRow => ({
      operation: "DescribeExecution",
      when: `${machine}: ${when}`,
      send: async ({ done }) => {
        const execution = (await done(machine, { a: 1 })) as { output?: string };
        return { ...execution, value: JSON.parse(execution.output ?? "null") };
      },
      expect: { status: 200, fields: { value: output } },
      source: machine === "context" ? guide("input-output-contextobject") : ERRORS,
    }),
  ),
];
