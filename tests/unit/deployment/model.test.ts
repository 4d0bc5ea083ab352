import { test } from "vitest";
import { checkHistories } from "../../model/histories.ts";

test("whatever happens, no device is reached by two deployments, and each ends with just what it should have", () => {
  checkHistories(1_000);
});
