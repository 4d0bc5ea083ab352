import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { functionOfTrigger } from "../../shared/declared/triggers.ts";
import { checks } from "../smoke/checks.ts";

const ROOT = join(import.meta.dirname, "../..");
const document = readFileSync(join(ROOT, "docs/OPERATIONS.md"), "utf8");
const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: Record<string, string> };

const sectionOf = (heading: string): string => {
  const [, section] = document.split(`## ${heading}`);
  if (section === undefined) throw new Error(`there is no section ${heading}`);
  return section.split("\n## ")[0] ?? "";
};

/** The rows of a section's table, as cells. */
const rowsOf = (heading: string): string[][] =>
  [...sectionOf(heading).matchAll(/^\| (.*) \|$/gm)].slice(1).map(([, row]) => (row ?? "").split(" | "));

const ASSUMED = "What is proven only by synthesis, and what is assumed of AWS";
const names = checks.map(({ name }) => name);

describe("docs/OPERATIONS.md", () => {
  test("has a row of what is assumed for every check of the smoke run", () => {
    const settling = new Set(
      rowsOf(ASSUMED).flatMap((row) => [...(row.at(-1) ?? "").matchAll(/`([a-z-]+)`/g)].map(([, name]) => name)),
    );
    expect([...settling].filter((name) => !names.includes(String(name)))).toEqual([]);
    expect(names.filter((name) => !settling.has(name))).toEqual([]);
  });

  test("says for all that is assumed who says so and what settles it", () => {
    const rows = rowsOf(ASSUMED);
    expect(rows.length).toBeGreaterThan(25);
    for (const row of rows)
      expect(
        row.map((cell) => cell.trim() !== ""),
        row[0],
      ).toEqual([true, true, true]);
  });

  test("says for every trigger what its dead letters mean", () => {
    const told = rowsOf("Dead letters").map(([trigger]) => trigger?.replaceAll("`", ""));
    expect(told.sort()).toEqual(Object.keys(functionOfTrigger).sort());
  });

  test("names commands that are there", () => {
    const named = [...document.matchAll(/npm run (?:-s )?([a-z:]+)/g)].map(([, name]) => String(name));
    expect(named).toEqual(expect.arrayContaining(["smoke", "restored", "build", "infra:check", "dlq"]));
    for (const name of named) expect(Object.keys(scripts)).toContain(name);
  });
});
