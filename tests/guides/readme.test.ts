import { afterAll, beforeAll, test } from "vitest";
import { startTestCloud, type TestCloud } from "../integration/support/cloud.ts";
import { runGuide } from "./run-guide.ts";

// In a cloud of its own, for its names are those of the quickstart.
let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud?.remove());

test("README.md does what it says", () => runGuide("README.md", cloud.endpoints, cloud.dir));
