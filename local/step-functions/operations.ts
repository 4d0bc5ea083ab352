import { randomUUID } from "node:crypto";
import * as z from "zod";
import { type Operation, ServiceError } from "../aws-json-rpc.ts";
import type { Arns, Runner } from "./executions.ts";
import { MAX_DATA_BYTES, type RunnableMachine } from "./run.ts";
import { type Execution, type Executions, RETENTION_MS } from "./store.ts";

/** A state machine as it was given, for DescribeStateMachine. */
export interface KnownMachine extends RunnableMachine {
  readonly definition: object;
  readonly createdAt: number;
}

const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"] as const;
const Paging = {
  maxResults: z.int().min(0).max(1000).optional(),
  nextToken: z.string().max(1024).optional(),
};
const StartInput = z.object({
  stateMachineArn: z.string(),
  name: z.string().optional(),
  input: z.string().default("{}"),
});
const ExecutionInput = z.object({ executionArn: z.string() });
const StopInput = ExecutionInput.extend({
  error: z.string().max(256).optional(),
  cause: z.string().max(32_768).optional(),
});
const HistoryInput = ExecutionInput.extend({
  ...Paging,
  reverseOrder: z.boolean().default(false),
  includeExecutionData: z.boolean().default(true),
});
const MachineInput = z.object({ stateMachineArn: z.string() });
const ListInput = MachineInput.extend({ ...Paging, statusFilter: z.enum(STATUSES).optional() });
const ListMachinesInput = z.object(Paging);

/** Blanks, brackets, wildcards, the special and the control characters that a name may not have. */
const FORBIDDEN_IN_NAME = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]/u;
const DEFAULT_PAGE = 100;

const seconds = (milliseconds: number): number => milliseconds / 1000;
const pageSize = (maxResults: number | undefined): number => maxResults || DEFAULT_PAGE;

const encodeToken = (position: number): string => Buffer.from(String(position)).toString("base64url");
const decodeToken = (token: string | undefined, otherwise: number): number => {
  if (token === undefined) return otherwise;
  const position = Number(Buffer.from(token, "base64url").toString());
  if (!Number.isSafeInteger(position)) throw new ServiceError("InvalidToken", "Invalid Token");
  return position;
};

const checkInput = (input: string): void => {
  if (Buffer.byteLength(input) > MAX_DATA_BYTES) {
    throw new ServiceError("InvalidExecutionInput", `the input is larger than ${MAX_DATA_BYTES} bytes`);
  }
  try {
    JSON.parse(input);
  } catch (error) {
    throw new ServiceError("InvalidExecutionInput", error instanceof Error ? error.message : String(error));
  }
};

const checkName = (name: string): void => {
  if (name.length < 1 || name.length > 80 || FORBIDDEN_IN_NAME.test(name)) {
    throw new ServiceError("InvalidName", `Invalid Name: '${name}'`);
  }
};

/**
 * The operations, by their names. Each throws the errors of its AWS namesake.
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
 */
