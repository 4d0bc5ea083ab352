import { usersOf } from "../../shared/aws/users.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";

/** Looks again: a deployment may have taken the version up while its deletion was asked for. */
export const handler = task("check-version-unused", async (input) => {
  const users = await usersOf(await desiredVersion(input));
  if (users.length > 0) throw new AppError("version-in-use", `the version is used by ${users.join(", ")}`);
});
