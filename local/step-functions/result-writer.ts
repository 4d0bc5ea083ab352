import { Readable } from "node:stream";
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { StateError } from "./errors.ts";
import type { MapRun, MapRuns } from "./map-runs.ts";
import { type Fields, fill, isFields } from "./paths.ts";
import type { Execution, ExecutionStatus } from "./store.ts";

export interface Arns {
  machine(name: string): string;
  execution(machine: string, name: string): string;
  mapRun(machine: string, name: string): string;
}

/** Why a child cannot be redriven, or that only its Map Run can. */
const redriveOf = ({ status }: Execution): Fields =>
  status === "SUCCEEDED" || status === "RUNNING"
    ? { RedriveStatus: "NOT_REDRIVABLE", RedriveStatusReason: `Execution is ${status} and cannot be redriven` }
    : { RedriveStatus: "REDRIVABLE_BY_MAP_RUN" };

/** A child as the results have it. @see https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html */
export const childResult = (arns: Arns, child: Execution): Fields => ({
  ...(child.cause === null ? {} : { Cause: child.cause }),
  ...(child.error === null ? {} : { Error: child.error }),
  ExecutionArn: arns.execution(child.machine, child.name),
  Input: child.input,
  InputDetails: { Included: true },
  Name: child.name,
  ...(child.output === null ? {} : { Output: child.output, OutputDetails: { Included: true } }),
  RedriveCount: child.redriveCount,
  ...redriveOf(child),
  ...(child.startedAt === 0 ? {} : { StartDate: new Date(child.startedAt).toISOString() }),
  StateMachineArn: arns.machine(child.machine),
  Status: child.status,
  ...(child.stoppedAt === null ? {} : { StopDate: new Date(child.stoppedAt).toISOString() }),
});

const FILES: Readonly<Record<"FAILED" | "PENDING" | "SUCCEEDED", readonly ExecutionStatus[]>> = {
  FAILED: ["FAILED", "TIMED_OUT", "ABORTED"],
  PENDING: ["PENDING"],
  SUCCEEDED: ["SUCCEEDED"],
};

/** The destination of a ResultWriter. */
export interface Destination {
  readonly bucket: string;
  readonly prefix: string;
}

/** @throws StateError States.Runtime for parameters that name no bucket */
export const destinationOf = (writer: Fields, data: unknown, context: unknown): Destination => {
  const parameters = fill(writer.Parameters, data, context);
  if (!isFields(parameters) || typeof parameters.Bucket !== "string") {
    throw new StateError("States.ResultWriterFailed", "The parameters of the ResultWriter must have a Bucket");
  }
  return { bucket: parameters.Bucket, prefix: typeof parameters.Prefix === "string" ? parameters.Prefix : "" };
};

/**
 * Writes the results of the children to S3: a file for those that succeeded, failed or never ran, and a manifest.
 *
 * @returns the Map state's result, and how many results were written
 * @throws StateError States.ResultWriterFailed
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
 */
export const writeResults = async (
  s3: S3Client,
  arns: Arns,
  mapRuns: MapRuns,
  run: MapRun,
  { bucket, prefix }: Destination,
): Promise<{ result: Fields; written: number }> => {
  const folder = `${prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`}${run.name}`;
  const mapRunArn = arns.mapRun(run.machine, run.name);
  const resultFiles: Record<string, { Key: string; Size: number }[]> = {};
  let written = 0;
  try {
    for (const [name, statuses] of Object.entries(FILES)) {
      let size = 0;
      let count = 0;
      const lines = function* () {
        for (const child of mapRuns.children(run, statuses)) {
          const line = Buffer.from(`${count === 0 ? "[" : ","}${JSON.stringify(childResult(arns, child))}`);
          count += 1;
          size += line.length;
          yield line;
        }
        size += 1;
        yield Buffer.from("]");
      };
      resultFiles[name] = [];
      if (mapRuns.children(run, statuses).next().done) continue;
      const Key = `${folder}/${name}_0.json`;
      const Body = Readable.from(lines());
      await new Upload({ client: s3, params: { Bucket: bucket, Key, Body, ContentType: "application/json" } }).done();
      resultFiles[name] = [{ Key, Size: size }];
      written += count;
    }
    const Key = `${folder}/manifest.json`;
    const manifest = { DestinationBucket: bucket, MapRunArn: mapRunArn, ResultFiles: resultFiles };
    await s3.send(
      new PutObjectCommand({ Bucket: bucket, Key, Body: JSON.stringify(manifest), ContentType: "application/json" }),
    );
    return { result: { MapRunArn: mapRunArn, ResultWriterDetails: { Bucket: bucket, Key } }, written };
  } catch (error) {
    if (error instanceof StateError) throw error;
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new StateError("States.ResultWriterFailed", why);
  }
};
