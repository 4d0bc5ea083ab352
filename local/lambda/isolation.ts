import { AsyncLocalStorage } from "node:async_hooks";
import type { Writable } from "node:stream";
import type { LambdaError } from "../invoke.ts";
import { exited, thrown, unhandled } from "./errors.ts";

export interface Invocation {
  readonly requestId: string;
  readonly variables: NodeJS.ProcessEnv;
  /** Takes what the function prints. */
  readonly log: Writable;
  /** Ends the invocation with an error that no promise of the handler tells. */
  readonly crash: (error: LambdaError) => void;
}

/** The invocation that the running code belongs to. */
export const running = new AsyncLocalStorage<Invocation>();

/** What ends the code that called `process.exit` in a function. */
class ProcessExit extends Error {}

const crashOf = (event: string, cause: unknown): LambdaError | undefined => {
  if (cause instanceof ProcessExit) return undefined;
  return event === "unhandledRejection" ? unhandled(cause) : thrown(cause);
};

/**
 * All functions run in this process, so the process has one environment, one standard output and one life for each of
 * them: code that runs in an invocation sees that function's variables alone, what it prints goes to the functions' log,
 * and what ends a process of its own on AWS (an exception that nobody catches, a rejection that nobody handles,
 * `process.exit`) ends the invocation. Answers how to undo all that.
 */
export const separate = (): (() => void) => {
  const outer = process.env;
  const current = () => running.getStore()?.variables ?? outer;
  process.env = new Proxy(outer, {
    get: (_, name) => Reflect.get(current(), name),
    set: (_, name, value) => Reflect.set(current(), name, value),
    has: (_, name) => Reflect.has(current(), name),
    deleteProperty: (_, name) => Reflect.deleteProperty(current(), name),
    ownKeys: () => Reflect.ownKeys(current()),
    getOwnPropertyDescriptor: (_, name) => {
      const found = Reflect.getOwnPropertyDescriptor(current(), name);
      return found && { ...found, configurable: true };
    },
  });

  const restore = [process.stdout, process.stderr].map((stream) => {
    const write = stream.write.bind(stream);
    stream.write = ((chunk: string | Uint8Array, ...rest: []) =>
      running.getStore()?.log.write(chunk) ?? write(chunk, ...rest)) as typeof stream.write;
    return () => {
      stream.write = write;
    };
  });

  const { exit, emit } = process;
  process.exit = ((code) => {
    const invocation = running.getStore();
    if (invocation === undefined) return exit(code);
    invocation.crash(exited(invocation.requestId, Number(code ?? process.exitCode ?? 0)));
    throw new ProcessExit("the function ended its process");
  }) as typeof process.exit;
  // Before all other listeners: to the process, what an invocation did is no reason to end.
  process.emit = ((event: string, ...rest: [unknown]) => {
    const invocation = running.getStore();
    if (invocation === undefined || (event !== "unhandledRejection" && event !== "uncaughtException")) {
      return Reflect.apply(emit, process, [event, ...rest]);
    }
    const error = crashOf(event, rest[0]);
    if (error === undefined) return true;
    invocation.log.write(`${JSON.stringify({ level: "FATAL", requestId: invocation.requestId, ...error })}\n`);
    invocation.crash(error);
    return true;
  }) as typeof process.emit;

  return () => {
    process.env = outer;
    process.exit = exit;
    process.emit = emit;
    for (const undo of restore) undo();
  };
};
