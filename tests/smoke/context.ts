import { createHash } from "node:crypto";
import { type ApiAnswer, type ApiClient, apiClient, type IntentBody } from "../../local/api-client.ts";
import type { Target } from "./environment.ts";
import { expectThat } from "./run.ts";

export interface Upload {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
}

/** What the checks of one run share. Names of what they make carry the run. */
export interface Context {
  readonly target: Target;
  readonly run: string;
  readonly client: ApiClient;
  /** Path of the run's workspace. */
  readonly workspace: string;
  readonly component: string;
  /** The binary that the run releases, and what an OTA query needs to be led to it. */
  readonly binary: Uint8Array<ArrayBuffer>;
  readonly query: string;
  /** Calls the API and waits until the intent has succeeded. */
  readonly done: (method: string, path: string, body?: unknown) => Promise<IntentBody>;
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The answer, when it has this status. @throws Error with the answer otherwise */
export const expecting = <Body>(status: number, answer: ApiAnswer<Body>): ApiAnswer<Body> => {
  expectThat(answer.status === status, `answers ${answer.status}, not ${status}: ${JSON.stringify(answer.body)}`);
  return answer;
};

/** Sends bytes where the API said; answers the status. */
export const send = async ({ method, url, headers }: Upload, bytes: Uint8Array<ArrayBuffer>): Promise<number> => {
  const { "content-length": _length, ...sent } = headers; // fetch sets it itself
  const answer = await fetch(url, { method, headers: sent, body: bytes });
  await answer.arrayBuffer();
  return answer.status;
};

/** Asks for something, and waits as long as the target says one intent may take. @throws Error unless it succeeds */
export const doneWith =
  (client: ApiClient, { intentSeconds }: Target): Context["done"] =>
  async (method, path, body) => {
    const answer = await client.call<IntentBody>(method, path, body === undefined ? {} : { body });
    const intent = await client.ended(expecting(202, answer).body.id, intentSeconds * 1_000);
    expectThat(intent.status === "succeeded", `${method} ${path} fails: ${JSON.stringify(intent.problem)}`);
    return intent;
  };

export const contextOf = (target: Target, run: string): Context => {
  const client = apiClient(target.api, target.token);
  return {
    target,
    run,
    client,
    workspace: `/v1/workspaces/smoke-${run}`,
    component: `com.example.Smoke-${run}`,
    binary: new TextEncoder().encode(`binary of the smoke run ${run}\n`.repeat(1_000)),
    query: `smoke-${run}/package?cpuArch=${run}`,
    done: doneWith(client, target),
  };
};
