import { usersOf } from "../../shared/aws/users.ts";
import { inUse } from "../../shared/deployment/users.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";

/** Looks again: a deployment may have taken the version up while its deletion was asked for. */
export const handler = task("check-version-unused", async (input) => {
  const refusal = inUse(await usersOf(await desiredVersion(input)));
  if (refusal !== undefined) throw new AppError(refusal.code, refusal.detail);
});
