import type { S3Client } from "@aws-sdk/client-s3";
import type { AccessRequest } from "../iam/evaluate.ts";
import type { Invoke, Log } from "../invoke.ts";
import type { HistoryEvent } from "./history.ts";
import { type Engine, type Running, runMapRun } from "./map-run.ts";
import type { MapRun, MapRuns } from "./map-runs.ts";
import type { Arns } from "./result-writer.ts";
import { type Run, type RunnableMachine, runExecution } from "./run.ts";
import { type Execution, type Executions, type Outcome, told } from "./store.ts";
import { makeTokenBook, type TokenBook } from "./tokens.ts";

/** What EventBridge gets of every change of an execution's status. */
export interface StatusChange {
  readonly source: "aws.states";
  readonly "detail-type": "Step Functions Execution Status Change";
  readonly resources: string[];
  readonly detail: unknown;
}

type Stop = Outcome & { readonly status: "ABORTED" };

/** The stop that a RUNNING execution was told, if any. */
const stopOf = ({ stoppedAt, error, cause }: Execution): Stop | undefined =>
  stoppedAt === null ? undefined : { status: "ABORTED", error: error ?? undefined, cause: cause ?? undefined };

export interface Runner {
  /** Takes up what an earlier process left: status changes to publish, and executions, from their last checkpoint. */
  resume(): void;
  /** Stores an execution, announces it and runs it. */
  start(machine: RunnableMachine, name: string, input: string): Execution;
  /** Ends a running execution, if need be with the next process; undefined if it is not running. */
  stop(execution: Execution, outcome: Stop): Promise<Execution> | undefined;
  /** Runs an unsuccessful execution again, from the state that failed. */
  redrive(execution: Execution, clientToken: string | undefined): Execution;
  /** The events with the ids `first` to `last`, as far as there are any, and how many there are in all. */
  history(
    execution: Execution,
    first: number,
    last: number,
  ): { events: (HistoryEvent & { id: number })[]; count: number };
  /** Makes a change of a Map Run's settings known to it. */
  changed(run: MapRun): void;
  readonly tokens: TokenBook;
  idle(): Promise<void>;
  close(): void;
}

/**
 * Why an execution cannot be redriven; undefined if it can.
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
 */
export const notRedrivable = (execution: Execution, events: number): string | undefined => {
  const { status, stoppedAt } = execution;
  if (status === "RUNNING" || status === "SUCCEEDED") return `Execution is ${status} and cannot be redriven`;
  if (stoppedAt !== null && Date.now() - stoppedAt > 14 * 24 * 3_600_000) return "Execution redrivable period exceeded";
  return events >= 24_999 ? "Execution history event limit exceeded" : undefined;
};

/**
 * The detail of a `Step Functions Execution Status Change`.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
 */
const statusChange = (arns: Arns, execution: Execution, reason: string | undefined): StatusChange => {
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
      stopDate: execution.stoppedAt,
      input: execution.input,
      inputDetails: { included: true },
      output: execution.output,
      outputDetails: execution.output === null ? null : { included: true },
      error: execution.error,
      cause: execution.cause,
      stateMachineVersionArn: null,
      stateMachineAliasArn: null,
      redriveCount: execution.redriveCount,
      redriveDate: execution.redrivenAt,
      redriveStatus: reason === undefined ? "REDRIVABLE" : "NOT_REDRIVABLE",
      redriveStatusReason: reason ?? null,
    },
  };
};

