import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { GreengrassV2 } from "@aws-sdk/client-greengrassv2";
import { Faults } from "../../local/faults.ts";
import { startGreengrass } from "../../local/greengrass/server.ts";
import { percentile, type Row } from "./report.ts";

const PLACE = { region: "eu-west-1", accountId: "123456789012" };
const CONCURRENCY = 16;

const recipeOf = (name: string): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify({
      RecipeFormatVersion: "2020-01-25",
      ComponentName: name,
      ComponentVersion: "1.0.0",
      Manifests: [{ Platform: { os: "linux", runtime: "*" }, Artifacts: [{ Uri: `s3://bench/${name}` }] }],
    }),
  );

/** Runs `work` for 0 … count-1, so many at a time, and answers how many a second. */
const rateOf = async (count: number, work: (index: number) => Promise<unknown>): Promise<number> => {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return (count * 1_000) / (performance.now() - startedAt);
};

const untilDeployable = async (client: GreengrassV2, name: string): Promise<void> => {
  const { arn } = await client.createComponentVersion({ inlineRecipe: recipeOf(name) });
  while ((await client.describeComponent({ arn })).status?.componentState !== "DEPLOYABLE") await turn();
};

/** Deployments a second, and the time from a recipe to a version that can be deployed, by the SDK's client. */
export const benchGreengrass = async (count: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-greengrass-"));
  const server = await startGreengrass({
    ...PLACE,
    dir,
    port: 0,
    faults: new Faults(),
    readArtifact: async () => ({ sha256Base64: "", size: 1 }),
    targetExists: () => true,
  });
  const client = new GreengrassV2({
    endpoint: server.url,
    region: PLACE.region,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
  try {
    await untilDeployable(client, "warm");
    const samples: number[] = [];
    for (let index = 0; index < Math.min(count, 300); index += 1) {
      const before = performance.now();
      await untilDeployable(client, `bench-${index}`);
      samples.push(performance.now() - before);
    }
    const perSecond = await rateOf(count, (index) =>
      client.createDeployment({
        targetArn: `arn:aws:iot:${PLACE.region}:${PLACE.accountId}:thinggroup/group-${index % 100}`,
        components: { warm: { componentVersion: "1.0.0" } },
      }),
    );
    return [
      {
        name: "Greengrass: component version, request to DEPLOYABLE, p50",
        value: percentile(samples, 0.5),
        unit: "ms",
      },
      {
        name: "Greengrass: component version, request to DEPLOYABLE, p99",
        value: percentile(samples, 0.99),
        unit: "ms",
      },
      { name: `Greengrass: CreateDeployment, concurrency ${CONCURRENCY}`, value: perSecond, unit: "/s" },
    ];
  } finally {
    client.destroy();
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  }
};
