import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AccessRequest, compilePolicy, type Document, type Verdict } from "../../../local/iam/evaluate.ts";

type Statement = Document["Statement"][number];

const allow = (rest: Partial<Statement> = {}): Statement => ({ Effect: "Allow", Action: "*", Resource: "*", ...rest });
const deny = (rest: Partial<Statement> = {}): Statement => ({ ...allow(rest), Effect: "Deny" });
const evaluate = (statements: readonly Statement[], request: Partial<AccessRequest> = {}): Verdict =>
  compilePolicy({ Version: "2012-10-17", Statement: statements })({
    action: "s3:GetObject",
    resource: "arn:aws:s3:::bucket/key",
    ...request,
  });

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html */
describe("a policy", () => {
  test.each<[note: string, statements: Statement[], verdict: Verdict]>([
    ["without statements denies", [], "implicitDeny"],
    ["whose statement is of another action denies", [allow({ Action: "s3:PutObject" })], "implicitDeny"],
    ["whose statement is of another resource denies", [allow({ Resource: "arn:aws:s3:::other/*" })], "implicitDeny"],
    ["with one statement of several that allows does", [allow({ Action: "s3:PutObject" }), allow()], "allowed"],
    ["with a denial denies, whatever is allowed before it", [allow(), deny()], "explicitDeny"],
    ["with a denial denies, whatever is allowed behind it", [deny(), allow()], "explicitDeny"],
    ["with a denial alone denies explicitly", [deny()], "explicitDeny"],
    ["with a denial of another action allows", [allow(), deny({ Action: "s3:PutObject" })], "allowed"],
    ["with a denial of another resource allows", [allow(), deny({ Resource: "arn:aws:s3:::other/*" })], "allowed"],
    [
      "with a denial whose condition does not hold allows",
      [allow(), deny({ Condition: { StringEquals: { "aws:ResourceAccount": "1" } } })],
      "allowed",
    ],
    ["takes one action of a list", [allow({ Action: ["s3:PutObject", "s3:GetObject"] })], "allowed"],
    ["takes one resource of a list", [allow({ Resource: ["arn:aws:s3:::a", "arn:aws:s3:::bucket/key"] })], "allowed"],
    [
      "does not take the action of one statement and the resource of another",
      [allow({ Action: "s3:PutObject" }), allow({ Resource: "arn:aws:s3:::other" })],
      "implicitDeny",
    ],
    ["with empty lists allows nothing", [allow({ Action: [] }), allow({ Resource: [] })], "implicitDeny"],
  ])("%s", (_, statements, verdict) => {
    expect(evaluate(statements)).toBe(verdict);
  });

  const any = fc.constantFrom<Statement>(
    allow(),
    deny(),
    allow({ Action: "s3:PutObject" }),
    deny({ Resource: "arn:aws:s3:::other" }),
  );
  test("says the same in any order of its statements", () => {
    fc.assert(
      fc.property(fc.array(any), (statements) => {
        expect(evaluate(statements.toReversed())).toBe(evaluate(statements));
      }),
    );
  });
});

