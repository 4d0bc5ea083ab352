import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { S3Client } from "@aws-sdk/client-s3";
import type { AccessRequest } from "../iam/evaluate.ts";
import { MAX_DATA_BYTES, runtimeError, StateError, Stopped } from "./errors.ts";
import { readItems } from "./item-reader.ts";
import type { ChildInput, MapRun, MapRuns } from "./map-runs.ts";
import { type Fields, fill, isFields, numberOf, select } from "./paths.ts";
import { type Arns, childResult, destinationOf, writeResults } from "./result-writer.ts";
import { emit, type Work } from "./scope.ts";
import type { Execution, Outcome } from "./store.ts";

/** As many children as AWS runs at once. https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html */
export const MAX_CONCURRENCY = 10_000;
/** Children are stored together when they are so many, or have so many characters. */
const BATCH = 1_000;
const BATCH_CHARACTERS = 1_000_000;
/** After so many items, other work gets its turn. */
const PAUSE_EACH = 200;

/** A child execution that runs. */
export interface Running {
  readonly settled: Promise<Execution>;
  stop(outcome: Outcome): void;
}

/** What a Map Run needs of the engine, for one execution. */
export interface Engine {
  readonly execution: Execution;
  readonly mapRuns: MapRuns;
  readonly arns: Arns;
  readonly s3: S3Client | undefined;
  /** Throws if the machine's role may not do what a Map Run does as it. */
  mayMap(requests: readonly AccessRequest[]): void;
  /** @param resumed whether an earlier process has begun it */
  launch(child: Execution, resumed: boolean): Running;
  /** Has `wake` called whenever the settings of the run change; gives what ends that. */
  onChange(run: MapRun, wake: () => void): () => void;
  /** Whether the engine is being closed: then nothing ends, but everything goes on with the next process. */
  closed(): boolean;
}

/** The label of a Map state: its own, or one that is the same each time. */
export const labelOf = (name: string, state: Fields): string =>
  typeof state.Label === "string" ? state.Label : createHash("sha256").update(name).digest("hex").slice(0, 32);

/** The items of the state's own input. */
const itemsIn = (state: Fields, data: unknown, context: unknown): unknown[] => {
  const items = select(state.ItemsPath, data, context);
  if (!Array.isArray(items)) throw runtimeError(`Reference path "${state.ItemsPath ?? "$"}" must point to array.`);
  return items;
};

async function* selectItems(work: Work, data: unknown, s3: S3Client | undefined): AsyncGenerator<unknown> {
  const { state, context } = work;
  const template = state.ItemSelector ?? state.Parameters;
  const reader = state.ItemReader;
  if (isFields(reader) && s3 === undefined) throw new StateError("States.ItemReaderFailed", "there is no S3 here");
  const items =
    isFields(reader) && s3 !== undefined ? readItems(s3, reader, data, context) : itemsIn(state, data, context);
  let index = 0;
  for await (const value of items) {
    const item = { Item: { Index: index, Value: value } };
    yield template === undefined ? value : fill(template, data, { ...context, Map: item });
    index += 1;
    // Items that are at hand come without a pause: others have to get their turn.
    if (index % PAUSE_EACH === 0) await setImmediate();
  }
}

const tooLarge = (bytes: number, most: number): StateError =>
  new StateError("States.ItemReaderFailed", `An item of ${bytes} bytes exceeds the maximum of ${most} bytes`);

/** The children's inputs: an item each, or batches of items. */
async function* childInputs(work: Work, data: unknown, s3: S3Client | undefined): AsyncGenerator<ChildInput> {
  const { state, context } = work;
  const batcher = isFields(state.ItemBatcher) ? state.ItemBatcher : undefined;
  if (batcher === undefined) {
    let item = 0;
    for await (const value of selectItems(work, data, s3)) {
      const input = JSON.stringify(value ?? null);
      const bytes = Buffer.byteLength(input);
      if (bytes > MAX_DATA_BYTES) throw tooLarge(bytes, MAX_DATA_BYTES);
      yield { input, item, items: 1 };
      item += 1;
    }
    return;
  }
  const most = numberOf(batcher, "MaxItemsPerBatch", data, context) || Number.POSITIVE_INFINITY;
  const bytesMost = Math.min(
    numberOf(batcher, "MaxInputBytesPerBatch", data, context) || MAX_DATA_BYTES,
    MAX_DATA_BYTES,
  );
  const common = batcher.BatchInput === undefined ? {} : { BatchInput: fill(batcher.BatchInput, data, context) };
  const frame = Buffer.byteLength(JSON.stringify({ ...common, Items: [] }));
  let first = 0;
  let batch: string[] = [];
  let bytes = frame;
  const flush = (): ChildInput => {
    const given = JSON.stringify({ ...common, Items: [] });
    const input = `${given.slice(0, -2)}${batch.join(",")}]}`;
    const child = { input, item: first, items: batch.length };
    first += batch.length;
    batch = [];
    bytes = frame;
    return child;
  };
  for await (const value of selectItems(work, data, s3)) {
    const text = JSON.stringify(value ?? null);
    const size = Buffer.byteLength(text) + 1;
    if (frame + size > bytesMost) throw tooLarge(size, bytesMost);
    if (batch.length >= most || bytes + size > bytesMost) yield flush();
    batch.push(text);
    bytes += size;
  }
  if (batch.length > 0) yield flush();
}

