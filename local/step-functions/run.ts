import { setTimeout as pause } from "node:timers/promises";
import {
  ExecutionAbortedError,
  ExecutionError,
  type RunOptions,
  StateMachine,
  type StateMachineDefinition,
} from "aws-local-stepfunctions";
import { functionNameOf, type Invoke } from "../invoke.ts";
import { MAX_TIMER_SECONDS, ORIGIN, type Prepared } from "./definition.ts";
import { type HistoryEvent, readHistory } from "./history.ts";

/** AWS's limit for the input and the output of a state and of an execution. */
export const MAX_DATA_BYTES = 262_144;

export interface Outcome {
  readonly status: "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED";
  readonly output?: string | undefined;
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
}

export interface Run {
  readonly outcome: Promise<Outcome>;
  /** What has happened so far; complete once `outcome` is settled. */
  readonly history: readonly HistoryEvent[];
  /** Ends the execution with this outcome; no further task is invoked. Without effect once it has ended. */
  stop(outcome: Outcome): void;
}

export interface RunnableMachine {
  readonly name: string;
  readonly arn: string;
  readonly prepared: Prepared;
  readonly interpreter: StateMachine;
  readonly timeoutSeconds: number | undefined;
}

type Json = Parameters<StateMachine["run"]>[0];
type TaskHandlers = NonNullable<NonNullable<RunOptions["overrides"]>["taskResourceLocalHandlers"]>;

/** An error that Retry and Catch see under `name`. */
const taskError = (name: string, message: string): Error => {
  const error = new Error(message);
  error.name = name;
  return error;
};

/** An error that no Retry and no Catch may match: the interpreter asks the error for these two properties. */
const terminalError = (name: string, message: string): Error =>
  Object.assign(taskError(name, message), { isRetryable: false, isCatchable: false });

/** Makes the machine once; validation belongs in a test, it costs more than an execution. */
export const makeInterpreter = (prepared: Prepared): StateMachine =>
  new StateMachine(prepared.definition as unknown as StateMachineDefinition, {
    validationOptions: { noValidate: true },
  });

const withinLimit = (what: string, text: string): string => {
  if (Buffer.byteLength(text) > MAX_DATA_BYTES) {
    throw terminalError(
      "States.DataLimitExceeded",
      `The ${what} is larger than the maximum number of bytes service limit (${MAX_DATA_BYTES}).`,
    );
  }
  return text;
};

/** What Lambda's own failures are called in a state machine. */
const lambdaServiceError = (error: unknown): Error => {
  if (!(error instanceof Error)) return taskError("Lambda.Unknown", String(error));
  return taskError(error.name === "Error" ? "Lambda.Unknown" : `Lambda.${error.name}`, error.message);
};

const invokeTask = async (invoke: Invoke, functionName: string, payload: unknown): Promise<Json> => {
  const event: unknown = JSON.parse(withinLimit("task input", JSON.stringify(payload ?? {})));
  const result = await invoke(functionName, event).catch((error: unknown) => {
    throw lambdaServiceError(error);
  });
  if ("functionError" in result) {
    const { errorType, errorMessage, trace } = result.functionError;
    throw taskError(errorType, JSON.stringify({ errorType, errorMessage, ...(trace === undefined ? {} : { trace }) }));
  }
  return JSON.parse(withinLimit("task output", JSON.stringify(result.payload ?? null)));
};

const makeHandlers = (machine: RunnableMachine, invoke: Invoke, scale: number, signal: AbortSignal): TaskHandlers => {
  const handlers: TaskHandlers = {};
  for (const [name, { kind, resource }] of machine.prepared.tasks) {
    handlers[name] = async (input) => {
      // The interpreter goes on for a moment after an abort, and a pending retry fires at once.
      if (signal.aborted) throw terminalError("States.Stopped", "the execution has ended");
      if (kind === "function") return invokeTask(invoke, functionNameOf(resource), input);
      const parameters = (input ?? {}) as Record<string, unknown>;
      if (kind === "wait") {
        await pause(Math.min(Number(parameters.Seconds) * scale, MAX_TIMER_SECONDS) * 1000, undefined, { signal });
        return null;
      }
      const payload = await invokeTask(invoke, functionNameOf(String(parameters.FunctionName)), parameters.Payload);
      return { StatusCode: 200, ExecutedVersion: "$LATEST", Payload: payload };
    };
  }
  return handlers;
};

const failure = (error: unknown): Outcome => {
  const cause = error instanceof ExecutionError ? error.cause : error;
  if (!(cause instanceof Error)) return { status: "FAILED", error: "States.Runtime", cause: String(cause) };
  // The interpreter's own words for a Fail state that names neither error nor cause.
  const named = cause.name === "FailStateError" ? undefined : cause.name;
  const said = cause.message === "Execution failed because of a Fail state" ? undefined : cause.message;
  return { status: "FAILED", error: named, cause: said };
};

/** Runs one execution from its start. The promise within never rejects: every end is an outcome. */
export const runExecution = (
  machine: RunnableMachine,
  execution: { readonly arn: string; readonly name: string; readonly input: string; readonly startedAt: number },
  invoke: Invoke,
  scale: number,
): Run => {
  const ended = new AbortController();
  const input: Json = JSON.parse(execution.input);
  const startTime = new Date(execution.startedAt).toISOString();
  const running = machine.interpreter.run(input, {
    overrides: { taskResourceLocalHandlers: makeHandlers(machine, invoke, scale, ended.signal) },
    context: {
      Execution: { Id: execution.arn, Name: execution.name, Input: input, StartTime: startTime },
      StateMachine: { Id: machine.arn, Name: machine.name },
      [ORIGIN]: { Input: input, StartTime: startTime },
    },
  });
  const history: HistoryEvent[] = [];
  const read = readHistory(running.eventLogs, history);

  let stopped: Outcome | undefined;
  const stop = (outcome: Outcome) => {
    if (stopped !== undefined || ended.signal.aborted) return;
    stopped = outcome;
    ended.abort();
    running.abort();
  };
  const timer =
    machine.timeoutSeconds === undefined
      ? undefined
      : setTimeout(() => stop({ status: "TIMED_OUT" }), Math.min(machine.timeoutSeconds, MAX_TIMER_SECONDS) * 1000);

  const settle = async (): Promise<Outcome> => {
    try {
      const output = withinLimit("execution output", JSON.stringify((await running.result) ?? null));
      return { status: "SUCCEEDED", output };
    } catch (error) {
      return error instanceof ExecutionAbortedError && stopped !== undefined ? stopped : failure(error);
    } finally {
      clearTimeout(timer);
      ended.abort();
      // Without a reader the interpreter would keep its whole log in memory.
      await read;
    }
  };
  return { outcome: settle(), history, stop };
};
