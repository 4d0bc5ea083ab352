import { createClient, DeadlineError, type Intent, ProblemError, type Slipway } from "../client/index.ts";
import type { CommonOptions } from "./commands.ts";
import { type Chosen, chosenContext } from "./config.ts";
import { BrokenWait, CliError } from "./failures.ts";
import { interrupted } from "./interrupted.ts";
import { note, styled } from "./output.ts";
import { tokenSource } from "./session.ts";

export interface Connection {
  readonly slipway: Slipway;
  readonly chosen: Chosen;
  /** @throws CliError when none was chosen */
  readonly workspace: () => string;
}

/** A client of the server that options, environment and configuration name. */
export const connect = (options: CommonOptions): Connection => {
  const chosen = chosenContext(options);
  return {
    chosen,
    slipway: createClient({ url: chosen.api, token: tokenSource(chosen) }),
    workspace: () => {
      if (chosen.workspace !== undefined) return chosen.workspace;
      const next = "Choose one: slipway workspace use NAME, --workspace NAME, or SLIPWAY_WORKSPACE.";
      throw new CliError("usage", "no workspace was chosen", next);
    },
  };
};

export interface WaitOptions {
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly json?: true;
}

/**
 * Waits for an intent as options say, telling people on the standard error how far it has come.
 * @throws ProblemError what it failed with; DeadlineError; BrokenWait for all else that ends the wait, also Ctrl-C
 */
export const waited = async (slipway: Slipway, intent: Intent, options: WaitOptions): Promise<Intent> => {
  if (options.wait === false) return intent;
  let told = "";
  const onPoll = ({ kind, subject, status }: Intent): void => {
    if (options.json || !process.stderr.isTTY || told === status) return;
    told = status;
    note(styled("dim", `${kind} ${subject.name}: ${status}`, process.stderr));
  };
  try {
    return await slipway.waitForIntent(intent, { signal: interrupted.signal, timeout: options.timeout, onPoll });
  } catch (error) {
    const hasFailed = error instanceof ProblemError && error.intent !== undefined;
    if (hasFailed || error instanceof DeadlineError) throw error;
    throw new BrokenWait(intent.id, interrupted.signal.aborted ? new CliError("interrupted", "interrupted") : error);
  }
};
