import type { Writable } from "node:stream";
import { Worker } from "node:worker_threads";
import type { LambdaError } from "../invoke.ts";
import { exited, thrown } from "./errors.ts";
import type { WorkerData, WorkerMessage } from "./worker.ts";

export interface ColdRun {
  /** The answer as JSON, undefined of a function that streams. Rejects never: an error is one of the two outcomes. */
  readonly ended: Promise<{ readonly json: string | undefined } | { readonly error: LambdaError }>;
  /** Ends the thread, whatever it does. */
  readonly stop: () => void;
}

/** Each thread takes tens of megabytes and its share of the processors. */
const MAX_THREADS = 8;
let threads = 0;
const queue: (() => void)[] = [];

/** A place for one thread. */
export interface ColdThread {
  readonly leave: () => void;
}

const leave = () => {
  const next = queue.shift();
  if (next === undefined) threads -= 1;
  else next();
};

/** Waits while {@link MAX_THREADS} are at work: an invocation's time begins after that. */
export const coldThread = async (): Promise<ColdThread> => {
  if (threads >= MAX_THREADS) await new Promise<void>((resolve) => queue.push(resolve));
  else threads += 1;
  return { leave };
};

/**
 * Runs a function once in a thread of its own, with modules that were never loaded before: what a new execution
 * environment has.
 *
 * @param variables the whole environment
 * @param log where standard output and error go
 * @param stream where a function that streams writes to
 */
export const runCold = (
  thread: ColdThread,
  data: WorkerData,
  options: {
    readonly memoryMb: number;
    readonly variables: Readonly<Record<string, string>>;
    readonly log: Writable;
    readonly stream?: Writable;
  },
): ColdRun => {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    workerData: data,
    env: { ...options.variables },
    stdout: true,
    stderr: true,
    execArgv: ["--disable-warning=ExperimentalWarning"],
    // A small young generation: what is over the limit is found before it is past all bounds, and ends the process.
    resourceLimits: { maxOldGenerationSizeMb: options.memoryMb, maxYoungGenerationSizeMb: 8 },
  });
  worker.stdout.pipe(options.log, { end: false });
  worker.stderr.pipe(options.log, { end: false });
  const { promise: ended, resolve } = Promise.withResolvers<Awaited<ColdRun["ended"]>>();
  const { stream } = options;
  const goOn = () => worker.postMessage("room");
  worker.on("message", (message: WorkerMessage) => {
    switch (message.kind) {
      case "answer":
        return resolve({ json: message.json });
      case "error":
        return resolve({ error: message.error });
      case "end":
        stream?.end();
        return resolve({ json: undefined });
      case "head":
        stream?.emit("metadata", message.metadata);
        return;
      default:
        if (stream?.write(message.bytes) === false) stream.once("drain", goOn);
        else goOn();
    }
  });
  // A reader who has gone makes no room any more.
  if (stream?.destroyed) void worker.terminate();
  stream?.once("close", () => void worker.terminate());
  worker.once("error", (error: Error & { code?: string }) => {
    const { awsRequestId } = data.invoked;
    const outOfMemory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
    resolve({ error: outOfMemory ? exited(awsRequestId, "signal: killed") : thrown(error) });
  });
  worker.once("exit", (code) => {
    thread.leave();
    resolve({ error: exited(data.invoked.awsRequestId, code) });
  });
  return { ended, stop: () => void worker.terminate() };
};
