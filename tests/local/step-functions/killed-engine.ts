import { appendFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { Faults } from "../../../local/faults.ts";
import { startStepFunctions } from "../../../local/step-functions.ts";
import { ACCOUNT, one, REGION, task } from "../machines.ts";

/** A process to be killed: an engine whose tasks note that they ran, in a file, and take some milliseconds. */
const [dir = "", log = ""] = process.argv.slice(2);
const STEPS = ["A", "B", "C", "D", "E"];

const next = (index: number) => (index + 1 < STEPS.length ? { Next: STEPS[index + 1] } : { End: true });
const payload = { "execution.$": "$$.Execution.Name", "state.$": "$$.State.Name" };
const ofItem = { "execution.$": "$", "state.$": "$$.State.Name" };
const machines = [
  {
    name: "steps",
    definition: {
      StartAt: "A",
      States: Object.fromEntries(
        STEPS.map((name, index) => [
          name,
          task("note", { OutputPath: "$", ResultPath: null, ...next(index) }, payload),
        ]),
      ),
    },
  },
  {
    name: "children",
    definition: one({
      Type: "Map",
      ItemsPath: "$.items",
      MaxConcurrency: 4,
      Label: "each",
      ItemProcessor: {
        ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
        StartAt: "Item",
        States: {
          Item: task("note", { OutputPath: "$", ResultPath: null, Next: "Again" }, ofItem),
          Again: task("note", { OutputPath: "$", ResultPath: null, End: true }, ofItem),
        },
      },
      End: true,
    }),
  },
];

const engine = await startStepFunctions({
  dir,
  port: 0,
  region: REGION,
  accountId: ACCOUNT,
  machines,
  invoke: async (_, event) => {
    const { execution, state } = event as { execution: unknown; state: string };
    appendFileSync(log, `${execution} ${state}\n`);
    await pause(5 + Math.random() * 25);
    return { payload: state };
  },
  publish: () => {},
  faults: new Faults(),
  log: (message, details) => process.stderr.write(`${message} ${JSON.stringify(details)}\n`),
});
process.stdout.write(`${engine.url}\n`);