export const makeOperations = (options: {
  machines: ReadonlyMap<string, KnownMachine>;
  store: Executions;
  runner: Runner;
  arns: Arns;
}): ReadonlyMap<string, Operation> => {
  const { machines, store, runner, arns } = options;

  const machineOf = (arn: string): KnownMachine => {
    const name = /^arn:[\w-]+:states:[^:]*:[^:]*:stateMachine:([^:]+)$/.exec(arn)?.[1];
    if (name === undefined) throw new ServiceError("InvalidArn", `Invalid Arn: '${arn}'`);
    const machine = machines.get(name);
    if (machine === undefined || machine.arn !== arn) {
      throw new ServiceError("StateMachineDoesNotExist", `State Machine Does Not Exist: '${arn}'`);
    }
    return machine;
  };

  const executionOf = (arn: string): Execution => {
    const [, machine, name] = /^arn:[\w-]+:states:[^:]*:[^:]*:execution:([^:]+):([^:]+)$/.exec(arn) ?? [];
    if (machine === undefined || name === undefined) throw new ServiceError("InvalidArn", `Invalid Arn: '${arn}'`);
    const execution = arns.execution(machine, name) === arn ? store.get(machine, name) : undefined;
    if (execution === undefined) {
      throw new ServiceError("ExecutionDoesNotExist", `Execution Does Not Exist: '${arn}'`);
    }
    return execution;
  };

  const item = (execution: Execution) => ({
    executionArn: arns.execution(execution.machine, execution.name),
    stateMachineArn: arns.machine(execution.machine),
    name: execution.name,
    status: execution.status,
    startDate: seconds(execution.startedAt),
    ...(execution.stoppedAt === undefined ? {} : { stopDate: seconds(execution.stoppedAt) }),
    redriveCount: 0,
  });

  const startExecution: Operation = (given) => {
    const { stateMachineArn, name = randomUUID(), input } = StartInput.parse(given);
    const machine = machineOf(stateMachineArn);
    checkName(name);
    checkInput(input);
    const existing = store.get(machine.name, name);
    const executionArn = arns.execution(machine.name, name);
    if (existing !== undefined) {
      if (existing.status === "RUNNING" && existing.input === input) {
        return { executionArn, startDate: seconds(existing.startedAt) };
      }
      const expired = existing.stoppedAt !== undefined && existing.stoppedAt < Date.now() - RETENTION_MS;
      if (!expired) {
        throw new ServiceError("ExecutionAlreadyExists", `Execution Already Exists: '${executionArn}'`);
      }
    }
    const startedAt = Date.now();
    runner.start(machine, { machine: machine.name, name, status: "RUNNING", input, startedAt });
    return { executionArn, startDate: seconds(startedAt) };
  };

  const describeExecution: Operation = (given) => {
    const execution = executionOf(ExecutionInput.parse(given).executionArn);
    const { input, output, error, cause } = execution;
    return {
      ...item(execution),
      input,
      inputDetails: { included: true },
      ...(output === undefined ? {} : { output, outputDetails: { included: true } }),
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
      redriveStatus: "NOT_REDRIVABLE",
    };
  };

  const listExecutions: Operation = (given) => {
    const { stateMachineArn, statusFilter, maxResults, nextToken } = ListInput.parse(given);
    const machine = machineOf(stateMachineArn);
    const limit = pageSize(maxResults);
    const before = decodeToken(nextToken, Number.MAX_SAFE_INTEGER);
    const rows = store.list({ machine: machine.name, before, status: statusFilter ?? null, limit: limit + 1 });
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    return {
      executions: page.map(({ execution }) => item(execution)),
      ...(last === undefined ? {} : { nextToken: encodeToken(last.position) }),
    };
  };

  const stopExecution: Operation = async (given) => {
    const { executionArn, error, cause } = StopInput.parse(given);
    const execution = executionOf(executionArn);
    const stopped = (await runner.stop(execution, { status: "ABORTED", error, cause })) ?? execution;
    return { stopDate: seconds(stopped.stoppedAt ?? Date.now()) };
  };

  const getExecutionHistory: Operation = (given) => {
    const query = HistoryInput.parse(given);
    const events = runner.history(executionOf(query.executionArn)).map((event, index) => ({
      id: index + 1,
      previousEventId: index,
      type: event.type,
      timestamp: seconds(event.timestamp),
      ...(query.includeExecutionData ? event.details : {}),
    }));
    if (query.reverseOrder) events.reverse();
    const from = decodeToken(query.nextToken, 0);
    const to = from + pageSize(query.maxResults);
    return { events: events.slice(from, to), ...(to < events.length ? { nextToken: encodeToken(to) } : {}) };
  };

  const machineItem = (machine: KnownMachine) => ({
    stateMachineArn: machine.arn,
    name: machine.name,
    type: "STANDARD",
    creationDate: seconds(machine.createdAt),
  });

  const describeStateMachine: Operation = (given) => {
    const machine = machineOf(MachineInput.parse(given).stateMachineArn);
    return { ...machineItem(machine), status: "ACTIVE", definition: JSON.stringify(machine.definition) };
  };

  const listStateMachines: Operation = (given) => {
    const { maxResults, nextToken } = ListMachinesInput.parse(given);
    const from = decodeToken(nextToken, 0);
    const to = from + pageSize(maxResults);
    const all = [...machines.values()];
    return {
      stateMachines: all.slice(from, to).map(machineItem),
      ...(to < all.length ? { nextToken: encodeToken(to) } : {}),
    };
  };

  return new Map<string, Operation>([
    ["StartExecution", startExecution],
    ["DescribeExecution", describeExecution],
    ["ListExecutions", listExecutions],
    ["StopExecution", stopExecution],
    ["GetExecutionHistory", getExecutionHistory],
    ["DescribeStateMachine", describeStateMachine],
    ["ListStateMachines", listStateMachines],
  ]);
};
