import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Operations, sdkOperations } from "./operations.ts";

const builtOn = JSON.parse(readFileSync(new URL("./operations.json", import.meta.url), "utf8")) as Record<
  string,
  Operations
>;

/**
 * Fails when an update of the SDK changes what a client can ask for. Then: see what is new or gone, let the stand-in
 * follow (or list it as not emulated), and run `node tests/contract/write-operations.ts`.
 */
describe("the SDK client has the operations and the required members that its stand-in was built on", () => {
  const now = sdkOperations();

  test("of every service", () => expect(Object.keys(now)).toEqual(Object.keys(builtOn)));

  test.each(Object.entries(builtOn))("%s", (service, operations) => {
    expect(now[service]).toEqual(operations);
    expect(Object.values(operations).some((required) => required.length > 0)).toBe(true);
  });
});
