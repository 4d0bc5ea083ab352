import satisfies from "semver/functions/satisfies.js";
import { ownMember } from "../json.ts";
import type { StoredDeployment } from "./deployment.ts";

/**
 * Names of the deployments for which resolution may have chosen this version: it satisfies their requirement, and was
 * published when they last named the component. A version that was never published has no users.
 */
export const usersOfVersion = (
  version: { readonly component: string; readonly version: string; readonly catalogueNumber?: number | undefined },
  deployments: readonly Pick<StoredDeployment, "target" | "components">[],
): string[] => {
  const { catalogueNumber } = version;
  if (catalogueNumber === undefined) return [];
  return deployments
    .filter(({ components }) => {
      const wanted = ownMember(components, version.component);
      if (wanted === undefined || catalogueNumber > wanted.catalogue) return false;
      return satisfies(version.version, wanted.version);
    })
    .map(({ target }) => `${target.type} ${target.name}`);
};
