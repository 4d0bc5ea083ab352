import { setTimeout as pause } from "node:timers/promises";
import type { LambdaFunction } from "../lambda.ts";

const MB = 1024 ** 2;
/** Of a synchronous invocation's event. */
export const MAX_EVENT_BYTES = 6 * MB;
/** Of its answer: so many is what Lambda's own message says. */
export const MAX_ANSWER_BYTES = 6_291_556;
const MAX_VARIABLES_BYTES = 4 * 1024;
const FUNCTION_NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const VARIABLE_NAME = /^[a-zA-Z][a-zA-Z0-9_]+$/;

const isWithin = (value: number, from: number, to: number): boolean =>
  Number.isInteger(value) && value >= from && value <= to;

/**
 * @throws RangeError for a function that `CreateFunction` would refuse
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const checkFunction = ({ name, timeoutSeconds, memoryMb, variables }: LambdaFunction): void => {
  const refuse = (why: string): never => {
    throw new RangeError(`function ${name}: ${why}`);
  };
  if (!FUNCTION_NAME.test(name)) refuse("a name has up to 64 letters, digits, - and _");
  if (!isWithin(timeoutSeconds, 1, 900)) refuse(`a time-out is 1 to 900 seconds, not ${timeoutSeconds}`);
  if (!isWithin(memoryMb, 128, 10_240)) refuse(`memory is 128 to 10240 MB, not ${memoryMb}`);
  // What the runtime sets itself is not the function's to pay for.
  const own = Object.entries(variables).filter(([variable]) => !variable.startsWith("AWS_"));
  for (const [variable] of own) if (!VARIABLE_NAME.test(variable)) refuse(`${variable} is no name of a variable`);
  const bytes = Buffer.byteLength(JSON.stringify(Object.fromEntries(own)));
  if (bytes > MAX_VARIABLES_BYTES) refuse(`its variables take ${bytes} bytes of at most ${MAX_VARIABLES_BYTES}`);
};

/** How fast, and how much, a function may stream. */
export interface StreamingLimits {
  /** So much goes as fast as it comes. */
  readonly burstBytes: number;
  readonly bytesPerSecond: number;
  /** After so much the answer breaks off. */
  readonly maxBytes: number;
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html */
export const STREAMING_LIMITS: StreamingLimits = {
  burstBytes: 6 * MB,
  bytesPerSecond: 2 * MB,
  maxBytes: 200 * MB,
};

/** A large piece would be held back for long, and then come at once. */
const PIECE_BYTES = 64 * 1024;

export interface Clock {
  /** Milliseconds. */
  now(): number;
  pause(milliseconds: number): Promise<unknown>;
}

export const CLOCK: Clock = { now: () => performance.now(), pause };

/** The bytes of `body`, no faster than Lambda lets them out. @throws Error after `maxBytes` */
export async function* withinLimits(
  body: AsyncIterable<Uint8Array>,
  { burstBytes, bytesPerSecond, maxBytes }: StreamingLimits,
  clock: Clock = CLOCK,
): AsyncGenerator<Uint8Array> {
  let sent = 0;
  let burstEnded: number | undefined;
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      const piece = chunk.subarray(at, at + PIECE_BYTES);
      sent += piece.length;
      if (sent > maxBytes) throw new Error(`a function may stream ${maxBytes} bytes, and this one goes on`);
      if (sent > burstBytes) {
        burstEnded ??= clock.now();
        const due = burstEnded + ((sent - burstBytes) / bytesPerSecond) * 1_000;
        if (due > clock.now()) await clock.pause(due - clock.now());
      }
      yield piece;
    }
  }
}
