import { one, task } from "../../local/machines.ts";

/** The state machines of the rows, by their names; the functions that their tasks invoke are in `world.ts`. */

type Fields = Record<string, unknown>;
export const BUCKET = "step-functions-rows";
const end = { OutputPath: "$", End: true };
const pass = (rest: Fields = {}): Fields => ({ Type: "Pass", End: true, ...rest });
const fails = (name: string, rest: Fields = {}): Fields => task(name, { ...end, ...rest });
const distributed = (rest: Fields, states: Fields = { Item: pass() }, label = "each"): Fields =>
  one({
    Type: "Map",
    Label: label,
    ItemProcessor: {
      ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
      StartAt: Object.keys(states)[0],
      States: states,
    },
    End: true,
    ...rest,
  });
const reader = (config: Fields | undefined, parameters: Fields, action = "getObject"): Fields => ({
  Resource: `arn:aws:states:::s3:${action}`,
  ...(config === undefined ? {} : { ReaderConfig: config }),
  Parameters: { Bucket: BUCKET, ...parameters },
});
const expression = (value: string): Fields => one(pass({ Parameters: { "value.$": value } }));
const token = (rest: Fields = {}, more: Record<string, Fields> = {}): Fields =>
  one(
    {
      Type: "Task",
      Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
      Parameters: { FunctionName: "take", Payload: { "token.$": "$$.Task.Token", "id.$": "$.id" } },
      End: true,
      ...rest,
    },
    more,
  );
/** Fails if the item says so. */
const item: Fields = {
  Check: {
    Type: "Choice",
    Choices: [{ And: [{ Variable: "$.bad", IsPresent: true }], Next: "Bad" }],
    Default: "Good",
  },
  Bad: { Type: "Fail", Error: "Bad", Cause: "as told" },
  Good: pass(),
};

