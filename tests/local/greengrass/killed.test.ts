import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { clientOf, groupArn, health, REGION, recipe, settled, stage, stateOf } from "./support.ts";

/** Starts the service in a process of its own, in which artifacts are never read to the end; it takes a health message. */
const startChild = async (dir: string, message: object) => {
  const local = (file: string) => JSON.stringify(new URL(`../../../local/${file}`, import.meta.url).href);
  const source = `
    import { startGreengrass } from ${local("greengrass/server.ts")};
    import { Faults } from ${local("faults.ts")};
    const server = await startGreengrass({
      dir: ${JSON.stringify(dir)}, port: 0, region: "${REGION}", accountId: "123456789012", faults: new Faults(),
      readArtifact: () => new Promise(() => {}), targetExists: () => true,
    });
    server.devices.reportHealth("core", ${JSON.stringify(message)});
    console.log(server.url);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return { child, client: clientOf(chunk.toString().trim()) };
};

test("a killed process leaves what it answered: a deployment, a core device, and a version whose reading goes on", async () => {
  const survivor = await stage();
  try {
    await survivor.stop();
    const { child, client } = await startChild(survivor.dir, health("core", 1));
    const { arn = "" } = await client.createComponentVersion({ inlineRecipe: recipe("killed", "1.0.0", "s3://b/a") });
    const { deploymentId } = await client.createDeployment({ targetArn: groupArn("of-the-killed") });
    expect(await stateOf(client, arn)).toBe("INITIATED");
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    expect((await exit)[1]).toBe("SIGKILL");
    client.destroy();
    await survivor.start();
    expect(await settled(survivor.client, arn)).toBe("DEPLOYABLE");
    expect(await survivor.client.getDeployment({ deploymentId })).toMatchObject({ deploymentStatus: "ACTIVE" });
    expect(await survivor.client.getCoreDevice({ coreDeviceThingName: "core" })).toMatchObject({ status: "HEALTHY" });
  } finally {
    await survivor.end();
  }
});
