import { type Command, CommanderError } from "commander";
import { BrokenWait, EXIT, failureOf } from "./failures.ts";
import { interrupted } from "./interrupted.ts";
import { printFailure, stopPrinting } from "./output.ts";
import { buildProgram } from "./program.ts";

/** Whether the command goes on when nobody reads any more what it prints. */
let finishesUnread = false;

const main = async (args: readonly string[]): Promise<number> => {
  const json = args.includes("--json");
  try {
    const program = exitOverrides(buildProgram(), json);
    program.hook("preAction", (_program, command) => {
      // It changes things, and prints before it is done.
      finishesUnread = command.options.some(({ long }) => long === "--no-wait");
    });
    await program.parseAsync([...args], { from: "user" });
    return process.exitCode === undefined ? EXIT.done[0] : Number(process.exitCode);
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done[0];
      if (json) printFailure(failureOf(error), json);
      return EXIT.usage[0];
    }
    if (interrupted.signal.aborted && !(error instanceof BrokenWait)) return EXIT.interrupted[0];
    if (process.env.SLIPWAY_DEBUG === "1" && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    const failure = failureOf(error);
    printFailure(failure, json);
    return EXIT[failure.exit][0];
  }
};

/** Commander is to throw, and never to end the process by itself. For programs, what it throws is all that is told. */
const exitOverrides = (command: Command, json: boolean): Command => {
  command.exitOverride();
  if (json) command.showHelpAfterError(false).configureOutput({ outputError: () => {} });
  for (const inner of command.commands) exitOverrides(inner, json);
  return command;
};

process.once("SIGINT", () => {
  interrupted.abort();
  process.once("SIGINT", () => process.exit(EXIT.interrupted[0]));
});
// Who reads has enough: `slipway node list | head`. What `slipway apply --yes | head` has begun, it brings to its end.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") {
    if (finishesUnread) return stopPrinting();
    process.exit(EXIT.done[0]);
  }
  printFailure(failureOf(error), process.argv.includes("--json"));
  process.exit(EXIT.failed[0]);
});
// Nobody is left to be told; the exit code still says how it ended.
process.stderr.on("error", () => {});

process.exitCode = await main(process.argv.slice(2));
