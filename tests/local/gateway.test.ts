import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { documentedAnswers } from "../../local/contract.ts";
import { startGateway } from "../../local/gateway.ts";
import { routes } from "../../shared/declared/routes.ts";

/** What the function behind the one route answers. */
let answer: APIGatewayProxyStructuredResultV2;
let gateway: Awaited<ReturnType<typeof startGateway>>;
let told: string[];

beforeEach(async () => {
  told = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => told.push(String(text)) > 0);
  const { method, path } = routes.getSigningKeys;
  gateway = await startGateway({
    port: 0,
    routes: [{ method, path, access: "anyone", functionName: "keys" }],
    defaultFunction: "none",
    authorizer: { functionName: "authorize", ttlMs: 0 },
    violations: documentedAnswers(),
    region: "eu-west-1",
    accountId: "000000000000",
    invoke: async () => ({ payload: answer }),
    log: () => {},
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await gateway.close();
});

const ask = async () => {
  const { status, headers, text } = await fetch(`http://127.0.0.1:${gateway.port}${routes.getSigningKeys.path}`).then(
    async (response) => ({ status: response.status, headers: response.headers, text: await response.text() }),
  );
  return { status, type: headers.get("content-type"), text };
};

const json = { "content-type": "application/json" };
const KEYS = { algorithm: "ecdsa-p256-sha256", keys: [] };
const body = JSON.stringify(KEYS);

describe("with answers held against the document", () => {
  test("what is documented gets through", async () => {
    answer = { statusCode: 200, headers: json, body };
    expect(await ask()).toEqual({ status: 200, type: "application/json", text: answer.body });
    expect(told).toEqual([]);
  });

  test.each<[string, APIGatewayProxyStructuredResultV2, RegExp]>([
    [
      "a member that is not",
      { statusCode: 200, headers: json, body: JSON.stringify({ ...KEYS, more: 1 }) },
      /additional properties/,
    ],
    ["a status that is not", { statusCode: 418, headers: json, body: "{}" }, /418 is not documented/],
    ["a header that is not", { statusCode: 200, headers: { ...json, "x-more": "1" }, body }, /header x-more/],
    [
      "a media type that is not",
      { statusCode: 200, headers: { "content-type": "text/plain" }, body: "" },
      /type text\/plain/,
    ],
    ["broken JSON", { statusCode: 200, headers: json, body: "{" }, /no JSON/],
  ])("kept back, and said so: %s", async (_what, given, reason) => {
    answer = given;
    const { status, text } = await ask();
    expect(status).toBe(500);
    expect(text).toMatch(reason);
    expect(told.join("")).toMatch(reason);
  });
});
