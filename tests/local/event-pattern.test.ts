import { describe, expect, test } from "vitest";
import { compilePattern, matchesPattern } from "../../local/event-pattern.ts";

const requested = { eventName: ["INSERT"], dynamodb: { NewImage: { status: { S: ["requested"] } } } };
const insert = { eventName: "INSERT", dynamodb: { NewImage: { status: { S: "requested" }, n: { N: "1" } } } };
const detail = (value: unknown) => ({ detail: { x: value } });
const on = (...alternatives: unknown[]) => ({ detail: { x: alternatives } });

describe("a pattern", () => {
  test.each<{ note: string; pattern: object; event: unknown; matches: boolean }>([
    { note: "the empty pattern", pattern: {}, event: { a: 1 }, matches: true },
    { note: "a string", pattern: on("a"), event: detail("a"), matches: true },
    { note: "another string", pattern: on("a"), event: detail("b"), matches: false },
    { note: "a string in another case", pattern: on("a"), event: detail("A"), matches: false },
    { note: "one of two", pattern: on("a", "b"), event: detail("b"), matches: true },
    { note: "the empty string", pattern: on(""), event: detail(""), matches: true },
    { note: "a number", pattern: on(300), event: detail(3.0e2), matches: true },
    { note: "a number as text", pattern: on(300), event: detail("300"), matches: false },
    { note: "true", pattern: on(true), event: detail(true), matches: true },
    { note: "false", pattern: on(true), event: detail(false), matches: false },
    { note: "null", pattern: on(null), event: detail(null), matches: true },
    { note: "null and an absent field", pattern: on(null), event: { detail: {} }, matches: false },
    { note: "an absent object", pattern: on("a"), event: {}, matches: false },
    { note: "an object where a leaf is expected", pattern: on("a"), event: detail({ a: "a" }), matches: false },
    { note: "an event that is no object", pattern: on("a"), event: "a", matches: false },
    { note: "an array with the value", pattern: on("a"), event: detail(["b", "a"]), matches: true },
    { note: "an array without it", pattern: on("a"), event: detail(["b", "c"]), matches: false },
    { note: "an empty array", pattern: on("a"), event: detail([]), matches: false },
    { note: "an array in an array", pattern: on("a"), event: detail([["a"]]), matches: true },
    {
      note: "an array of objects",
      pattern: { a: { b: ["x"] } },
      event: { a: [{ b: "y" }, { b: "x" }] },
      matches: true,
    },
    {
      note: "fields of two elements",
      pattern: { a: { b: ["x"], c: ["y"] } },
      event: { a: [{ b: "x" }, { c: "y" }] },
      matches: false,
    },
    { note: "every field must match", pattern: { a: ["x"], b: ["y"] }, event: { a: "x", b: "z" }, matches: false },
    { note: "prefix", pattern: on({ prefix: "ab" }), event: detail("abc"), matches: true },
    { note: "prefix in another case", pattern: on({ prefix: "ab" }), event: detail("ABC"), matches: false },
    { note: "prefix of a number", pattern: on({ prefix: "1" }), event: detail(12), matches: false },
    {
      note: "prefix ignoring case",
      pattern: on({ prefix: { "equals-ignore-case": "ab" } }),
      event: detail("ABC"),
      matches: true,
    },
    { note: "suffix", pattern: on({ suffix: ".png" }), event: detail("a.png"), matches: true },
    { note: "no such suffix", pattern: on({ suffix: ".png" }), event: detail("a.jpg"), matches: false },
    {
      note: "suffix ignoring case",
      pattern: on({ suffix: { "equals-ignore-case": ".PNG" } }),
      event: detail("a.png"),
      matches: true,
    },
    {
      note: "equals-ignore-case",
      pattern: on({ "equals-ignore-case": "aLice" }),
      event: detail("ALICE"),
      matches: true,
    },
    {
      note: "equals-ignore-case, longer",
      pattern: on({ "equals-ignore-case": "a" }),
      event: detail("ab"),
      matches: false,
    },
    { note: "wildcard", pattern: on({ wildcard: "a*c*e" }), event: detail("abcde"), matches: true },
    { note: "wildcard elsewhere", pattern: on({ wildcard: "a*c" }), event: detail("abcd"), matches: false },
    { note: "an escaped wildcard", pattern: on({ wildcard: "a\\*" }), event: detail("ab"), matches: false },
    { note: "a dot in a wildcard", pattern: on({ wildcard: "a.*" }), event: detail("abc"), matches: false },
    { note: "anything-but", pattern: on({ "anything-but": "a" }), event: detail("b"), matches: true },
    { note: "anything-but the value", pattern: on({ "anything-but": "a" }), event: detail("a"), matches: false },
    { note: "anything-but a list", pattern: on({ "anything-but": ["a", 1] }), event: detail(1), matches: false },
    { note: "anything-but, absent", pattern: on({ "anything-but": ["a"] }), event: { detail: {} }, matches: false },
    {
      note: "anything-but prefix",
      pattern: on({ "anything-but": { prefix: "a" } }),
      event: detail("ba"),
      matches: true,
    },
    {
      note: "anything-but a list of prefixes",
      pattern: on({ "anything-but": { prefix: ["a", "b"] } }),
      event: detail("ba"),
      matches: false,
    },
    { note: "numeric =", pattern: on({ numeric: ["=", 5] }), event: detail(5), matches: true },
    { note: "numeric range", pattern: on({ numeric: [">", 0, "<=", 5] }), event: detail(5), matches: true },
    { note: "numeric range, below", pattern: on({ numeric: [">", 0, "<=", 5] }), event: detail(0), matches: false },
    { note: "numeric range, above", pattern: on({ numeric: [">=", 0, "<", 5] }), event: detail(5), matches: false },
    { note: "numeric of text", pattern: on({ numeric: [">", 0] }), event: detail("5"), matches: false },
    { note: "exists", pattern: on({ exists: true }), event: detail(null), matches: true },
    { note: "exists, absent", pattern: on({ exists: true }), event: { detail: {} }, matches: false },
    { note: "exists: false", pattern: on({ exists: false }), event: {}, matches: true },
    { note: "exists: false, present", pattern: on({ exists: false }), event: detail(0), matches: false },
    { note: "exists, but only as an object", pattern: on({ exists: true }), event: detail({ y: 1 }), matches: false },
    {
      note: "anything-but, and an object",
      pattern: on({ "anything-but": "a" }),
      event: detail({ y: 1 }),
      matches: false,
    },
    { note: "absent or a value", pattern: on({ exists: false }, "a"), event: detail("a"), matches: true },
    { note: "$or, first", pattern: { $or: [{ a: [1] }, { b: [2] }] }, event: { a: 1 }, matches: true },
    { note: "$or, second", pattern: { $or: [{ a: [1] }, { b: [2] }] }, event: { b: 2 }, matches: true },
    { note: "$or, neither", pattern: { $or: [{ a: [1] }, { b: [2] }] }, event: { a: 2 }, matches: false },
    { note: "$or beside a field", pattern: { c: [3], $or: [{ a: [1] }, { b: [2] }] }, event: { a: 1 }, matches: false },
    { note: "$or within", pattern: { x: { $or: [{ a: [1] }, { b: [2] }] } }, event: { x: { b: 2 } }, matches: true },
    { note: "a DynamoDB filter", pattern: requested, event: insert, matches: true },
    {
      note: "a DynamoDB filter, MODIFY",
      pattern: requested,
      event: { ...insert, eventName: "MODIFY" },
      matches: false,
    },
    {
      note: "a DynamoDB filter without the image",
      pattern: requested,
      event: { eventName: "INSERT", dynamodb: { Keys: {} } },
      matches: false,
    },
  ])("$note: $matches", ({ pattern, event, matches }) => {
    expect(matchesPattern(pattern, event)).toBe(matches);
  });

  test.each([
    { note: "a plain value", pattern: { a: "x" } },
    { note: "no alternatives", pattern: { a: [] } },
    { note: "an unknown operator", pattern: on({ like: "x" }) },
    { note: "two operators in one", pattern: on({ prefix: "a", suffix: "b" }) },
    { note: "a number as prefix", pattern: on({ prefix: 1 }) },
    { note: "half a comparison", pattern: on({ numeric: [">"] }) },
    { note: "an unknown comparison", pattern: on({ numeric: ["!=", 1] }) },
    { note: "text for exists", pattern: on({ exists: "yes" }) },
    { note: "a list in a list", pattern: { a: [["x"]] } },
    { note: "$or of one", pattern: { $or: [{ a: [1] }] } },
  ])("is refused with $note", ({ pattern }) => {
    expect(() => compilePattern(pattern)).toThrow(expect.objectContaining({ name: "InvalidEventPatternException" }));
  });
});
