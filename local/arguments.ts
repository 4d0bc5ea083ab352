import { isIP } from "node:net";
import { parseArgs } from "node:util";
import * as z from "zod";
import { PORTS, type PortName } from "./endpoints.ts";
import { type Fault, parseFaultOption } from "./faults.ts";

export interface StartOptions {
  readonly portBase: number;
  /** The ports that are not counted from the base. */
  readonly ports: Readonly<Partial<Record<PortName, number>>>;
  /** DNS names and IP addresses of the server certificate, beside those of loopback. */
  readonly tlsNames: readonly string[];
  readonly data: string;
  readonly testMode: boolean;
  /** Armed once everything answers. */
  readonly faults: readonly Fault[];
  readonly faultSeed: number;
  /** Whether IoT and Greengrass refuse what comes more often than AWS's default quotas allow. */
  readonly throttling: boolean;
  /** Seconds that a change of a thing group's membership stays unseen. */
  readonly membershipLagSeconds: number;
  /** Whether a thing that comes back to a group gets the jobs again that were removed when it left. */
  readonly restartJobs: boolean;
  /** Whether each function and workflow may do just what its role's policy allows. */
  readonly enforceIam: boolean;
  /** `{role}/{statement}` to leave out of the policies: to see what breaks without it. */
  readonly withoutStatements: readonly string[];
  /** Whether an answer of the API that is not as its document says is kept back. */
  readonly checkAnswers: boolean;
  /** Whether each invocation of a function has modules of its own, as after a cold start. */
  readonly cold: boolean;
  /** Over so many shards a table's stream is spread, each at its own pace. */
  readonly streamShards: number;
  /** How likely a batch of a stream is delivered again, 0 to 1. */
  readonly redeliver: number;
  /** Whether webhooks may be on this machine. */
  readonly webhooksHere: boolean;
  /** What one address may ask of the OTA endpoint in five minutes; undefined: as much as it likes. */
  readonly otaRequests: number | undefined;
  readonly retryScale: number;
  readonly thingTypeCooldownSeconds: number;
  /** Seconds after which any workflow times out; undefined for each one's own limit. */
  readonly workflowTimeoutSeconds: number | undefined;
}

