import { transact } from "../../shared/aws/table.ts";
import { entryWrites } from "../../shared/ota/availability.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

/** Devices no longer get it. */
export const handler = task("withdraw-release", async (input) =>
  transact(entryWrites({ ...(await desiredRelease(input)), availability: "withdrawn" })),
);
