import { transact } from "../../shared/aws/table.ts";
import { currentKey } from "../../shared/ota/release.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

/** Devices no longer get it, if it is what they get. */
export const handler = task("withdraw-release", async (input) => {
  const release = await desiredRelease(input);
  try {
    await transact([{ do: "delete", table: "ota", key: currentKey(release), when: { releaseId: release.id } }]);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "conflict")) throw error; // another release is current
  }
});
