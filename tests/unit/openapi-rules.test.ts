import { Document, type IRuleResult, type RulesetDefinition, Spectral } from "@stoplight/spectral-core";
import { Json } from "@stoplight/spectral-parsers";
import { oas } from "@stoplight/spectral-rulesets";
import { describe, expect, test } from "vitest";
import { openapi } from "../../shared/api/openapi.ts";

/** What Spectral's recommended rules for OpenAPI find, with no exceptions. https://docs.stoplight.io/docs/spectral */
const findings = async (document: object): Promise<string[]> => {
  const spectral = new Spectral();
  spectral.setRuleset({ extends: [[oas as unknown as RulesetDefinition, "recommended"]], rules: {} });
  const results = await spectral.run(new Document(JSON.stringify(document), Json));
  return results.map(({ code, path, message }: IRuleResult) => `${code} at ${path.join(".")}: ${message}`);
};

describe("the contract", () => {
  test("meets all of Spectral's recommended rules", async () => {
    expect(await findings(openapi())).toEqual([]);
  });

  test("would not, without a description", async () => {
    const { info, ...rest } = openapi() as { info: Record<string, unknown> };
    const { description: _left, ...others } = info;
    expect(await findings({ ...rest, info: others })).toEqual([expect.stringMatching(/^info-description /)]);
  });
});
