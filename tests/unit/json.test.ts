import { describe, expect, test } from "vitest";
import { JsonObject, ownMember } from "../../shared/json.ts";

test("a member of an object is its own, not one that every object inherits", () => {
  const record: Record<string, number> = { a: 1, constructor: 2 };
  expect(ownMember(record, "a")).toBe(1);
  expect(ownMember(record, "constructor")).toBe(2);
  for (const name of ["b", "toString", "__proto__"]) expect(ownMember(record, name)).toBeUndefined();
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
