import type { Invoke, Log } from "../invoke.ts";
import { type Outcome, type Run, type RunnableMachine, runExecution } from "./run.ts";
import type { Execution, Executions } from "./store.ts";

/** What EventBridge gets of every change of an execution's status. */
export interface StatusChange {
  readonly source: "aws.states";
  readonly "detail-type": "Step Functions Execution Status Change";
  readonly resources: string[];
  readonly detail: unknown;
}

export interface Arns {
  machine(name: string): string;
  execution(machine: string, name: string): string;
}

export interface Runner {
  /** Takes up what an earlier process left: status changes to publish, and executions, which run from their start. */
  resume(): void;
  /** Stores an execution, announces it and runs it. */
  start(machine: RunnableMachine, execution: Execution): void;
  /** Ends a running execution; undefined if it is not running. */
  stop(execution: Execution, outcome: Outcome): Promise<Execution> | undefined;
  history(execution: Execution): Run["history"];
  idle(): Promise<void>;
  close(): void;
}

/**
 * The detail of a `Step Functions Execution Status Change`.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
 */
const statusChange = (arns: Arns, execution: Execution): StatusChange => {
  const executionArn = arns.execution(execution.machine, execution.name);
  return {
    source: "aws.states",
    "detail-type": "Step Functions Execution Status Change",
    resources: [executionArn],
    detail: {
      executionArn,
      stateMachineArn: arns.machine(execution.machine),
      name: execution.name,
      status: execution.status,
      startDate: execution.startedAt,
      stopDate: execution.stoppedAt ?? null,
      input: execution.input,
      inputDetails: { included: true },
      output: execution.output ?? null,
      outputDetails: execution.output === undefined ? null : { included: true },
      error: execution.error ?? null,
      cause: execution.cause ?? null,
      stateMachineVersionArn: null,
      stateMachineAliasArn: null,
      redriveCount: 0,
      redriveDate: null,
      redriveStatus: execution.status === "RUNNING" ? "NOT_REDRIVABLE" : null,
      redriveStatusReason: null,
    },
  };
};

const ended = (execution: Execution, outcome: Outcome): Execution => ({
  machine: execution.machine,
  name: execution.name,
  input: execution.input,
  startedAt: execution.startedAt,
  status: outcome.status,
  stoppedAt: Date.now(),
  ...(outcome.output === undefined ? {} : { output: outcome.output }),
  ...(outcome.error === undefined ? {} : { error: outcome.error }),
  ...(outcome.cause === undefined ? {} : { cause: outcome.cause }),
});

/** Runs executions, keeps their status in `store` and publishes each change of it. */
export const makeRunner = (options: {
  store: Executions;
  arns: Arns;
  machines: ReadonlyMap<string, RunnableMachine>;
  invoke: Invoke;
  publish(event: StatusChange): void;
  scale: number;
  log: Log;
}): Runner => {
  const { store, arns, log } = options;
  const runs = new Map<string, { run: Run; settled: Promise<Execution> }>();
  const idlers = new Set<() => void>();
  let closed = false;

  const announce = (execution: Execution) => {
    try {
      options.publish(statusChange(arns, execution));
      store.announced(execution);
    } catch (error) {
      // Not noted as announced, so the next start publishes it.
      log("a status change was not published", { execution: execution.name, error: String(error) });
    }
  };

  const finish = (execution: Execution, run: Run, outcome: Outcome): Execution => {
    const result = ended(execution, outcome);
    runs.delete(arns.execution(execution.machine, execution.name));
    // After close, the execution stays RUNNING in the database and starts again with the next process.
    if (closed) return execution;
    store.end(result, run.history);
    announce(result);
    if (runs.size === 0) {
      for (const wake of idlers) wake();
      idlers.clear();
    }
    return result;
  };

  const launch = (machine: RunnableMachine, execution: Execution) => {
    const arn = arns.execution(execution.machine, execution.name);
    const run = runExecution(machine, { ...execution, arn }, options.invoke, options.scale);
    const settled = run.outcome.then((outcome) => finish(execution, run, outcome));
    settled.catch((error: unknown) => log("an execution could not be ended", { arn, error: String(error) }));
    runs.set(arn, { run, settled });
  };

  const running = (execution: Execution) => runs.get(arns.execution(execution.machine, execution.name));
  return {
    resume: () => {
      for (const execution of store.unannounced()) announce(execution);
      for (const execution of store.running()) {
        const machine = options.machines.get(execution.machine);
        if (machine !== undefined) launch(machine, execution);
        else {
          const cause = `the state machine ${execution.machine} no longer exists`;
          const result = ended(execution, { status: "FAILED", error: "States.Runtime", cause });
          store.end(result, []);
          announce(result);
        }
      }
    },
    start: (machine, execution) => {
      store.add(execution);
      announce(execution);
      launch(machine, execution);
    },
    stop: (execution, outcome) => {
      const found = running(execution);
      found?.run.stop(outcome);
      return found?.settled;
    },
    history: (execution) => running(execution)?.run.history ?? store.history(execution.machine, execution.name),
    idle: async () => {
      if (runs.size > 0) await new Promise<void>((resolve) => idlers.add(resolve));
    },
    close: () => {
      closed = true;
      for (const { run } of runs.values()) run.stop({ status: "ABORTED" });
      for (const wake of idlers) wake();
      idlers.clear();
    },
  };
};
