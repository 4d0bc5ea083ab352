import { Faults } from "../../../local/faults.ts";
import { startS3 } from "../../../local/s3/server.ts";

/** An engine in a process of its own, for tests that kill it or look at its memory; prints its URL, and `rss` when asked. */
const [dir = "", region = "", accountId = ""] = process.argv.slice(2);
const server = await startS3({
  dir,
  port: 0,
  region,
  accountId,
  secretOf: () => "secret",
  faults: new Faults(),
  publish: () => undefined,
});
process.stdin.on("data", () => console.log(process.memoryUsage.rss()));
process.stdin.on("end", () => process.exit(0));
console.log(server.url);
