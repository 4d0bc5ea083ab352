import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isAppName, parseQuery, QUERY_LIMITS, select } from "../../../shared/ota/select.ts";
import { AppError } from "../../../shared/problems.ts";
import { makeRelease, SAMPLE } from "./releases.ts";

const names = (query: string, releases = SAMPLE) =>
  select(parseQuery(query), releases).map((release) => `${release.app} ${release.version}`);

const refusal = (query: string) => {
  try {
    parseQuery(query);
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, ...error.findings[0] };
    throw error;
  }
  throw new Error(`${query.slice(0, 80)} was accepted`);
};

describe("the sample data", () => {
  test.each([
    ["cpuArch=armv8", ["os_armv8 1.1.0"], "the environment is prod by default"],
    ["?cpuArch=armv8", ["os_armv8 1.1.0"], "with its question mark"],
    ["cpuArch=armv8&os=beta", ["os_armv8 2.0.0"], "the system in another environment"],
    ["cpuArch=armv7&os=beta", ["os_armv7 2.0.0"], "another architecture"],
    ["cpuArch=armv8&attrGamer=prod", ["os_armv8 1.1.0", "scoreboard 1.0.0", "videoStreamer 0.0.1"], "by attribute"],
    [
      "cpuArch=armv8&attrGamer=prod&attrCellular=prod",
      ["modemFW 1.0", "os_armv8 1.1.0", "scoreboard 1.0.0", "videoStreamer 0.0.1"],
      "by two attributes",
    ],
    ["cpuArch=armv8&scoreboard=beta", ["os_armv8 1.1.0", "scoreboard 2.0.0"], "by name"],
    ["CPUARCH=ARMV8&MODEMfw=PROD", ["modemFW 1.0", "os_armv8 1.1.0"], "names with capitals are reachable"],
    [
      "cpuArch=armv8&ATTRgamer=Prod&PAYLOADTYPE=METADATAONLY",
      ["os_armv8 1.1.0", "scoreboard 1.0.0", "videoStreamer 0.0.1"],
      "any case",
    ],
    [
      "cpuArch=armv8&scoreboard=beta&attrGamer=prod",
      ["os_armv8 1.1.0", "scoreboard 2.0.0", "videoStreamer 0.0.1"],
      "a name beats an attribute",
    ],
    [
      "cpuArch=armv8&scoreboard=nightly&attrGamer=prod",
      ["os_armv8 1.1.0", "videoStreamer 0.0.1"],
      "… even where the named release does not exist",
    ],
    [
      "cpuArch=armv8&attrGamer=prod&attrCamera=beta",
      ["os_armv8 1.1.0", "scoreboard 1.0.0", "videoStreamer 0.0.1"],
      "two attributes, two environments: prod",
    ],
    ["cpuArch=armv8&attrCamera=beta", ["os_armv8 1.1.0", "videoStreamer 0.1.2"], "an attribute in beta"],
    ["cpuArch=armv8&os_armv8=beta", ["os_armv8 2.0.0"], "the system by its app's name"],
    ["cpuArch=armv8&os_armv8=beta&os=BETA", ["os_armv8 2.0.0"], "… and by both, which agree"],
    ["cpuArch=armv8&os_armv7=prod", ["os_armv7 1.0.0", "os_armv8 1.1.0"], "another system is an app like any other"],
    [
      "cpuArch=armv8&scoreboard=prod&SCOREBOARD=prod",
      ["os_armv8 1.1.0", "scoreboard 1.0.0"],
      "repeated with the same value",
    ],
    ["&&cpuArch=armv8&&", ["os_armv8 1.1.0"], "empty parts"],
    ["cpuArch=armv8&video%53treamer=beta", ["os_armv8 1.1.0", "videoStreamer 0.1.2"], "percent-encoded"],
    ["cpuArch=armv8&video-streamer=prod", ["os_armv8 1.1.0"], "a dash"],
    ["cpuArch=armv8&x'; DROP TABLE apps;--=prod", ["os_armv8 1.1.0"], "quotes and semicolons"],
    ["cpuArch=armv8&%22=%22&%zz=%f0&__proto__=constructor", ["os_armv8 1.1.0"], "broken encodings and odd names"],
    ["cpuArch=mips", [], "an unknown architecture"],
    ["cpuArch=mips&modemFW=prod", ["modemFW 1.0"], "an unknown architecture, a known app"],
  ])("%s → %j (%s)", (query, expected, _note) => {
    expect(names(query)).toEqual(expected);
  });

  test("the payload type is full unless the device says otherwise", () => {
    expect(parseQuery("cpuArch=a").payloadType).toBe("fullPayload");
    expect(parseQuery("cpuArch=a&payloadType=fullpayload").payloadType).toBe("fullPayload");
    expect(parseQuery("cpuArch=a&payloadtype=MetadataOnly").payloadType).toBe("metadataOnly");
  });
});

