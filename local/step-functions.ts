import { createAwsJsonServer } from "./aws-json-rpc.ts";
import type { Faults } from "./faults.ts";
import type { Invoke, Log } from "./invoke.ts";
import { listen, shut } from "./listen.ts";
import { prepareDefinition } from "./step-functions/definition.ts";
import { type Arns, makeRunner, type StatusChange } from "./step-functions/executions.ts";
import { type KnownMachine, makeOperations } from "./step-functions/operations.ts";
import { makeInterpreter } from "./step-functions/run.ts";
import { openExecutions } from "./step-functions/store.ts";

export type { StatusChange } from "./step-functions/executions.ts";

export interface Machine {
  readonly name: string;
  /** In the Amazon States Language, with JSONPath. */
  readonly definition: object;
  /** How long an execution may run; otherwise the definition's own `TimeoutSeconds`, if any. */
  readonly timeoutSeconds?: number;
}

export interface StepFunctionsOptions {
  /** Where `step-functions.db` is. */
  readonly dir: string;
  readonly port: number;
  readonly region: string;
  readonly accountId: string;
  readonly machines: readonly Machine[];
  readonly invoke: Invoke;
  publish(event: StatusChange): void;
  readonly faults: Faults;
  /** Multiplies the intervals of Retry and the pauses of Wait (not its timestamps); timeouts stay. */
  readonly retryScale?: number;
  readonly log: Log;
}

export interface StepFunctions {
  readonly port: number;
  readonly url: string;
  /** Resolves when no execution runs. */
  idle(): Promise<void>;
  /** Stops serving. What still runs stays RUNNING and starts again, from its first state, with the next start. */
  close(): Promise<void>;
}

const makeArns = (region: string, accountId: string): Arns => ({
  machine: (name) => `arn:aws:states:${region}:${accountId}:stateMachine:${name}`,
  execution: (machine, name) => `arn:aws:states:${region}:${accountId}:execution:${machine}:${name}`,
});

const prepare = (machine: Machine, arns: Arns, scale: number): KnownMachine => {
  const prepared = prepareDefinition(machine.name, machine.definition, scale);
  const own: unknown = Reflect.get(machine.definition, "TimeoutSeconds");
  return {
    name: machine.name,
    arn: arns.machine(machine.name),
    definition: machine.definition,
    createdAt: Date.now(),
    prepared,
    interpreter: makeInterpreter(prepared),
    timeoutSeconds: machine.timeoutSeconds ?? (typeof own === "number" ? own : undefined),
  };
};

/**
 * Step Functions on loopback, for standard workflows whose tasks are Lambda functions.
 *
 * @throws `UnsupportedDefinition` for a definition that would run differently here than on AWS
 * @throws `PortTaken`
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/Welcome.html
 */
export const startStepFunctions = async (options: StepFunctionsOptions): Promise<StepFunctions> => {
  const { retryScale: scale = 1, invoke, faults, log } = options;
  const arns = makeArns(options.region, options.accountId);
  const machines = new Map(options.machines.map((machine) => [machine.name, prepare(machine, arns, scale)]));
  const store = openExecutions(options.dir);
  const runner = makeRunner({ store, arns, machines, invoke, publish: (event) => options.publish(event), scale, log });
  const operations = makeOperations({ machines, store, runner, arns });
  const server = createAwsJsonServer({
    iamPrefix: "states",
    target: "AWSStepFunctions",
    version: "1.0",
    operations,
    faults,
    log,
  });
  let closing: Promise<void> | undefined;
  const stop = async () => {
    await shut(server);
    runner.close();
    store.close();
  };
  const close = () => {
    closing ??= stop();
    return closing;
  };
  try {
    const port = await listen("Step Functions", server, options.port);
    runner.resume();
    return { port, url: `http://127.0.0.1:${port}`, idle: runner.idle, close };
  } catch (error) {
    runner.close();
    store.close();
    throw error;
  }
};
