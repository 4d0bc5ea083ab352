import { forgetVersion } from "../../shared/component/version.ts";
import { succeed } from "./activate.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";

export const handler = task("forget-component-version", async (input) =>
  succeed(input, forgetVersion(await desiredVersion(input))),
);