export const USAGE = `Usage: npm start -- [options]
  --port-base N               first of ${PORTS.length} ports (default 4500)
  --mqtt-port N               where devices speak MQTT; AWS has 8883 (default from --port-base, as with the next two)
  --data-plane-port N         where devices speak to Greengrass; AWS has 8443
  --credentials-port N        where devices get credentials; AWS has 443
  --tls-name NAME             a DNS name or IP address that devices call these by; may be repeated
  --data DIR                  where all state is kept (default .slipway)
  --thing-type-cooldown S     seconds between deprecating and deleting a thing type; AWS has 300 (default 0)
  --test-mode                 open a control port that injects faults and runs functions
  --fault F                   arm a fault, such as iot:*,kind=throttling,probability=0.1; may be repeated, and
                              implies --test-mode. Kinds: error (code=, status=), throttling, server-error,
                              latency (milliseconds=), reset, lost-answer, duplicate. Also times=
  --fault-seed N              what the probabilities draw from (default 1)
  --throttling                refuse what comes more often than AWS's default quotas allow
  --membership-lag S          seconds until a change of a thing group's members is seen (default 0)
  --no-job-restart            a thing that comes back to a group does not get its removed jobs again
  --enforce-iam               each function and workflow may do just what its role's policy allows
  --without-statement R/S     leave statement S out of role R's policy, to see what breaks; may be repeated, and
                              implies --enforce-iam
  --check-answers             answer 500 where an answer of the API is not as its OpenAPI document says
  --cold                      load a function's modules anew for each call
  --stream-shards N           spread each table's stream over so many shards, each at its own pace (default 1)
  --redeliver P               deliver a stream's batch again with this probability (default 0)
  --webhooks-here             let webhooks be on this machine, also by HTTP; on AWS they must have public addresses
  --ota-requests N            answer 429 to more OTA requests of one address in five minutes (default: no limit)
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

const whole = (name: string, value: number): number => {
  if (!Number.isInteger(value)) throw new UsageError(`--${name} must be a whole number, not ${value}`);
  return value;
};

/** A DNS name, whose first label may be a wildcard, or an IP address. */
const DNS_NAME = /^(\*\.)?[a-zA-Z0-9_]([a-zA-Z0-9_-]*)(\.[a-zA-Z0-9_][a-zA-Z0-9_-]*)*$/;

const tlsName = (text: string): string => {
  if (isIP(text) === 0 && (!DNS_NAME.test(text) || text.length > 253))
    throw new UsageError(`--tls-name must be a DNS name or an IP address, not ${text}`);
  return text;
};

/** The ports that are asked for by their own options. */
const portsOf = (values: Readonly<Record<string, unknown>>): StartOptions["ports"] =>
  Object.fromEntries(
    Object.entries({ mqtt: "mqtt-port", dataPlane: "data-plane-port", credentials: "credentials-port" }).flatMap(
      ([name, option]) =>
        values[option] === undefined ? [] : [[name, whole(option, number(option, String(values[option]), 1, 65_535))]],
    ),
  );

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
        "mqtt-port": { type: "string" },
        "data-plane-port": { type: "string" },
        "credentials-port": { type: "string" },
        "tls-name": { type: "string", multiple: true, default: [] },
        data: { type: "string", default: ".slipway" },
        "thing-type-cooldown": { type: "string", default: "0" },
        "ota-requests": { type: "string" },
        "retry-scale": { type: "string", default: "1" },
        "workflow-timeout": { type: "string" },
        "test-mode": { type: "boolean", default: false },
        fault: { type: "string", multiple: true, default: [] },
        "fault-seed": { type: "string", default: "1" },
        throttling: { type: "boolean", default: false },
        "membership-lag": { type: "string", default: "0" },
        "no-job-restart": { type: "boolean", default: false },
        "enforce-iam": { type: "boolean", default: false },
        "without-statement": { type: "string", multiple: true, default: [] },
        "check-answers": { type: "boolean", default: false },
        cold: { type: "boolean", default: false },
        "stream-shards": { type: "string", default: "1" },
        "webhooks-here": { type: "boolean", default: false },
        redeliver: { type: "string", default: "0" },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help === true) throw new HelpWanted();
  const portBase = whole("port-base", number("port-base", String(values["port-base"]), 1, 65_535 - PORTS.length));
  const faults = faultsOf(values.fault as string[]);
  const withoutStatements = values["without-statement"] as string[];
  return {
    portBase,
    ports: portsOf(values),
    tlsNames: (values["tls-name"] as string[]).map(tlsName),
    faults,
    faultSeed: number("fault-seed", String(values["fault-seed"]), 0, Number.MAX_SAFE_INTEGER),
    data: String(values.data),
    throttling: values.throttling === true,
    membershipLagSeconds: number("membership-lag", String(values["membership-lag"]), 0, 3_600),
    restartJobs: values["no-job-restart"] !== true,
    enforceIam: values["enforce-iam"] === true || withoutStatements.length > 0,
    withoutStatements,
    checkAnswers: values["check-answers"] === true,
    cold: values.cold === true,
    streamShards: whole("stream-shards", number("stream-shards", String(values["stream-shards"]), 1, 64)),
    redeliver: number("redeliver", String(values.redeliver), 0, 1),
    webhooksHere: values["webhooks-here"] === true,
    testMode: values["test-mode"] === true || faults.length > 0,
    otaRequests:
      values["ota-requests"] === undefined
        ? undefined
        : whole("ota-requests", number("ota-requests", String(values["ota-requests"]), 1, 2_000_000_000)),
    retryScale: number("retry-scale", String(values["retry-scale"]), 0.001, 100),
    workflowTimeoutSeconds:
      values["workflow-timeout"] === undefined
        ? undefined
        : number("workflow-timeout", String(values["workflow-timeout"]), 0.001, 86_400),
    thingTypeCooldownSeconds: number("thing-type-cooldown", String(values["thing-type-cooldown"]), 0, 86_400),
  };
};
