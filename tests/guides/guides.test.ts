import { readdirSync } from "node:fs";
import { afterAll, beforeAll, test } from "vitest";
import { startTestCloud, type TestCloud } from "../integration/support/cloud.ts";
import { runGuide } from "./run-guide.ts";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud(["--test-mode", "--retry-scale", "0.02", "--webhooks-here"]);
});
afterAll(() => cloud?.remove());

const GUIDES = [
  "docs/QUICKSTART.md",
  ...readdirSync(new URL("../../docs/guides/", import.meta.url))
    .filter((name) => name !== "README.md")
    .map((name) => `docs/guides/${name}`),
];

test.each(GUIDES)("%s does what it says", async (name) => {
  await runGuide(name, cloud.endpoints, cloud.dir);
});
