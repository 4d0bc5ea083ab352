import { describe, expect, test } from "vitest";
import { faultOfShape, JsonObject, ownMember } from "../../shared/json.ts";

test("a member of an object is its own, not one that every object inherits", () => {
  const record: Record<string, number> = { a: 1, constructor: 2 };
  expect(ownMember(record, "a")).toBe(1);
  expect(ownMember(record, "constructor")).toBe(2);
  for (const name of ["b", "toString", "__proto__"]) expect(ownMember(record, name)).toBeUndefined();
});

describe("what no schema can take in safely", () => {
  const nested = (levels: number) => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`) as unknown;

  test.each<[string, unknown, string, string]>([
    ["nesting without end", nested(65), "too-deep", ""],
    ["a member that is lost where it is copied", JSON.parse('[{"__proto__":1}]'), "name", ""],
    ["half of a surrogate pair", "\ud800", "unicode", ""],
    ["half of one deep inside", { a: [{}, { "b/c": "x\udfff" }] }, "unicode", "/a/1/b~1c"],
    ["half of one in a name", { a: { "\ud800": 1 } }, "unicode", "/a"],
  ])("is %s", (_, json, rule, pointer) => {
    expect(faultOfShape(json)).toMatchObject({ rule, pointer });
  });

  test.each([[nested(64)], ["\ud83d\ude00"], [{ "\ud83d\ude00": ["a", null, 1, true] }], [null]])(
    "is not %j",
    (json) => {
      expect(faultOfShape(json)).toBeUndefined();
    },
  );
});

describe("a JSON object", () => {
  test.each(["{}", '{"a":[1,null,{"b":true}]}', '{"constructor":{"toString":1}}', '{"a":"\\"__proto__\\":"}'])(
    "may be %s, and comes out as it went in",
    (text) => {
      expect(JSON.stringify(JsonObject.parse(JSON.parse(text)))).toBe(text);
    },
  );

  test.each(["[]", "null", '"a"', "1"])("is not %s", (text) => {
    expect(JsonObject.safeParse(JSON.parse(text)).success).toBe(false);
  });

  test.each(['{"__proto__":{"a":1}}', '{"x":{"__proto__":1}}', '{"x":[{"__proto__":null}]}'])(
    "may not hold a member named __proto__, at whatever depth: %s",
    (text) => {
      expect(JsonObject.safeParse(JSON.parse(text)).success).toBe(false);
    },
  );
});
