import { publishedVersions } from "../../shared/aws/catalogue.ts";
import { allItems } from "../../shared/aws/table.ts";
import { dependencesOf } from "../../shared/aws/users.ts";
import type { StoredDependant } from "../../shared/component/dependant.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import type { StoredDeployment } from "../../shared/deployment/deployment.ts";
import { layerOf, resolver } from "../../shared/deployment/resolve.ts";
import { deploymentsWith } from "../../shared/deployment/users.ts";
import { ownMember } from "../../shared/json.ts";
import { keys, partitions } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { endpoint } from "../http/endpoint.ts";
import { filteredPage } from "../http/paging.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint(componentRoutes, "listComponentVersionUsage", async ({ workspace, params, query }) => {
  const version = await findVersion(workspace, params.component, params.version);
  if (query.of === "component-versions") {
    const users = new Map((await dependencesOf(version)).map((one) => [one.id, one]));
    return filteredPage(
      partitions.dependants(workspace.id),
      `${version.id} component-versions`,
      query,
      ({ id }: StoredDependant) => users.has(id),
      ({ id }) => {
        const { name = "", requirement, onlyThis } = users.get(id) ?? {};
        return { type: "component-version" as const, id, name, requirement, onlyThis };
      },
    );
  }
  const deployments = await allItems<StoredDeployment>(partitions.deployments(workspace.id));
  const named = new Set(deployments.flatMap(({ components }) => Object.keys(components)));
  const published = await publishedVersions(workspace.id, [...named]);
  if (query.of === "deployments") {
    const users = new Set(deploymentsWith(version, deployments, published).map(({ id }) => id));
    return filteredPage(
      partitions.deployments(workspace.id),
      `${version.id} deployments`,
      query,
      ({ id }: StoredDeployment) => users.has(id),
      ({ target, components }) => {
        const requirement = ownMember(components, version.component)?.version;
        return { ...target, ...(requirement !== undefined && { requirement }) };
      },
    );
  }
  const layers = new Map(deployments.map((deployment) => [deployment.id, layerOf(deployment)]));
  const { set } = resolver(published);
  const cells = await allItems<StoredCell>(partitions.cells(workspace.id));
  const running = new Set(
    cells
      .filter(({ targets, runtime }) => {
        const { components } = set(
          targets.flatMap((target) => layers.get(target) ?? []),
          runtime,
        );
        return components.get(version.component)?.facts.version === version.version;
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
