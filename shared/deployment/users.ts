import satisfies from "semver/functions/satisfies.js";
import { ownMember } from "../json.ts";
import type { StoredDeployment } from "./deployment.ts";

/**
 * The deployments for which resolution may have chosen this version: it satisfies their requirement, and was
 * published when they last named the component. A version that was never published has no users.
 */
export const deploymentsWith = <Deployed extends Pick<StoredDeployment, "target" | "components">>(
  version: { readonly component: string; readonly version: string; readonly catalogueNumber?: number | undefined },
  deployments: readonly Deployed[],
): { readonly deployment: Deployed; readonly requirement: string }[] => {
  const { catalogueNumber } = version;
  if (catalogueNumber === undefined) return [];
  return deployments.flatMap((deployment) => {
    const wanted = ownMember(deployment.components, version.component);
    if (wanted === undefined || catalogueNumber > wanted.catalogue) return [];
    return satisfies(version.version, wanted.version) ? [{ deployment, requirement: wanted.version }] : [];
  });
};

/** As {@link deploymentsWith}, by name for people. */
export const usersOfVersion = (
  ...given: Parameters<typeof deploymentsWith<Pick<StoredDeployment, "target" | "components">>>
): string[] => deploymentsWith(...given).map(({ deployment: { target } }) => `${target.type} ${target.name}`);
