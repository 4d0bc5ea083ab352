import { createInterface } from "node:readline/promises";
import { CliError } from "./failures.ts";
import { interrupted } from "./interrupted.ts";

/** Asks a person. @throws CliError where nobody can be asked, and --yes was not given */
export const confirmed = async (question: string, { yes }: { readonly yes?: true }): Promise<boolean> => {
  if (yes) return true;
  if (!process.stdin.isTTY) {
    throw new CliError("usage", "nobody can be asked whether to do this", "Give --yes once the plan is what you want.");
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: interrupted.signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
};
