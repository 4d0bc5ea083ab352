import { expect } from "vitest";
import type { Fault } from "../../../local/faults.ts";
import { inParallel, range, startTestCloud } from "./cloud.ts";
import { controlOf } from "./control.ts";
import { allEnded, expectAgreement } from "./killed.ts";
import { aWorkload } from "./workload.ts";

/** One call in ten of every operation of every engine meets one of these. */
const FAULTS: readonly Fault[] = [
  { operation: "*", kind: "throttling", probability: 0.02 },
  { operation: "*", kind: "server-error", probability: 0.02 },
  { operation: "*", kind: "reset", probability: 0.02 },
  { operation: "*", kind: "lost-answer", probability: 0.02 },
  { operation: "*", kind: "duplicate", probability: 0.01 },
  { operation: "*", kind: "latency", milliseconds: 50, probability: 0.01 },
];

/**
 * Asks for so many intents while one call in ten of every operation fails, is answered into the void, is done twice or
 * is late, and streams repeat themselves and run at several paces; then every one that was accepted has ended, and AWS
 * holds what the tables want.
 */
export const faultyRun = async (intents: number, seed: number): Promise<void> => {
  const cloud = await startTestCloud([
    ...["--test-mode", "--fault-seed", String(seed), "--retry-scale", "0.3"],
    ...["--stream-shards", "4", "--redeliver", "0.1"],
  ]);
  try {
    const api = await cloud.client();
    const control = controlOf(cloud.endpoints);
    const workload = await aWorkload(api, seed);
    for (const fault of FAULTS) await control.fault(fault);
    await inParallel(range(intents), 8, () => workload.ask(api));
    expect(await allEnded(cloud)).toEqual([]);
    for (const { fault, struck } of await control.faults()) expect(struck, fault.kind).toBeGreaterThan(intents / 10);
    await control.disarm();
    await expectAgreement(cloud);
    expect(workload.answers.get(202) ?? 0).toBeGreaterThan(intents / 2);
  } finally {
    await cloud.remove();
  }
};
