/** AWS's longest `cause`. */
const MAX_CAUSE = 32_768;

/** A failure as a state machine knows it: an error name, which Retry and Catch match, and a cause. */
export class StateError extends Error {
  /** Undefined where a Fail state names none. */
  readonly error: string | undefined;
  /** In words, or what a function reported as JSON. */
  readonly why: string | undefined;
  constructor(error: string | undefined, why?: string) {
    super(why ?? error ?? "failed");
    this.name = error ?? "StateError";
    this.error = error;
    this.why = why?.slice(0, MAX_CAUSE);
  }
}

/** A heartbeat that did not come is told as States.Timeout; Retry and Catch match it as States.HeartbeatTimeout, too. */
export class HeartbeatTimeout extends StateError {
  constructor() {
    super("States.Timeout");
  }
}

/** The execution, or what a state is a part of, has been stopped: nothing may catch this. */
export class Stopped extends Error {}

/** What makes a machine fail at run time for good: no Retry and no Catch matches it. */
export const runtimeError = (why: string): StateError => new StateError("States.Runtime", why);

/** AWS's limit in bytes for the input and the output of a state and of an execution. */
export const MAX_DATA_BYTES = 262_144;

/** @throws StateError States.DataLimitExceeded where the JSON text is longer than AWS lets data be */
export const withinLimit = (where: string, text: string): string => {
  // A character is at most three bytes of UTF-8: short texts need no count.
  if (text.length * 3 > MAX_DATA_BYTES && Buffer.byteLength(text) > MAX_DATA_BYTES) {
    throw new StateError(
      "States.DataLimitExceeded",
      `The state/task '${where}' returned a result with a size exceeding the maximum number of bytes service limit.`,
    );
  }
  return text;
};

/**
 * Whether a Retrier or Catcher that names `pattern` is for this error.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
export const matches = (pattern: string, error: StateError): boolean => {
  if (error.error === "States.Runtime") return false;
  if (pattern === error.error) return true;
  const terminal = error.error === "States.DataLimitExceeded";
  if (pattern === "States.ALL") return !terminal;
  if (pattern === "States.TaskFailed") return !terminal && error.error !== "States.Timeout";
  return pattern === "States.HeartbeatTimeout" && error instanceof HeartbeatTimeout;
};
