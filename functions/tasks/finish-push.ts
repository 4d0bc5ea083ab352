import { finishPush } from "../../shared/push/push.ts";
import { theMoment } from "../moment.ts";
import { succeed } from "./activate.ts";
import { desiredVersion } from "./desired.ts";
import { pushOf } from "./pushed.ts";
import { task } from "./task.ts";

/** The end of the push and the beginning of the publication are one: nobody can change the files in between. */
export const handler = task("finish-push", async (input) => {
  const moment = theMoment();
  const version = await desiredVersion(input);
  await succeed(input, finishPush(version, await pushOf(input), moment), moment.now);
});
