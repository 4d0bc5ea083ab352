import type { Intent } from "../client/index.ts";
import type { CommonOptions } from "./commands.ts";
import { connect, type WaitOptions } from "./connect.ts";
import { interrupted } from "./interrupted.ts";
import { print, styled } from "./output.ts";
import { printIntent } from "./run.ts";

export const waitForIntent = async (id: string, options: CommonOptions & WaitOptions): Promise<void> => {
  const { slipway } = connect(options);
  const intent = await slipway.getIntent({ intent: id, signal: interrupted.signal });
  await printIntent(slipway, intent, options);
};

export interface TailOptions extends CommonOptions {
  /** Milliseconds. */
  readonly since: number;
  /** Milliseconds. */
  readonly interval: number;
  readonly count?: number;
}

const SHADES = { requested: "dim", running: "yellow", succeeded: "green", failed: "red" } as const;

const line = (intent: Intent): string => {
  const why = intent.problem === undefined ? "" : `  ${intent.problem.code}: ${intent.problem.detail}`;
  const status = styled(SHADES[intent.status], intent.status.padEnd(9));
  return `${intent.updatedAt}  ${status}  ${intent.kind.padEnd(26)}  ${intent.subject.name}  ${styled("dim", intent.id)}${why}\n`;
};

/**
 * The changes between two looks at the list, oldest first. A status that came and went between two looks is not seen.
 * @param seen the last known status of each intent; brought up to date
 */
export const changesOf = (intents: readonly Intent[], seen: Map<string, string>): Intent[] => {
  const changed = intents.filter(({ id, status }) => seen.get(id) !== status);
  for (const { id, status } of changed) seen.set(id, status);
  return changed.sort((a, b) => (a.updatedAt < b.updatedAt ? -1 : 1));
};

/** Intents that have ended are remembered no longer than they are among so many newest ones. */
const REMEMBERED = 1_000;

/** Prints intents as they change. There is no stream of events to read: the list is looked at again and again. */
export const tailEvents = async (options: TailOptions): Promise<void> => {
  const connection = connect(options);
  const { slipway } = connection;
  const workspace = connection.workspace();
  const signal = interrupted.signal;
  const since = new Date(Date.now() - options.since).toISOString();
  let left = options.count ?? Number.POSITIVE_INFINITY;
  const { pause } = await import("../client/retry.ts");
  const seen = new Map<string, string>();
  let open = new Set<string>();
  for (;;) {
    const looked = new Map<string, Intent>();
    for await (const intent of slipway.items("listIntents", { workspace, limit: 100, signal })) {
      // Newest first: what is older than the last look, and had ended by then, has been told of.
      if (intent.createdAt < since && !open.has(intent.id) && looked.size >= 100) break;
      looked.set(intent.id, intent);
      if (looked.size >= REMEMBERED) break;
    }
    for (const id of open) {
      if (!looked.has(id)) looked.set(id, await slipway.getIntent({ intent: id, signal }));
    }
    const current = [...looked.values()].filter((intent) => intent.updatedAt >= since || seen.has(intent.id));
    for (const intent of changesOf(current, seen)) {
      await print(options.json ? `${JSON.stringify(intent)}\n` : line(intent));
      left -= 1;
      if (left <= 0) return;
    }
    open = new Set(current.filter(({ status }) => status !== "succeeded" && status !== "failed").map(({ id }) => id));
    for (const id of seen.keys()) if (!looked.has(id)) seen.delete(id);
    await pause(options.interval, signal);
  }
};
