import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The ports of the embedded cloud, in order from `--port-base`. */
export const PORTS = [
  "api",
  "ota",
  "issuer",
  "dynamodb",
  "s3",
  "iot",
  "greengrass",
  "stepfunctions",
  "events",
  "mqtt",
  "dataPlane",
  "credentials",
  "kms",
  "control",
  /** The DynamoDB engine itself, when faults stand before it. */
  "engine",
] as const;

export type PortName = (typeof PORTS)[number];

/** `endpoints.json`: where everything answers, for people, tools and tests. */
export interface Endpoints {
  readonly api: string;
  readonly ota: string;
  readonly issuer: string;
  readonly dynamodb: string;
  readonly s3: string;
  readonly iot: string;
  readonly greengrass: string;
  readonly stepfunctions: string;
  readonly events: string;
  /** `mqtts://…`; mutual TLS by the CA in `caFile`, as with the two after it. */
  readonly mqtt: string;
  readonly dataPlane: string;
  readonly credentials: string;
  readonly kms: string;
  /** Only in the test mode. */
  readonly control?: string;
  readonly region: string;
  readonly accountId: string;
  readonly caFile: string;
  readonly stage: string;
  /** A key pair that the engines take from developers' tools. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly pid: number;
}

const fileOf = (dir: string) => join(dir, "endpoints.json");

export const writeEndpoints = (dir: string, endpoints: Endpoints): void => {
  const temporary = `${fileOf(dir)}.new`;
  writeFileSync(temporary, `${JSON.stringify(endpoints, null, 2)}\n`);
  renameSync(temporary, fileOf(dir));
};

export const removeEndpoints = (dir: string): void => rmSync(fileOf(dir), { force: true });

/** @throws Error that says how to start the embedded cloud */
export const readEndpoints = (dir: string): Endpoints => {
  try {
    return JSON.parse(readFileSync(fileOf(dir), "utf8")) as Endpoints;
  } catch (error) {
    throw new Error(`nothing runs on ${dir}: start it with npm start -- --data ${dir}`, { cause: error });
  }
};
