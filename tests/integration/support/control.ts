import type { Endpoints } from "../../../local/endpoints.ts";
import type { Fault } from "../../../local/faults.ts";
import type { Decision } from "../../../local/iam/identities.ts";

/** The test mode's port of a running cloud. */
export const controlOf = ({ control }: Endpoints) => {
  if (control === undefined) throw new Error("the cloud does not run in the test mode");
  const ask = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
    const answer = await fetch(`${control}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return (await answer.json()) as Answer;
  };
  return {
    /** The next `times` calls of an operation fail; all of them until `disarm` without a number. */
    arm: (operation: string, code: string, status: number, times?: number) =>
      ask("POST", "/faults", { kind: "error", operation, code, status, times: times ?? null }),
    /** Arms a fault of any kind. */
    fault: (fault: Fault) => ask("POST", "/faults", fault),
    faults: () => ask<{ fault: Fault; struck: number }[]>("GET", "/faults"),
    disarm: () => ask("DELETE", "/faults"),
    invoke: (name: string, event: unknown = {}) => ask("POST", `/invoke/${name}`, event),
    /** What roles were allowed so far. */
    decisions: () => ask<Decision[]>("GET", "/decisions"),
    /** The last events on the stage's bus, as rules saw them. */
    events: () => ask<{ id: string; source: string; "detail-type": string; detail: unknown }[]>("GET", "/events"),
    memory: () => ask<NodeJS.MemoryUsage>("GET", "/memory"),
    deadLetters: () => ask<{ queue: string; body: Record<string, unknown> }[]>("GET", "/dead-letters"),
  };
};
