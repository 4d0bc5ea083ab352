import { publishedVersions } from "../../shared/aws/catalogue.ts";
import { allItems } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import type { StoredDeployment } from "../../shared/deployment/deployment.ts";
import { layerOf, resolve } from "../../shared/deployment/resolve.ts";
import { deploymentsWith } from "../../shared/deployment/users.ts";
import { ownMember } from "../../shared/json.ts";
import { keys, partitions } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { endpoint } from "../http/endpoint.ts";
import { filteredPage } from "../http/paging.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint("listComponentVersionUsage", async ({ workspace, params, query }) => {
  const version = await findVersion(workspace, params.component, params.version);
  const deployments = await allItems<StoredDeployment>(partitions.deployments(workspace.id));
  if (query.of === "deployments") {
    const users = new Map(deploymentsWith(version, deployments).map((user) => [user.deployment.id, user]));
    return filteredPage(
      partitions.deployments(workspace.id),
      `${version.id} deployments`,
      query,
      ({ id }: StoredDeployment) => users.has(id),
      ({ id, target }) => {
        const requirement = users.get(id)?.requirement;
        return { ...target, ...(requirement !== undefined && { requirement }) };
      },
    );
  }
  const published = await publishedVersions(workspace.id, [version.component]);
  const layers = new Map(deployments.map((deployment) => [deployment.id, layerOf(deployment)]));
  const cells = await allItems<StoredCell>(partitions.cells(workspace.id));
  const running = new Set(
    cells
      .filter(({ targets }) => {
        const { components } = resolve(
          targets.flatMap((target) => layers.get(target) ?? []),
          published,
        );
        return ownMember(components, version.component)?.version === version.version;
      })
      .map(({ sk }) => sk),
  );
  return filteredPage(
    partitions.nodes(workspace.id),
    `${version.id} nodes`,
    query,
    ({ cell }: StoredNode) => running.has(keys.cell(workspace.id, cell).sk),
    ({ id, name }) => ({ type: "node" as const, id, name }),
  );
});
