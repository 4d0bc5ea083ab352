import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { createWriteStream, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { PassThrough, type Writable } from "node:stream";
import type { Context } from "aws-lambda";
import type { FunctionDeclaration } from "../functions/declared.ts";
import { ConnectionReset, type Faults, InjectedError } from "./faults.ts";
import { functionNameOf, type Invoke, type InvokeResult, type LambdaError } from "./invoke.ts";

/** A function of the stage as Lambda has it: its code, its limits and the environment that it alone sees. */
export interface LambdaFunction extends FunctionDeclaration {
  readonly name: string;
  readonly variables: Readonly<Record<string, string>>;
}

export interface StreamedAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Lambda {
  readonly invoke: Invoke;
  /** Calls a function that streams its answer, as its function URL does. */
  readonly invokeStreaming: (functionName: string, event: unknown) => Promise<StreamedAnswer>;
  readonly close: () => Promise<void>;
}

export interface LambdaOptions {
  readonly functions: readonly LambdaFunction[];
  readonly region: string;
  readonly accountId: string;
  /** Where the functions' standard output goes, a line of JSON each. */
  readonly logFile: string;
  readonly faults: Faults;
}

type Handler = (event: unknown, context: Context) => unknown;
type StreamingHandler = (event: unknown, stream: Writable, context: Context) => Promise<unknown>;

/** Lambda's limit on the payload of a synchronous invocation and of its answer. */
const MAX_PAYLOAD_BYTES = 6 * 1024 ** 2;
const MAX_LOG_BYTES = 64 * 1024 ** 2;

/** The invocation that the running code belongs to. */
const running = new AsyncLocalStorage<{ readonly variables: NodeJS.ProcessEnv }>();

/**
 * All functions run in this process, so the process has one environment and one standard output for each of them: code
 * that runs in an invocation sees that function's variables alone, and what it prints goes to the functions' log.
 */
const separate = (log: Writable): (() => void) => {
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
      running.getStore() === undefined ? write(chunk, ...rest) : log.write(chunk)) as typeof stream.write;
    return () => {
      stream.write = write;
    };
  });
  return () => {
    process.env = outer;
    for (const undo of restore) undo();
  };
};

const openLog = (file: string): Writable => {
  mkdirSync(dirname(file), { recursive: true });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
  return createWriteStream(file, { flags: "a" });
};

