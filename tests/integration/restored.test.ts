import { spawn } from "node:child_process";
import { join } from "node:path";
import { GetDeploymentCommand, ListDeploymentsCommand } from "@aws-sdk/client-greengrassv2";
import { BatchWriteCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import type { StoredGeneration } from "../../shared/deployment/cell.ts";
import { aPublishedComponent, aWorkspace, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { allEnded } from "./support/killed.ts";

const RESTORED = join(import.meta.dirname, "../../stacks/restored.ts");

let cloud: TestCloud;
let api: ApiClient;
let path: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path } = await aWorkspace(api, "past"));
  await api.done("POST", `${path}/node-groups`, { name: "gateways" });
  for (const version of ["One", "Two"]) await aPublishedComponent(api, path, `com.example.${version}`);
});
afterAll(() => cloud?.remove());

type Row = Readonly<Record<string, unknown>> & { readonly pk: string; readonly sk: string };

const rows = async (): Promise<Row[]> => {
  const { Items = [] } = await cloud.documents.send(new ScanCommand({ TableName: cloud.tables.control }));
  return Items as Row[];
};

/** What restoring a table to a moment does: all of it is as it was then. */
const putBack = async (then: readonly Row[]): Promise<void> => {
  const kept = new Set(then.map(({ pk, sk }) => `${pk} ${sk}`));
  const gone = (await rows()).filter(({ pk, sk }) => !kept.has(`${pk} ${sk}`));
  const requests = [
    ...gone.map(({ pk, sk }) => ({ DeleteRequest: { Key: { pk, sk } } })),
    ...then.map((Item) => ({ PutRequest: { Item } })),
  ];
  for (let from = 0; from < requests.length; from += 25) {
    const RequestItems = { [cloud.tables.control]: requests.slice(from, from + 25) };
    await cloud.documents.send(new BatchWriteCommand({ RequestItems }));
  }
};

const restored = async (...args: string[]) => {
  const { region, dynamodb, accessKeyId, secretAccessKey } = cloud.endpoints;
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", RESTORED, ...args], {
    env: {
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
    },
  });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      out += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out };
};

/** What Greengrass delivers to the group's one cell. */
const deliveredNow = async (): Promise<string[]> => {
  const cell = Object.values(await cloud.items()).find(
    ({ type }) => type === "cell-generation",
  ) as unknown as StoredGeneration;
  const { deployments = [] } = await cloud.greengrass.send(new ListDeploymentsCommand({ targetArn: cell.arn }));
  const { deploymentId } = deployments[0] ?? {};
  const { components = {} } = await cloud.greengrass.send(new GetDeploymentCommand({ deploymentId }));
  return Object.keys(components);
};

const deploy = (components: object) => api.done("PATCH", `${path}/node-groups/gateways/deployment`, { components });
const wanted = { version: "1.0.0" };

describe("a control table that was put back to an earlier moment", () => {
  test("is what Greengrass delivers again, after the command and not before it", async () => {
    await deploy({ "com.example.One": wanted });
    const then = await rows();
    await deploy({ "com.example.One": null, "com.example.Two": wanted });
    expect(await deliveredNow()).toEqual(["com.example.Two"]);
    await putBack(then);

    const { code, out } = await restored("--stage", cloud.endpoints.stage);
    expect({ code, out }).toEqual({ code: 0, out: `${cloud.tables.control}: 1 cells, 1 deployments\n` });
    // Another edit alone finds in the table that all is delivered.
    await api.done("PATCH", `${path}/node-groups/gateways/deployment`, { priority: 7 });
    expect(await deliveredNow()).toEqual(["com.example.Two"]);

    const applied = await restored("--stage", cloud.endpoints.stage, "--apply");
    expect(applied.out).toMatch(/^grp_\w+ is applied again by int_\w+$/m);
    expect(applied.code).toBe(0);
    expect(await allEnded(cloud)).toEqual([]);
    expect(await deliveredNow()).toEqual(["com.example.One"]);
  });

  test("gives its deliveries numbers that none had after that moment", async () => {
    const then = await rows();
    for (const name of ["com.example.One", "com.example.Two"]) await deploy({ [name]: null });
    await deploy({ "com.example.Two": wanted });
    await putBack(then);
    await restored("--stage", cloud.endpoints.stage, "--apply");
    expect(await allEnded(cloud)).toEqual([]);
    expect(await deliveredNow()).toEqual(["com.example.One"]);
    await deploy({ "com.example.One": null });
    expect(await deliveredNow()).toEqual([]);
  });

  test("goes on with what can be applied when one deployment cannot", async () => {
    const { body: group } = await api.call<{ id: string }>("GET", `${path}/node-groups/gateways`);
    const then = await rows();
    // As of a moment in which the group was being deleted.
    await putBack(
      then.map((row) => (row.sk === group.id && row.type === "node-group" ? { ...row, status: "deleting" } : row)),
    );
    const { code, out } = await restored("--stage", cloud.endpoints.stage, "--apply");
    expect(out).toMatch(/^grp_\w+ is not applied again: .*is not active$/m);
    expect(code).toBe(1);
  });

  test("needs to be named", async () => {
    const { code, out } = await restored();
    expect(out).toContain("--stage is missing");
    expect(out).toContain("Usage:");
    expect(code).toBe(1);
  });
});
