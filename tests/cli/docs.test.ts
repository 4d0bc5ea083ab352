import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EXIT } from "../../cli/failures.ts";
import { NO_COMMANDS } from "../../cli/operations.ts";
import { buildProgram } from "../../cli/program.ts";

const text = readFileSync(new URL("../../docs/CLI.md", import.meta.url), "utf8");

/** The rows of the table under a heading of CLI.md, each a list of its cells. */
const table = (heading: string): string[][] => {
  const [, section = ""] = text.split(`\n### ${heading}\n`);
  const lines = (section.split("\n#")[0] ?? "").split("\n").filter((line) => line.startsWith("| "));
  return lines.slice(1).map((line) => line.slice(2, -2).split(" | "));
};

test("the exit codes are told as they are", () => {
  expect(table("Exit codes")).toEqual(Object.values(EXIT).map(([code, meaning]) => [String(code), meaning]));
});

test("every noun is told of, with all that can be done with it", () => {
  const nouns = buildProgram().commands.filter(({ commands }) => commands.length > 0);
  const verbs = nouns.map((noun) => [`\`${noun.name()}\``, noun.commands.map((verb) => verb.name()).join(", ")]);
  expect(table("Nouns").sort()).toEqual(verbs.sort());
});

test("every operation without a command of its own is told of, with the reason", () => {
  const reasons = Object.entries(NO_COMMANDS).map(([operation, reason]) => [`\`${operation}\``, reason]);
  expect(table("Operations without a command of their own")).toEqual(reasons);
});
