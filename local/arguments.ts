import { parseArgs } from "node:util";
import { PORTS } from "./endpoints.ts";

export interface StartOptions {
  readonly portBase: number;
  readonly data: string;
  readonly testMode: boolean;
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

/** @throws UsageError that names the option and the rule; HelpWanted */
export const startOptions = (args: readonly string[]): StartOptions => {
  let values: Record<string, string | boolean | undefined>;
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
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help === true) throw new HelpWanted();
  const portBase = number("port-base", String(values["port-base"]), 1, 65_535 - PORTS.length);
  if (!Number.isInteger(portBase)) throw new UsageError(`--port-base must be a whole number, not ${portBase}`);
  return {
    portBase,
    data: String(values.data),
    testMode: values["test-mode"] === true,
    retryScale: number("retry-scale", String(values["retry-scale"]), 0.001, 100),
    workflowTimeoutSeconds:
      values["workflow-timeout"] === undefined
        ? undefined
        : number("workflow-timeout", String(values["workflow-timeout"]), 0.001, 86_400),
    thingTypeCooldownSeconds: number("thing-type-cooldown", String(values["thing-type-cooldown"]), 0, 86_400),
  };
};
