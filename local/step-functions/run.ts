import type { Invoke } from "../invoke.ts";
import { StateError, withinLimit } from "./errors.ts";
import { type Events, type History, makeHistory } from "./history.ts";
import { runStates } from "./interpreter.ts";
import type { Fields } from "./paths.ts";
import type { Environment, Scope, StateMachineDefinition, Work } from "./scope.ts";
import type { Checkpoint, Outcome } from "./store.ts";
import { after } from "./timing.ts";
import type { Tokens } from "./tokens.ts";

export interface RunnableMachine {
  readonly name: string;
  readonly arn: string;
  readonly definition: StateMachineDefinition;
  readonly timeoutSeconds: number | undefined;
}

/** What a run leaves behind, so that it can go on after a restart. */
export interface Keeper {
  /** `state` comes next; its input is the output of the last event. */
  checkpoint(step: number, state: string, events: Events): void;
  /** A part of the history, long before the next checkpoint. */
  keep(step: number, events: Events): void;
  readonly tokens: Tokens;
  runMapRun(work: Work): Promise<unknown>;
}

export interface Run {
  /** Never rejects: every end is an outcome. The events of the end are in `history`, to be taken with it. */
  readonly outcome: Promise<Outcome>;
  readonly history: History;
  /** How many checkpoints there are. */
  step(): number;
  /** Ends the execution with this outcome; no further task is invoked. Without effect once it has ended. */
  stop(outcome: Outcome): void;
}

/** The states that do or await something: behind them is a checkpoint. The others are simply run again. */
const EFFECTIVE = new Set(["Task", "Map", "Parallel", "Wait"]);

const contextOf = (machine: RunnableMachine, execution: Parameters<typeof runExecution>[0]["execution"]): Fields => ({
  Execution: {
    Id: execution.arn,
    Input: JSON.parse(execution.input),
    Name: execution.name,
    StartTime: new Date(execution.startedAt).toISOString(),
    RedriveCount: execution.redriveCount ?? 0,
    ...(execution.redrivenAt ? { RedriveTime: new Date(execution.redrivenAt).toISOString() } : {}),
  },
  StateMachine: { Id: machine.arn, Name: machine.name },
});

const close = (history: History, previous: number, outcome: Outcome): void => {
  const { error, cause } = outcome;
  const details = { ...(error === undefined ? {} : { error }), ...(cause === undefined ? {} : { cause }) };
  switch (outcome.status) {
    case "SUCCEEDED": {
      const output = { output: outcome.output, outputDetails: { truncated: false } };
      return void history.close("ExecutionSucceeded", previous, { executionSucceededEventDetails: output });
    }
    case "FAILED":
      return void history.close("ExecutionFailed", previous, { executionFailedEventDetails: details });
    case "TIMED_OUT":
      return void history.close("ExecutionTimedOut", previous, { executionTimedOutEventDetails: details });
    case "ABORTED":
      return void history.close("ExecutionAborted", previous, { executionAbortedEventDetails: details });
  }
};

/** Runs one execution, from its start or from its last checkpoint. */
export const runExecution = (options: {
  machine: RunnableMachine;
  execution: {
    readonly arn: string;
    readonly name: string;
    readonly input: string;
    readonly startedAt: number;
    readonly redriveCount?: number;
    readonly redrivenAt?: number | null;
  };
  checkpoint?: Checkpoint | undefined;
  /** How an earlier process was told to end it: no state is entered any more. */
  stopped?: Outcome | undefined;
  region: string;
  invoke: Invoke;
  scale: number;
  keeper: Keeper;
}): Run => {
  const { machine, execution, checkpoint, keeper } = options;
  let step = checkpoint?.step ?? 0;
  const ended = new AbortController();
  const history = makeHistory(checkpoint?.event ?? 0, (events) => keeper.keep(step, events));
  const environment: Environment = {
    region: options.region,
    context: contextOf(machine, execution),
    history,
    invoke: options.invoke,
    scale: options.scale,
    tokens: keeper.tokens,
    runMapRun: keeper.runMapRun,
  };
  // AWS lets the first state refer to no event.
  const scope: Scope = { environment, signal: ended.signal, place: String(step), event: checkpoint?.event ?? 0 };
  let stopped: Outcome | undefined;
  const stop = (outcome: Outcome) => {
    if (stopped !== undefined || ended.signal.aborted) return;
    stopped = outcome;
    ended.abort();
  };
  // A child that is redriven starts only when its turn comes.
  const begun = Math.max(execution.startedAt, execution.redrivenAt ?? 0);
  const left = begun + (machine.timeoutSeconds ?? Number.POSITIVE_INFINITY) * 1000 - Date.now();
  const timeOut = () => stop({ status: "TIMED_OUT" });
  if (options.stopped !== undefined) stop(options.stopped);
  // While no process ran, its time may have run out.
  if (left <= 0) timeOut();
  const clear = left > 0 && Number.isFinite(left) ? after(left, timeOut) : undefined;

  const run = async (): Promise<Outcome> => {
    const { definition } = machine;
    if (checkpoint === undefined) {
      history.add("ExecutionStarted", 0, {
        executionStartedEventDetails: { input: execution.input, inputDetails: { truncated: false } },
      });
    }
    const onTransition = (left: Fields, next: string) => {
      if (!EFFECTIVE.has(String(left.Type)) && definition.States[next]?.Type !== "Wait") return;
      step += 1;
      scope.place = String(step);
      keeper.checkpoint(step, next, history.take());
    };
    const start = checkpoint ?? { state: definition.StartAt, at: execution.startedAt };
    const input: unknown = JSON.parse(checkpoint?.input ?? execution.input);
    try {
      const output = await runStates(definition, input, scope, start, onTransition);
      return { status: "SUCCEEDED", output: withinLimit(machine.name, JSON.stringify(output ?? null)) };
    } catch (error) {
      if (error instanceof StateError) return { status: "FAILED", error: error.error, cause: error.why };
      const cause = error instanceof Error ? error.message : String(error);
      return { status: "FAILED", error: "States.Runtime", cause };
    }
  };

  const settle = async (): Promise<Outcome> => {
    const ran = await run();
    // Also of a state that could not be interrupted: what it came to does not count any more.
    const outcome = stopped ?? ran;
    clear?.();
    // Ends what still waits: an invocation that has lost against its timeout, a token's heartbeat.
    ended.abort();
    close(history, scope.event, outcome);
    return outcome;
  };
  return { outcome: settle(), history, step: () => step, stop };
};
