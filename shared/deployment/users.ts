import semver from "semver";
import { ownMember } from "../json.ts";
import type { StoredDeployment } from "./deployment.ts";

/**
 * Names of the deployments that want this version: exactly, or by a range that it satisfies and that resolution may
 * have chosen it for.
 */
export const usersOfVersion = (
  version: { readonly component: string; readonly version: string },
  deployments: readonly Pick<StoredDeployment, "target" | "components">[],
): string[] =>
  deployments
    .filter(({ components }) => {
      const wanted = ownMember(components, version.component);
      return wanted !== undefined && semver.satisfies(version.version, wanted.version);
    })
    .map(({ target }) => `${target.type} ${target.name}`);
