import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addOperations } from "./commands.ts";
import { EXIT } from "./failures.ts";
import { readOperations } from "./operations.ts";
import { addOwnCommands } from "./own-commands.ts";

const version = (): string =>
  (JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8")) as { version: string }).version;

const EXIT_CODES = Object.values(EXIT)
  .map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`)
  .join("\n");

/** The whole command line. */
export const buildProgram = (): Command => {
  const program = new Command("slipway")
    .description("Fleets of edge devices: nodes, components, deployments and over-the-air updates")
    .version(version())
    .enablePositionalOptions()
    .helpCommand(false)
    .showSuggestionAfterError()
    .showHelpAfterError("(--help tells more)")
    .addHelpText("after", `\nExit codes:\n${EXIT_CODES}\n\nColours: NO_COLOR=1 turns them off, FORCE_COLOR=1 on.`);
  addOwnCommands(program);
  addOperations(program, readOperations());
  return program;
};
