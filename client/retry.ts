import { ConnectionError } from "./errors.ts";

export interface RetryOptions {
  readonly fetch: (request: Request) => Promise<Response>;
  /** How often a request is sent again, at most. */
  readonly retries: number;
  /** It is a question, whatever its method is: to send it twice is safe. */
  readonly changesNothing?: boolean | undefined;
  /** Milliseconds after which a try without an answer is given up. */
  readonly timeout: number;
  /** Waits; rejects with the signal's reason once it is aborted. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** 0 to 1. */
  readonly random: () => number;
}

const FIRST_MS = 200;
const MOST_MS = 10_000;
/** Who is to wait longer than this is told instead. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** Answers that the same request may not get again. 409 is one only when the first of two equal requests still runs. */
const PASSING: readonly number[] = [429, 502, 503, 504];

/** To send these twice is safe: they change nothing, or their key makes the second one the first. */
const isRepeatable = ({ method, headers }: Request): boolean =>
  method === "GET" || method === "HEAD" || headers.has("idempotency-key");

/** Milliseconds that `Retry-After` asks for: a number of seconds, or a date (RFC 9110 §10.2.3). */
export const retryAfter = (header: string | null, now: number): number | undefined => {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
};

/** Milliseconds before try number `tries` + 1: twice as long each time, and spread so that clients do not come together. */
export const backoff = (tries: number, random: number): number =>
  Math.min(MOST_MS, FIRST_MS * 2 ** (tries - 1)) * (0.5 + random / 2);

const isStillRunning = async (response: Response): Promise<boolean> => {
  if (response.status !== 409) return false;
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined); // no JSON: an answer like any other, which the caller is told of
  return (body as { code?: unknown } | undefined)?.code === "idempotency-in-progress";
};

/**
 * Sends a request, and again when what came back may pass: no answer, 429, 502, 503 or 504, and a request with the same
 * key that still runs. A request that changes something and has no Idempotency-Key is sent once.
 * @throws ConnectionError when no answer came; the signal's reason when it is aborted
 */
export const sendWithRetries = async (request: Request, options: RetryOptions): Promise<Response> => {
  const most = options.changesNothing || isRepeatable(request) ? options.retries : 0;
  for (let tries = 1; ; tries += 1) {
    const answer = await attempt(request, options);
    const isLast = tries > most;
    if (answer instanceof Response) {
      if (isLast || !(PASSING.includes(answer.status) || (await isStillRunning(answer)))) return answer;
      const asked = retryAfter(answer.headers.get("retry-after"), Date.now()) ?? 0;
      if (asked > LONGEST_RETRY_AFTER_MS) return answer;
      await options.pause(Math.max(asked, backoff(tries, options.random())), request.signal);
    } else {
      if (isLast) throw new ConnectionError(request.url, answer.failure);
      await options.pause(backoff(tries, options.random()), request.signal);
    }
  }
};

/** One try. The answer is read whole: one that breaks off is none. */
const attempt = async (request: Request, options: RetryOptions): Promise<Response | { failure: unknown }> => {
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(options.timeout)]);
  try {
    const answer = await options.fetch(new Request(request.clone(), { signal }));
    const { status, statusText, headers } = answer;
    return new Response(answer.body === null ? null : await answer.arrayBuffer(), { status, statusText, headers });
  } catch (failure) {
    request.signal.throwIfAborted();
    return { failure };
  }
};

/** @throws the signal's reason */
export const pause = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