/**
 * What a Map Run asks of AWS as the machine's role.
 * https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
 */
const accessOf = ({ state, context }: Work, data: unknown, { execution, arns }: Engine): AccessRequest[] => {
  const machine = execution.machine.split("/")[0] ?? "";
  const requests = [
    { action: "states:StartExecution", resource: arns.machine(machine) },
    { action: "states:DescribeExecution", resource: arns.execution(machine, execution.name) },
  ];
  const { ItemReader: reader, ResultWriter: writer } = state;
  if (isFields(reader)) {
    const { Bucket, Key } = fill(reader.Parameters, data, context) as Fields;
    const lists = String(reader.Resource).endsWith(":s3:listObjectsV2");
    requests.push(
      lists
        ? { action: "s3:ListBucket", resource: `arn:aws:s3:::${Bucket}` }
        : { action: "s3:GetObject", resource: `arn:aws:s3:::${Bucket}/${Key}` },
    );
  }
  if (isFields(writer)) {
    const { bucket, prefix } = destinationOf(writer, data, context);
    requests.push({ action: "s3:PutObject", resource: `arn:aws:s3:::${bucket}/${prefix}any` });
  }
  return requests;
};

/** @throws StateError States.ItemReaderFailed, States.ResultWriterFailed, States.Permissions */
const authorize = (work: Work, data: unknown, engine: Engine): void => {
  for (const request of accessOf(work, data, engine)) {
    try {
      engine.mayMap([request]);
    } catch (error) {
      const { action } = request;
      const failed = action === "s3:PutObject" ? "ResultWriterFailed" : "ItemReaderFailed";
      throw new StateError(action.startsWith("s3:") ? `States.${failed}` : "States.Permissions", String(error));
    }
  }
};

/** Makes a child of every item, or batch; the items are never in memory all at once. */
const readChildren = async (work: Work, data: unknown, run: MapRun, engine: Engine): Promise<void> => {
  const { mapRuns } = engine;
  mapRuns.beginReading(run);
  let batch: ChildInput[] = [];
  let characters = 0;
  for await (const child of childInputs(work, data, engine.s3)) {
    if (work.scope.signal.aborted) throw new Stopped();
    batch.push(child);
    characters += child.input.length;
    if (batch.length < BATCH && characters < BATCH_CHARACTERS) continue;
    mapRuns.addChildren(run, batch);
    [batch, characters] = [[], 0];
  }
  if (work.scope.signal.aborted) throw new Stopped();
  mapRuns.addChildren(run, batch);
  mapRuns.endReading(run);
};

/** Whether more has failed than the run tolerates; without a threshold, nothing may fail. */
const exceeds = (run: MapRun, failed: number, total: number): boolean => {
  const { toleratedCount, toleratedPercentage } = run;
  if (toleratedCount === null && toleratedPercentage === null) return failed > 0;
  return (
    (toleratedCount !== null && failed > toleratedCount) ||
    (toleratedPercentage !== null && total > 0 && (failed / total) * 100 > toleratedPercentage)
  );
};

/**
 * Runs all children that are PENDING or, after a restart, RUNNING.
 * @throws StateError States.ExceedToleratedFailureThreshold; Stopped
 */
const runChildren = async (work: Work, position: number, engine: Engine): Promise<void> => {
  const { mapRuns } = engine;
  const { signal } = work.scope;
  const counts = mapRuns.counts(position);
  const sum = (statuses: readonly string[]): number =>
    counts.reduce((all, { status, items }) => (statuses.includes(status) ? all + items : all), 0);
  const total = counts.reduce((all, { items }) => all + items, 0);
  let failed = sum(["FAILED", "TIMED_OUT"]);
  const left = mapRuns.running(mapRuns.at(position));
  const active = new Set<Running>();
  const done = Promise.withResolvers<void>();
  let broken: unknown;

  const stopAll = (error: unknown) => {
    broken ??= error;
    for (const child of active) child.stop({ status: "ABORTED" });
  };
  const launch = (child: Execution, resumed: boolean) => {
    const running = engine.launch(child, resumed);
    active.add(running);
    running.settled
      .then((ended) => {
        active.delete(running);
        if (ended.status === "FAILED" || ended.status === "TIMED_OUT") failed += ended.items ?? 1;
        pump();
      })
      .catch((error: unknown) => {
        active.delete(running);
        stopAll(error);
        pump();
      });
  };
  const pump = () => {
    // The database is closed with the engine.
    if (engine.closed()) return done.resolve();
    const run = mapRuns.at(position);
    if (broken === undefined && exceeds(run, failed, total)) {
      const why = "The specified tolerated failure threshold was exceeded";
      stopAll(new StateError("States.ExceedToleratedFailureThreshold", why));
    }
    const most = Math.min(run.maxConcurrency || MAX_CONCURRENCY, MAX_CONCURRENCY);
    while (broken === undefined && active.size < most) {
      const resumed = left.shift();
      const child = resumed ?? mapRuns.startNext(run);
      if (child === undefined) break;
      launch(child, resumed !== undefined);
    }
    if (active.size === 0) done.resolve();
  };
  const onAbort = () => {
    // All at once, and first: a process that dies between two ends would leave an ABORTED child in a run that goes on.
    if (!engine.closed()) mapRuns.end(position, "ABORTED");
    stopAll(new Stopped());
    pump();
  };
  const unwatch = engine.onChange(mapRuns.at(position), pump);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) throw new Stopped();
    pump();
    await done.promise;
  } finally {
    unwatch();
    signal.removeEventListener("abort", onAbort);
  }
  if (broken !== undefined) throw broken;
};

