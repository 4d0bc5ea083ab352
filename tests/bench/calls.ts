import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiClient, apiClient, type IntentBody } from "../../local/api-client.ts";
import { runCloud } from "../../local/child.ts";
import { controlOf } from "../integration/support/control.ts";
import type { Row } from "./report.ts";

/** The calls that change something in AWS. */
const CHANGES = [
  "iot:CreateThingGroup",
  "iot:DeleteThingGroup",
  "iot:AddThingToThingGroup",
  "iot:RemoveThingFromThingGroup",
  "greengrass:CreateDeployment",
  "greengrass:CancelDeployment",
  "greengrass:DeleteDeployment",
] as const;

interface Scene {
  readonly name: string;
  /** How few calls bring AWS from what it has to what is wanted. */
  readonly least: number;
  readonly change: () => Promise<unknown>;
}

/** A workspace with the groups `a` and `b`, nodes in `a`, in both and in none. */
const furnish = async (api: ApiClient, ws: string, nodes: number): Promise<void> => {
  await api.done("POST", "/v1/workspaces", { name: "bench" });
  for (const name of ["A", "B"]) {
    await api.call("POST", `${ws}/components`, { body: { name } });
    const versions = `${ws}/components/${name}/versions`;
    for (const version of ["1.0.0", "2.0.0"]) {
      await api.call("POST", versions, { body: { version, recipe: { run: "true" } } });
      await api.done("POST", `${versions}/${version}/publish`);
    }
  }
  for (const name of ["a", "b"]) await api.done("POST", `${ws}/node-groups`, { name });
  for (const [kind, groups] of Object.entries({ one: ["a"], both: ["a", "b"], none: [] })) {
    const names = Array.from({ length: nodes }, (_, at) => `${kind}-${at}`);
    await Promise.all(names.map((name) => api.done("POST", `${ws}/nodes`, { name, groups })));
  }
};

const scenesOf = (api: ApiClient, ws: string, nodes: number): readonly Scene[] => {
  const edit = async (group: string, body: object): Promise<void> => {
    const path = `${ws}/node-groups/${group}/deployment`;
    const { status, body: answer } = await api.call<IntentBody>("PATCH", path, { body });
    if (status === 409) return edit(group, body); // it found no moment of its own among the others
    if (status !== 202) throw new Error(`PATCH ${path}: ${status} ${JSON.stringify(answer)}`);
    const { status: ended, problem } = await api.ended(answer.id);
    if (ended !== "succeeded") throw new Error(`PATCH ${path}: ${JSON.stringify(problem)}`);
  };
  const move = (node: string, body: object) => api.done("PATCH", `${ws}/nodes/${node}/groups`, body);
  const want = (name: string, version: string) => ({ components: { [name]: { version } } });
  const many = Array.from({ length: nodes }, (_, at) => `none-${at}`);
  return [
    { name: "edit that reaches two cells", least: 2, change: () => edit("a", want("A", "1.0.0")) },
    { name: "edit that changes no content", least: 0, change: () => edit("a", want("A", ">=1.0.0 <1.0.1")) },
    {
      name: "20 edits at once of two cells",
      least: 2,
      change: () =>
        Promise.all(Array.from({ length: 20 }, (_, at) => edit("a", want("A", at % 2 === 0 ? "2.0.0" : "^2.0.0")))),
    },
    // Out of the empty cell, into the group and into its cell.
    { name: "node that joins a group", least: 3, change: () => move("none-0", { add: ["a"] }) },
    { name: "the same again", least: 0, change: () => move("none-0", { add: ["a"] }) },
    // Out of a cell and a group, into a cell.
    {
      name: "node that leaves a group for a cell of others",
      least: 3,
      change: () => move("both-0", { remove: ["b"] }),
    },
    {
      name: `${nodes - 1} nodes at once that join a group, whose cell is new to them`,
      least: 3 * (nodes - 1),
      change: () => Promise.all(many.slice(1).map((node) => move(node, { add: ["a"] }))),
    },
  ];
};

/** AWS's calls that changes of deployments and memberships take, and how few they could take. */
export const benchCalls = async (nodes: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const cloud = await runCloud(join(dir, "data"), { args: ["--test-mode"], strict: false });
  try {
    const control = controlOf(cloud.endpoints);
    const api = apiClient(cloud.endpoints.api, await cloud.token());
    const ws = "/v1/workspaces/bench";
    await furnish(api, ws, nodes);
    const rows: Row[] = [];
    for (const { name, least, change } of scenesOf(api, ws, nodes)) {
      // A fault that does no harm counts the calls that it strikes.
      for (const operation of CHANGES) await control.fault({ operation, kind: "latency", milliseconds: 1 });
      await change();
      const made = (await control.faults()).reduce((sum, { struck }) => sum + struck, 0);
      await control.disarm();
      rows.push({ name: `${name}: calls`, value: made, unit: "calls" });
      rows.push({ name: `${name}: at least`, value: least, unit: "calls" });
    }
    return rows;
  } finally {
    await cloud.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};
