import { describe, expect, test } from "vitest";
import { type AccessRequest, compilePolicy } from "../../local/iam/evaluate.ts";
import { type Assumption, ExpiredCredentials, openSessions } from "../../local/iam/sessions.ts";
import type { Role } from "../../shared/declared/policies.ts";
import { deviceRole } from "../../shared/node/provisioning.ts";

const ACCOUNT = "123456789012";
const object = (path: string) => `arn:aws:s3:::${path}`;
const PLACE = { partition: "aws", region: "eu-west-1", accountId: ACCOUNT, stage: "local" };

describe("the devices' role", () => {
  const thing = { "credentials-iot:ThingName": "core", "credentials-iot:ThingTypeName": "ws-abc-acme" };
  const here = { "aws:ResourceAccount": ACCOUNT };
  const read = (path: string) => ({ action: "s3:GetObject", resource: object(path) });
  const stream = (name: string, action = "logs:PutLogEvents") => ({
    action,
    resource: `arn:aws:logs:eu-west-1:${ACCOUNT}:log-group:/aws/greengrass/System:log-stream:/2026/01/01/thing/${name}`,
  });
  test.each<[what: string, request: AccessRequest, context: AccessRequest["context"], allowed: boolean]>([
    ["reads its bucket", read("ws-abc-acme/dist/x"), { ...thing, ...here }, true],
    ["not a bucket whose name goes on", read("ws-abc-acme-2/dist/x"), { ...thing, ...here }, false],
    [
      "not a bucket of another account",
      read("ws-abc-acme/x"),
      { ...thing, "aws:ResourceAccount": "210987654321" },
      false,
    ],
    ["not a bucket of nobody's", read("ws-abc-acme/x"), thing, false],
    ["nothing without a thing", read("ws-abc-acme/x"), here, false],
    [
      "nothing but reading",
      { action: "s3:PutObject", resource: object("ws-abc-acme/x") },
      { ...thing, ...here },
      false,
    ],
    ["writes its log stream", stream("core"), thing, true],
    ["makes its log stream", stream("core", "logs:CreateLogStream"), thing, true],
    ["not another's log stream", stream("other"), thing, false],
    ["not a log stream without a thing", stream("core"), {}, false],
  ])("%s", (_, request, context, allowed) => {
    const verdict = compilePolicy(deviceRole(PLACE).policy)({ ...request, context: context ?? {} });
    expect(verdict).toBe(allowed ? "allowed" : "implicitDeny");
  });
});

const SERVICE = "credentials.iot.amazonaws.com";
const trust = (Principal: object, Condition?: object) => ({
  Statement: [{ Effect: "Allow", Principal, Action: "sts:AssumeRole", ...(Condition && { Condition }) }],
});
const role = (name: string, trusted: object): Role => ({
  name,
  trust: trusted,
  policy: { Version: "2012-10-17", Statement: [] },
});
const own = { Service: SERVICE };
const roles = [
  role("plain", trust(own)),
  role("for-account", trust(own, { StringEquals: { "aws:SourceAccount": ACCOUNT } })),
  role("for-other-account", trust(own, { StringEquals: { "aws:SourceAccount": "210987654321" } })),
  role("for-alias", trust(own, { ArnLike: { "aws:SourceArn": "arn:alias" } })),
  role("for-other-alias", trust(own, { ArnLike: { "aws:SourceArn": "arn:other" } })),
  role("for-other-service", trust({ Service: "lambda.amazonaws.com" })),
  role("denied", {
    Statement: [...trust(own).Statement, { Effect: "Deny", Principal: own, Action: "sts:*" }],
  }),
  role("for-nobody", { Statement: [] }),
];

const open = (options: { secret?: string; now?: () => number; roles?: readonly Role[] } = {}) =>
  openSessions({ partition: "aws", accountId: ACCOUNT, secret: "secret", roles, ...options });
