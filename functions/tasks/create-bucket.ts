import { createBucket } from "../../shared/aws/buckets.ts";
import { transact } from "../../shared/aws/table.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import { AppError } from "../../shared/problems.ts";
import { theMoment } from "../moment.ts";
import { desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

/** Bucket names are the world's: one that is taken is drawn again, and the draw recorded before it is tried. */
export const handler = task("create-bucket", async (input) => {
  const { bucket, name } = await desiredWorkspace(input);
  if (await createBucket(bucket, input.workspaceId)) return;
  await transact([
    {
      do: "update",
      key: keys.workspace(input.workspaceId),
      set: { bucket: awsNames.bucket(theMoment().randomText(3), name) },
      when: { bucket },
    },
  ]);
  throw new AppError("busy", `the bucket name ${bucket} is taken: another one is tried`);
});
