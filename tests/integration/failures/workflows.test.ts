import { DescribeComponentCommand } from "@aws-sdk/client-greengrassv2";
import { ListExecutionsCommand, SFNClient, StopExecutionCommand } from "@aws-sdk/client-sfn";
import { PutCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../../local/api-client.ts";
import { keys } from "../../../shared/keys.ts";
import { until } from "../../local/until.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "../support/cloud.ts";
import { controlOf } from "../support/control.ts";
import { draftsOf } from "../support/drafts.ts";

let cloud: TestCloud;
let control: ReturnType<typeof controlOf>;
let api: ApiClient;
let path: string;
let stepFunctions: SFNClient;

beforeAll(async () => {
  cloud = await startTestCloud();
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  ({ path } = await aWorkspace(api, "failing"));
  const { region, stepfunctions, accessKeyId, secretAccessKey } = cloud.endpoints;
  stepFunctions = new SFNClient({ region, endpoint: stepfunctions, credentials: { accessKeyId, secretAccessKey } });
});

afterEach(() => control.disarm());

afterAll(async () => {
  stepFunctions?.destroy();
  await cloud?.remove();
});

const request = async (name: string): Promise<IntentBody> => {
  const { status, body } = await api.call<IntentBody>("POST", `${path}/nodes`, { body: { name } });
  expect(status).toBe(202);
  return body;
};

const intentOf = async (id: string) => (await api.call<IntentBody>("GET", `/v1/intents/${id}`)).body;

const nodeStatus = async (name: string) =>
  (await api.call<{ status: string }>("GET", `${path}/nodes/${name}`)).body.status;

/** As if so much time had gone by since anyone touched the intent. */
const age = (intentId: string, minutes: number) =>
  cloud.documents.send(
    new UpdateCommand({
      TableName: cloud.tables.control,
      Key: keys.intent(intentId),
      UpdateExpression: "SET updatedAt = :then",
      ExpressionAttributeValues: { ":then": new Date(Date.now() - minutes * 60_000).toISOString() },
    }),
  );

const executionOf = (intentId: string, machine = "node-create") =>
  until(
    async () => {
      const { executions = [] } = await stepFunctions.send(
        new ListExecutionsCommand({
          stateMachineArn: `arn:aws:states:eu-west-1:${cloud.endpoints.accountId}:stateMachine:local-${machine}`,
        }),
      );
      return executions.find(({ name }) => name?.startsWith(intentId))?.executionArn;
    },
    { what: "an execution" },
  );

describe("a task that AWS throttles", () => {
  test("succeeds when three of its runs were throttled", async () => {
    await control.arm("iot:CreateThing", "ThrottlingException", 429, 9); // the SDK tries three times a run
    const intent = await api.ended((await request("throttled-thrice")).id);
    expect(intent.status).toBe("succeeded");
    expect(await nodeStatus("throttled-thrice")).toBe("active");
  });

  test("fails the intent with its reason when it is always throttled, and the node can be deleted", async () => {
    await control.arm("iot:CreateThing", "ThrottlingException", 429);
    const intent = await api.ended((await request("throttled-always")).id);
    expect(intent).toMatchObject({ status: "failed", problem: { code: "throttled", status: 429 } });
    expect(intent.problem?.detail).toContain("ThrottlingException");
    expect(await nodeStatus("throttled-always")).toBe("failed");
    await control.disarm();
    await api.done("DELETE", `${path}/nodes/throttled-always`);
    expect((await api.call("GET", `${path}/nodes/throttled-always`)).status).toBe(404);
  });

  test("fails at once with AWS's reason when AWS refuses", async () => {
    await control.arm("iot:AddThingToThingGroup", "InvalidRequestException", 400);
    const intent = await api.ended((await request("refused")).id);
    expect(intent).toMatchObject({ status: "failed", problem: { code: "aws-refused" } });
    expect(intent.problem?.detail).toContain("InvalidRequestException");
  });
});

describe("a function that breaks", () => {
  test("fails the intent as internal, without telling its insides", async () => {
    await control.arm("lambda:local-create-thing", "TypeError", 500);
    const intent = await api.ended((await request("broken")).id);
    expect(intent).toMatchObject({ status: "failed", problem: { code: "internal" } });
    expect(intent.problem?.detail).not.toContain("injected");
  });
});

test.each(["lost-answer", "duplicate"] as const)(
  "a last step that meets a %s ends its execution well",
  async (kind) => {
    await control.fault({ operation: "lambda:local-finish-node", kind, times: 1 });
    const { id } = await request(`last-step-${kind}`);
    expect(await api.ended(id)).toMatchObject({ status: "succeeded" });
    const { region, accountId } = cloud.endpoints;
    const stateMachineArn = `arn:aws:states:${region}:${accountId}:stateMachine:local-node-create`;
    const ended = await until(
      async () => {
        const { executions = [] } = await stepFunctions.send(new ListExecutionsCommand({ stateMachineArn }));
        return executions.find(({ name, status }) => name === `${id}-1` && status !== "RUNNING");
      },
      { what: "the execution's end" },
    );
    expect(ended.status).toBe("SUCCEEDED");
  },
);

describe("a workflow that ends without recording it", () => {
  test("aborted by AWS, it fails the intent", async () => {
    await control.arm("lambda:local-create-thing", "Busy", 500); // keeps it in its retries
    const intent = await request("aborted");
    await stepFunctions.send(new StopExecutionCommand({ executionArn: await executionOf(intent.id), error: "Test" }));
    expect(await api.ended(intent.id)).toMatchObject({ status: "failed", problem: { code: "aborted" } });
    expect(await nodeStatus("aborted")).toBe("failed");
  });

  test("aborted after Greengrass has made a version, it leaves none there", async () => {
    const version = await draftsOf(api, path).draft("com.example.Aborted");
    await control.arm("lambda:local-record-component-version", "Busy", 500); // keeps it in its retries
    const { body } = await expecting(202, api.call<IntentBody>("POST", `${version}/publish`));
    const arn = async () => (await api.call<{ arn?: string }>("GET", version)).body.arn;
    const made = (await until(arn, { what: "the version in Greengrass" })) ?? "";
    await cloud.greengrass.send(new DescribeComponentCommand({ arn: made }));
    await stepFunctions.send(
      new StopExecutionCommand({ executionArn: await executionOf(body.id, "component-version-publish") }),
    );
    expect(await api.ended(body.id)).toMatchObject({ status: "failed", problem: { code: "aborted" } });
    expect(await draftsOf(api, path).statusOf(version)).toBe("failed");
    expect(await arn()).toBeUndefined();
    const gone = cloud.greengrass.send(new DescribeComponentCommand({ arn: made }));
    await expect(gone).rejects.toThrow(expect.objectContaining({ name: "ResourceNotFoundException" }));
    await control.disarm();
    expect(await draftsOf(api, path).publish(version)).toMatchObject({ status: "succeeded" });
  });

  test("is found by the sweep when its event is lost", async () => {
    await control.arm("lambda:local-workflow-ended", "Lost", 500);
    await control.arm("lambda:local-create-thing", "Busy", 500);
    const intent = await request("aborted-unheard");
    await stepFunctions.send(new StopExecutionCommand({ executionArn: await executionOf(intent.id) }));
    await until(async () => (await control.deadLetters()).some(({ queue }) => queue.includes("workflow-ended")), {
      what: "the event in the dead letters",
    });
    await control.invoke("sweep-intents");
    expect((await api.call<IntentBody>("GET", `/v1/intents/${intent.id}`)).body.status).toBe("running"); // still young
    await age(intent.id, 2);
    await control.invoke("sweep-intents");
    expect(await api.ended(intent.id)).toMatchObject({ status: "failed", problem: { code: "aborted" } });
  });

  test("that was never started is started again by the sweep, and given up after three attempts", async () => {
    await control.arm("lambda:local-start-workflows", "Lost", 500);
    const intents = [await request("lost-once"), await request("lost-always")];
    const [once, always] = intents.map(({ id }) => id) as [string, string];
    const letters = async () => (await control.deadLetters()).filter(({ queue }) => queue.includes("start-workflows"));
    const lettersOf = (count: number) =>
      until(async () => (await letters()).length >= count, { what: `${count} dead letters`, deadlineMs: 30_000 });
    await lettersOf(2);
    for (const id of [once, always]) await age(id, 2);
    await lettersOf(4); // to make them older was a change of a requested intent, and starts its workflow too
    await control.disarm();
    await control.arm("states:StartExecution", "ServiceUnavailable", 503);

    // Three attempts each are three sweeps; then one of them can be started again.
    await control.invoke("sweep-intents");
    await lettersOf(6);
    expect(await intentOf(once)).toMatchObject({ status: "requested", attempt: 2 });
    await control.disarm();
    await age(once, 2);
    expect(await api.ended(once)).toMatchObject({ status: "succeeded", attempt: 2 });

    await control.arm("states:StartExecution", "ServiceUnavailable", 503);
    const sweepAgain = async () => {
      const before = (await letters()).length;
      await age(always, 2);
      await lettersOf(before + 1);
      await control.invoke("sweep-intents");
      return before + 1;
    };
    const swept = await sweepAgain();
    expect(await intentOf(always)).toMatchObject({ status: "requested", attempt: 3 });
    await lettersOf(swept + 1);
    await sweepAgain();
    expect(await intentOf(always)).toMatchObject({ status: "failed", attempt: 3, problem: { code: "lost" } });
    expect(await nodeStatus("lost-always")).toBe("failed");
  });
});

describe("a poison record", () => {
  test("ends in the dead letters, and the ones behind it go on", async () => {
    const poison = "int_0000000000000000000p";
    const at = new Date().toISOString();
    await cloud.documents.send(
      new PutCommand({
        TableName: cloud.tables.control,
        Item: {
          ...keys.intent(poison),
          ...{ type: "intent", id: poison, kind: "moon.land", status: "requested", workspaceId: "ws_none", attempt: 1 },
          ...{ subject: { type: "moon", id: "moon", name: "moon", href: "/" }, createdAt: at, updatedAt: at },
          open: "open",
        },
      }),
    );
    const behind = await request("behind-poison");
    expect(await api.ended(behind.id)).toMatchObject({ status: "succeeded" });
    // Both readers of the table's stream give it up: who starts workflows, and who tells of what happened.
    const letters = await until(
      async () => {
        const all = (await control.deadLetters()).filter(({ body }) => JSON.stringify(body).includes(poison));
        return all.length === 2 && all;
      },
      { what: "the poison in the dead letters", deadlineMs: 30_000 },
    );
    const queues = letters.map(({ queue }) => queue).sort();
    expect(queues).toEqual(["local-publish-events-dead-letters", "local-start-workflows-dead-letters"]);
    expect(JSON.stringify(letters)).not.toContain(behind.id);
  });
});
