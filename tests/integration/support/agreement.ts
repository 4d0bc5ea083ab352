import {
  GetDeploymentCommand,
  type GreengrassV2Client,
  paginateListComponents,
  paginateListComponentVersions,
  paginateListDeployments,
} from "@aws-sdk/client-greengrassv2";
import {
  type IoTClient,
  paginateListThingGroups,
  paginateListThingGroupsForThing,
  paginateListThings,
} from "@aws-sdk/client-iot";
import type { StoredGeneration } from "../../../shared/deployment/cell.ts";
import type { StoredProgress } from "../../../shared/deployment/placement.ts";
import type { StoredItem } from "./cloud.ts";

/** What is compared: all of it in names, sorted by them. */
export interface Held {
  /** Thing → the thing groups it is in. */
  readonly things: Readonly<Record<string, readonly string[]>>;
  readonly thingGroups: readonly string[];
  /** `name@version`. */
  readonly componentVersions: readonly string[];
  /** Cell's thing group → what its latest Greengrass deployment deploys. */
  readonly deployments: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Cell's thing group → how many revisions Greengrass has of it. */
  readonly revisions: Readonly<Record<string, number>>;
}

const sorted = <T>(entries: Iterable<readonly [string, T]>): Record<string, T> =>
  Object.fromEntries([...entries].sort(([one], [other]) => (one < other ? -1 : 1)));

const groupOf = (cell: StoredGeneration): string => (cell.arn ?? "").split("/").at(-1) ?? "";

interface Requirement {
  readonly version: string;
}

/**
 * What AWS has to hold by what the tables want. Groups' deployments name exact versions and share no component, so that
 * a cell's content is their union and needs no resolving here.
 */
const wanted = (items: Readonly<Record<string, StoredItem>>): Held => {
  const all = Object.values(items);
  const of = (type: string) => all.filter((item) => item.type === type);
  const cells = of("cell-generation").map(
    (cell) => ({ ...cell, delivered: JSON.parse(String(cell.delivered ?? "{}")) }) as unknown as StoredGeneration,
  );
  const cellsOf = new Map(cells.map((cell) => [`${cell.workspaceId} ${cell.key} ${cell.generation}`, cell]));
  const ways = new Map((of("node-progress") as unknown as StoredProgress[]).map((way) => [way.nodeId, way]));
  const groups = new Map(of("node-group").map((group) => [String(group.id), group]));
  const deployments = new Map(of("deployment").map((deployment) => [String(deployment.id), deployment]));
  const nodes = of("node").filter(({ status }) => status === "active");
  const componentsOf = (target: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(
        JSON.parse(String(deployments.get(target)?.components ?? "{}")) as Record<string, Requirement>,
      ).map(([name, { version }]) => [name, version]),
    );
  return {
    things: sorted(
      nodes.map((node) => {
        const generation = ways.get(String(node.id))?.cell.generation;
        const cell = cellsOf.get(`${node.workspaceId} ${node.cell} ${generation}`);
        const memberOf = (node.groups as string[]).map((id) => String(groups.get(id)?.thingGroup));
        return [String(node.thing), [...memberOf, ...(cell === undefined ? ["no cell"] : [groupOf(cell)])].sort()];
      }),
    ),
    thingGroups: [
      ...of("node-group")
        .filter(({ status }) => status === "active")
        .map(({ thingGroup }) => String(thingGroup)),
      ...cells.map(groupOf),
    ].sort(),
    componentVersions: of("component-version")
      .filter(({ status }) => status === "published")
      .map(({ component, version }) => `${component}@${version}`)
      .sort(),
    deployments: sorted(
      cells.map((cell) => [
        groupOf(cell),
        sorted(cell.targets.flatMap((target) => Object.entries(componentsOf(target)))),
      ]),
    ),
    revisions: sorted(cells.map((cell) => [groupOf(cell), cell.delivered?.sequence ?? 0])),
  };
};

/** What failed to be made, or to be unmade, may be there or not: its name is left out of the comparison. */
const withoutFailed = (items: Readonly<Record<string, StoredItem>>, state: Held): Held => {
  const failed = Object.values(items)
    .filter(({ status, type }) => status === "failed" && type !== "intent")
    .map(({ id }) => String(id));
  const known = (name: string) => !failed.some((id) => name.includes(id));
  return {
    ...state,
    things: Object.fromEntries(Object.entries(state.things).filter(([name]) => known(name))),
    thingGroups: state.thingGroups.filter(known),
  };
};

/** What AWS holds and what it should, to be compared. */
export const compared = async (
  items: Readonly<Record<string, StoredItem>>,
  clients: { readonly iot: IoTClient; readonly greengrass: GreengrassV2Client },
): Promise<{ wanted: Held; held: Held }> => ({
  wanted: wanted(items),
  held: withoutFailed(items, await held(clients.iot, clients.greengrass)),
});

/** What the IoT and Greengrass stand-ins hold, read through their clients page by page. */
const held = async (iot: IoTClient, greengrass: GreengrassV2Client): Promise<Held> => {
  const things: [string, string[]][] = [];
  for await (const page of paginateListThings({ client: iot }, { maxResults: 250 })) {
    for (const { thingName = "" } of page.things ?? []) {
      const groups: string[] = [];
      for await (const { thingGroups } of paginateListThingGroupsForThing({ client: iot }, { thingName })) {
        groups.push(...(thingGroups ?? []).map(({ groupName = "" }) => groupName));
      }
      things.push([thingName, groups.sort()]);
    }
  }
  const thingGroups: string[] = [];
  for await (const page of paginateListThingGroups({ client: iot }, { maxResults: 250 })) {
    thingGroups.push(...(page.thingGroups ?? []).map(({ groupName = "" }) => groupName));
  }
  const componentVersions: string[] = [];
  for await (const page of paginateListComponents({ client: greengrass }, { scope: "PRIVATE" })) {
    for (const { arn = "" } of page.components ?? []) {
      for await (const { componentVersions: versions } of paginateListComponentVersions(
        { client: greengrass },
        { arn },
      )) {
        componentVersions.push(...(versions ?? []).map((one) => `${one.componentName}@${one.componentVersion}`));
      }
    }
  }
  const revisions = new Map<string, string[]>();
  for await (const page of paginateListDeployments({ client: greengrass }, { historyFilter: "ALL" })) {
    for (const { targetArn = "", deploymentId = "" } of page.deployments ?? []) {
      const group = targetArn.split("/").at(-1) ?? "";
      revisions.set(group, [...(revisions.get(group) ?? []), deploymentId]);
    }
  }
  const deployments: [string, Record<string, string>][] = [];
  for (const [group, ids] of revisions) {
    // A cell that is gone leaves its deployments behind: Greengrass keeps them, and they reach nobody.
    if (!thingGroups.includes(group)) continue;
    const { components = {} } = await greengrass.send(new GetDeploymentCommand({ deploymentId: ids[0] }));
    deployments.push([
      group,
      sorted(Object.entries(components).map(([name, one]) => [name, one.componentVersion ?? ""])),
    ]);
  }
  return {
    things: sorted(things),
    thingGroups: thingGroups.sort(),
    componentVersions: componentVersions.sort(),
    deployments: sorted(deployments),
    revisions: sorted(deployments.map(([group]) => [group, revisions.get(group)?.length ?? 0])),
  };
};
