import { createServer } from "node:http";
import * as greengrassClient from "@aws-sdk/client-greengrassv2";
import * as iotClient from "@aws-sdk/client-iot";
import { IoT } from "@aws-sdk/client-iot";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { compilePattern, loadModel, Validator } from "../../local/aws-json/constraints.ts";
import { AwsError } from "../../local/aws-json/errors.ts";
import type { Handlers } from "../../local/aws-json/operations.ts";
import { readSchemas } from "../../local/aws-json/routes.ts";
import { createJsonServer } from "../../local/aws-json/server.ts";
import { Faults } from "../../local/faults.ts";
import { listen, shut } from "../../local/listen.ts";

const SERVICES = [
  { name: "iot", client: iotClient, model: loadModel("iot") },
  { name: "greengrassv2", client: greengrassClient, model: loadModel("greengrassv2") },
] as const;

describe("the models", () => {
  const patterns = SERVICES.flatMap(({ model }) =>
    Object.entries(model.shapes).flatMap(([name, shape]) =>
      shape.type === "string" && shape.pattern !== undefined ? [[name, shape.pattern] as const] : [],
    ),
  );

  test("every pattern compiles, and none keeps a class that JavaScript does not know", () => {
    expect(patterns.length).toBeGreaterThan(100);
    for (const [, pattern] of patterns)
      expect(compilePattern(pattern).source).not.toMatch(/\\p\{(Graph|Upper|Digit|Cntrl|Alpha|Alnum|Print|Punct)\}/);
  });

  test.each([
    ["printable characters and space", "[\\p{Graph}\\x20]*", "a ~!\"'[]^-", ["a\tb", "é"]],
    ["upper case", "[\\p{Upper}\\p{Digit}_]+", "AZ_09", ["a", "É"]],
    ["no control characters", "[^\\p{Cntrl}]*", "täg", ["a\u0000", "a\u007f"]],
    ["outside of a class", "\\p{Alpha}\\p{XDigit}", "zF", ["1F", "zG"]],
    ["punctuation within a class", "[\\p{Punct}]+", "!/:@[\\]^`{|}~-", ["a", " "]],
    ["a Unicode category", "^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$", "Größe 1", ["a;b"]],
    ["the whole value", "[a-zA-Z0-9:_-]+", "a:b_c-d", ["a b", "", "ab\n"]],
    ["alternatives", "([\\n\\t])|(\\r\\n)|(,)", ",", [",,", ";"]],
    ["a hyphen after a range", "^[a-zA-Z0-9-_]+$", "a-_9", ["."]],
  ])("%s", (_note, pattern, accepted, refused) => {
    const compiled = compilePattern(pattern);
    expect(compiled.test(accepted)).toBe(true);
    for (const text of refused) expect(compiled.test(text), JSON.stringify(text)).toBe(false);
  });

  test.each(SERVICES)("$name: the client and the model know the same operations", ({ client, model }) => {
    const known = new Set(readSchemas(client).routes.map((route) => route.name));
    expect(Object.keys(model.ops).filter((operation) => !known.has(operation))).toEqual([]);
  });

  test.each(SERVICES)("$name: no path fits two operations", ({ client }) => {
    const { routes } = readSchemas(client);
    for (const { name, method, template } of routes) {
      const path = template.replaceAll(/[{}+]/g, "");
      const fitting = routes.filter((route) => route.method === method && route.path.test(path));
      expect([name, fitting.map((route) => route.name)]).toEqual([name, [name]]);
    }
  });

  test("a greedy label takes slashes", () => {
    const path = "/destinations/arn:aws/with/slashes";
    const fitting = readSchemas(iotClient).routes.filter((route) => route.path.test(path));
    expect(fitting.map((route) => route.name).sort()).toEqual([
      "DeleteTopicRuleDestination",
      "GetTopicRuleDestination",
    ]);
  });

  test.each(SERVICES)("$name: inputs use only the HTTP bindings that the server reads", ({ client }) => {
    const bindings = new Set<string>();
    for (const { input } of readSchemas(client).routes) {
      if (!input.isStructSchema()) continue;
      for (const [, member] of input.structIterator())
        for (const trait of Object.keys(member.getMergedTraits())) if (trait.startsWith("http")) bindings.add(trait);
    }
    const supported = ["httpLabel", "httpQuery", "httpHeader", "httpPayload"];
    expect([...bindings].filter((binding) => !supported.includes(binding))).toEqual([]);
    expect(bindings).toContain("httpLabel");
  });

  test.each(SERVICES)("$name: outputs use only the HTTP bindings that the server writes", ({ client }) => {
    const bindings = new Set<string>();
    for (const { output } of readSchemas(client).routes) {
      if (!output.isStructSchema()) continue;
      for (const [, member] of output.structIterator())
        for (const trait of Object.keys(member.getMergedTraits())) if (trait.startsWith("http")) bindings.add(trait);
    }
    expect([...bindings].filter((binding) => binding !== "httpResponseCode")).toEqual([]);
  });

  test.each([
    ["a required member", "CreatePolicy", { policyName: "p" }, /Value null at 'policyDocument'.*must not be null/],
    ["a nested member", "TagResource", { resourceArn: "a", tags: [{ Key: "k" }, {}] }, /'tags\.2\.member\.Key'/],
    [
      "a key of a map",
      "CreateThing",
      { thingName: "t", attributePayload: { attributes: { "a b": "" } } },
      /attributes\.key/,
    ],
    [
      "a value of a map",
      "CreateThing",
      { thingName: "t", attributePayload: { attributes: { a: "%" } } },
      /attributes\.a\.value/,
    ],
    ["an enumeration", "CreateProvisioningTemplate", { type: "OTHER" }, /enum value set: \[FLEET_PROVISIONING, JITP\]/],
    ["a number", "ListThings", { maxResults: 0 }, /greater than or equal to 1/],
  ])("%s is checked", (_note, operation, input, message) => {
    const failures = new Validator(loadModel("iot")).check(operation, input);
    expect(failures.join("; ")).toMatch(message);
  });

  test.each([
    ["a number for a text", "CreateThing", { thingName: 1 }],
    ["a text for a list", "TagResource", { resourceArn: "a", tags: "x" }],
    ["a list for an object", "CreateThing", { thingName: "t", attributePayload: [] }],
    ["a text for a boolean", "UpdateThing", { thingName: "t", removeThingType: "yes" }],
    ["a text for a number", "ListThings", { maxResults: Number.NaN }],
  ])("%s is a serialization error", (_note, operation, input) => {
    expect(() => new Validator(loadModel("iot")).check(operation, input)).toThrow(
      expect.objectContaining({ code: "SerializationException", status: 400 }),
    );
  });
});

