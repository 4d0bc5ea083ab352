import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EXIT } from "../../cli/failures.ts";

test("the exit codes are told as they are", () => {
  const text = readFileSync(new URL("../../docs/CLI.md", import.meta.url), "utf8");
  const told = [...text.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code, meaning]) => [Number(code), meaning]);
  expect(told).toEqual(Object.values(EXIT).map(([code, meaning]) => [code, meaning]));
});