describe("what is refused", () => {
  test.each([
    ["", "cpuArch", "required"],
    ["os=prod", "cpuArch", "required"],
    ["cpuArch=", "cpuArch", "empty-value"],
    ["cpuArch", "cpuArch", "empty-value"],
    ["cpuArch=armv8&cpuArch=armv7", "cpuarch", "single"],
    ["cpuArch=a&payloadType=zip", "payloadType", "one-of"],
    ["cpuArch=a&payloadType=fullPayload&payloadType=metadataOnly", "payloadtype", "single"],
    ["cpuArch=a&payloadType=", "payloadType", "empty-value"],
    ["cpuArch=a&os=", "os", "empty-value"],
    ["cpuArch=a&attr=prod", "attr", "empty-name"],
    ["cpuArch=a&attrGamer=", "attrGamer", "empty-value"],
    ["cpuArch=a&=prod", "", "empty-name"],
    ["cpuArch=a&scoreboard=prod&Scoreboard=beta", "scoreboard", "ambiguous-environment"],
    ["cpuArch=a&attrGamer=prod&attrgamer=beta", "attrgamer", "ambiguous-environment"],
    ["cpuArch=a&os=prod&os=beta", "os", "ambiguous-environment"],
    ["cpuArch=armv8&os=prod&os_ARMV8=beta", "os", "ambiguous-environment"],
    ["cpuArch=a&x=%00", "", "characters"],
    ["cpuArch=a&x%0d%0ay=prod", "", "characters"],
    [`cpuArch=${"a".repeat(9000)}`, "", "query-too-long"],
    [`cpuArch=${"a".repeat(QUERY_LIMITS.part + 1)}`, "cpuArch", "too-long"],
    [`cpuArch=a&${"x=y&".repeat(QUERY_LIMITS.parameters)}`, "", "too-many-parameters"],
  ])("%.40s → %s: %s", (query, parameter, rule) => {
    expect(refusal(query)).toMatchObject({ code: "invalid-request", parameter, rule });
  });

  test("names both environments of a contradiction", () => {
    expect(refusal("cpuArch=armv8&os=prod&os_armv8=beta").detail).toMatch(/prod.*beta/);
  });

  test.each([
    ["scoreboard", true],
    ["cpuArch", false],
    ["OS", false],
    ["payloadtype", false],
    ["Attraction", false],
    ["os_armv8", true],
    ["", false],
  ])("%s can be asked for by name: %s", (app, expected) => {
    expect(isAppName(app)).toBe(expected);
  });
});

describe("architectures", () => {
  const releases = [
    makeRelease("agent", "prod", "1-any"),
    makeRelease("agent", "prod", "1-v8", [], { cpuArch: ["ARMv8", "armv9"] }),
    makeRelease("tool", "prod", "1-v7", ["x"], { cpuArch: ["armv7"] }),
  ];
  test.each([
    ["cpuArch=armv8&agent=prod&attrX=prod", ["agent 1-v8"]],
    ["cpuArch=mips&agent=prod&tool=prod", ["agent 1-any"]],
    ["cpuArch=armv7&agent=prod&attrX=prod", ["agent 1-any", "tool 1-v7"]],
  ])("%s → %j", (query, expected) => {
    expect(names(query, releases)).toEqual(expected);
  });
});

// Small alphabets, so that what is generated collides.
const environment = fc.constantFrom("prod", "beta", "Nightly");
const word = fc.constantFrom("os_armv8", "scoreboard", "videoStreamer", "GAMER", "camera", "é", "a b", "x+y");
const parameter = fc.oneof(
  fc.tuple(word, environment),
  fc.tuple(
    word.map((name) => `attr${name}`),
    environment,
  ),
  fc.tuple(fc.constant("os"), environment),
);
const parameters = fc.uniqueArray(parameter, { maxLength: 6, selector: ([name]) => name.toLowerCase() });
const release = fc
  .tuple(
    word,
    environment,
    fc.constantFrom("1", "2"),
    fc.subarray(["gamer", "Camera", "É"]),
    fc.option(fc.constantFrom("armv8", "armv7")),
  )
  .map(([app, env, version, attributes, cpuArch]) =>
    makeRelease(app, env, version, attributes, cpuArch === null ? {} : { cpuArch: [cpuArch] }),
  );
const releases = fc.array(release, { maxLength: 12 });
const encode = (pairs: readonly (readonly string[])[]) =>
  new URLSearchParams(pairs.map(([k = "", v = ""]): [string, string] => [k, v])).toString();
const parseOrRefusal = (query: string) => {
  try {
    return parseQuery(query);
  } catch (error) {
    if (error instanceof AppError) return error.findings[0]?.rule;
    throw error;
  }
};

describe("properties", () => {
  test("order, case and repetition of parameters never change the meaning", () => {
    fc.assert(
      fc.property(parameters, fc.infiniteStream(fc.nat()), (pairs, numbers) => {
        const random = () => numbers.next().value;
        const original = [["cpuArch", "armv8"], ...pairs];
        const mangled = [...original, ...original.filter(() => random() % 2 === 0)]
          .map((pair) => pair.map((text) => (random() % 2 === 0 ? text.toUpperCase() : text.toLowerCase())))
          .map((pair) => ({ pair, at: random() }))
          .sort((a, b) => a.at - b.at)
          .map(({ pair }) => pair);
        expect(parseOrRefusal(encode(mangled))).toEqual(parseOrRefusal(encode(original)));
      }),
    );
  });

  test("the order in which releases were read never changes the selection; each app comes once and fits the device", () => {
    fc.assert(
      fc.property(parameters, releases, (pairs, all) => {
        const query = parseOrRefusal(encode([["cpuArch", "armv8"], ...pairs]));
        fc.pre(typeof query === "object");
        const selected = select(query, all);
        expect(select(query, all.toReversed())).toEqual(selected);
        const apps = selected.map(({ app }) => app.toLowerCase());
        expect(apps).toEqual([...new Set(apps)].sort());
        for (const { cpuArch } of selected) expect(cpuArch ?? ["armv8"]).toContain("armv8");
      }),
    );
  });

  test("whatever text comes, it is understood or refused, never an internal error", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => void parseOrRefusal(`cpuArch=a&${text}`)),
    );
  });
});