/** Runs executions, keeps their status in `store` and publishes each change of it. */
export const makeRunner = (options: {
  store: Executions;
  mapRuns: MapRuns;
  arns: Arns;
  /** By name; those of the children of Map Runs, too. */
  machines: ReadonlyMap<string, RunnableMachine>;
  region: string;
  invoke: Invoke;
  /** Throws if the role of the machine may not call the function. */
  mayInvoke(machine: string, functionName: string): void;
  /** Throws if the role of the machine may not do what its Map Runs do as it. */
  mayMap(machine: string, requests: readonly AccessRequest[]): void;
  s3: S3Client | undefined;
  publish(event: StatusChange): void;
  scale: number;
  log: Log;
}): Runner => {
  const { store, mapRuns, arns, log } = options;
  const runs = new Map<number, { readonly run: Run; readonly settled: Promise<Execution> }>();
  const watchers = new Map<number, () => void>();
  const idlers = new Set<() => void>();
  let closed = false;
  const tokens = makeTokenBook(store, () => closed);

  const announce = (execution: Execution) => {
    try {
      const events = execution.status === "RUNNING" ? 0 : store.eventCount(execution.position);
      options.publish(statusChange(arns, told(execution), notRedrivable(execution, events)));
      store.announced(execution);
    } catch (error) {
      // Not noted as announced, so the next start publishes it.
      log("a status change was not published", { execution: execution.name, error: String(error) });
    }
  };

  const finish = (execution: Execution, run: Run, outcome: Outcome): Execution => {
    runs.delete(execution.position);
    // After close, the execution stays RUNNING in the database and goes on with the next process.
    if (closed) return execution;
    const ended = store.end(execution, outcome, run.step(), run.history.take());
    if (execution.mapRun === null) announce(ended);
    if (runs.size === 0) {
      for (const wake of idlers) wake();
      idlers.clear();
    }
    return ended;
  };

  const launch = (machine: RunnableMachine, execution: Execution, resumed: boolean): Running => {
    const { position } = execution;
    const last = resumed ? store.lastCheckpoint(position) : undefined;
    // A definition that has lost the state since then runs from its start.
    const checkpoint = last !== undefined && last.state in machine.definition.States ? last : undefined;
    if (resumed) store.forgetAfter(position, checkpoint?.event ?? 0);
    const engine: Engine = {
      execution,
      mapRuns,
      arns,
      s3: options.s3,
      mayMap: (requests) => options.mayMap(execution.machine.split("/")[0] ?? "", requests),
      launch: (child, resumed) => launchChild(child, resumed),
      onChange: (run, wake) => {
        watchers.set(run.position, wake);
        return () => watchers.delete(run.position);
      },
      closed: () => closed,
    };
    const run = runExecution({
      machine,
      execution: { ...execution, arn: arns.execution(execution.machine, execution.name) },
      checkpoint,
      stopped: stopOf(execution),
      region: options.region,
      invoke: async (functionName, payload) => {
        // A Distributed Map's children act as the machine that has the map.
        options.mayInvoke(execution.machine.split("/")[0] ?? "", functionName);
        return options.invoke(functionName, payload);
      },
      scale: options.scale,
      keeper: {
        checkpoint: (step, state, events) => store.checkpoint(position, step, state, events),
        keep: (step, events) => store.keepEvents(position, step, events),
        tokens: tokens.of(position),
        runMapRun: (work) => runMapRun(work, engine),
      },
    });
    const settled = run.outcome.then((outcome) => finish(execution, run, outcome));
    settled.catch((error: unknown) => log("an execution could not be ended", { position, error: String(error) }));
    const running = { run, settled, stop: run.stop };
    runs.set(position, running);
    return running;
  };
  const machineOf = (execution: Execution): RunnableMachine => {
    const machine = options.machines.get(execution.machine);
    if (machine === undefined) throw new Error(`there is no state machine ${execution.machine}`);
    return machine;
  };
  /** Notes in the history that an execution goes on from where it failed. */
  const tellRedrive = (machine: RunnableMachine, execution: Execution): void => {
    const { position, redriveCount, input } = execution;
    const last = store.eventCount(position);
    const from = store.lastCheckpoint(position) ?? { step: 0, state: machine.definition.StartAt, input };
    const details = { executionRedrivenEventDetails: { redriveCount } };
    const event = { type: "ExecutionRedriven", timestamp: Date.now(), previous: last, details };
    store.goOnFrom(position, from, { first: last + 1, events: [event] });
  };
  const launchChild = (child: Execution, resumed: boolean): Running => {
    const machine = machineOf(child);
    const redriven = !resumed && child.redriveCount > 0;
    if (redriven) tellRedrive(machine, child);
    return launch(machine, child, resumed || redriven);
  };

  return {
    resume: () => {
      for (const execution of store.unannounced()) announce(execution);
      for (const execution of store.running()) {
        const machine = options.machines.get(execution.machine);
        if (machine !== undefined) launch(machine, execution, true);
        else {
          const cause = `the state machine ${execution.machine} no longer exists`;
          const outcome = stopOf(execution) ?? { status: "FAILED", error: "States.Runtime", cause };
          const nothing = { first: store.eventCount(execution.position) + 1, events: [] };
          announce(store.end(execution, outcome, 0, nothing));
        }
      }
    },
    start: (machine, name, input) => {
      const execution = store.add(machine.name, name, input);
      announce(execution);
      launch(machine, execution, false);
      return execution;
    },
    stop: (execution, outcome) => {
      const found = runs.get(execution.position);
      if (found === undefined) return undefined;
      store.noteStop(execution.position, outcome);
      found.run.stop(outcome);
      return found.settled;
    },
    redrive: (execution, clientToken) => {
      const machine = machineOf(execution);
      const redriven = store.transact(() => {
        const again = store.redrive(execution, clientToken);
        tellRedrive(machine, again);
        mapRuns.redrive(again.position, store.lastCheckpoint(again.position)?.step ?? 0);
        return again;
      });
      announce(redriven);
      launch(machine, redriven, true);
      return redriven;
    },
    history: ({ position }, first, last) => {
      const pending = runs.get(position)?.run.history.pending();
      const stored = store.eventCount(position);
      const kept = store.historyBetween(position, first, Math.min(last, stored));
      const all = [kept, ...(pending === undefined ? [] : [pending])].flatMap((part) =>
        part.events.map((event, index) => ({ ...event, id: part.first + index })),
      );
      const count = stored + (pending?.events.length ?? 0);
      return { events: all.filter(({ id }) => id >= first && id <= last), count };
    },
    changed: (run) => watchers.get(run.position)?.(),
    tokens,
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
