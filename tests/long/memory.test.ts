import { expect, test } from "vitest";
import { inParallel, range, startTestCloud } from "../integration/support/cloud.ts";
import { controlOf } from "../integration/support/control.ts";
import { allEnded } from "../integration/support/killed.ts";

const MB = 1024 ** 2;

test("10,000 intents leave the supervisor under 400 MB, and the second half adds nothing that counts", async () => {
  const cloud = await startTestCloud(["--test-mode", "--retry-scale", "0.05"]);
  try {
    const api = await cloud.client();
    const control = controlOf(cloud.endpoints);
    await api.done("POST", "/v1/workspaces", { name: "many" });
    for (const name of ["one", "two"]) await api.done("POST", "/v1/workspaces/many/node-groups", { name });
    const samples: number[] = [];
    for (const batch of range(10)) {
      // Half of them make nodes, half of them take them away.
      await inParallel(range(500), 16, async (index) => {
        const name = `n${batch}-${index}`;
        await api.done("POST", "/v1/workspaces/many/nodes", { name, groups: ["one", "two"].slice(index % 2) });
        await api.done("DELETE", `/v1/workspaces/many/nodes/${name}`);
      });
      samples.push((await control.memory()).rss / MB);
    }
    expect(await allEnded(cloud)).toEqual([]);
    const half = Math.floor(samples.length / 2);
    process.stdout.write(`resident MB after each 1,000 intents: ${samples.map(Math.round).join(" ")}\n`);
    expect(Math.max(...samples)).toBeLessThan(400);
    expect(Math.max(...samples.slice(half))).toBeLessThan(Math.max(...samples.slice(0, half)) + 40);
  } finally {
    await cloud.remove();
  }
});
