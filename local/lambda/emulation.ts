import type { Emulation } from "../emulation.ts";

/** What this engine has of AWS Lambda, and where it differs. It is called within the process: there is no port. */
export const emulation: Emulation = {
  service: "AWS Lambda: functions",
  client: undefined,
  operations: [],
  differences: [
    {
      of: "API",
      aws: "Invoke, InvokeWithResponseStream, and requests that make and change functions.",
      here: "None: the services here call functions within the process.",
    },
    {
      of: "execution environments",
      aws: "A process for each concurrent invocation of each function, kept for the next ones, and frozen between them.",
      here: "Warm: one process for all. Functions that share a module share what it keeps, also with each other. `--cold`: a thread of its own for each invocation, with nothing kept; eight at once.",
    },
    {
      of: "a function whose time is over",
      aws: "Is killed.",
      here: "Is killed with `--cold`. Warm, its answer is not looked at; its code goes on until it waits for nothing.",
    },
    {
      of: "a function that computes without end",
      aws: "Is killed when its time is over.",
      here: "The same with `--cold`. Warm, it holds up everything.",
    },
    {
      of: "a handler whose promise nothing settles",
      aws: "Fails as Runtime.NodeJsExit as soon as there is nothing left to wait for.",
      here: "Fails when its time is over.",
    },
    {
      of: "exceptions and rejections that nobody handles, process.exit",
      aws: "End the execution environment and fail its invocation.",
      here: "Fail the invocation; warm, the code goes on.",
    },
    {
      of: "memory and processors",
      aws: "As declared.",
      here: "Memory is a limit with `--cold` alone, of JavaScript's heap. Processors are shared.",
    },
    {
      of: "init",
      aws: "10 s for the module's own code, before the time of the invocation.",
      here: "Counts as the invocation's time.",
    },
    {
      of: "concurrency",
      aws: "1,000 at once in an account, then TooManyRequestsException.",
      here: "No limit but memory; faults throttle.",
    },
    {
      of: "streaming",
      aws: "After 6 MB 2 MB/s; how an answer of more than 200 MB ends is not documented.",
      here: "The same rates; after 200 MB the connection breaks.",
    },
    {
      of: "file system, /tmp, AWS_LAMBDA_* variables, layers, extensions, versions and aliases",
      aws: "Exist.",
      here: "The machine's own files; of the variables AWS_LAMBDA_FUNCTION_NAME; none of the others.",
    },
    {
      of: "credentials",
      aws: "A session of the function's role.",
      here: "A session of its role that never ends; what the role may do is looked at with `--enforce-iam` alone.",
    },
  ],
};
