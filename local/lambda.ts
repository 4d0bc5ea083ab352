import { randomUUID } from "node:crypto";
import { createWriteStream, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import type { FunctionDeclaration } from "../functions/declared.ts";
import { ConnectionReset, type Faults, InjectedError } from "./faults.ts";
import { functionNameOf, type Invoke, type InvokeResult, type LambdaError } from "./invoke.ts";
import { coldThread, runCold } from "./lambda/cold.ts";
import { asError, thrown, timedOut } from "./lambda/errors.ts";
import { running, separate } from "./lambda/isolation.ts";
import {
  checkFunction,
  MAX_ANSWER_BYTES,
  MAX_EVENT_BYTES,
  STREAMING_LIMITS,
  type StreamingLimits,
  withinLimits,
} from "./lambda/limits.ts";
import { contextOf, type Handler, type Invoked, installStreaming, type StreamingHandler } from "./lambda/runtime.ts";

/** A function of the stage as Lambda has it: its code, its limits and the environment that it alone sees. */
export interface LambdaFunction extends Omit<FunctionDeclaration, "permissions"> {
  readonly name: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Without the permission to write its log, what a function prints goes nowhere, as on AWS. */
  readonly mayLog?: boolean;
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
  /** Whether each invocation has an execution environment of its own, as after a cold start: all modules are new. */
  readonly cold?: boolean;
  /** AWS's by default. */
  readonly streamingLimits?: StreamingLimits;
}

const MAX_LOG_BYTES = 64 * 1024 ** 2;

const openLog = (file: string): Writable => {
  mkdirSync(dirname(file), { recursive: true });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
  return createWriteStream(file, { flags: "a" });
};

/** An event as JSON. @throws Error `RequestTooLargeException` */
const serialised = (payload: unknown): string => {
  const event = JSON.stringify(payload ?? {});
  if (Buffer.byteLength(event) <= MAX_EVENT_BYTES) return event;
  const message = `Request must be smaller than ${MAX_EVENT_BYTES} bytes for the InvokeFunction operation`;
  throw Object.assign(new Error(message), { name: "RequestTooLargeException" });
};

const answered = (json: string): InvokeResult => {
  if (Buffer.byteLength(json) <= MAX_ANSWER_BYTES) return { payload: JSON.parse(json) };
  const errorMessage = `Response payload size exceeded maximum allowed payload size (${MAX_ANSWER_BYTES} bytes).`;
  return { functionError: { errorType: "Function.ResponseSizeTooLarge", errorMessage } };
};

/** What a service that calls Lambda sees of a connection that breaks. */
const sdkClientException = (cause: Error): Error =>
  Object.assign(new Error(`Unable to execute HTTP request: ${cause.message}`, { cause }), {
    name: "SdkClientException",
  });

/**
 * Lambda in this process: the handlers' own modules, called with events and contexts in Lambda's form, JSON in and out,
 * each with its own environment, time-out and log.
 * @throws RangeError for a function that AWS would refuse
 */
export const startLambda = (options: LambdaOptions): Lambda => {
  const { cold = false, faults, streamingLimits = STREAMING_LIMITS } = options;
  for (const declared of options.functions) checkFunction(declared);
  const functions = new Map(options.functions.map((declared) => [declared.name, declared]));
  const log = openLog(options.logFile);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const logOf = ({ mayLog = true }: LambdaFunction): Writable => (mayLog ? log : nowhere);
  const restore = separate();
  installStreaming();

  const moduleOf = (declared: LambdaFunction): string => new URL(`../${declared.module}.ts`, import.meta.url).href;
  /** Node.js keeps each module, as a warm execution environment does. */
  const handlerOf = async (declared: LambdaFunction): Promise<Handler | StreamingHandler> =>
    ((await import(moduleOf(declared))) as { handler: Handler }).handler;

  const find = (nameOrArn: string): LambdaFunction => {
    const name = functionNameOf(nameOrArn);
    const found = functions.get(name);
    if (found !== undefined) return found;
    throw Object.assign(new Error(`Function not found: ${name}`), { name: "ResourceNotFoundException" });
  };

  const invokedNow = (declared: LambdaFunction): Invoked => ({
    functionName: declared.name,
    invokedFunctionArn: `arn:aws:lambda:${options.region}:${options.accountId}:function:${declared.name}`,
    memoryLimitInMB: String(declared.memoryMb),
    awsRequestId: randomUUID(),
    deadline: Date.now() + declared.timeoutSeconds * 1_000,
  });

  /** Calls `late` when the function's time is over; answers how to prevent that. */
  const limitTime = (declared: LambdaFunction, invoked: Invoked, late: (error: LambdaError) => void) => {
    const timer = setTimeout(
      () => late(timedOut(invoked.awsRequestId, declared.timeoutSeconds)),
      declared.timeoutSeconds * 1_000,
    );
    return () => clearTimeout(timer);
  };

  const invocationOf = (declared: LambdaFunction, invoked: Invoked, crash: (error: LambdaError) => void) => ({
    requestId: invoked.awsRequestId,
    variables: { ...declared.variables },
    log: logOf(declared),
    crash,
  });

  const runWarm = async (declared: LambdaFunction, event: string, invoked: Invoked): Promise<InvokeResult> => {
    const { promise: cut, resolve } = Promise.withResolvers<InvokeResult>();
    const end = (functionError: LambdaError) => resolve({ functionError });
    const inTime = limitTime(declared, invoked, end);
    const work = running.run(invocationOf(declared, invoked, end), async (): Promise<InvokeResult> => {
      try {
        const handler = (await handlerOf(declared)) as Handler;
        return answered(JSON.stringify((await handler(JSON.parse(event), contextOf(invoked))) ?? null));
      } catch (error) {
        return { functionError: thrown(error) };
      }
    });
    try {
      return await Promise.race([cut, work]);
    } finally {
      inTime();
    }
  };

  const runColdly = async (declared: LambdaFunction, event: string): Promise<InvokeResult> => {
    const { promise: late, resolve } = Promise.withResolvers<InvokeResult>();
    const thread = await coldThread();
    const invoked = invokedNow(declared);
    const inTime = limitTime(declared, invoked, (functionError) => resolve({ functionError }));
    const data = { module: moduleOf(declared), event, invoked, streaming: false };
    const run = runCold(thread, data, { ...declared, log: logOf(declared) });
    const work = run.ended.then((outcome): InvokeResult => {
      if ("error" in outcome) return { functionError: outcome.error };
      return answered(outcome.json ?? "null");
    });
    try {
      return await Promise.race([late, work]);
    } finally {
      inTime();
      run.stop();
    }
  };

  const run = (declared: LambdaFunction, payload: unknown): Promise<InvokeResult> => {
    const event = serialised(payload);
    return cold ? runColdly(declared, event) : runWarm(declared, event, invokedNow(declared));
  };

  const invoke: Invoke = async (functionName, payload) => {
    const declared = find(functionName);
    try {
      return await faults.perform(`lambda:${declared.name}`, async () => run(declared, payload));
    } catch (error) {
      if (error instanceof ConnectionReset) throw sdkClientException(error);
      if (!(error instanceof InjectedError) || error.kind !== "error") throw error;
      return { functionError: { errorType: error.code, errorMessage: error.message } };
    }
  };

  /** Runs a function that writes to `stream`; rejects when it fails. */
  const runStreaming = async (declared: LambdaFunction, event: string, stream: PassThrough): Promise<void> => {
    const thread = cold ? await coldThread() : undefined;
    const invoked = invokedNow(declared);
    const { promise: cut, reject } = Promise.withResolvers<never>();
    const end = (error: LambdaError) => reject(asError(error));
    const inTime = limitTime(declared, invoked, end);
    const work = async (): Promise<void> => {
      if (thread !== undefined) {
        const data = { module: moduleOf(declared), event, invoked, streaming: true };
        const outcome = await runCold(thread, data, { ...declared, log: logOf(declared), stream }).ended;
        if ("error" in outcome) throw asError(outcome.error);
        return;
      }
      const invocation = invocationOf(declared, invoked, end);
      // Whoever reads the answer makes room in the stream, and with that runs the function's code: still in its invocation.
      const emit = stream.emit.bind(stream);
      stream.emit = ((name: string, ...rest: unknown[]) =>
        name === "drain"
          ? running.run(invocation, () => emit(name, ...rest))
          : emit(name, ...rest)) as typeof stream.emit;
      await running.run(invocation, async () => {
        const handler = (await handlerOf(declared)) as StreamingHandler;
        await handler(JSON.parse(event), stream, contextOf(invoked));
      });
    };
    try {
      await Promise.race([cut, work()]);
    } finally {
      inTime();
    }
  };

  const stream = async (declared: LambdaFunction, payload: unknown): Promise<StreamedAnswer> => {
    const answer = new PassThrough();
    // What it is destroyed with comes to who reads it.
    answer.on("error", () => undefined);
    const metadata = new Promise<Record<string, unknown>>((resolve) => answer.once("metadata", resolve));
    const unsaid = { statusCode: 200, headers: { "content-type": "application/octet-stream" } };
    const finished = runStreaming(declared, serialised(payload), answer);
    // After the head is sent, a failure can only break the body off.
    finished.catch((error: unknown) => answer.destroy(error instanceof Error ? error : new Error(String(error))));
    const head = await Promise.race([metadata, finished.then(() => Promise.race([metadata, unsaid]))]);
    const body = Readable.from(withinLimits(answer, streamingLimits), { highWaterMark: 1 });
    // Also when nobody reads it: the function would wait for room.
    body.once("close", () => answer.destroy());
    return { status: Number(head.statusCode), headers: head.headers as Record<string, string>, body };
  };

  return {
    invoke,
    invokeStreaming: async (functionName, event) => {
      const declared = find(functionName);
      // The first of two answers would never be read.
      return faults.perform(`lambda:${declared.name}`, () => stream(declared, event), { repeatable: false });
    },
    close: async () => {
      restore();
      await new Promise((resolve) => log.end(resolve));
    },
  };
};
