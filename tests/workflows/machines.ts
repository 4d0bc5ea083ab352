import { randomUUID } from "node:crypto";
import { functionNameOf, type InvokeResult } from "../../local/invoke.ts";
import { prepareDefinition } from "../../local/step-functions/definition.ts";
import { StateError } from "../../local/step-functions/errors.ts";
import type { HistoryEvent } from "../../local/step-functions/history.ts";
import { labelOf } from "../../local/step-functions/map-run.ts";
import { fill } from "../../local/step-functions/paths.ts";
import { type Keeper, runExecution } from "../../local/step-functions/run.ts";
import type { StateMachineDefinition, Work } from "../../local/step-functions/scope.ts";
import type { Outcome } from "../../local/step-functions/store.ts";
import type { WorkflowInput } from "../../shared/intent/intent.ts";
import type { Definition, State, Workflow } from "../../workflows/asl.ts";
import type { TaskName } from "../../workflows/tasks.ts";
import { workflows } from "../../workflows/workflows.ts";

export const functionArn = (task: TaskName): string => `arn:aws:lambda:eu-central-1:123456789012:function:test-${task}`;
export const taskOfArn = (arn: string): string => functionNameOf(arn).replace(/^test-/, "");

export const definitionOf = ({ definition }: Workflow): Definition => definition(functionArn);

/** A state, with the machine that it stands in. */
export interface Place {
  readonly workflow: string;
  readonly name: string;
  readonly state: State<string>;
  readonly machine: Definition;
  readonly withinMap: boolean;
}

const placesIn = (workflow: string, machine: Definition, withinMap: boolean): Place[] =>
  Object.entries(machine.States).flatMap(([name, state]) => [
    { workflow, name, state, machine, withinMap },
    ...(state.Type === "Map" ? placesIn(workflow, state.ItemProcessor, true) : []),
  ]);

/** Every state of a workflow, those within a Map too. */
export const placesOf = (workflow: Workflow): Place[] => placesIn(workflow.name, definitionOf(workflow), false);
export const allPlaces: readonly Place[] = workflows.flatMap(placesOf);

export const tasksOf = (workflow: Workflow): string[] => [
  ...new Set(
    placesOf(workflow).flatMap(({ state }) =>
      state.Type === "Task" ? [taskOfArn(state.Parameters.FunctionName)] : [],
    ),
  ),
];

/** What a scripted task does when it is called for the nth time, counted from 1. */
export type Script = (call: number, payload: Record<string, unknown>) => InvokeResult;

export const answers =
  (payload: unknown): Script =>
  () => ({ payload });
export const fails =
  (errorType: string, errorMessage = `said ${errorType}`): Script =>
  () => ({
    functionError: { errorType, errorMessage },
  });
/** Fails so many times and does its usual work from then on. */
export const failsTimes =
  (times: number, errorType: string, after: Script): Script =>
  (call, payload) =>
    call <= times ? fails(errorType)(call, payload) : after(call - times, payload);
export const answersInTurn =
  (...payloads: readonly unknown[]): Script =>
  (call) => ({ payload: payloads[call - 1] });

/** What every task answers when all is well and nothing has to be done twice. */
export const WELL: Readonly<Record<string, Script>> = {
  "check-workspace-empty": answers(["c1", "c2"]),
  "check-node-group-empty": answers(["c1", "c2"]),
  "list-cells-of-deployment": answers({ cells: ["c1", "c2"], places: false }),
  "repair-drift": answers({ cells: ["c1", "c2"] }),
  "place-node": answers({ next: "done", cells: ["c1", "c2"] }),
  "leave-groups": answers(["c1", "c2"]),
  "check-node-import": answers({ cells: ["c1", "c2"], bucket: "imports", key: "batches" }),
  "empty-bucket": answers({ empty: true }),
  "deliver-cell": answers({ settled: true }),
  "import-component": answers({ more: false }),
  "copy-component-files": answers({ more: false }),
  "copy-pushed-files": answers({ more: false }),
  "verify-artifacts": answers({ more: false }),
  "describe-component-version": answers({ deployable: true }),
  "delete-component-files": answers({ gone: true }),
};

