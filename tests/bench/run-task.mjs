import { channel } from "node:diagnostics_channel";
import { pathToFileURL } from "node:url";

/*
 * Runs one task of a workflow in a process of its own, as Lambda does: `node run-task.mjs {module} {input}`. Prints how long
 * it took, the most memory that the process had, and how many requests it made. Not in TypeScript, since what Node.js
 * strips types with would be measured too.
 */
const [, , module, input] = process.argv;
let requests = 0;
channel("http.client.request.start").subscribe(() => {
  requests += 1;
});
// The system's own record of the most begins with that of the process which has started this one.
let peak = 0;
const look = () => {
  peak = Math.max(peak, process.memoryUsage.rss());
};
const looking = setInterval(look, 5);
const { handler } = await import(pathToFileURL(module).href);
const startedAt = performance.now();
await handler(JSON.parse(input), { functionName: "bench", awsRequestId: "bench" });
const ms = performance.now() - startedAt;
look();
clearInterval(looking);
process.stdout.write(`\n${JSON.stringify({ ms, peakMb: peak / 1e6, requests })}\n`);
