import { parseArgs } from "node:util";
import { apiClient } from "../../local/api-client.ts";
import { checks } from "./checks.ts";
import { cleanUp } from "./clean-up.ts";
import { contextOf } from "./context.ts";
import { newRun, targetFrom } from "./environment.ts";
import { runChecks } from "./run.ts";

const USAGE = `Usage: npm run -s smoke [-- --clean]
Tries a deployed stage, or the embedded cloud, from outside: one line a check, and exit code 0 only if none failed.
  SLIPWAY_API, SLIPWAY_OTA   URLs of the API and of the OTA distribution
  SLIPWAY_TOKEN              a bearer token; whoever it is for becomes owner of a workspace smoke-…, which is deleted
  SLIPWAY_ORIGIN             an origin of the setting uploads.origins (optional)
  SLIPWAY_SMOKE_SECONDS      how long one intent may take (default 120)
  AWS_REGION                 asks AWS itself too, with the credentials that the AWS SDK finds (optional)
  --clean                    only deletes what runs that were killed have left behind`;

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { clean: { type: "boolean", default: false } } });
  const target = targetFrom(process.env);
  if (values.clean) {
    await cleanUp(apiClient(target.api, target.token), target);
    return 0;
  }
  const context = contextOf(target, newRun());
  print(`smoke run ${context.run} of ${target.api} and ${target.ota}`);
  const outcomes = [...(await runChecks(checks, context, print)).values()];
  const count = (wanted: string): number => outcomes.filter((outcome) => outcome === wanted).length;
  print(`${count("ok")} ok, ${count("failed")} failed, ${count("skipped")} skipped`);
  return count("failed") === 0 ? 0 : 1;
};

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    process.stderr.write(`${error.message}\n\n${USAGE}\n`);
    process.exitCode = 1;
  },
);
