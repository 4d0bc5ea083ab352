import { expect, test } from "vitest";
import { awsThrottle } from "../../../local/greengrass/rates.ts";

test("one bucket for new versions, one for all else, none for the data plane", () => {
  let now = 0;
  const take = awsThrottle(() => now);
  const taken = (operation: string, count: number) =>
    Array.from({ length: count }, () => take(operation)).filter((passed) => passed).length;
  expect(taken("CreateComponentVersion", 3)).toBe(1);
  expect(taken("CreateDeployment", 20) + taken("ListDeployments", 20)).toBe(30);
  expect(taken("ResolveComponentCandidates", 100)).toBe(100);
  now = 500;
  expect(taken("CreateComponentVersion", 3)).toBe(0);
  expect(taken("GetDeployment", 40)).toBe(15);
  now = 1_000;
  expect(taken("CreateComponentVersion", 3)).toBe(1);
});
