import { channel } from "node:diagnostics_channel";
import { pathToFileURL } from "node:url";

/*
 * Runs one task of a workflow in a process of its own, as Lambda does: `node run-task.mjs {module} {input}`. Prints how long
 * it took, the most memory that the process ever had, and how many requests it made. Not in TypeScript, since what Node.js
 * strips types with would be measured too.
 */
const [, , module, input] = process.argv;
let requests = 0;
channel("http.client.request.start").subscribe(() => {
  requests += 1;
});
const { handler } = await import(pathToFileURL(module).href);
const startedAt = performance.now();
await handler(JSON.parse(input), { functionName: "bench", awsRequestId: "bench" });
const ms = performance.now() - startedAt;
process.stdout.write(`\n${JSON.stringify({ ms, peakMb: process.resourceUsage().maxRSS / 1_000, requests })}\n`);
