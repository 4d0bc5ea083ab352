import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startOptions } from "../../../local/arguments.ts";
import type { Document } from "../../../local/iam/evaluate.ts";
import { AccessDenied, callerOf, openIdentities, UnknownCredentials } from "../../../local/iam/identities.ts";
import {
  authorizeTriggers,
  mayInvoke,
  mayLog,
  PolicyFault,
  stageIdentities,
} from "../../../local/iam/stage-identities.ts";
import { tasksOf, workflows } from "../../../workflows/workflows.ts";

const ACCOUNT = "123456789012";
const READ = { action: "s3:GetObject", resource: "arn:aws:s3:::bucket/key" };
const WRITE = { action: "s3:PutObject", resource: "arn:aws:s3:::bucket/key" };
const developer = { accessKeyId: "test", secretAccessKey: "test-secret" };

const role = (name: string, action: string, more: Partial<Document["Statement"][number]> = {}) => ({
  name,
  policy: {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: action, Resource: "*", ...more }],
  } satisfies Document,
});

const logged: unknown[] = [];
const open = (more: Partial<Parameters<typeof openIdentities>[0]> = {}) =>
  openIdentities({
    accountId: ACCOUNT,
    partition: "aws",
    roles: [role("reader", "s3:GetObject"), role("writer", "s3:PutObject"), role("denying", "*", { Effect: "Deny" })],
    developer,
    secret: "secret",
    enforce: true,
    log: (message, details) => logged.push({ message, ...details }),
    ...more,
  });
const keyOf = (identities: ReturnType<typeof open>, name: string) => identities.credentialsOf(name).accessKeyId;

beforeEach(() => {
  logged.length = 0;
});

describe("credentials", () => {
  test("of a role are a session's, and of each role others", () => {
    const identities = open();
    const reader = identities.credentialsOf("reader");
    expect(reader.accessKeyId).toMatch(/^ASIA[0-9A-F]{16}$/);
    expect(reader.sessionToken).toBeTruthy();
    const writer = identities.credentialsOf("writer");
    expect(writer.accessKeyId).not.toBe(reader.accessKeyId);
    expect(writer.secretAccessKey).not.toBe(reader.secretAccessKey);
    expect(writer.sessionToken).not.toBe(reader.sessionToken);
    expect(() => identities.credentialsOf("nobody")).toThrow("there is no role nobody");
  });

  test("are the same for the same secret, and other ones for another", () => {
    expect(open().credentialsOf("reader")).toEqual(open().credentialsOf("reader"));
    const other = open({ secret: "other" }).credentialsOf("reader");
    for (const [part, value] of Object.entries(open().credentialsOf("reader"))) {
      expect(other[part as keyof typeof other]).not.toBe(value);
    }
  });

  test("give their secret to who knows the key and its session token alone", () => {
    const identities = open();
    const { accessKeyId, secretAccessKey, sessionToken } = identities.credentialsOf("reader");
    expect(identities.secretOf(accessKeyId, sessionToken)).toBe(secretAccessKey);
    expect(identities.secretOf(accessKeyId, undefined)).toBeUndefined();
    expect(identities.secretOf(accessKeyId, identities.credentialsOf("writer").sessionToken)).toBeUndefined();
    expect(identities.secretOf("test", undefined)).toBe("test-secret");
    expect(identities.secretOf("test", sessionToken)).toBeUndefined();
    expect(identities.secretOf("unknown", undefined)).toBeUndefined();
    expect(identities.secretOf("", undefined)).toBeUndefined();
  });

  test.each([
    ["AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=ab", "AKID"],
    ["Bearer token", ""],
    [undefined, ""],
  ])("name the caller in %s", (authorization, caller) => {
    expect(callerOf({ authorization })).toBe(caller);
  });
});

describe("a caller", () => {
  test("may do what the policy of its own role allows", () => {
    const identities = open();
    expect(() => identities.authorize(keyOf(identities, "reader"), [READ])).not.toThrow();
    expect(() => identities.authorizeRole("reader", [READ])).not.toThrow();
    expect(() => identities.authorize(keyOf(identities, "writer"), [READ])).toThrow(AccessDenied);
    expect(() => identities.authorizeRole("writer", [READ])).toThrow(AccessDenied);
    expect([identities.may("reader", READ), identities.may("writer", READ)]).toEqual([true, false]);
  });

  test("is refused in AWS's words for the first of the requests that is not allowed, and the log tells of it", () => {
    const identities = open();
    const refused = () => identities.authorize(keyOf(identities, "reader"), [READ, WRITE, { ...READ, action: "x:Y" }]);
    expect(refused).toThrow(
      expect.objectContaining({
        message:
          `User: arn:aws:sts::${ACCOUNT}:assumed-role/reader/reader is not authorized to perform: s3:PutObject ` +
          "on resource: arn:aws:s3:::bucket/key because no identity-based policy allows the s3:PutObject action",
      }),
    );
    expect(logged).toEqual([{ message: "access denied", role: "reader", ...WRITE }]);
  });

  test("whom a policy denies explicitly is told so", () => {
    expect(() => open().authorizeRole("denying", [READ])).toThrow(
      expect.objectContaining({
        message:
          `User: arn:aws:sts::${ACCOUNT}:assumed-role/denying/denying is not authorized to perform: s3:GetObject ` +
          "on resource: arn:aws:s3:::bucket/key with an explicit deny in an identity-based policy",
      }),
    );
  });

  test("who is a developer may do anything", () => {
    const identities = open();
    expect(() => identities.authorize("test", [READ, WRITE])).not.toThrow();
  });

  test("whom nobody knows is not a developer, nor anybody else", () => {
    const identities = open();
    for (const key of ["", "unknown", "TEST", "constructor"]) {
      expect(() => identities.authorize(key, [])).toThrow(UnknownCredentials);
    }
    expect(() => identities.may("nobody", READ)).toThrow("there is no role nobody");
  });

  test("may do anything while policies are not enforced, if it is known", () => {
    const identities = open({ enforce: false });
    expect(() => identities.authorize(keyOf(identities, "denying"), [READ])).not.toThrow();
    expect(() => identities.authorize("unknown", [READ])).toThrow(UnknownCredentials);
    expect(identities.decisions()).toEqual([]);
  });
});

