import { allItems } from "../../shared/aws/table.ts";
import type { StoredFile } from "../../shared/component/file.ts";
import { artifactKey } from "../../shared/component/recipe.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { partitions } from "../../shared/keys.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { desiredVersion, desiredWorkspace } from "./desired.ts";
import type { TaskInput } from "./task.ts";

/** A version that is being published, with its files. */
export interface Draft {
  readonly workspace: StoredWorkspace;
  readonly version: StoredVersion;
  /** The workspace's. */
  readonly bucket: string;
  readonly files: readonly StoredFile[];
}

export const desiredDraft = async (input: TaskInput): Promise<Draft> => {
  const version = await desiredVersion(input);
  const workspace = await desiredWorkspace(input);
  return {
    workspace,
    version,
    bucket: workspace.bucket,
    files: await allItems<StoredFile>(partitions.files(version.id)),
  };
};

export const keyIn = ({ version }: Draft, path: string): string =>
  artifactKey(version.component, version.version, path);

/** What the URIs of a version's artifacts begin with. */
export const uriPrefix = (draft: Draft): string => `s3://${draft.bucket}/${keyIn(draft, "")}`;
