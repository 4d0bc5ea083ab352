import type { Writable } from "node:stream";
import type { Context } from "aws-lambda";

export type Handler = (event: unknown, context: Context) => unknown;
export type StreamingHandler = (event: unknown, stream: Writable, context: Context) => Promise<unknown>;

/** What a context is made of, in a form that can be sent to another thread. */
export interface Invoked {
  readonly functionName: string;
  readonly invokedFunctionArn: string;
  readonly memoryLimitInMB: string;
  readonly awsRequestId: string;
  /** Milliseconds since 1970. */
  readonly deadline: number;
}

const unsupported = () => {
  throw new Error("callbacks are not supported by the Node.js 24 runtime");
};

export const contextOf = ({ deadline, ...invoked }: Invoked): Context => ({
  ...invoked,
  functionVersion: "$LATEST",
  logGroupName: `/aws/lambda/${invoked.functionName}`,
  logStreamName: "local",
  callbackWaitsForEmptyEventLoop: false,
  getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  done: unsupported,
  fail: unsupported,
  succeed: unsupported,
});

/** Sets the global that Lambda's Node.js runtime gives to functions that stream. */
export const installStreaming = (): void => {
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
