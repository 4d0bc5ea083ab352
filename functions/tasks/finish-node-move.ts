import { keys } from "../../shared/keys.ts";
import type { Write } from "../../shared/writes.ts";
import { driftOf } from "../truth/known.ts";
import { succeed } from "./activate.ts";
import { task } from "./task.ts";

/** What was known of the node's memberships is put right by now; where it is not, the sweep finds it again. */
export const handler = task("finish-node-move", async (input) => {
  const { workspaceId, subjectId } = input;
  const known = await driftOf(workspaceId, subjectId);
  const memberships = known.filter(({ kind }) => kind === "cell-membership" || kind === "group-membership");
  await succeed(
    input,
    memberships.map(({ id }): Write => ({ do: "delete", key: keys.drift(workspaceId, id) })),
  );
});