test("decisions hold what roles were allowed, each once, and nothing that was denied or a developer's", () => {
  const identities = open();
  const context = { "aws:ResourceAccount": ACCOUNT };
  identities.authorizeRole("reader", [READ, READ, { ...READ, context }]);
  identities.authorize(keyOf(identities, "writer"), [WRITE]);
  identities.authorize("test", [WRITE]);
  identities.may("reader", WRITE);
  expect(identities.decisions()).toEqual([
    { role: "reader", ...READ },
    { role: "reader", ...READ, context },
    { role: "writer", ...WRITE },
  ]);
});

test("a policy that cannot be evaluated is found at once, enforced or not", () => {
  const odd = role("odd", "*", { Condition: { Bool: { a: "true" } } });
  expect(() => open({ roles: [odd], enforce: false })).toThrow("Bool is not evaluated");
});

describe("the stage's roles", () => {
  const PLACE = { partition: "aws", region: "eu-west-1", accountId: ACCOUNT, stage: "local" };
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "slipway-identities-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const stage = (withoutStatements: readonly string[] = []) =>
    stageIdentities(dir, PLACE, { developer, enforce: true, withoutStatements, log: () => undefined });
  const CREATE = { action: "iot:CreateThing", resource: `arn:aws:iot:eu-west-1:${ACCOUNT}:thing/local-ws_1-node` };

  test("keep their credentials over a restart on the folder, in a file for its owner alone", () => {
    const before = stage().credentialsOf("local-create-thing");
    expect(stage().credentialsOf("local-create-thing")).toEqual(before);
    const file = join(dir, "keys.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toContain(before.secretAccessKey);
  });

  test("have their statements, without the named one of the named role", () => {
    expect(stage().may("local-create-thing", CREATE)).toBe(true);
    const lacking = stage(["local-create-thing/Things"]);
    expect(lacking.may("local-create-thing", CREATE)).toBe(false);
    // The role's other statements, and other roles' of the same name, stay.
    expect(mayLog(lacking, PLACE, "local-create-thing")).toBe(true);
    const remove = { ...CREATE, action: "iot:DeleteThing" };
    expect(lacking.may("local-delete-thing", remove)).toBe(stage().may("local-delete-thing", remove));
    expect(lacking.may("local-delete-thing", remove)).toBe(true);
  });

  test.each(["local-create-thing/Nothing", "local-nobody/Things", "Things", "local-create-thing", ""])(
    "without a statement that there is not, %j, are a fault",
    (name) => {
      expect(() => stage(["local-create-thing/Things", name])).toThrow(PolicyFault);
      expect(() => stage([name])).toThrow(`--without-statement ${name}: no role has such a statement`);
    },
  );

  test("are enforced when a statement is left out", () => {
    expect(startOptions([])).toMatchObject({ enforceIam: false, withoutStatements: [] });
    expect(startOptions(["--enforce-iam"])).toMatchObject({ enforceIam: true, withoutStatements: [] });
    expect(startOptions(["--without-statement", "a/B", "--without-statement", "c/D"])).toMatchObject({
      enforceIam: true,
      withoutStatements: ["a/B", "c/D"],
    });
  });

  test("let a function log as long as they have the statement", () => {
    expect(mayLog(stage(), PLACE, "local-create-thing")).toBe(true);
    expect(mayLog(stage(["local-create-thing/Logs"]), PLACE, "local-create-thing")).toBe(false);
  });

  test.each(workflows.map((workflow) => [workflow.name, workflow] as const))(
    "let the workflow %s call its own tasks alone",
    (_, workflow) => {
      const machine = `local-${workflow.name}`;
      const call = (task: string, ...lacking: string[]) => mayInvoke(stage(lacking), PLACE, machine, `local-${task}`);
      for (const task of tasksOf(workflow)) {
        expect(() => call(task)).not.toThrow();
        const refusal = expect.objectContaining({
          name: "AWSLambdaException",
          message: expect.stringContaining("lambda:InvokeFunction"),
        });
        expect(() => call(task, `${machine}-workflow/Tasks`)).toThrow(refusal);
        expect(() => call("api-create-workspace")).toThrow(refusal);
      }
    },
  );

  test("let triggers be made as long as their functions may read the stream and write to the dead letter queue", () => {
    expect(() => authorizeTriggers(stage(), PLACE)).not.toThrow();
    for (const [sid, action] of [
      ["ControlStream", "dynamodb:DescribeStream"],
      ["AnyStream", "dynamodb:ListStreams"],
      ["DeadLetters", "sqs:SendMessage"],
    ]) {
      const make = () => authorizeTriggers(stage([`local-start-workflows/${sid}`]), PLACE);
      expect(make).toThrow(PolicyFault);
      expect(make).toThrow(/^the trigger start-workflows cannot be made: /);
      expect(make).toThrow(`is not authorized to perform: ${action} `);
    }
  });
});
