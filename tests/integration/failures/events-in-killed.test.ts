import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCloud } from "../../../local/child.ts";
import { until } from "../../local/until.ts";
import { aWorkspace, type TestCloud, testCloud } from "../support/cloud.ts";
import { controlOf } from "../support/control.ts";
import { ASKED, type AskedOnce, aRequest, expectOnce, letIn, outcomeOf, putRequest } from "../support/events-in.ts";

const ARGS = ["--test-mode", "--retry-scale", "0.02"];

/** Whether the event's intent is there. */
const isMade = async (cloud: TestCloud, { group }: AskedOnce): Promise<boolean> =>
  Object.values(await cloud.items()).some(
    ({ type, requestedBy, subject }) =>
      type === "intent" &&
      String(requestedBy).startsWith("event-rule:") &&
      (subject as { name: string }).name === group,
  );

test("a kill right after the transactions of events that asked leaves one intent for each, of every method", async () => {
  const folder = await mkdtemp(join(tmpdir(), "slipway-events-in-"));
  const dir = join(folder, "data");
  const before = await runCloud(dir, { args: ARGS });
  let cloud = testCloud(before, folder);
  try {
    const api = await cloud.client();
    const { path } = await aWorkspace(api, "killed");
    await letIn(api, path);
    const asked: AskedOnce[] = [];
    for (const operation of Object.values(ASKED)) {
      asked.push(await aRequest(api, path, operation, `killed-${operation}`.toLowerCase()));
    }
    // Nobody hears that a transaction was done, nothing is written after it, and nothing is told of it before the kill.
    const control = controlOf(cloud.endpoints);
    await control.fault({ operation: "lambda:local-publish-events", kind: "latency", milliseconds: 600_000 });
    await control.fault({ operation: "dynamodb:TransactWriteItems", kind: "lost-answer" });
    await control.fault({ operation: "dynamodb:UpdateItem", kind: "latency", milliseconds: 600_000 });
    for (const { event } of asked) await putRequest(cloud, event.detail, event.source);
    await until(async () => (await Promise.all(asked.map((one) => isMade(cloud, one)))).every(Boolean), {
      what: "the intents",
    });
    const exited = new Promise((resolve) => before.child.once("exit", resolve));
    before.child.kill("SIGKILL");
    await exited;
    cloud.disconnect();

    cloud = testCloud(await runCloud(dir, { args: ARGS, portBase: before.portBase }), folder);
    const again = await cloud.client();
    for (const one of asked) {
      // Beside the delivery of the bus, which goes on with what it has not seen the end of.
      const told = await controlOf(cloud.endpoints).invoke("accept-intent", one.event);
      expect(told).toEqual({ payload: null });
      const { data } = await outcomeOf(cloud, one.event.id);
      expect(await again.ended(data.intentId ?? "")).toMatchObject({ status: "succeeded" });
    }
    for (const one of asked) await expectOnce(cloud, one);
  } finally {
    await cloud.remove();
  }
});
