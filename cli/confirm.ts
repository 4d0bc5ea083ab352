import { createInterface } from "node:readline";
import { CliError } from "./failures.ts";
import { interrupted } from "./interrupted.ts";

/** Asks a person. @throws CliError where nobody can be asked, and --yes was not given */
export const confirmed = async (question: string, { yes }: { readonly yes?: true }): Promise<boolean> => {
  if (yes) return true;
  if (!process.stdin.isTTY) {
    throw new CliError("usage", "nobody can be asked whether to do this", "Give --yes once the plan is what you want.");
  }
  const answer = await answerTo(`${question} [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
};

/** What a person types; nothing where the input ends (Ctrl-D). @throws the signal's reason on Ctrl-C */
const answerTo = async (question: string): Promise<string> => {
  interrupted.signal.throwIfAborted();
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const close = () => terminal.close();
  interrupted.signal.addEventListener("abort", close);
  try {
    const answer = await new Promise<string | undefined>((resolve) => {
      // While it reads, a terminal hands Ctrl-C to it, and not to the process.
      terminal.once("SIGINT", () => interrupted.abort());
      terminal.once("close", () => resolve(undefined));
      terminal.question(question, resolve);
    });
    if (answer === undefined) process.stderr.write("\n");
    interrupted.signal.throwIfAborted();
    return answer ?? "";
  } finally {
    interrupted.signal.removeEventListener("abort", close);
    close();
  }
};
