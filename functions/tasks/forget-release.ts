import { forgetRelease } from "../../shared/ota/release.ts";
import { succeed } from "./activate.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("forget-release", async (input) =>
  succeed(input, forgetRelease(await desiredRelease(input))),
);
