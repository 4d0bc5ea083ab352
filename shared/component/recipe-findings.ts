import * as z from "zod";

/** What a recipe is held to. Rules that begin with `nucleus-lite` are told as warnings: the classic nucleus takes it. */
export const RECIPE_RULES = [
  // The text.
  "too-large",
  "syntax",
  "too-deep",
  "number",
  "member-name",
  "duplicate-member",
  "several-documents",
  "yaml-alias",
  "yaml-tag",
  "yaml-directive",
  // The format.
  "type",
  "value",
  "unknown-member",
  "missing-member",
  "read-only-member",
  "component-name",
  "component-version",
  "component-type",
  "platform",
  "unreachable-manifest",
  "unknown-step",
  "run-and-startup",
  "timeout",
  "skip-if",
  "unknown-selection",
  "unused-selections",
  // Dependencies.
  "version-range",
  "self-dependency",
  "dependency-cycle",
  "unknown-dependency",
  "docker-dependency",
  // Artifacts and variables.
  "artifact-uri",
  "artifact-outside",
  "artifact-missing",
  "artifact-clash",
  "unknown-variable",
  "variable-artifact",
  "variable-configuration",
  "variable-dependency",
  // What nucleus lite does not take.
  "nucleus-lite-type",
  "nucleus-lite-platform",
  "nucleus-lite-step",
  "nucleus-lite-skip-if",
  "nucleus-lite-case",
  "nucleus-lite-environment",
  "nucleus-lite-selection",
  "nucleus-lite-variable",
  "nucleus-lite-configuration",
  "nucleus-lite-size",
  // There are more findings than are told.
  "more-findings",
] as const;
export type RecipeRule = (typeof RECIPE_RULES)[number];

export const RecipeFinding = z
  .object({
    pointer: z.string().meta({ description: "JSON pointer into the recipe, in the form that it was given in" }),
    rule: z.enum(RECIPE_RULES),
    severity: z.enum(["error", "warning"]).meta({ description: "A version with an error is not published" }),
    detail: z.string(),
    hint: z.string().meta({ description: "What to do about it" }),
    line: z.int().optional().meta({ description: "In a recipe of one's own, from 1" }),
    column: z.int().optional(),
  })
  .meta({ id: "RecipeFinding" });
export type RecipeFinding = z.infer<typeof RecipeFinding>;

export type Report = (
  severity: RecipeFinding["severity"],
  rule: RecipeRule,
  pointer: string,
  detail: string,
  hint: string,
) => void;

/** More than a person reads, and little enough for an answer. */
const MAX_FINDINGS = 200;

/** Findings as they are reported, at most {@link MAX_FINDINGS} and one that says that there are more. */
export const collectFindings = (): { findings: RecipeFinding[]; report: Report } => {
  const findings: RecipeFinding[] = [];
  const report: Report = (severity, rule, pointer, detail, hint) => {
    if (findings.length < MAX_FINDINGS) findings.push({ pointer, rule, severity, detail, hint });
    else if (findings.length === MAX_FINDINGS) {
      const told = `there are more than ${MAX_FINDINGS} findings`;
      findings.push({ pointer: "", rule: "more-findings", severity: "error", detail: told, hint: "Mend these first." });
    }
  };
  return { findings, report };
};
