import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { groupArn, publish, refusal, type Stage, stage, thingArn } from "./support.ts";

let one: Stage;
beforeAll(async () => {
  one = await stage();
  await publish(one.client, "app", "1.9.0");
});
afterAll(() => one.end());

const APP = { app: { componentVersion: "1.9.0" } };

const statusOf = async (deploymentId: string | undefined) => {
  const { deploymentStatus, isLatestForTarget, revisionId } = await one.client.getDeployment({ deploymentId });
  return [revisionId, deploymentStatus, isLatestForTarget];
};

test("a new revision takes the place of the one before; numbers count on after deletions", async () => {
  const targetArn = groupArn("revisions");
  const first = await one.client.createDeployment({ targetArn, components: APP });
  expect(first.iotJobArn).toBe(`arn:aws:iot:eu-central-1:123456789012:job/${first.iotJobId}`);
  const second = await one.client.createDeployment({ targetArn, components: APP });
  expect(await statusOf(first.deploymentId)).toEqual(["1", "INACTIVE", false]);
  expect(await statusOf(second.deploymentId)).toEqual(["2", "ACTIVE", true]);
  await one.client.cancelDeployment({ deploymentId: second.deploymentId });
  await expect(one.client.cancelDeployment({ deploymentId: second.deploymentId })).rejects.toMatchObject(
    refusal("ConflictException", 409, { resourceId: second.deploymentId }),
  );
  await one.client.deleteDeployment({ deploymentId: second.deploymentId });
  const third = await one.client.createDeployment({ targetArn });
  expect(await statusOf(third.deploymentId)).toEqual(["3", "ACTIVE", true]);
});

test("of many at once, each has a revision of its own and one is the latest", async () => {
  const targetArn = groupArn("race");
  await Promise.all(Array.from({ length: 20 }, () => one.client.createDeployment({ targetArn })));
  const { deployments = [] } = await one.client.listDeployments({ targetArn, historyFilter: "ALL" });
  expect(deployments.map(({ revisionId }) => Number(revisionId)).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
  expect(deployments.filter(({ deploymentStatus }) => deploymentStatus === "ACTIVE")).toHaveLength(1);
});

test("the same client token makes one deployment, also after a restart, and is refused for another request", async () => {
  const request = { targetArn: groupArn("tokens"), components: APP, clientToken: "once" };
  const first = await one.client.createDeployment(request);
  await one.stop();
  await one.start();
  const again = await one.client.createDeployment(request);
  expect([again.deploymentId, again.iotJobId]).toEqual([first.deploymentId, first.iotJobId]);
  await expect(one.client.createDeployment({ ...request, deploymentName: "x" })).rejects.toMatchObject(
    refusal("ConflictException", 409, { resourceId: "once" }),
  );
  const { deployments } = await one.client.listDeployments({ targetArn: request.targetArn, historyFilter: "ALL" });
  expect(deployments).toHaveLength(1);
});

test("pages of all revisions, the newest first", async () => {
  const targetArn = groupArn("pages");
  for (let count = 0; count < 3; count += 1) await one.client.createDeployment({ targetArn });
  const revisions: (string | undefined)[] = [];
  let nextToken: string | undefined;
  do {
    const page = await one.client.listDeployments({
      targetArn,
      historyFilter: "ALL",
      maxResults: 1,
      ...(nextToken !== undefined && { nextToken }),
    });
    expect(page.deployments).toHaveLength(1);
    revisions.push(page.deployments?.[0]?.revisionId);
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  expect(revisions).toEqual(["3", "2", "1"]);
});

describe("what is not emulated is refused", () => {
  const large = (bytes: number) => ({
    app: { componentVersion: "1.9.0", configurationUpdate: { merge: JSON.stringify("x".repeat(bytes)) } },
  });
  test.each([
    ["a subdeployment", { targetArn: groupArn("sub"), parentTargetArn: groupArn("parent") }],
    ["31 KB for a group", { targetArn: groupArn("large"), components: large(31 * 1024) }],
    ["7 KB for a thing", { targetArn: thingArn("large"), components: large(7 * 1024) }],
  ])("%s", async (_note, request) => {
    await expect(one.client.createDeployment(request)).rejects.toMatchObject(refusal("NotImplemented", 501));
    const { deployments } = await one.client.listDeployments({ targetArn: request.targetArn });
    expect(deployments).toEqual([]);
  });

  test("but not what is just small enough", async () => {
    await one.client.createDeployment({ targetArn: groupArn("large"), components: large(31 * 1024 - 600) });
    await one.client.createDeployment({ targetArn: thingArn("large"), components: large(7 * 1024 - 600) });
  });
});
