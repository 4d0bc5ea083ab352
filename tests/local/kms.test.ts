import { createPublicKey, verify } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type Fault, Faults } from "../../local/faults.ts";
import { startKms } from "../../local/kms/server.ts";
import { translated } from "../../shared/aws/aws-errors.ts";
import { macWith, publicKeyOf, signWith } from "../../shared/aws/kms.ts";
import { AppError } from "../../shared/problems.ts";

const ALIAS = "alias/dev-slipway-signing-1";
const MAC_ALIAS = "alias/dev-slipway-webhooks";
const PLACE = { region: "eu-west-1", accountId: "123456789012" };
const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a secret", sessionToken: "a token" };

let dir: string;
let kms: Awaited<ReturnType<typeof startKms>>;
const faults = new Faults(1);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "slipway-kms-"));
  kms = await startKms({ ...PLACE, dir, port: 0, aliases: [ALIAS], macAliases: [MAC_ALIAS], faults, log: () => {} });
});
afterAll(async () => {
  await kms?.close();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => {
  vi.stubEnv("AWS_REGION", PLACE.region);
  vi.stubEnv("AWS_ACCESS_KEY_ID", KEYS.accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", KEYS.secretAccessKey);
  vi.stubEnv("AWS_ENDPOINT_URL_KMS", kms.url);
});
afterEach(() => {
  vi.unstubAllEnvs();
  faults.disarm();
});

const call = async (operation: string, input: object) => {
  const answer = await fetch(kms.url, {
    method: "POST",
    headers: { "x-amz-target": `TrentService.${operation}`, "content-type": "application/x-amz-json-1.1" },
    body: JSON.stringify(input),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

describe("a code", () => {
  test("is the same for the same message, by a key that outlives a restart, and another for another", async () => {
    const first = await macWith(MAC_ALIAS, "a message");
    expect(Buffer.from(first, "base64")).toHaveLength(32);
    expect(await macWith(MAC_ALIAS, "a message")).toBe(first);
    expect(await macWith(MAC_ALIAS, "a massage")).not.toBe(first);
    const again = await startKms({
      ...PLACE,
      dir,
      port: 0,
      aliases: [],
      macAliases: [MAC_ALIAS],
      faults,
      log: () => {},
    });
    const input = {
      KeyId: MAC_ALIAS,
      Message: Buffer.from("a message").toString("base64"),
      MacAlgorithm: "HMAC_SHA_256",
    };
    const answer = await fetch(again.url, {
      method: "POST",
      headers: { "x-amz-target": "TrentService.GenerateMac", "content-type": "application/x-amz-json-1.1" },
      body: JSON.stringify(input),
    });
    expect(await answer.json()).toMatchObject({ Mac: first });
    await again.close();
  });

  test.each([
    ["by a key that signs", ALIAS, "HMAC_SHA_256", "InvalidKeyUsageException"],
    ["by no key", "alias/none", "HMAC_SHA_256", "NotFoundException"],
    ["by another algorithm", MAC_ALIAS, "HMAC_SHA_512", "InvalidKeyUsageException"],
  ])("%s is refused", async (_, KeyId, MacAlgorithm, code) => {
    const { status, body } = await call("GenerateMac", { KeyId, Message: "YQ==", MacAlgorithm });
    expect([status, String(body.__type).replace(/^.*#/, "")]).toEqual([400, code]);
  });

  test("is no signature: its key does not sign", async () => {
    await expect(signWith(MAC_ALIAS, "a message")).rejects.toThrow(/not for this/);
  });
});

describe("a request", () => {
  test("is for the alias, and its signature is of the message, by the key of the alias", async () => {
    const publicKey = createPublicKey({
      key: Buffer.from(await publicKeyOf(ALIAS), "base64"),
      format: "der",
      type: "spki",
    });
    expect(publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    const signature = Buffer.from(await signWith(ALIAS, "a message"), "base64");
    expect(verify("sha256", Buffer.from("a message"), publicKey, signature)).toBe(true);
    expect(verify("sha256", Buffer.from("a massage"), publicKey, signature)).toBe(false);
  });

  test.each<[Fault["kind"], Partial<Fault>]>([
    ["server-error", {}],
    ["throttling", {}],
    ["reset", {}],
  ])("that meets %s is tried again, three times in all", async (kind, more) => {
    faults.arm({ ...more, kind, operation: "kms:Sign", times: 2 } as Fault);
    await expect(signWith(ALIAS, "a message")).resolves.toMatch(/^[\w+/]+=*$/);
  });

  test.each<[Fault["kind"], string]>([
    ["server-error", "unavailable"],
    ["throttling", "throttled"],
    ["reset", "unavailable"],
  ])("that meets %s for good fails as %s", async (kind, code) => {
    faults.arm({ kind, operation: "kms:Sign" } as Fault);
    const error = await signWith(ALIAS, "a message").catch(translated);
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe(code);
  });

  test("that KMS refuses fails at once, as aws-refused", async () => {
    const error = await signWith("alias/none", "a message").catch(translated);
    expect((error as AppError).code).toBe("aws-refused");
    expect((error as AppError).message).toContain("NotFoundException");
  });
});

describe("the stand-in", () => {
  test("keeps a key in a file that its owner alone can read, and has the same one when it starts again", async () => {
    const file = "alias-dev-slipway-signing-1.json";
    expect(statSync(join(dir, file)).mode & 0o777).toBe(0o600);
    const before = await publicKeyOf(ALIAS);
    const again = await startKms({ ...PLACE, dir, port: 0, aliases: [ALIAS], faults, log: () => {} });
    vi.stubEnv("AWS_ENDPOINT_URL_KMS", again.url);
    vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "again"); // another function has a client of its own
    const after = await publicKeyOf(ALIAS);
    await again.close();
    expect(after).toBe(before);
  });

  test("describes a key by alias, id and ARN alike", async () => {
    const { body } = await call("DescribeKey", { KeyId: ALIAS });
    const metadata = body.KeyMetadata as { KeyId: string; Arn: string };
    expect(metadata).toMatchObject({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY", KeyState: "Enabled" });
    for (const KeyId of [metadata.KeyId, metadata.Arn, `arn:aws:kms:eu-west-1:123456789012:${ALIAS}`]) {
      expect((await call("DescribeKey", { KeyId })).body).toEqual(body);
    }
  });

  const Message = Buffer.from("m").toString("base64");
  const SigningAlgorithm = "ECDSA_SHA_256";
  test.each([
    ["an alias that is not there", "GetPublicKey", { KeyId: "alias/none" }, 400, "NotFoundException"],
    [
      "another algorithm",
      "Sign",
      { KeyId: ALIAS, Message, SigningAlgorithm: "ECDSA_SHA_384" },
      400,
      "InvalidKeyUsageException",
    ],
    [
      "more than 4,096 bytes",
      "Sign",
      { KeyId: ALIAS, SigningAlgorithm, Message: Buffer.alloc(4_097).toString("base64") },
      400,
      "ValidationException",
    ],
    ["no message", "Sign", { KeyId: ALIAS, SigningAlgorithm }, 400, "ValidationException"],
    [
      "a digest",
      "Sign",
      { KeyId: ALIAS, SigningAlgorithm, Message, MessageType: "DIGEST" },
      501,
      "NotImplementedException",
    ],
    ["any other operation", "CreateKey", {}, 501, "NotImplementedException"],
  ])("refuses %s", async (_what, operation, input, status, code) => {
    const answer = await call(operation, input);
    expect([answer.status, answer.body.__type]).toEqual([status, code]);
  });
});
