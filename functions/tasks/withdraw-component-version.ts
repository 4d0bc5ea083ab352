import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";
import { withdrawPublication } from "./withdraw.ts";

export const handler = task("withdraw-component-version", async (input) =>
  withdrawPublication(await desiredVersion(input)),
);