describe("the server", () => {
  const seen: unknown[] = [];
  const faults = new Faults();
  const handlers: Handlers<typeof iotClient, { readonly name: string }> = {
    DescribeThing: (input, context) => {
      seen.push(input);
      return { thingName: input.thingName, defaultClientId: context.name };
    },
    ListThings: (input) => {
      seen.push(input);
      return { things: [] };
    },
    UntagResource: (input) => {
      seen.push(input);
      return {};
    },
    AttachThingPrincipal: (input) => {
      seen.push(input);
      return {};
    },
    CreateTopicRule: (input) => {
      seen.push(input);
      return {};
    },
    DeleteCommand: () => ({ statusCode: 202 }),
    DescribeRoleAlias: () => ({ roleAliasDescription: { creationDate: new Date(1_700_000_000_500) } }),
    DeletePolicy: () => {
      throw new AwsError("ResourceAlreadyExistsException", 409, "there", { resourceId: "i", resourceArn: "a" });
    },
    DeleteThing: () => {
      throw new Error("a defect");
    },
  };
  const server = createJsonServer({
    client: iotClient,
    model: loadModel("iot"),
    prefix: "iot",
    handlers,
    context: { name: "context" },
    faults,
    validationError: (message) => new AwsError("InvalidRequestException", 400, message),
    internalErrorCode: "InternalFailureException",
  });
  let url: string;
  let iot: IoT;

  beforeAll(async () => {
    url = `http://127.0.0.1:${await listen("test", server, 0)}`;
    iot = new IoT({
      endpoint: url,
      region: "eu-central-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
    });
  });
  afterAll(async () => {
    iot.destroy();
    await shut(server);
  });

  test("reads labels, and gives handlers their context", async () => {
    expect(await iot.describeThing({ thingName: "a:b" })).toMatchObject({
      thingName: "a:b",
      defaultClientId: "context",
    });
    expect(seen.at(-1)).toEqual({ thingName: "a:b" });
  });

  test("reads queries by their type", async () => {
    await iot.listThings({ maxResults: 7, usePrefixAttributeValue: true, attributeName: "n" });
    expect(seen.at(-1)).toEqual({ maxResults: 7, usePrefixAttributeValue: true, attributeName: "n" });
  });

  test("reads headers", async () => {
    await iot.attachThingPrincipal({ thingName: "t", principal: "p" });
    expect(seen.at(-1)).toMatchObject({ thingName: "t", principal: "p" });
  });

  test("reads a payload that is the whole body", async () => {
    const topicRulePayload = { sql: "SELECT 1", actions: [] };
    await iot.createTopicRule({ ruleName: "r", topicRulePayload });
    expect(seen.at(-1)).toEqual({ ruleName: "r", topicRulePayload });
  });

  test("writes timestamps", async () => {
    const { roleAliasDescription } = await iot.describeRoleAlias({ roleAlias: "r" });
    expect(roleAliasDescription?.creationDate?.getTime()).toBe(1_700_000_000_500);
  });

  test("writes a status that the output names", async () => {
    const answer = await iot.deleteCommand({ commandId: "c" });
    expect([answer.statusCode, answer.$metadata.httpStatusCode]).toEqual([202, 202]);
  });

  test("errors are typed exceptions with their members and a request id", async () => {
    const error: unknown = await iot.deletePolicy({ policyName: "p" }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(iotClient.ResourceAlreadyExistsException);
    expect(error).toMatchObject({
      message: "there",
      resourceId: "i",
      resourceArn: "a",
      $metadata: { httpStatusCode: 409, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
  });

  test("an operation without a handler is named, and not retried", async () => {
    const patient = new IoT({
      endpoint: url,
      region: "eu-central-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 3,
    });
    await expect(patient.createKeysAndCertificate({})).rejects.toMatchObject({
      name: "NotImplemented",
      message: "iot:CreateKeysAndCertificate is not emulated",
      $metadata: { httpStatusCode: 501, attempts: 1 },
    });
    patient.destroy();
  });

  test("a defect is answered as the service's internal error, and written to the log", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await expect(iot.deleteThing({ thingName: "t" })).rejects.toMatchObject({
      name: "InternalFailureException",
      $metadata: { httpStatusCode: 500 },
    });
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });

  test("an armed fault comes before validation and before the handler, as often as asked", async () => {
    const before = seen.length;
    faults.arm({ kind: "error", operation: "iot:DescribeThing", code: "ThrottlingException", status: 429, times: 2 });
    for (const thingName of ["t", "not valid"])
      await expect(iot.describeThing({ thingName })).rejects.toMatchObject({
        name: "ThrottlingException",
        $metadata: { httpStatusCode: 429 },
      });
    expect(seen.length).toBe(before);
    expect(await iot.describeThing({ thingName: "t" })).toMatchObject({ thingName: "t" });
  });

  test.each([
    ["an unknown path", "GET", "/nothing/here/at/all", undefined, 404, "UnknownOperationException"],
    ["an unknown method", "OPTIONS", "/things/t", undefined, 404, "UnknownOperationException"],
    ["a body that is not JSON", "POST", "/untag", "{", 400, "SerializationException"],
    ["a body that is a list", "POST", "/untag", "[]", 400, "SerializationException"],
    ["a body of another type", "POST", "/untag", '{"resourceArn":1,"tagKeys":[]}', 400, "SerializationException"],
    ["no body where members are required", "POST", "/untag", undefined, 400, "InvalidRequestException"],
    ["nulls where members are required", "POST", "/untag", '{"resourceArn":null}', 400, "InvalidRequestException"],
    ["a label that is not encoded text", "GET", "/things/%E0%A4%A", undefined, 400, "SerializationException"],
    ["a query that is no number", "GET", "/things?maxResults=many", undefined, 400, "SerializationException"],
    [
      "a query that is no boolean",
      "GET",
      "/things?usePrefixAttributeValue=maybe",
      undefined,
      400,
      "SerializationException",
    ],
    ["a body past the limit", "POST", "/untag", `"${"x".repeat(1024 * 1024)}"`, 413, "RequestEntityTooLargeException"],
    ["unknown members are ignored", "POST", "/untag", '{"resourceArn":"a","tagKeys":["k"],"more":1}', 200, null],
  ])("%s", async (_note, method, path, body, status, code) => {
    const answer = await fetch(`${url}${path}`, { method, ...(body === undefined ? {} : { body }) });
    await answer.text();
    expect([answer.status, answer.headers.get("x-amzn-errortype")]).toEqual([status, code]);
  });

  test("a taken port is told", async () => {
    const taken = Number(new URL(url).port);
    await expect(listen("second", createServer(), taken)).rejects.toThrow(`port ${taken} (second) is taken`);
  });
});
