import { randomBytes } from "node:crypto";
import { ServiceError } from "../aws-json-rpc.ts";
import { MAX_DATA_BYTES } from "./errors.ts";
import { firstAttempt } from "./scope.ts";
import type { Executions, TokenRow } from "./store.ts";

type News =
  | { readonly kind: "success"; readonly output: string }
  | { readonly kind: "failure"; readonly error: string | undefined; readonly cause: string | undefined }
  | { readonly kind: "heartbeat" };

/** A task that waits for its callback. */
export interface Token {
  readonly text: string;
  /** Milliseconds. */
  readonly openedAt: number;
  /** Milliseconds: the last heartbeat, or the opening. */
  beatAt(): number;
  /** Whether the function has got the token: also where its callback came before the function had ended. */
  submitted(): boolean;
  /** Notes that the function has ended, with the token: after a restart it is not invoked again. */
  submit(): void;
  /** The callback, once it is there; or a heartbeat. */
  next(): Promise<News>;
  /** From here on, a callback is too late. */
  close(): void;
}

/** The tokens of one execution. */
export interface Tokens {
  /** The token of the task at this place: a new one, or after a restart the one that still waits for its callback. */
  open(place: string): Token;
}

export interface TokenBook {
  of(execution: number): Tokens;
  /** @throws ServiceError InvalidToken, TaskTimedOut, InvalidOutput */
  succeed(token: string, output: string): void;
  /** @throws ServiceError InvalidToken, TaskTimedOut */
  fail(token: string, error: string | undefined, cause: string | undefined): void;
  /** @throws ServiceError InvalidToken, TaskTimedOut */
  beat(token: string): void;
}

const newsOf = (row: TokenRow): News | undefined => {
  if (row.status === "succeeded") return { kind: "success", output: row.output ?? "null" };
  if (row.status !== "failed") return undefined;
  return { kind: "failure", error: row.error ?? undefined, cause: row.cause ?? undefined };
};

const checkOutput = (output: string): void => {
  if (Buffer.byteLength(output) > MAX_DATA_BYTES) throw new ServiceError("InvalidOutput", "Invalid Output: too large");
  try {
    JSON.parse(output);
  } catch (error) {
    throw new ServiceError("InvalidOutput", `Invalid Output: ${error instanceof Error ? error.message : error}`);
  }
};

/**
 * Task tokens, on disk: a callback is kept even if it comes while the execution is not running yet.
 *
 * @param closed whether the engine is being closed
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
 */
export const makeTokenBook = (store: Executions, closed: () => boolean): TokenBook => {
  const waiting = new Map<string, (news: News) => void>();

  /** What an earlier process left here. Attempts are counted anew: what it came to in a later one goes on in this one. */
  const left = (execution: number, place: string): TokenRow | undefined => {
    const found = store.tokenAt(execution, place);
    // A failure is one again, and the next attempt follows.
    if (found === undefined || found.status === "open" || found.status === "failed") return found;
    return store.transact(() => {
      const attempts = store.placesOf(execution).filter((row) => firstAttempt(row.place) === firstAttempt(place));
      // Who still has one of these is told that it is too late.
      for (const { token } of attempts) store.moveToken(token, `left ${token}`);
      const latest = attempts.at(-1);
      if (latest === undefined || latest.status === "closed") return undefined;
      store.moveToken(latest.token, place);
      return store.tokenAt(execution, place);
    });
  };
  const open = (execution: number, place: string): Token => {
    const known = left(execution, place);
    const openedAt = known?.openedAt ?? Date.now();
    const text = known?.token ?? randomBytes(96).toString("base64");
    if (known === undefined) store.addToken({ token: text, execution, place, openedAt });
    const row = (): TokenRow | undefined => store.token(text);
    return {
      text,
      openedAt,
      beatAt: () => row()?.beatAt ?? openedAt,
      submitted: () => {
        const found = row();
        return found !== undefined && (found.submitted === 1 || newsOf(found) !== undefined);
      },
      submit: () => store.submitToken(text),
      next: () =>
        new Promise<News>((resolve) => {
          const found = row();
          const news = found === undefined ? undefined : newsOf(found);
          if (news === undefined) waiting.set(text, resolve);
          else resolve(news);
        }),
      close: () => {
        waiting.delete(text);
        // With the process, not the task ends, but its wait: the token stays good.
        if (!closed()) store.closeToken(text);
      },
    };
  };

  const tell = (token: string, news: News): void => {
    const listener = waiting.get(token);
    waiting.delete(token);
    listener?.(news);
  };
  const openRow = (token: string): TokenRow => {
    const row = store.token(token);
    if (row === undefined) throw new ServiceError("InvalidToken", "Invalid token");
    if (row.status !== "open" || row.executionStatus !== "RUNNING") {
      throw new ServiceError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");
    }
    return row;
  };

  return {
    of: (execution) => ({ open: (place) => open(execution, place) }),
    succeed: (token, output) => {
      openRow(token);
      checkOutput(output);
      store.answerToken(token, { status: "succeeded", output, error: null, cause: null });
      tell(token, { kind: "success", output });
    },
    fail: (token, error, cause) => {
      openRow(token);
      store.answerToken(token, { status: "failed", output: null, error: error ?? null, cause: cause ?? null });
      tell(token, { kind: "failure", error, cause });
    },
    beat: (token) => {
      openRow(token);
      store.beatToken(token, Date.now());
      tell(token, { kind: "heartbeat" });
    },
  };
};
