import { createClient, type Intent, type Slipway } from "../client/index.ts";
import type { CommonOptions } from "./commands.ts";
import { type Chosen, chosenContext } from "./config.ts";
import { CliError } from "./failures.ts";
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

/** Waits for an intent as options say, telling people on the standard error how far it has come. */
export const waited = async (slipway: Slipway, intent: Intent, options: WaitOptions): Promise<Intent> => {
  if (options.wait === false) return intent;
  let told = "";
  return slipway.waitForIntent(intent, {
    signal: interrupted.signal,
    timeout: options.timeout,
    onPoll: ({ kind, subject, status }) => {
      if (options.json || !process.stderr.isTTY || told === status) return;
      told = status;
      note(styled("dim", `${kind} ${subject.name}: ${status}`, process.stderr));
    },
  });
};
