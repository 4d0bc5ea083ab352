import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { withEventTypes } from "../../local/events-document.ts";

test("docs/EVENTS.md has the table of types that `npm run docs` writes", () => {
  const written = readFileSync(new URL("../../docs/EVENTS.md", import.meta.url), "utf8");
  expect(written).toContain("`slipway.intent.succeeded`");
  expect(withEventTypes(written)).toBe(written);
});
