import { expect, test } from "vitest";
import { RECIPE_RULES } from "../../../shared/component/recipe-findings.ts";
import { readRecipe } from "../../../shared/component/version-recipe.ts";
import { ABOUT, FILES, RECIPES } from "./recipe.rows.ts";

test.each(RECIPES)("$format: $note", ({ format, text, finds }) => {
  const { findings } = readRecipe({ recipeText: { format, text } }, ABOUT, { files: FILES });
  const told = findings.map(({ rule, severity, pointer }) => [severity === "error" ? `!${rule}` : rule, pointer]);
  expect(told.sort()).toEqual([...finds].sort());
  for (const { detail, hint, pointer, rule } of findings) {
    expect([detail, hint].every((words) => words.trim().length > 5)).toBe(true);
    if (pointer !== "" || rule !== "syntax") expect(pointer).toMatch(/^(?:\/[^/]*)*$/);
  }
});

test("the table has forty recipes and more, in both formats, and every rule but those that look at other components", () => {
  expect(RECIPES.length).toBeGreaterThanOrEqual(40);
  expect(RECIPES.filter(({ format }) => format === "yaml").length).toBeGreaterThanOrEqual(10);
  expect(RECIPES.filter(({ finds }) => finds.length === 0).length).toBeGreaterThanOrEqual(10);
  const met = new Set(RECIPES.flatMap(({ finds }) => finds.map(([rule]) => rule.replace("!", ""))));
  const elsewhere = ["dependency-cycle", "unknown-dependency"];
  expect(RECIPE_RULES.filter((rule) => !met.has(rule) && !elsewhere.includes(rule))).toEqual([]);
});