/** The lines of every object that a Map reads from S3. */
export const LINES: readonly unknown[] = [
  { number: 0, offset: 0, bytes: 10 },
  { number: 1, offset: 10, bytes: 5 },
];

export interface Call {
  readonly task: string;
  readonly payload: Record<string, unknown>;
}

export const INPUT: WorkflowInput = {
  intentId: "int_00000000000000000001",
  attempt: 2,
  kind: "node.create",
  workspaceId: "ws_00000000000000000002",
  subjectId: "nod_00000000000000000003",
  parentId: "ws_00000000000000000002",
};

/** Runs a workflow in the interpreter with scripted tasks; pauses and intervals take no time. */
export const run = async (
  workflow: Workflow,
  scripts: Readonly<Record<string, Script>> = {},
): Promise<{ outcome: Outcome; calls: readonly Call[]; tasks: readonly string[]; states: readonly string[] }> => {
  const arn = `arn:aws:states:eu-central-1:123456789012:stateMachine:${workflow.name}`;
  const { definition, children } = prepareDefinition(workflow.name, definitionOf(workflow));
  const machineOf = (definition: StateMachineDefinition) => ({
    name: workflow.name,
    arn,
    definition,
    timeoutSeconds: undefined,
  });
  const calls: Call[] = [];
  const invoke = async (name: string, payload: unknown): Promise<InvokeResult> => {
    const task = taskOfArn(name);
    calls.push({ task, payload: payload as Record<string, unknown> });
    const count = calls.filter((call) => call.task === task).length;
    const script = scripts[task] ?? WELL[task] ?? answers(null);
    return script(count, payload as Record<string, unknown>);
  };
  const told: HistoryEvent[] = [];
  const unused = (): never => {
    throw new Error("no workflow uses this");
  };
  const keeper: Keeper = {
    checkpoint: (_step, _state, { events }) => told.push(...events),
    keep: (_step, { events }) => told.push(...events),
    tokens: { open: unused },
    runMapRun: (work) => mapRun(work),
  };
  const execute = async (definition: StateMachineDefinition, input: unknown): Promise<Outcome> => {
    const name = randomUUID();
    const execution = { arn: `${arn}:${name}`, name, input: JSON.stringify(input), startedAt: Date.now() };
    const machine = machineOf(definition);
    const running = runExecution({ machine, execution, region: "eu-central-1", invoke, scale: 0, keeper });
    const outcome = await running.outcome;
    told.push(...running.history.take().events);
    return outcome;
  };
  /** The children of a Map in distributed mode, one after the other. */
  const mapRun = async ({ name, state, input, context }: Work): Promise<unknown> => {
    const child = children.get(labelOf(name, state));
    if (child === undefined) throw new Error(`${name} has no children`);
    const outcomes: Outcome[] = [];
    for (const [index, line] of LINES.entries()) {
      const given = fill(state.ItemSelector, input, { ...context, Map: { Item: { Index: index, Value: line } } });
      outcomes.push(await execute(child.definition, given));
    }
    const failed = outcomes.filter(({ status }) => status !== "SUCCEEDED").length;
    if ((failed / LINES.length) * 100 > Number(state.ToleratedFailurePercentage ?? 0)) {
      throw new StateError("States.ExceedToleratedFailureThreshold");
    }
    return outcomes.map(({ output }) => output);
  };
  const outcome = await execute(definition, INPUT);
  const states = told.flatMap(({ type, details }) => {
    const entered = details?.stateEnteredEventDetails as { name?: string } | undefined;
    return type.endsWith("StateEntered") && entered?.name !== undefined ? [entered.name] : [];
  });
  return { outcome, calls, tasks: calls.map(({ task }) => task), states };
};
