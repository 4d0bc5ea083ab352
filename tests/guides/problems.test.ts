import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { problemsDocument } from "../../local/problems-document.ts";

test("docs/TROUBLESHOOTING.md is what `npm run docs` writes", () => {
  expect(readFileSync(new URL("../../docs/TROUBLESHOOTING.md", import.meta.url), "utf8")).toBe(problemsDocument());
});
