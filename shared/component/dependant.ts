import type { VersionFacts } from "../deployment/versions.ts";
import { keys } from "../keys.ts";
import type { Key, Write } from "../writes.ts";
import type { StoredVersion } from "./version.ts";

/**
 * A published version that depends on others, kept small beside it: a workspace's are read all at once whenever one of its
 * versions is to be deleted. It is there exactly as long as the version has a number in the catalogue.
 */
export interface StoredDependant extends Key, Pick<VersionFacts, "dependencies" | "runtimes"> {
  readonly type: "dependant";
  readonly id: string;
  readonly component: string;
  readonly version: string;
}

/** What is written beside a publication; nothing for a version that depends on nothing. */
export const noteDependant = (
  { id, workspaceId, component, version }: StoredVersion,
  { dependencies, runtimes }: Pick<VersionFacts, "dependencies" | "runtimes">,
): Write[] => {
  if (dependencies === undefined) return [];
  const item = { id, component, version, dependencies, ...(runtimes !== undefined && { runtimes }) };
  return [{ do: "put", item: { ...keys.dependant(workspaceId, id), type: "dependant", ...item } }];
};

/** What is written with the end of a publication. */
export const forgetDependant = ({ id, workspaceId }: StoredVersion): Write => ({
  do: "delete",
  key: keys.dependant(workspaceId, id),
});
