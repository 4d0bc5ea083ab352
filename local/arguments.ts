import { parseArgs } from "node:util";
import * as z from "zod";
import { PORTS } from "./endpoints.ts";
import { type Fault, parseFaultOption } from "./faults.ts";

export interface StartOptions {
  readonly portBase: number;
  readonly data: string;
  readonly testMode: boolean;
  /** Armed once everything answers. */
  readonly faults: readonly Fault[];
  readonly faultSeed: number;
  readonly retryScale: number;
  readonly thingTypeCooldownSeconds: number;
  /** Seconds after which any workflow times out; undefined for each one's own limit. */
  readonly workflowTimeoutSeconds: number | undefined;
}

export const USAGE = `Usage: npm start -- [options]
  --port-base N               first of ${PORTS.length} ports (default 4500)
  --data DIR                  where all state is kept (default .slipway)
  --thing-type-cooldown S     seconds between deprecating and deleting a thing type; AWS has 300 (default 0)
  --test-mode                 open a control port that injects faults and runs functions
  --fault F                   arm a fault, such as iot:*,kind=throttling,probability=0.1; may be repeated, and
                              implies --test-mode. Kinds: error (code=, status=), throttling, server-error,
                              latency (milliseconds=), reset, lost-answer, duplicate. Also times=
  --fault-seed N              what the probabilities draw from (default 1)
  --retry-scale X             multiplies the pauses of workflows' retries and waits (default 1)
  --workflow-timeout S        seconds after which any workflow times out (default: each one's own limit)`;

export class UsageError extends Error {}
/** `--help`: not an error, but nothing is to be started either. */
export class HelpWanted extends Error {}

const number = (name: string, text: string, min: number, max: number): number => {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < min || value > max) {
    throw new UsageError(`--${name} must be a number from ${min} to ${max}, not ${text}`);
  }
  return value;
};

const faultsOf = (texts: readonly string[]): Fault[] =>
  texts.map((text) => {
    try {
      return parseFaultOption(text);
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      const issues = error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
      throw new UsageError(`--fault ${text}: ${issues.join("; ")}`);
    }
  });

/** @throws UsageError that names the option and the rule; HelpWanted */
export const startOptions = (args: readonly string[]): StartOptions => {
  let values: Record<string, string | boolean | string[] | undefined>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        "port-base": { type: "string", default: "4500" },
        data: { type: "string", default: ".slipway" },
        "thing-type-cooldown": { type: "string", default: "0" },
        "retry-scale": { type: "string", default: "1" },
        "workflow-timeout": { type: "string" },
        "test-mode": { type: "boolean", default: false },
        fault: { type: "string", multiple: true, default: [] },
        "fault-seed": { type: "string", default: "1" },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help === true) throw new HelpWanted();
  const portBase = number("port-base", String(values["port-base"]), 1, 65_535 - PORTS.length);
  if (!Number.isInteger(portBase)) throw new UsageError(`--port-base must be a whole number, not ${portBase}`);
  const faults = faultsOf(values.fault as string[]);
  return {
    portBase,
    faults,
    faultSeed: number("fault-seed", String(values["fault-seed"]), 0, Number.MAX_SAFE_INTEGER),
    data: String(values.data),
    testMode: values["test-mode"] === true || faults.length > 0,
    retryScale: number("retry-scale", String(values["retry-scale"]), 0.001, 100),
    workflowTimeoutSeconds:
      values["workflow-timeout"] === undefined
        ? undefined
        : number("workflow-timeout", String(values["workflow-timeout"]), 0.001, 86_400),
    thingTypeCooldownSeconds: number("thing-type-cooldown", String(values["thing-type-cooldown"]), 0, 86_400),
  };
};
