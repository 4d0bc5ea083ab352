import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { BatchWriteCommand, DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { type ApiClient, apiClient } from "../../local/api-client.ts";
import { type RunningCloud, runCloud } from "../../local/child.ts";
import { cellKey, targetsOfNode } from "../../shared/deployment/cell.ts";
import { cellsOf } from "../../shared/deployment/fleet.ts";
import type { PlanAnswer } from "../../shared/deployment/plan-answer.ts";
import { keys } from "../../shared/keys.ts";
import { OF_AWS } from "../../shared/names.ts";
import type { Item } from "../../shared/writes.ts";
import { fleetOf, published } from "./fleet.ts";
import { atConcurrency } from "./intents.ts";
import { percentile, type Row } from "./report.ts";

/** Newer than every version of the fleet's components. */
const CATALOGUE = 1_000_000;

/** The fleet's items as the product would have written them, as far as plans read them. */
const itemsOf = (workspaceId: string, size: number): Item[] => {
  const { nodes, layers } = fleetOf(size);
  const at = new Date(0).toISOString();
  const items: Item[] = [{ ...keys.catalogue(), type: "catalogue", number: CATALOGUE }];
  for (const [index, [name, versions]] of Object.entries(published()).entries()) {
    const id = `cmp_${String(index).padStart(20, "0")}`;
    const owner = name.startsWith("aws.") ? OF_AWS : workspaceId;
    items.push({ ...keys.componentName(name), type: "name", id, workspaceId: owner });
    for (const [order, facts] of versions.entries()) {
      const own = keys.version(id, `ver_${String(order).padStart(20, "0")}`);
      const key = owner === OF_AWS ? keys.publicVersion(name, facts.version) : own;
      items.push({ ...key, type: "component-version", component: name, status: "published", ...facts });
    }
  }
  for (const { target, kind, priority, components } of layers.values()) {
    const deployment = { type: "deployment", id: target, workspaceId, priority, revision: 1, catalogue: CATALOGUE };
    const named = { target: { type: kind, id: target, name: target }, components: JSON.stringify(components) };
    items.push({ ...keys.deployment(workspaceId, target), ...deployment, ...named, createdAt: at, updatedAt: at });
    if (kind === "node-group") {
      const group = { type: "node-group", id: target, workspaceId, name: `g${target}`, status: "active", revision: 1 };
      items.push({ ...keys.nodeGroup(workspaceId, target), ...group });
    }
  }
  for (const { key, targets, runtime, nodes: count } of cellsOf(nodes).values()) {
    const cell = { type: "cell", workspaceId, key, targets, runtime, nodes: count, lastGeneration: 1, createdAt: at };
    items.push({ ...keys.cell(workspaceId, key), ...cell });
  }
  for (const node of nodes) {
    const cell = cellKey(targetsOfNode(node), node.runtime);
    const own = node.ownDeployment ? { ownDeployment: true } : {};
    const rest = { type: "node", workspaceId, name: `n${node.id}`, status: "active", revision: 1, cell };
    items.push({ ...keys.node(workspaceId, node.id), ...node, ...own, ...rest });
  }
  return items;
};

const write = async ({ endpoints }: RunningCloud, items: readonly Item[]): Promise<void> => {
  const { region, dynamodb: endpoint, accessKeyId, secretAccessKey, stage } = endpoints;
  const client = new DynamoDBClient({ region, endpoint, credentials: { accessKeyId, secretAccessKey } });
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const batches = Math.ceil(items.length / 25);
  await atConcurrency(8, batches, async (batch) => {
    const requests = items.slice(batch * 25, (batch + 1) * 25).map((item) => ({ PutRequest: { Item: item } }));
    const { UnprocessedItems = {} } = await documents.send(
      new BatchWriteCommand({ RequestItems: { [`${stage}-control`]: requests } }),
    );
    if (Object.keys(UnprocessedItems).length > 0) throw new Error("DynamoDB left items of a batch unwritten");
  });
  documents.destroy();
};

/** Time of one plan after the other. */
const timed = async (api: ApiClient, name: string, body: object, times: number): Promise<Row[]> => {
  const samples: number[] = [];
  let cells = 0;
  for (let at = -3; at < times; at += 1) {
    const before = performance.now();
    const answer = await api.call<PlanAnswer>("POST", "/v1/workspaces/bench/plans", { body });
    if (answer.status !== 200) throw new Error(`${name}: ${JSON.stringify(answer.body)}`);
    if (at >= 0) samples.push(performance.now() - before); // the first ones warm up
    cells = answer.body.summary.work.deliveries;
  }
  const told = `plan, ${name}, ${cells} deliveries`;
  return [
    { name: `${told}, p50`, value: percentile(samples, 0.5), unit: "ms" },
    { name: `${told}, p99`, value: percentile(samples, 0.99), unit: "ms" },
  ];
};

/** How long plans take in a workspace of so many nodes. */
export const benchPlans = async (size: number, times: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const cloud = await runCloud(join(dir, "data"), { args: ["--test-mode"], strict: false });
  try {
    const api = apiClient(cloud.endpoints.api, await cloud.token());
    const { subject } = await api.done("POST", "/v1/workspaces", { name: "bench" });
    await write(cloud, itemsOf(subject.id, size));
    const { layers, nodes } = fleetOf(size);
    const groups = [...layers.values()].filter(({ kind }) => kind === "node-group").map(({ target }) => target);
    const edit = (target: string) => ({
      nodeGroups: {
        [target]: { deployment: { edit: "patch", components: { "com.example.component-1": { version: "*" } } } },
      },
    });
    const [region = "", ring = ""] = [groups[0], groups.at(-1)];
    const node = nodes[0]?.id ?? "";
    const of = `${size} nodes`;
    return [
      ...(await timed(api, `a node's groups, ${of}`, { nodes: { [node]: { groups: [region] } } }, times)),
      ...(await timed(api, `a twentieth of ${of}`, edit(region), times)),
      ...(await timed(api, `a fifth of ${of}`, edit(ring), times)),
    ];
  } finally {
    await cloud.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};