const assumption = (name: string): Assumption => ({
  roleArn: `arn:aws:iam::${ACCOUNT}:role/${name}`,
  service: SERVICE,
  sourceArn: "arn:alias",
  sessionName: "certificate",
  seconds: 3_600,
  context: { "credentials-iot:ThingName": "thing" },
});
const take = (sessions = open(), name = "plain") => {
  const credentials = sessions.assume(assumption(name));
  if (credentials === undefined) throw new Error(`${name} was not given`);
  return credentials;
};

describe("temporary credentials", () => {
  test.each([
    ["plain", true],
    ["for-account", true],
    ["for-other-account", false],
    ["for-alias", true],
    ["for-other-alias", false],
    ["for-other-service", false],
    ["denied", false],
    ["for-nobody", false],
    ["that-is-not-there", false],
  ])("of the role %s are given: %s", (name, given) => {
    expect(open().assume(assumption(name)) !== undefined).toBe(given);
  });

  test("look like those of AWS, and are new each time", () => {
    const [one, other] = [take(), take()];
    expect(one).toMatchObject({
      accessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
      secretAccessKey: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/),
    });
    expect(new Set([one, other].flatMap(({ expiresAt, ...keys }) => Object.values(keys))).size).toBe(6);
    expect(one.sessionToken).not.toContain(one.secretAccessKey);
  });

  test("tell another process with the same secret who calls", () => {
    const { accessKeyId, secretAccessKey, sessionToken } = take();
    expect(open().read(accessKeyId, sessionToken)).toEqual({
      arn: `arn:aws:sts::${ACCOUNT}:assumed-role/plain/certificate`,
      role: "plain",
      evaluate: expect.any(Function),
      secretAccessKey,
      context: { "credentials-iot:ThingName": "thing" },
    });
  });

  test("end with their last second", () => {
    let now = Date.parse("2026-01-01T00:00:00.400Z");
    const sessions = open({ now: () => now });
    const { accessKeyId, sessionToken, expiresAt } = take(sessions);
    expect(new Date(expiresAt).toISOString()).toBe("2026-01-01T01:00:00.000Z");
    now = expiresAt - 1;
    expect(sessions.read(accessKeyId, sessionToken)).toBeDefined();
    now = expiresAt;
    expect(() => sessions.read(accessKeyId, sessionToken)).toThrow(ExpiredCredentials);
  });

  const reseal = (token: string, change: object): string => {
    const [claims = "", seal] = token.split(".");
    const changed = { ...(JSON.parse(Buffer.from(claims, "base64url").toString()) as object), ...change };
    return `${Buffer.from(JSON.stringify(changed)).toString("base64url")}.${seal}`;
  };
  test.each<[what: string, forge: (token: string) => string]>([
    ["of another role", (token) => reseal(token, { role: "for-account" })],
    ["of another thing", (token) => reseal(token, { context: { "credentials-iot:ThingName": "other" } })],
    ["of a longer life", (token) => reseal(token, { until: Number.MAX_SAFE_INTEGER })],
    ["without a seal", (token) => token.split(".")[0] ?? ""],
    ["with an empty seal", (token) => `${token.split(".")[0]}.`],
    ["with more behind the seal", (token) => `${token}.more`],
    ["that is empty", () => ""],
    ["that is text", () => "token"],
    ["of another folder", () => take(open({ secret: "other" })).sessionToken],
    ["of other credentials", () => take().sessionToken],
  ])("are unknown with a token %s", (_, forge) => {
    const { accessKeyId, sessionToken } = take();
    expect(open().read(accessKeyId, sessionToken)).toBeDefined();
    expect(open().read(accessKeyId, forge(sessionToken))).toBeUndefined();
  });

  test("of a role that is gone are unknown", () => {
    const { accessKeyId, sessionToken } = take();
    expect(open({ roles: [] }).read(accessKeyId, sessionToken)).toBeUndefined();
  });
});