export const MACHINES: Record<string, object> = {
  pass: one(pass()),
  echo: one(task("echo", end)),
  "function-arn": one({ Type: "Task", Resource: "arn:aws:lambda:eu-central-1:123456789012:function:echo", End: true }),
  hang: one(task("hang", end)),
  succeed: one({ Type: "Succeed", InputPath: "$.in" }),
  "fail-state": one({ Type: "Fail", Error: "Refused", Cause: "because" }),
  "fail-path": one({ Type: "Fail", ErrorPath: "$.error", CausePath: "States.Format('of {}', $.cause)" }),
  fails: one(fails("fail")),
  missing: one(fails("missing")),
  throttled: one(fails("throttled")),
  "cut-off": one(fails("cut-off")),
  "caught-by-name": one(fails("fail", { Catch: [{ ErrorEquals: ["Conflict"], Next: "After" }] }), { After: pass() }),
  "caught-with-path": one(
    fails("fail", { Catch: [{ ErrorEquals: ["States.TaskFailed"], ResultPath: "$.e", Next: "After" }] }),
    { After: pass() },
  ),
  "caught-by-none": one(fails("fail", { Catch: [{ ErrorEquals: ["Other"], Next: "After" }] }), { After: pass() }),
  "large-all": one(fails("large", { Catch: [{ ErrorEquals: ["States.ALL"], Next: "After" }] }), { After: pass() }),
  "large-named": one(fails("large", { Catch: [{ ErrorEquals: ["States.DataLimitExceeded"], Next: "After" }] }), {
    After: pass(),
  }),
  "runtime-all": one(
    task("echo", { End: true, Catch: [{ ErrorEquals: ["States.ALL"], Next: "After" }] }, { "x.$": "$.missing" }),
    { After: pass() },
  ),
  "retried-once": one(fails("fail", { Retry: [{ ErrorEquals: ["States.ALL"], MaxAttempts: 1 }] })),
  "never-retried": one(fails("fail", { Retry: [{ ErrorEquals: ["States.ALL"], MaxAttempts: 0 }] })),
  "task-timeout": one(fails("hang", { TimeoutSeconds: 1 })),
  "timeout-path": one(fails("hang", { TimeoutSecondsPath: "$.seconds" })),
  "timeout-task-failed": one(
    fails("hang", { TimeoutSeconds: 1, Catch: [{ ErrorEquals: ["States.TaskFailed"], Next: "After" }] }),
    { After: pass() },
  ),
  "machine-timeout": { ...one(task("hang", end)), TimeoutSeconds: 1 },
  "no-choice": one(
    { Type: "Choice", Choices: [{ Variable: "$.a", NumericEquals: 1, Next: "After" }] },
    { After: pass() },
  ),
  choice: one(
    {
      Type: "Choice",
      Choices: [
        { Not: { Variable: "$.a", IsPresent: true }, Next: "Absent" },
        { Variable: "$.a", StringMatches: "log-*.txt", Next: "Text" },
        {
          And: [
            { Variable: "$.a", IsNumeric: true },
            { Variable: "$.a", NumericGreaterThanPath: "$.b" },
          ],
          Next: "Big",
        },
        { Variable: "$.a", TimestampLessThan: "2020-01-01T00:00:00Z", Next: "Old" },
      ],
      Default: "Other",
    },
    Object.fromEntries(["Text", "Big", "Absent", "Old", "Other"].map((name) => [name, pass({ Result: name })])),
  ),
  flow: one(
    pass({
      InputPath: "$.lambda",
      Parameters: { "who.$": "$.who", fixed: true },
      ResultPath: "$.data.result",
      OutputPath: "$.data",
    }),
  ),
  "no-result": one(pass({ Result: { x: 1 }, ResultPath: null })),
  "no-output": one(pass({ OutputPath: null })),
  "result-path-mismatch": one(pass({ Result: 1, ResultPath: "$.a.b" })),
  context: one(
    task(
      "echo",
      { OutputPath: "$.Payload", End: true },
      {
        "id.$": "$$.Execution.Id",
        "input.$": "$$.Execution.Input",
        "state.$": "$$.State.Name",
        "retries.$": "$$.State.RetryCount",
        "redrives.$": "$$.Execution.RedriveCount",
        "machine.$": "$$.StateMachine.Name",
      },
    ),
  ),
  format: expression("States.Format('{} is {}, \\{\\}', $.name, $.age)"),
  "string-to-json": expression("States.StringToJson($.text)"),
  "json-to-string": expression("States.JsonToString($.object)"),
  array: expression("States.Array('a', 1, $.x, null)"),
  "array-partition": expression("States.ArrayPartition($.xs, 2)"),
  "array-range": expression("States.ArrayRange(1, 9, 2)"),
  "array-contains": expression("States.ArrayContains($.xs, 2)"),
  "array-unique": expression("States.ArrayUnique($.xs)"),
  "array-length": expression("States.MathAdd(States.ArrayLength($.xs), -1)"),
  "array-get": expression("States.ArrayGetItem($.xs, 5)"),
  base64: expression("States.Base64Decode(States.Base64Encode($.text))"),
  hash: expression("States.Hash('input data', 'SHA-1')"),
  merge: expression("States.JsonMerge($.a, $.b, false)"),
  split: expression("States.StringSplit('This.is+a,test=string', '.+,=')"),
  filter: expression("$.xs[?(@.n > 1)].n"),
  "all-of-none": expression("$.xs[*].n"),
  "wait-timestamp": one({ Type: "Wait", TimestampPath: "$.until", End: true }),
  parallel: one(
    {
      Type: "Parallel",
      Branches: [
        { StartAt: "Left", States: { Left: pass({ Result: 1 }) } },
        { StartAt: "Second", States: { Second: pass({ Parameters: { "x.$": "$.x" } }) } },
      ],
      ResultPath: "$.both",
      End: true,
    },
    {},
  ),
  map: one({
    Type: "Map",
    ItemsPath: "$.items",
    ItemSelector: { "i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "of.$": "$.of" },
    ItemProcessor: { StartAt: "Each", States: { Each: pass() } },
    End: true,
  }),
  "map-fails": one({
    Type: "Map",
    ItemProcessor: { StartAt: "Each", States: { Each: { Type: "Fail", Error: "Each", Cause: "always" } } },
    End: true,
  }),
  endless: one(
    { Type: "Pass", Next: "Again" },
    {
      Again: { Type: "Choice", Choices: [{ Variable: "$.enough", IsPresent: true, Next: "Done" }], Default: "First" },
      Done: pass(),
    },
  ),
  token: token(),
  "token-heartbeat": token(
    {
      HeartbeatSeconds: 1,
      TimeoutSeconds: 60,
      Catch: [{ ErrorEquals: ["States.HeartbeatTimeout"], ResultPath: "$.failure", Next: "After" }],
    },
    { After: pass() },
  ),
  "dm-items": distributed({
    ItemsPath: "$.items",
    ItemSelector: { "i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value" },
  }),
  "dm-csv": distributed({
    ItemReader: reader({ InputType: "CSV", CSVHeaderLocation: "FIRST_ROW" }, { "Key.$": "$.key" }),
  }),
  "dm-csv-given": distributed({
    ItemReader: reader(
      { InputType: "CSV", CSVHeaderLocation: "GIVEN", CSVHeaders: ["a", "b"], MaxItems: 2 },
      { "Key.$": "$.key" },
    ),
  }),
  "dm-jsonl": distributed({ ItemReader: reader({ InputType: "JSONL" }, { "Key.$": "$.key" }) }),
  "dm-json": distributed({ ItemReader: reader({ InputType: "JSON" }, { "Key.$": "$.key" }) }),
  "dm-list": distributed({ ItemReader: reader(undefined, { "Prefix.$": "$.prefix" }, "listObjectsV2") }),
  "dm-batch": distributed({
    ItemsPath: "$.items",
    ItemBatcher: { MaxItemsPerBatch: 2, BatchInput: { "of.$": "$.of" } },
  }),
  "dm-batch-bytes": distributed({ ItemBatcher: { MaxInputBytesPerBatch: 40 } }),
  "dm-fails": distributed({}, item),
  "dm-tolerates": distributed({ ToleratedFailureCount: 1 }, item),
  "dm-percentage": distributed({ ToleratedFailurePercentage: 50 }, item),
  "dm-writes": distributed(
    {
      ItemsPath: "$.items",
      ToleratedFailurePercentage: 100,
      ResultWriter: {
        Resource: "arn:aws:states:::s3:putObject",
        Parameters: { Bucket: BUCKET, "Prefix.$": "$.prefix" },
      },
    },
    item,
  ),
  "dm-writes-nowhere": distributed({
    ResultWriter: {
      Resource: "arn:aws:states:::s3:putObject",
      Parameters: { Bucket: "no-such-bucket-here", Prefix: "x" },
    },
  }),
  "dm-hangs": distributed({ MaxConcurrency: 1 }, { Hang: task("hang", end) }),
};
