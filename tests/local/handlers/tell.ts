import { setTimeout as pause } from "node:timers/promises";

interface Event {
  readonly read?: readonly string[];
  readonly echo?: unknown;
  readonly fail?: string;
  readonly hang?: boolean;
  readonly give?: number;
  /** Lines, each written by itself: to the standard output and the standard error in turn. */
  readonly print?: readonly string[];
}

/** A function that does what its event says. */
export const handler = async (event: Event): Promise<unknown> => {
  await pause(1);
  for (const [i, line] of (event.print ?? []).entries()) process[i % 2 === 0 ? "stdout" : "stderr"].write(`${line}\n`);
  if (event.hang) await new Promise(() => undefined);
  if (event.give !== undefined) return "x".repeat(event.give);
  if (event.fail !== undefined) throw Object.assign(new Error("failed"), { name: event.fail });
  if (event.read !== undefined) return Object.fromEntries(event.read.map((name) => [name, process.env[name]]));
  return event.echo;
};
