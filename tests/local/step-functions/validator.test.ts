import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { validateDefinitions } from "../../../local/step-functions/validator.ts";

let cache: string;

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "slipway-definitions-"));
});

afterEach(() => rmSync(cache, { recursive: true }));

const passing = (name: string, result: number) => ({
  name,
  definition: { StartAt: "Pass", States: { Pass: { Type: "Pass", Result: result, End: true } } },
});

test("a definition is validated once, whatever its name is", async () => {
  expect(await validateDefinitions([passing("one", 1), passing("two", 2)], cache)).toEqual(["one", "two"]);
  expect(await validateDefinitions([passing("other", 1), passing("three", 3)], cache)).toEqual(["three"]);
});

test("a definition that is not accepted is looked at each time", async () => {
  const lost = { name: "lost", definition: { StartAt: "Nowhere", States: { Pass: { Type: "Pass", End: true } } } };
  for (let times = 0; times < 2; times += 1)
    await expect(validateDefinitions([lost, passing("one", 1)], cache)).rejects.toThrow(
      /^state machine lost: asl-validator says/,
    );
  expect(readdirSync(cache)).toEqual([]);
});
