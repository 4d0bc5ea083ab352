import { getItem } from "../../shared/aws/table.ts";
import { keys } from "../../shared/keys.ts";
import { workspaceNameOf } from "../../shared/names.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";

/** What S3 tells of an object that was made. https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
export interface Created {
  readonly bucket: { readonly name: string };
  readonly object: { readonly key: string; readonly size: number; readonly etag: string; readonly sequencer: string };
  /** The account, or the service, that put it. */
  readonly requester: string;
  /** Absent where a service of AWS has put it. */
  readonly "source-ip-address"?: string;
}

/** The workspace of the stage that has the bucket: of another stage's nothing is known here. */
export const workspaceOf = async (bucket: string): Promise<StoredWorkspace | undefined> => {
  const name = workspaceNameOf(bucket);
  const claim = name === undefined ? undefined : await getItem<{ id: string }>(keys.workspaceName(name));
  const workspace = claim && (await getItem<StoredWorkspace>(keys.workspace(claim.id)));
  return workspace?.bucket === bucket ? workspace : undefined;
};
