import type { S3Client } from "@aws-sdk/client-s3";
import { createAwsJsonServer } from "./aws-json-rpc.ts";
import type { Faults } from "./faults.ts";
import type { AccessRequest } from "./iam/evaluate.ts";
import type { Gate } from "./iam/gate.ts";
import type { Invoke, Log } from "./invoke.ts";
import { listen, shut } from "./listen.ts";
import { prepareDefinition, UnsupportedDefinition } from "./step-functions/definition.ts";
import { makeRunner, type StatusChange } from "./step-functions/executions.ts";
import { openMapRuns } from "./step-functions/map-runs.ts";
import { type KnownMachine, makeOperations } from "./step-functions/operations.ts";
import type { Arns } from "./step-functions/result-writer.ts";
import { openExecutions } from "./step-functions/store.ts";
import { validateDefinitions } from "./step-functions/validator.ts";

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
  /** For the ItemReader and the ResultWriter of Map states; without it, they are refused. */
  readonly s3?: S3Client;
  publish(event: StatusChange): void;
  readonly faults: Faults;
  /** Refuses what the caller's policy does not allow; all is allowed if it is not given. */
  readonly gate?: Gate | undefined;
  /** Throws if the role of a state machine may not call a function; all may if it is not given. */
  readonly mayInvoke?: ((machine: string, functionName: string) => void) | undefined;
  /** Throws if the role of a state machine may not do what its Map Runs do as it; all may if it is not given. */
  readonly mayMap?: ((machine: string, requests: readonly AccessRequest[]) => void) | undefined;
  /** Multiplies the intervals of Retry and the pauses of Wait (not its timestamps); timeouts stay. */
  readonly retryScale?: number;
  readonly log: Log;
}

export interface StepFunctions {
  readonly port: number;
  readonly url: string;
  /** Resolves when no execution runs. */
  idle(): Promise<void>;
  /** Stops serving. What still runs stays RUNNING and goes on, from its last checkpoint, with the next start. */
  close(): Promise<void>;
}

/** An EXPRESS child's time. https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html */
const EXPRESS_SECONDS = 300;

const makeArns = (region: string, accountId: string): Arns => ({
  machine: (name) => `arn:aws:states:${region}:${accountId}:stateMachine:${name}`,
  execution: (machine, name) => `arn:aws:states:${region}:${accountId}:execution:${machine}:${name}`,
  mapRun: (machine, name) => `arn:aws:states:${region}:${accountId}:mapRun:${machine}:${name}`,
});

const secondsOf = (definition: object): number | undefined => {
  const seconds: unknown = Reflect.get(definition, "TimeoutSeconds");
  return typeof seconds === "number" ? seconds : undefined;
};

/** The machine, and those of the children that its Map states start. */
const prepare = (machine: Machine, options: StepFunctionsOptions, arns: Arns): KnownMachine[] => {
  const { name, definition } = machine;
  const { definition: own, children } = prepareDefinition(name, definition);
  if (options.s3 === undefined && /"(ItemReader|ResultWriter)":/.test(JSON.stringify(definition))) {
    throw new UnsupportedDefinition(name, "there is no S3 for an ItemReader or a ResultWriter");
  }
  const createdAt = Date.now();
  const known: KnownMachine[] = [
    {
      name,
      arn: arns.machine(name),
      definition: own,
      given: definition,
      createdAt,
      type: "STANDARD",
      timeoutSeconds: machine.timeoutSeconds ?? secondsOf(definition),
    },
  ];
  for (const [label, child] of children) {
    known.push({
      name: `${name}/${label}`,
      arn: arns.machine(`${name}/${label}`),
      definition: child.definition,
      given: child.definition,
      createdAt,
      type: child.express ? "EXPRESS" : "STANDARD",
      timeoutSeconds: child.express ? EXPRESS_SECONDS : secondsOf(child.definition),
    });
  }
  return known;
};

/**
 * Step Functions on loopback, for standard workflows whose tasks are Lambda functions.
 *
 * @throws `UnsupportedDefinition` for a definition that is not valid, or would run differently here than on AWS
 * @throws `PortTaken`
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/Welcome.html
 */
export const startStepFunctions = async (options: StepFunctionsOptions): Promise<StepFunctions> => {
  const { region, retryScale: scale = 1, invoke, s3, faults, log } = options;
  const arns = makeArns(region, options.accountId);
  const store = openExecutions(options.dir);
  try {
    store.forgetOld();
    const machines = new Map<string, KnownMachine>();
    for (const machine of options.machines) {
      for (const known of prepare(machine, options, arns)) machines.set(known.name, known);
    }
    await validateDefinitions(options.machines);
    const mapRuns = openMapRuns(store);
    const publish = (event: StatusChange) => options.publish(event);
    const { mayInvoke = () => {}, mayMap = () => {} } = options;
    const may = { mayInvoke, mayMap };
    const runner = makeRunner({ store, mapRuns, arns, machines, region, invoke, ...may, s3, publish, scale, log });
    const operations = makeOperations({ machines, store, mapRuns, runner, arns });
    const server = createAwsJsonServer({
      iamPrefix: "states",
      target: "AWSStepFunctions",
      version: "1.0",
      operations,
      faults,
      gate: options.gate,
      log,
    });
    const port = await listen("Step Functions", server, options.port);
    runner.resume();
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
    return { port, url: `http://127.0.0.1:${port}`, idle: runner.idle, close };
  } catch (error) {
    store.close();
    throw error;
  }
};
