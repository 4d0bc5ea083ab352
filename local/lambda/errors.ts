import type { LambdaError } from "../invoke.ts";

/** What the Node.js runtime reports of what a handler threw. */
export const thrown = (error: unknown): LambdaError =>
  error instanceof Error
    ? { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") }
    : { errorType: typeof error, errorMessage: String(error), trace: [] };

/** A promise of the function was rejected, and nobody looked at it. */
export const unhandled = (reason: unknown): LambdaError => ({
  errorType: "Runtime.UnhandledPromiseRejection",
  errorMessage: String(reason),
  trace: reason instanceof Error ? (reason.stack ?? "").split("\n") : [],
});

/** @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html */
export const timedOut = (requestId: string, seconds: number): LambdaError => ({
  errorType: "Sandbox.Timedout",
  errorMessage: `RequestId: ${requestId} Error: Task timed out after ${seconds.toFixed(2)} seconds`,
});

/** The function's process ended before the function did: `why` as Lambda has it, such as `exit status 1`. */
export const exited = (requestId: string, why: number | "signal: killed"): LambdaError => {
  const how =
    why === 0
      ? "Runtime exited without providing a reason"
      : `Runtime exited with error: ${typeof why === "number" ? `exit status ${why}` : why}`;
  return { errorType: "Runtime.ExitError", errorMessage: `RequestId: ${requestId} Error: ${how}` };
};

/** The error that breaks off a streamed answer. */
export const asError = ({ errorType, errorMessage }: LambdaError): Error =>
  Object.assign(new Error(errorMessage), { name: errorType });
