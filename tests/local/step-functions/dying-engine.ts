import { createInterface } from "node:readline";
import { StatementSync } from "node:sqlite";
import { Faults } from "../../../local/faults.ts";
import { startStepFunctions } from "../../../local/step-functions.ts";
import { ACCOUNT, REGION } from "../machines.ts";

/**
 * An engine that is killed at one write of its database: at the N-th one after a line with N came in. It tells of each call
 * of a function by a line. The function `hold` ends for the item `"done"` alone; `refuse` fails when that line is there,
 * once.
 */
const [dir = "", machines = "{}"] = process.argv.slice(2);
const armed = Promise.withResolvers<void>();
let refused = false;
let left = Number.POSITIVE_INFINITY;

for (const method of ["run", "get"] as const) {
  const original: (...parameters: never[]) => unknown = StatementSync.prototype[method];
  const counted = function (this: StatementSync, ...parameters: never[]): unknown {
    if (/^\s*(INSERT|UPDATE|DELETE)/.test(this.sourceSQL)) {
      left -= 1;
      if (left === 0) process.kill(process.pid, "SIGKILL");
    }
    return original.apply(this, parameters);
  };
  Object.assign(StatementSync.prototype, { [method]: counted });
}

const engine = await startStepFunctions({
  dir,
  port: 0,
  region: REGION,
  accountId: ACCOUNT,
  machines: Object.entries(JSON.parse(machines)).map(([name, definition]) => ({
    name,
    definition: definition as object,
  })),
  invoke: async (name, payload) => {
    process.stdout.write(`${JSON.stringify({ name, payload })}\n`);
    const { input } = payload as { input: unknown };
    if (name === "hold" ? input !== "done" : refused) await new Promise(() => {});
    if (name === "hold") return { payload: input };
    await armed.promise;
    refused = true;
    return { functionError: { errorType: "Refused", errorMessage: "by the test" } };
  },
  publish: () => {},
  faults: new Faults(),
  retryScale: 0.01,
  log: (message, details) => process.stderr.write(`${message} ${JSON.stringify(details)}\n`),
});
createInterface({ input: process.stdin }).on("line", (line) => {
  left = Number(line);
  process.stdout.write("armed\n");
  armed.resolve();
});
process.stdout.write(`${engine.url}\n`);
