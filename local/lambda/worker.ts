import { Writable } from "node:stream";
import { parentPort, workerData } from "node:worker_threads";
import type { LambdaError } from "../invoke.ts";
import { thrown, unhandled } from "./errors.ts";
import { contextOf, type Handler, type Invoked, installStreaming, type StreamingHandler } from "./runtime.ts";

/** What the thread of one cold invocation is started with. */
export interface WorkerData {
  /** The handler's module, as a URL. */
  readonly module: string;
  /** JSON. */
  readonly event: string;
  readonly invoked: Invoked;
  readonly streaming: boolean;
}

/** What it says: the answer as JSON; or head, chunks (each waits for any word back) and the end; or why it failed. */
export type WorkerMessage =
  | { readonly kind: "answer"; readonly json: string }
  | { readonly kind: "head"; readonly metadata: Record<string, unknown> }
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "error"; readonly error: LambdaError };

const port = parentPort;
if (port === null) throw new Error("a cold invocation runs in a thread of its own");
const { module, event, invoked, streaming } = workerData as WorkerData;
let goOn: (() => void) | undefined;
// Listening keeps the thread alive: a handler that waits for nothing waits until its time is over.
port.on("message", () => goOn?.());
const say = (message: WorkerMessage) => port.postMessage(message);

/** Resolves when the other side has all that was written to a standard stream. */
const flushed = (stream: Writable) => new Promise<void>((resolve) => stream.write("", () => resolve()));
const saidBehindAll = async (message: WorkerMessage): Promise<void> => {
  // Who hears the outcome ends this thread, and what still waits in it is lost.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  say(message);
};
let ended: Promise<void> | undefined;
/** Says the outcome, the first one alone, behind all that was printed. */
const end = (message: WorkerMessage): Promise<void> => {
  ended ??= saidBehindAll(message);
  return ended;
};
const crash = async (error: LambdaError, code: number): Promise<void> => {
  await end({ kind: "error", error });
  process.exit(code);
};

process.on("unhandledRejection", (reason) => void crash(unhandled(reason), 128));
process.on("uncaughtException", (error) => void crash(thrown(error), 129));

/** Hands each piece over and waits until there is room for the next. */
const responseStream = (): Writable => {
  const stream = new Writable({
    write: (chunk: Uint8Array, _, done) => {
      goOn = done;
      say({ kind: "chunk", bytes: chunk });
    },
  });
  stream.once("metadata", (metadata: Record<string, unknown>) => say({ kind: "head", metadata }));
  return stream;
};

installStreaming();
try {
  const { handler } = (await import(module)) as { handler: Handler | StreamingHandler };
  const context = contextOf(invoked);
  if (streaming) {
    const stream = responseStream();
    await (handler as StreamingHandler)(JSON.parse(event), stream, context);
    await new Promise<void>((resolve) => (stream.writableFinished ? resolve() : stream.end(resolve)));
    await end({ kind: "end" });
  } else {
    const answer = await (handler as Handler)(JSON.parse(event), context);
    await end({ kind: "answer", json: JSON.stringify(answer ?? null) });
  }
} catch (error) {
  await end({ kind: "error", error: thrown(error) });
}
port.close();
