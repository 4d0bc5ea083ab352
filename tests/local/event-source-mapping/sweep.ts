import { startTimeToLive } from "../../../local/dynamodb-ttl.ts";

/** Sweeps the engine's file in the first argument, as of the second one's seconds, until it is killed. */
const [, , file = "", seconds] = process.argv;
startTimeToLive({ file, everyMs: 1, now: () => Number(seconds) * 1_000, log: () => undefined });
// The sweep keeps no process alive.
setInterval(() => undefined, 1_000);
