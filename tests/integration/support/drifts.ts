import { CreateDeploymentCommand } from "@aws-sdk/client-greengrassv2";
import {
  DeleteThingGroupCommand,
  ListThingGroupsForThingCommand,
  RemoveThingFromThingGroupCommand,
} from "@aws-sdk/client-iot";
import type { ApiClient } from "../../../local/api-client.ts";
import type { Drift } from "../../../shared/deployment/drift.ts";
import type { NodeDeploymentStatus } from "../../../shared/deployment/truth-answer.ts";
import { until } from "../../local/until.ts";
import { expecting, type TestCloud } from "./cloud.ts";
import { controlOf } from "./control.ts";
import { aNode, devices } from "./devices.ts";

const DEADLINE_MS = 60_000;

/** What was changed behind Slipway's back in a workspace, as sweeps find it; and how to change it there. */
export const driftsOf = (given: () => { cloud: TestCloud; api: ApiClient; workspace: string }) => {
  const sweep = () => controlOf(given().cloud.endpoints).invoke("sweep-fleets", { all: true });
  const list = async (): Promise<Drift[]> => {
    const { api, workspace } = given();
    return (await expecting(200, api.call<{ items: Drift[] }>("GET", `${workspace}/drift?limit=100`))).body.items;
  };
  return {
    sweep,
    list,
    /** Sweeps until drift of a kind is found of a subject: a node that has just moved is left in peace. */
    found: (kind: string, subject: string) =>
      until(
        async () => {
          await sweep();
          return (await list()).find((one) => one.kind === kind && one.subject.id === subject);
        },
        { what: `${kind} of ${subject} to be found`, deadlineMs: DEADLINE_MS },
      ),
    gone: ({ id }: Drift) =>
      until(
        async () => {
          await sweep();
          return (await list()).every((one) => one.id !== id);
        },
        { what: `${id} to be gone`, deadlineMs: DEADLINE_MS },
      ),
    /** Of a drift itself, or of what is done about it. */
    path: ({ id }: Drift, remedy?: "repair" | "adopt") =>
      [given().workspace, "drift", encodeURIComponent(id), ...(remedy === undefined ? [] : [remedy])].join("/"),
    /** Deploys to a thing or a thing group past Slipway. @returns the deployment's id */
    deployPast: async (targetArn: string, components: Record<string, string>): Promise<string> => {
      const command = new CreateDeploymentCommand({
        targetArn,
        components: Object.fromEntries(
          Object.entries(components).map(([name, componentVersion]) => [name, { componentVersion }]),
        ),
      });
      return (await given().cloud.greengrass.send(command)).deploymentId ?? "";
    },
    groupsOf: async (thing: string): Promise<string[]> => {
      const { thingGroups = [] } = await given().cloud.iot.send(
        new ListThingGroupsForThingCommand({ thingName: thing }),
      );
      return thingGroups.map(({ groupName = "" }) => groupName);
    },
    /** The thing group by which Greengrass delivers to a node: which generation of which cell, by id, name and ARN. */
    generationOf: async (node: string) => {
      const { api, cloud, workspace } = given();
      const path = `${workspace}/nodes/${node}/deployment-status`;
      const { delivered } = (await expecting(200, api.call<NodeDeploymentStatus>("GET", path))).body;
      const id = delivered?.cell ?? "";
      const items = Object.values(await cloud.items());
      const arn = items.find((item) => `${item.key}-${item.generation}` === id)?.arn;
      return { id, delivered, arn: String(arn), name: String(arn).split("/").at(-1) ?? "" };
    },
  };
};

const adoptByEvent = async (cloud: TestCloud, api: ApiClient, workspace: string, drift: Drift): Promise<void> => {
  const control = controlOf(cloud.endpoints);
  const body = { source: "com.example.drifts", operations: ["adoptDrift"] };
  const rule = await expecting(201, api.call<{ id: string }>("POST", `${workspace}/event-rules`, { body }));
  const detail = { workspace: workspace.split("/").at(-1), operation: "adoptDrift", parameters: { drift: drift.id } };
  const asked = "adopt-by-event";
  await control.invoke("accept-intent", { id: asked, source: body.source, detail });
  const outcome = await until(
    async () => {
      const told = (await control.events()).map((event) => event.detail as { data?: Record<string, string> });
      return told.find(({ data }) => data?.requestId === asked)?.data;
    },
    { what: "the outcome of the event" },
  );
  const { status } = await api.ended(String(outcome.intentId));
  if (status !== "succeeded") throw new Error(`an adoption by an event ${status}`);
  await expecting(204, api.call("DELETE", `${workspace}/event-rules/${rule.body.id}`));
};

/** For the walk: a fleet of one device, of which everything is changed that sweeps look at, and put right or adopted. */
export const driftAway = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const fleet = devices(() => cloud.endpoints);
  const drifts = driftsOf(() => ({ cloud, api, workspace }));
  const { found, path, deployPast, generationOf } = drifts;
  const repair = async (kind: string, subject: string): Promise<void> =>
    void (await api.done("POST", path(await found(kind, subject), "repair")));
  try {
    const group = await api.done("POST", `${workspace}/node-groups`, { name: "drifting" });
    const deployment = `${workspace}/node-groups/drifting/deployment`;
    await api.done("PATCH", deployment, { components: { "com.example.Walk": { version: "1.0.0" } } });
    const { id, thing, path: node, token } = await aNode(api, workspace, "drifter", { groups: ["drifting"] });
    await fleet.start({ token }).idle();
    for (const at of [`${node}/deployment-status`, `${deployment}/status`, `${deployment}/nodes`])
      await expecting(200, api.call("GET", at));
    const cell = await generationOf("drifter");
    const { thingGroup } = (
      await expecting(200, api.call<{ thingGroup: string }>("GET", `${workspace}/node-groups/drifting`))
    ).body;
    const leave = new RemoveThingFromThingGroupCommand({ thingName: thing, thingGroupName: cell.name });
    await cloud.iot.send(leave);
    await repair("cell-membership", id);
    const { region, accountId } = cloud.endpoints;
    await deployPast(`arn:aws:iot:${region}:${accountId}:thing/${thing}`, { "com.example.Walk": "1.0.0" });
    await repair("thing-deployment", id);
    for (const thingGroupName of [cell.name, thingGroup])
      await cloud.iot.send(new DeleteThingGroupCommand({ thingGroupName }));
    await repair("cell-missing", cell.id);
    await repair("group-missing", group.subject.id);
    await until(async () => (await drifts.groupsOf(thing)).length === 2, {
      what: "the node to be in its groups again",
    });
    await deployPast(cell.arn, { "com.example.Walk": "1.3.0" });
    await api.done("POST", path(await found("cell-deployment", cell.id), "adopt"));
    await deployPast(cell.arn, { "com.example.Walk": "1.0.0" });
    await adoptByEvent(cloud, api, workspace, await found("cell-deployment", cell.id));
    // What is known of drift goes with what drifted.
    await deployPast(cell.arn, { "com.example.Walk": "1.3.0" });
    const left = await found("cell-deployment", cell.id);
    await expecting(200, api.call("GET", path(left)));
    await api.done("DELETE", node);
    await api.done("DELETE", deployment);
    await api.done("DELETE", `${workspace}/node-groups/drifting`);
    if ((await drifts.list()).length > 0) throw new Error(`left: ${JSON.stringify(await drifts.list())}`);
  } finally {
    await fleet.remove();
  }
};
