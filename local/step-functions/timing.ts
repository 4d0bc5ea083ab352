import { Stopped } from "./errors.ts";

/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** `setTimeout` for any delay; gives what clears it. */
export const after = (milliseconds: number, act: () => void): (() => void) => {
  let timer: NodeJS.Timeout;
  const wait = (left: number) => {
    timer = setTimeout(() => (left > MAX_TIMER ? wait(left - MAX_TIMER) : act()), Math.min(left, MAX_TIMER));
  };
  wait(milliseconds);
  return () => clearTimeout(timer);
};

/**
 * `work`, or a rejection that comes first.
 *
 * @param limit milliseconds, and the error that it ends with
 * @throws Stopped once `signal` aborts; `limit.error()` when the time is up
 */
export const within = <T>(
  work: Promise<T>,
  signal: AbortSignal,
  limit?: { readonly milliseconds: number; readonly error: () => Error },
): Promise<T> =>
  new Promise<T>((resolve, reject) => {
    const stop = () => settle(() => reject(new Stopped()));
    const clear =
      limit === undefined ? undefined : after(limit.milliseconds, () => settle(() => reject(limit.error())));
    const settle = (end: () => void) => {
      signal.removeEventListener("abort", stop);
      clear?.();
      end();
    };
    work.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });

/** Waits so many milliseconds. @throws Stopped once `signal` aborts */
export const pause = (milliseconds: number, signal: AbortSignal): Promise<void> => {
  if (signal.aborted) return Promise.reject(new Stopped());
  if (milliseconds <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = () => {
      clear();
      reject(new Stopped());
    };
    const clear = after(milliseconds, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
    signal.addEventListener("abort", stop, { once: true });
  });
};
