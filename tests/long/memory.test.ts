import { expect, test } from "vitest";
import { inParallel, range, startTestCloud } from "../integration/support/cloud.ts";
import { controlOf } from "../integration/support/control.ts";
import { allEnded } from "../integration/support/killed.ts";
import { aWorkload } from "../integration/support/workload.ts";

const MB = 1024 ** 2;

test("10,000 intents leave the supervisor under 400 MB, and the second half adds nothing that counts", async () => {
  const cloud = await startTestCloud(["--test-mode", "--retry-scale", "0.05"]);
  try {
    const api = await cloud.client();
    const control = controlOf(cloud.endpoints);
    const workload = await aWorkload(api, 1);
    const samples: number[] = [];
    while ((workload.answers.get(202) ?? 0) < 10_000) {
      const ids = await inParallel(range(500), 16, () => workload.ask(api));
      for (const id of ids) if (id !== undefined) await api.ended(id, 120_000);
      samples.push((await control.memory()).rss / MB);
    }
    expect(await allEnded(cloud)).toEqual([]);
    const half = Math.floor(samples.length / 2);
    process.stdout.write(`resident MB after each 500 requests: ${samples.map(Math.round).join(" ")}\n`);
    expect(Math.max(...samples)).toBeLessThan(400);
    expect(Math.max(...samples.slice(half))).toBeLessThan(Math.max(...samples.slice(0, half)) + 40);
  } finally {
    await cloud.remove();
  }
});