/** The children's outputs, in the order of the items; of those that failed, what the results have of them. */
const collect = (run: MapRun, { mapRuns, arns }: Engine): unknown[] => {
  const results: unknown[] = [];
  let bytes = 2;
  for (const child of mapRuns.children(run)) {
    const text = child.status === "SUCCEEDED" ? (child.output ?? "null") : JSON.stringify(childResult(arns, child));
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > MAX_DATA_BYTES + 1) {
      const why = `The Map Run returned results exceeding the maximum number of bytes service limit.`;
      throw new StateError("States.DataLimitExceeded", why);
    }
    results.push(JSON.parse(text));
  }
  return results;
};

const settingsOf = ({ state, context }: Work, data: unknown) => ({
  maxConcurrency: numberOf(state, "MaxConcurrency", data, context) ?? 0,
  toleratedCount: numberOf(state, "ToleratedFailureCount", data, context) ?? null,
  toleratedPercentage: numberOf(state, "ToleratedFailurePercentage", data, context) ?? null,
});

/**
 * Runs a Map state in distributed mode: its items become child executions, which are stored, so that after a restart
 * only what is not done is done.
 *
 * @throws StateError States.ItemReaderFailed, States.ExceedToleratedFailureThreshold, States.ResultWriterFailed and
 * what the paths of the state fail with; Stopped
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
 */
export const runMapRun = async (work: Work, engine: Engine): Promise<unknown> => {
  const { state, context, scope, name } = work;
  const { mapRuns, arns, s3, execution } = engine;
  const data = select(state.InputPath, work.input, context);
  const length = state.ItemReader === undefined ? itemsIn(state, data, context).length : 0;
  emit(scope, "MapStateStarted", { mapStateStartedEventDetails: { length } });
  const machine = `${execution.machine.split("/")[0]}/${labelOf(name, state)}`;
  const run = mapRuns.open(execution.position, work.place, machine, settingsOf(work, data));
  const destination = isFields(state.ResultWriter) ? destinationOf(state.ResultWriter, data, context) : undefined;
  const mapRunArn = arns.mapRun(machine, run.name);
  if (run.redriveCount === 0) emit(scope, "MapRunStarted", { mapRunStartedEventDetails: { mapRunArn } });
  else emit(scope, "MapRunRedriven", { mapRunRedrivenEventDetails: { mapRunArn, redriveCount: run.redriveCount } });

  const resultOf = async (): Promise<unknown> => {
    if (destination === undefined) return collect(run, engine);
    if (s3 === undefined) throw new StateError("States.ResultWriterFailed", "there is no S3 here");
    const { result, written } = await writeResults(s3, arns, mapRuns, run, destination);
    mapRuns.wrote(run.position, written);
    return result;
  };
  try {
    authorize(work, data, engine);
    if (!run.isRead) await readChildren(work, data, run, engine);
    try {
      await runChildren(work, run.position, engine);
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      mapRuns.end(run.position, "FAILED");
      // What is done, and what is not, can be read when the run has failed, too.
      if (destination !== undefined) await resultOf();
      throw error;
    }
    const result = await resultOf();
    mapRuns.end(run.position, "SUCCEEDED");
    emit(scope, "MapRunSucceeded");
    emit(scope, "MapStateSucceeded");
    return result;
  } catch (error) {
    if (error instanceof StateError) {
      mapRuns.end(run.position, "FAILED");
      const { error: code, why } = error;
      emit(scope, "MapRunFailed", {
        mapRunFailedEventDetails: { error: code, ...(why === undefined ? {} : { cause: why }) },
      });
    } else if (!engine.closed()) {
      mapRuns.end(run.position, "ABORTED");
      if (scope.environment.history.hasRoom()) emit(scope, "MapRunAborted");
    }
    throw error;
  }
};