const lambdaError = (error: unknown): LambdaError =>
  error instanceof Error
    ? { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") }
    : { errorType: "Error", errorMessage: String(error) };

/** The global that Lambda's Node.js runtime gives to functions that stream. */
const installStreaming = () => {
  Object.assign(globalThis, {
    awslambda: {
      streamifyResponse: (handler: StreamingHandler) => handler,
      HttpResponseStream: {
        from: (stream: Writable, metadata: Record<string, unknown>) => {
          // As in the runtime: the head goes out before the first write. Without one, it never does.
          const write = stream.write.bind(stream);
          stream.write = ((...chunk: [string]) => {
            stream.write = write;
            stream.emit("metadata", metadata);
            return write(...chunk);
          }) as typeof stream.write;
          return stream;
        },
      },
    },
  });
};

/**
 * Lambda in this process: the handlers' own modules, called with events and contexts in Lambda's form, JSON in and out,
 * each with its own environment, time-out and log.
 */
export const startLambda = (options: LambdaOptions): Lambda => {
  const functions = new Map(options.functions.map((declared) => [declared.name, declared]));
  const log = openLog(options.logFile);
  const restore = separate(log);
  installStreaming();
  const handlers = new Map<string, Promise<Handler | StreamingHandler>>();

  const handlerOf = (declared: LambdaFunction): Promise<Handler | StreamingHandler> => {
    let handler = handlers.get(declared.module);
    if (handler === undefined) {
      handler = import(new URL(`../${declared.module}.ts`, import.meta.url).href).then(
        (module: { handler: Handler }) => module.handler,
      );
      handlers.set(declared.module, handler);
    }
    return handler;
  };

  const find = (nameOrArn: string): LambdaFunction => {
    const name = functionNameOf(nameOrArn);
    const found = functions.get(name);
    if (found !== undefined) return found;
    const missing = new Error(`Function not found: ${name}`);
    missing.name = "ResourceNotFoundException";
    throw missing;
  };

  const contextOf = (declared: LambdaFunction): Context => {
    const deadline = Date.now() + declared.timeoutSeconds * 1_000;
    return {
      functionName: declared.name,
      functionVersion: "$LATEST",
      invokedFunctionArn: `arn:aws:lambda:${options.region}:${options.accountId}:function:${declared.name}`,
      memoryLimitInMB: String(declared.memoryMb),
      awsRequestId: randomUUID(),
      logGroupName: `/aws/lambda/${declared.name}`,
      logStreamName: "local",
      callbackWaitsForEmptyEventLoop: false,
      getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
      done: unsupported,
      fail: unsupported,
      succeed: unsupported,
    };
  };

  const withinTime = async <T>(declared: LambdaFunction, work: Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new Error(`Task timed out after ${declared.timeoutSeconds.toFixed(2)} seconds`);
        error.name = "Sandbox.Timedout";
        reject(error);
      }, declared.timeoutSeconds * 1_000);
    });
    try {
      return await Promise.race([work, timeout]);
    } finally {
      clearTimeout(timer);
    }
  };

  const invoke: Invoke = async (functionName, payload) => {
    const declared = find(functionName);
    try {
      return await options.faults.perform(`lambda:${declared.name}`, () => run(declared, payload));
    } catch (error) {
      if (error instanceof ConnectionReset) throw sdkClientException(error);
      if (!(error instanceof InjectedError) || error.kind !== "error") throw error;
      return { functionError: { errorType: error.code, errorMessage: error.message } };
    }
  };

  const run = async (declared: LambdaFunction, payload: unknown): Promise<InvokeResult> => {
    const event = JSON.stringify(payload ?? {});
    if (event.length > MAX_PAYLOAD_BYTES) {
      const tooLarge = new Error(
        `Request must be smaller than ${MAX_PAYLOAD_BYTES} bytes for the InvokeFunction operation`,
      );
      tooLarge.name = "RequestTooLargeException";
      throw tooLarge;
    }
    try {
      const answer = await running.run({ variables: { ...declared.variables } }, async () => {
        const handler = (await handlerOf(declared)) as Handler;
        return withinTime(declared, Promise.resolve(handler(JSON.parse(event), contextOf(declared))));
      });
      const result = JSON.stringify(answer ?? null);
      if (result.length > MAX_PAYLOAD_BYTES) {
        const errorMessage = `Response payload size exceeded maximum allowed payload size (${MAX_PAYLOAD_BYTES} bytes).`;
        return { functionError: { errorType: "Function.ResponseSizeTooLarge", errorMessage } };
      }
      return { payload: JSON.parse(result) };
    } catch (error) {
      return { functionError: lambdaError(error) };
    }
  };

  const invokeStreaming: Lambda["invokeStreaming"] = async (functionName, event) => {
    const declared = find(functionName);
    const stream = new PassThrough();
    const invocation = { variables: { ...declared.variables } };
    // Whoever reads the answer makes room in the stream, and with that runs the function's code: still in its invocation.
    const emit = stream.emit.bind(stream);
    stream.emit = ((name: string, ...rest: unknown[]) =>
      name === "drain"
        ? running.run(invocation, () => emit(name, ...rest))
        : emit(name, ...rest)) as typeof stream.emit;
    const metadata = new Promise<Record<string, unknown>>((resolve) => stream.once("metadata", resolve));
    const unsaid = { statusCode: 200, headers: { "content-type": "application/octet-stream" } };
    const finished = running.run(invocation, async () => {
      const handler = (await handlerOf(declared)) as StreamingHandler;
      await handler(JSON.parse(JSON.stringify(event)), stream, contextOf(declared));
    });
    // After the head is sent, a failure can only break the body off.
    finished.catch((error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))));
    const head = await Promise.race([metadata, finished.then(() => Promise.race([metadata, unsaid]))]);
    return {
      status: Number(head.statusCode),
      headers: head.headers as Record<string, string>,
      body: stream,
    };
  };

  return {
    invoke,
    invokeStreaming,
    close: async () => {
      restore();
      await new Promise((resolve) => log.end(resolve));
    },
  };
};

/** What a service that calls Lambda sees of a connection that breaks. */
const sdkClientException = (cause: Error): Error => {
  const error = new Error(`Unable to execute HTTP request: ${cause.message}`, { cause });
  error.name = "SdkClientException";
  return error;
};

const unsupported = () => {
  throw new Error("callbacks are not supported by the Node.js 24 runtime");
};
