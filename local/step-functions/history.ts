import type { StateMachine } from "aws-local-stepfunctions";

type InterpreterLog = ReturnType<StateMachine["run"]>["eventLogs"];
type InterpreterEvent = InterpreterLog extends AsyncGenerator<infer Event> ? Event : never;

/** One event of `GetExecutionHistory`, as it is kept: its AWS type and the details under their AWS key. */
export interface HistoryEvent {
  readonly type: string;
  /** Milliseconds. */
  readonly timestamp: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** AWS's own limit, after which an execution fails; here only the rest of the history is left out. */
const MAX_EVENTS = 25_000;
/** Of inputs and outputs, per execution: a Map over large items would otherwise fill memory. Later events have no details. */
const MAX_DETAIL_CHARACTERS = 4_000_000;

const STATE_TYPES = new Set(["Task", "Pass", "Wait", "Choice", "Map", "Parallel", "Succeed", "Fail"]);
const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value ?? null));

const stateEvent = (type: string, suffix: string): string => `${STATE_TYPES.has(type) ? type : "Task"}State${suffix}`;

/** The interpreter's event in AWS's terms; those that AWS does not have (a retry, a catch) are told as the failure. */
const translate = (event: InterpreterEvent): HistoryEvent | undefined => {
  const { timestamp } = event;
  switch (event.type) {
    case "ExecutionStarted":
      return { type: event.type, timestamp, details: { executionStartedEventDetails: { input: text(event.input) } } };
    case "ExecutionSucceeded":
      return {
        type: event.type,
        timestamp,
        details: { executionSucceededEventDetails: { output: text(event.output) } },
      };
    case "ExecutionFailed":
      return { type: event.type, timestamp, details: { executionFailedEventDetails: failed(event) } };
    case "ExecutionAborted":
      return { type: event.type, timestamp };
    case "StateEntered":
      return {
        type: event.state.type === "Fail" ? "FailStateEntered" : stateEvent(event.state.type, "Entered"),
        timestamp,
        details: { stateEnteredEventDetails: { name: event.state.name, input: text(event.state.input) } },
      };
    case "StateExited":
      return {
        type: stateEvent(event.state.type, "Exited"),
        timestamp,
        details: { stateExitedEventDetails: { name: event.state.name, output: text(event.state.output) } },
      };
    case "StateFailed":
      return event.state.type === "Task"
        ? {
            type: "TaskFailed",
            timestamp,
            details: { taskFailedEventDetails: { resourceType: "lambda", resource: "invoke", ...failed(event) } },
          }
        : undefined;
    case "MapIterationStarted":
    case "MapIterationSucceeded":
    case "MapIterationFailed": {
      const key = `${event.type.charAt(0).toLowerCase()}${event.type.slice(1)}EventDetails`;
      return { type: event.type, timestamp, details: { [key]: { name: event.parentState.name, index: event.index } } };
    }
    default:
      return undefined;
  }
};

const failed = (event: { Error: string; Cause: unknown }) => ({ error: event.Error, cause: text(event.Cause) });

/** Reads the interpreter's log to its end into `history`; reading is also what frees the interpreter's memory. */
export const readHistory = async (log: InterpreterLog, history: HistoryEvent[]): Promise<void> => {
  let characters = 0;
  for await (const event of log) {
    const translated = history.length < MAX_EVENTS ? translate(event) : undefined;
    if (translated === undefined) continue;
    const { type, timestamp, details } = translated;
    characters += JSON.stringify(details ?? {}).length;
    history.push(characters > MAX_DETAIL_CHARACTERS ? { type, timestamp } : translated);
  }
};