describe("an action", () => {
  test.each<[pattern: string, action: string, verdict: Verdict]>([
    ["*", "s3:GetObject", "allowed"],
    ["s3:*", "s3:GetObject", "allowed"],
    ["s3:*", "s3express:GetObject", "implicitDeny"],
    ["s3:Get*", "s3:GetObject", "allowed"],
    ["s3:*Object", "s3:GetObject", "allowed"],
    ["s3:*Object", "s3:GetObjectAcl", "implicitDeny"],
    ["s3:Get?bject", "s3:GetObject", "allowed"],
    ["s3:GetObject?", "s3:GetObject", "implicitDeny"],
    ["s3:Get", "s3:GetObject", "implicitDeny"],
    ["GetObject", "s3:GetObject", "implicitDeny"],
    // Names of actions are the same in upper and lower case.
    ["S3:getOBJECT", "s3:GetObject", "allowed"],
    ["s3:get*", "s3:GetObject", "allowed"],
    ["s3.GetObject", "s3:GetObject", "implicitDeny"],
    ["s3:(Get|Put)Object", "s3:GetObject", "implicitDeny"],
  ])("%s and %s: %s", (pattern, action, verdict) => {
    expect(evaluate([allow({ Action: pattern })], { action })).toBe(verdict);
  });
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html */
describe("a resource", () => {
  test.each<[pattern: string, resource: string, verdict: Verdict]>([
    ["*", "arn:aws:s3:::bucket/key", "allowed"],
    ["*", "*", "allowed"],
    // An action without a resource level needs a wildcard.
    ["arn:aws:s3:::bucket", "*", "implicitDeny"],
    ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket", "allowed"],
    ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/key", "implicitDeny"],
    ["arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", "implicitDeny"],
    ["arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/", "allowed"],
    ["arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b:c", "allowed"],
    ["arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1/2/test/3", "allowed"],
    ["arn:aws:s3:::BUCKET", "arn:aws:s3:::bucket", "implicitDeny"],
    ["arn:aws:s3:::ws-???-*-comp", "arn:aws:s3:::ws-abc-d-comp", "allowed"],
    ["arn:aws:s3:::ws-???-*-comp", "arn:aws:s3:::ws-ab-d-comp", "implicitDeny"],
    ["arn:aws:dynamodb:*:1:table/t", "arn:aws:dynamodb:eu-west-1:1:table/t", "allowed"],
    ["arn:aws:dynamodb:*:1:table/t", "arn:aws:dynamodb:eu-west-1:2:table/t", "implicitDeny"],
    ["arn:aws:dynamodb:eu-*:1:table/t", "arn:aws:dynamodb:us-east-1:1:table/t", "implicitDeny"],
    // A wildcard within a segment ends with it; one at the end of a segment may go beyond.
    ["arn:aws:dynamodb:e*1:1:table/t", "arn:aws:dynamodb:eu-west-1:1:table/t", "allowed"],
    ["arn:aws:dynamodb:e*1:table/t", "arn:aws:dynamodb:eu-west-1:1:table/t", "implicitDeny"],
    ["arn:aws:dynamodb:eu-west-1?1:table/t", "arn:aws:dynamodb:eu-west-1:1:table/t", "implicitDeny"],
    ["arn:aws:dynamodb:*", "arn:aws:dynamodb:eu-west-1:1:table/t", "allowed"],
    ["arn:aws:dynamodb:e*:table/t", "arn:aws:dynamodb:eu-west-1:1:table/t", "allowed"],
    // The last segment has colons of its own.
    [
      "arn:aws:logs:eu:1:log-group:/a/*:log-stream:/*/thing/x",
      "arn:aws:logs:eu:1:log-group:/a/b:log-stream:/c:d/thing/x",
      "allowed",
    ],
    ["arn:aws:s3:::a.b", "arn:aws:s3:::aab", "implicitDeny"],
    ["arn:aws:s3:::a$^(b)[c]{d}|e+f\\g", "arn:aws:s3:::a$^(b)[c]{d}|e+f\\g", "allowed"],
    ["arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/two\nlines", "allowed"],
    ["arn:aws:s3:::bucket/?", "arn:aws:s3:::bucket/😀", "allowed"],
  ])("%s and %s: %s", (Resource, resource, verdict) => {
    expect(evaluate([allow({ Resource })], { resource })).toBe(verdict);
  });
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */
describe("a condition", () => {
  const SOURCE = "arn:aws:cloudfront::1:distribution/D";
  test.each<[operator: string, value: string | string[], found: string | undefined, holds: boolean]>([
    ["StringEquals", "a", "a", true],
    ["StringEquals", "a", "A", false],
    ["StringEquals", "a", "b", false],
    ["StringEquals", "a*", "ab", false],
    ["StringEquals", "a*", "a*", true],
    ["StringEquals", ["a", "b"], "b", true],
    ["StringEquals", ["a", "b"], "c", false],
    ["StringEquals", [], "a", false],
    ["StringEquals", "", "", true],
    ["StringLike", "a*", "ab", true],
    ["StringLike", "a?", "abc", false],
    ["StringLike", "a*", "Ab", false],
    ["StringLike", "a*z", "a:/z", true],
    ["StringLike", ["x*", "a*"], "ab", true],
    ["ArnLike", "arn:aws:cloudfront::1:distribution/*", SOURCE, true],
    ["ArnLike", "arn:aws:cloudfront::2:distribution/*", SOURCE, false],
    ["ArnLike", "arn:aws:*::1:distribution/?", SOURCE, true],
    ["ArnLike", "arn:*:*:*:*:*", SOURCE, true],
    // Each of the six components is compared for itself.
    ["ArnLike", "arn:aws:*", SOURCE, false],
    ["ArnLike", "*", SOURCE, false],
    ["ArnLike", "arn:aws:*:1:distribution/D", SOURCE, false],
    ["ArnLike", "arn:aws:*:*:*:t:*", "arn:aws:sns:eu:1:t:x:y", true],
    ["ArnEquals", "arn:aws:cloudfront::1:distribution/*", SOURCE, true],
    ["ArnEquals", "arn:aws:*:1:distribution/D", SOURCE, false],
    // A key that the request does not have never holds.
    ["StringEquals", "a", undefined, false],
    ["StringLike", "*", undefined, false],
    ["ArnLike", "arn:*:*:*:*:*", undefined, false],
  ])("%s %j and %j: %s", (operator, value, found, holds) => {
    const Condition = { [operator]: { "aws:Key": value } };
    const context = found === undefined ? {} : { "aws:Key": found };
    expect(evaluate([allow({ Condition })], { context })).toBe(holds ? "allowed" : "implicitDeny");
    expect(evaluate([allow(), deny({ Condition })], { context })).toBe(holds ? "explicitDeny" : "allowed");
  });

  const context = { "aws:A": "a", "aws:B": "b" };
  test.each<[note: string, condition: NonNullable<Statement["Condition"]>, holds: boolean]>([
    ["without operators holds", {}, true],
    ["without keys holds", { StringEquals: {} }, true],
    ["of two keys needs both", { StringEquals: { "aws:A": "a", "aws:B": "x" } }, false],
    ["of two keys that both match holds", { StringEquals: { "aws:A": "a", "aws:B": "b" } }, true],
    ["of two operators needs both", { StringEquals: { "aws:A": "a" }, StringLike: { "aws:B": "x*" } }, false],
    ["of two operators that both hold does", { StringEquals: { "aws:A": "a" }, StringLike: { "aws:B": "b*" } }, true],
    ["finds keys in any case", { StringEquals: { "AWS:a": "a" } }, true],
    ["takes no key for one that every object has", { StringLike: { constructor: "*" } }, false],
  ])("%s", (_, Condition, holds) => {
    expect(evaluate([allow({ Condition })], { context })).toBe(holds ? "allowed" : "implicitDeny");
  });
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html */
describe("a variable", () => {
  const context = { "aws:Name": "a", "aws:Wild": "*", "aws:Dollar": "${aws:Name}", "aws:Colons": "x:y" };
  test.each<[pattern: string, resource: string, holds: boolean]>([
    ["arn:aws:s3:::${aws:Name}/*", "arn:aws:s3:::a/key", true],
    ["arn:aws:s3:::${aws:Name}/*", "arn:aws:s3:::b/key", false],
    ["arn:aws:s3:::${AWS:name}/${aws:Name}", "arn:aws:s3:::a/a", true],
    ["arn:aws:s3:::${aws:Missing}/*", "arn:aws:s3:::/key", false],
    ["arn:aws:s3:::${aws:Missing}/*", "arn:aws:s3:::${aws:Missing}/key", false],
    // What comes from the request is never a pattern, nor a variable again.
    ["arn:aws:s3:::${aws:Wild}", "arn:aws:s3:::anything", false],
    ["arn:aws:s3:::${aws:Wild}", "arn:aws:s3:::*", true],
    ["arn:aws:s3:::${aws:Dollar}", "arn:aws:s3:::a", false],
    ["arn:aws:s3:::${aws:Dollar}", "arn:aws:s3:::${aws:Name}", true],
    ["arn:aws:s3:::${*}${?}${$}", "arn:aws:s3:::*?$", true],
    ["arn:aws:s3:::${*}", "arn:aws:s3:::anything", false],
    ["arn:aws:s3:::${aws:Name}${*}", "arn:aws:s3:::a*", true],
  ])("%s and %s: %s", (Resource, resource, holds) => {
    expect(evaluate([allow({ Resource })], { resource, context })).toBe(holds ? "allowed" : "implicitDeny");
  });

  test.each<[operator: string, value: string, holds: boolean]>([
    ["StringEquals", "${aws:Name}", true],
    ["StringEquals", "${aws:Wild}", false],
    ["StringEquals", "${aws:Missing}", false],
    ["StringLike", "${aws:Name}*", true],
    ["StringLike", "${aws:Wild}", false],
  ])("in %s: %s: %s", (operator, value, holds) => {
    const Condition = { [operator]: { "aws:Key": value } };
    expect(evaluate([allow({ Condition })], { context: { ...context, "aws:Key": "a" } })).toBe(
      holds ? "allowed" : "implicitDeny",
    );
  });
});

describe("what is not evaluated here is an error, and allows nothing:", () => {
  const compile = (document: object) => () => compilePolicy(document as Document);
  const statement = { Effect: "Allow", Action: "*", Resource: "*" };

  test.each<[what: string, statement: object]>([
    ["the policy element NotAction", { Effect: "Allow", NotAction: "s3:*", Resource: "*" }],
    ["the policy element NotResource", { Effect: "Allow", Action: "*", NotResource: "arn:aws:s3:::a" }],
    ["the policy element Principal", { ...statement, Principal: "*" }],
    ["effect is Allow or Deny, not allow", { ...statement, Effect: "allow" }],
    ["${aws:PrincipalTag/team, 'all'}", { ...statement, Resource: "arn:aws:s3:::${aws:PrincipalTag/team, 'all'}/*" }],
    ["StringNotEquals", { ...statement, Condition: { StringNotEquals: { "aws:A": "a" } } }],
    ["StringEqualsIfExists", { ...statement, Condition: { StringEqualsIfExists: { "aws:A": "a" } } }],
    ["ForAllValues:StringEquals", { ...statement, Condition: { "ForAllValues:StringEquals": { "aws:A": "a" } } }],
    ["ForAnyValue:StringLike", { ...statement, Condition: { "ForAnyValue:StringLike": { "aws:A": "a" } } }],
    ["Null", { ...statement, Condition: { Null: { "aws:A": "true" } } }],
    ["Bool", { ...statement, Condition: { Bool: { "aws:SecureTransport": "true" } } }],
    // Behind one that does not hold, and in a statement that no request reaches.
    ["IpAddress", { ...statement, Condition: { StringEquals: { "aws:A": "" }, IpAddress: { "aws:SourceIp": "::1" } } }],
    ["stringequals", { ...statement, Action: "none:None", Condition: { stringequals: { "aws:A": "a" } } }],
    // What every object has is no operator.
    ["toString", { ...statement, Condition: { toString: { "aws:A": "a" } } }],
  ])("%s", (what, given) => {
    expect(compile({ Version: "2012-10-17", Statement: [allow(), given] })).toThrow(what);
  });

  test.each([undefined, "2008-10-17"])("version %s", (Version) => {
    expect(compile({ Version, Statement: [statement] })).toThrow(`version ${Version}`);
  });
});

describe("wildcards agree with a matcher that tries every way", () => {
  /** Letter by letter, without regular expressions. */
  const glob = (pattern: string, text: string): boolean => {
    if (pattern === "") return text === "";
    if (pattern.startsWith("*")) return glob(pattern.slice(1), text) || (text !== "" && glob(pattern, text.slice(1)));
    return text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && glob(pattern.slice(1), text.slice(1));
  };
  const letters = (...from: string[]) => fc.string({ unit: fc.constantFrom(...from), maxLength: 8 });
  const runs = { numRuns: 2_000 };
  const holds = (operator: string, value: string, found: string): boolean =>
    evaluate([allow({ Condition: { [operator]: { "aws:Key": value } } })], { context: { "aws:Key": found } }) ===
    "allowed";

  test("in text", () => {
    fc.assert(
      fc.property(letters("a", "b", ":", ".", "*", "?"), letters("a", "b", ":", "."), (pattern, text) => {
        expect(holds("StringLike", pattern, text)).toBe(glob(pattern, text));
      }),
      runs,
    );
  });

  test("in actions, whatever the case", () => {
    fc.assert(
      fc.property(letters("a", "B", ":", "*", "?"), letters("A", "b", ":"), (Action, action) => {
        const allowed = evaluate([allow({ Action })], { action }) === "allowed";
        expect(allowed).toBe(glob(Action.toLowerCase(), action.toLowerCase()));
      }),
      runs,
    );
  });

  test("in the six components of ARNs", () => {
    const arnOf = (...from: string[]) =>
      fc
        .tuple(...Array.from({ length: 5 }, () => fc.string({ unit: fc.constantFrom(...from), maxLength: 2 })))
        .chain((components) => letters(...from, ":").map((rest) => [...components, rest] as const));
    fc.assert(
      fc.property(arnOf("a", "*", "?"), arnOf("a", "b"), (pattern, arn) => {
        const each = pattern.every((component, i) => glob(component, arn[i] ?? ""));
        expect(holds("ArnLike", pattern.join(":"), arn.join(":"))).toBe(each);
      }),
      runs,
    );
  });

  test("a resource matches no more than as text, and as much if wildcards are in its last segment alone", () => {
    const reaches = (Resource: string, resource: string) => evaluate([allow({ Resource })], { resource }) === "allowed";
    fc.assert(
      fc.property(letters("a", ":", "*", "?"), letters("a", "b", ":"), (pattern, resource) => {
        expect(reaches(pattern, resource) && !glob(pattern, resource)).toBe(false);
        expect(reaches(`a:b:c:d:e:${pattern}`, `a:b:c:d:e:${resource}`)).toBe(glob(pattern, resource));
      }),
      runs,
    );
  });
});
