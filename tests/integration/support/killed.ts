import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import type { ApiClient } from "../../../local/api-client.ts";
import { type RunningCloud, runCloud } from "../../../local/child.ts";
import { compared } from "./agreement.ts";
import { inParallel, range, type TestCloud, testCloud } from "./cloud.ts";
import { aWorkload, randomOf, type Workload } from "./workload.ts";

const WIDTH = 8;
const END_WITHIN_MS = 180_000;

/** Waits for the end of everything that was ever asked for, also where the answer was lost. @returns the failed ones */
export const allEnded = async (cloud: TestCloud): Promise<string[]> => {
  const deadline = Date.now() + END_WITHIN_MS;
  for (;;) {
    const intents = Object.values(await cloud.items()).filter(({ type }) => type === "intent");
    const open = intents.filter(({ status }) => status !== "succeeded" && status !== "failed");
    if (open.length === 0) {
      return intents.filter(({ status }) => status === "failed").map((one) => JSON.stringify(one));
    }
    if (Date.now() > deadline) throw new Error(`${open.length} stand still, such as ${JSON.stringify(open[0])}`);
    await pause(100);
  }
};

/** That what AWS holds is what the tables want, to the last revision. */
export const expectAgreement = async (cloud: TestCloud): Promise<void> => {
  const { wanted, held } = await compared(await cloud.items(), cloud);
  expect({ ...held, revisions: {} }).toEqual({ ...wanted, revisions: {} });
  // A delivery that was numbered and died before Greengrass heard of it leaves a gap; a number twice would be one more.
  for (const [cell, revisions] of Object.entries(held.revisions)) {
    expect(revisions, cell).toBeLessThanOrEqual(wanted.revisions[cell] ?? 0);
  }
};

/** Asks so many times, or until the supervisor is gone; answers the ids of the intents that were accepted. */
const askUntilKilled = async (
  api: ApiClient,
  workload: Workload,
  intents: number,
  onAnswer: (answered: number) => void,
): Promise<string[]> => {
  const accepted: string[] = [];
  let answered = 0;
  await inParallel(range(intents), WIDTH, async () => {
    try {
      const id = await workload.ask(api);
      if (id !== undefined) accepted.push(id);
      answered += 1;
      onAnswer(answered);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // fetch: the connection is gone
    }
  });
  return accepted;
};

/**
 * Kills the supervisor at a random moment, so many times, while so many intents are asked for, and starts it again on
 * its data: every accepted one ends, and in the end AWS holds what the tables want and nothing twice.
 */
export const killRounds = async (rounds: number, intents: number, seed: number): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), "slipway-killed-"));
  const dir = join(folder, "data");
  let running: RunningCloud = await runCloud(dir);
  let cloud = testCloud(running, folder);
  const random = randomOf(seed);
  try {
    let api = await cloud.client();
    const workload = await aWorkload(api, seed);
    let accepted = 0;
    for (const round of range(rounds)) {
      // The moment is random in what was asked for, and in time: up to half a second later.
      const moment = random() * intents;
      const reached = Promise.withResolvers<void>();
      const asking = askUntilKilled(api, workload, intents, (answered) => {
        if (answered >= moment) reached.resolve();
      });
      await Promise.race([reached.promise, asking]);
      await pause(random() * 500);
      const exited = new Promise((resolve) => running.child.once("exit", resolve));
      running.child.kill("SIGKILL");
      await exited;
      const ids = await asking;
      accepted += ids.length;
      cloud.disconnect();
      running = await runCloud(dir, { portBase: running.portBase });
      cloud = testCloud(running, folder);
      api = await cloud.client();
      for (const id of ids) {
        expect(await api.ended(id, END_WITHIN_MS), `round ${round}`).toMatchObject({ status: "succeeded" });
      }
    }
    expect(await allEnded(cloud)).toEqual([]);
    await expectAgreement(cloud);
    expect(accepted).toBeGreaterThan((rounds * intents) / 10);
  } finally {
    await cloud.remove();
  }
};
