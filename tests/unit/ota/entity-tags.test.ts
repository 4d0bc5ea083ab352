import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseEntityTags } from "../../../shared/ota/entity-tags.ts";

const A = "0123456789abcdef0123456789abcdef";
const B = "fedcba9876543210fedcba9876543210";
const S = A + B;

describe("If-None-Match", () => {
  test.each([
    [undefined, false, [], [], "no header"],
    ["", false, [], [], "empty"],
    [" , ,, ", false, [], [], "only empty elements"],
    [A, false, [A], [], "a bare hash"],
    [`"${A}"`, false, [A], [], "quoted, as the standard has it"],
    [`W/"${A}"`, false, [A], [], "weak"],
    [`w/"${A}"`, false, [A], [], "weak, in lower case"],
    [`W/${A}`, false, [A], [], "weak and bare"],
    [A.toUpperCase(), false, [A], [], "capitals"],
    [S, false, [S], [], "SHA-256"],
    [`"${B}", "${A}"`, false, [A, B], [], "sorted"],
    [`${A},${A}, "${A}"`, false, [A], [], "each once"],
    [`${A},${B},`, false, [A, B], [], "a comma at the end, as the sample's own example has"],
    [`"${A},${B}"`, false, [A, B], [], "a list in one pair of quotes"],
    [`${A}\t${B}`, false, [A, B], [], "separated by space alone"],
    [`"${A}""${B}"`, false, [A, B], [], "separated by nothing"],
    [`"${A}`, false, [A], [], "an unclosed quote"],
    ["*", true, [], [], "anything"],
    [" * ", true, [], [], "anything, with spaces"],
    [`"${A}", *`, true, [A], [], "anything among tags"],
    ['"*"', false, [], [], "a quoted star is a tag like any other, which nobody has"],
    [`"a1-77", "${A}"`, false, [A], ["a1-77"], "an answer's own tag keeps its case"],
    [`W/"Zz-1" , "aa"`, false, [], ["Zz-1", "aa"], "others"],
    [A.slice(1), false, [], [A.slice(1)], "31 digits are no hash"],
    [`${S}0`, false, [], [`${S}0`], "65 digits are no hash"],
    [`g${A.slice(1)}`, false, [], [`g${A.slice(1)}`], "not hex"],
  ])("%j → any %s, %j, %j (%s)", (header, any, tags, others, _note) => {
    expect(parseEntityTags(header)).toEqual({ any, tags, others });
  });

  test("never throws, and what it gives is normal: given back to it, nothing changes", () => {
    const piece = fc.oneof(
      fc.constantFrom(A, B, S, "*", '"', ",", " ", "W/"),
      fc.string({ unit: "binary", maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const { tags, any } = parseEntityTags(pieces.join(""));
        expect(parseEntityTags(tags.join(", "))).toEqual({ any: false, tags, others: [] });
        expect(typeof any).toBe("boolean");
      }),
    );
  });

  test("takes linear time", () => {
    const started = performance.now();
    parseEntityTags(`${" ".repeat(50_000)}"W/`.repeat(20));
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
