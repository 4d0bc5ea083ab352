import { createHash, createHmac } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

/*
 * The two operations of AWS KMS that sign, over its JSON protocol: their SDK client would be a megabyte of package for two
 * requests. Credentials, region and endpoint come from the environment as the SDK's clients take them on Lambda.
 */

interface SignedRequest {
  readonly service: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** All are signed; `host` and `x-amz-date` must be among them. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/**
 * The field `Authorization` of a POST to `/`: Signature Version 4.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export const authorizationOf = (request: SignedRequest): string => {
  const { service, region, headers, body } = request;
  const names = Object.keys(headers).sort();
  const signedHeaders = names.join(";");
  const lines = names.map((name) => `${name}:${headers[name]?.trim()}\n`).join("");
  const canonical = `POST\n/\n\n${lines}\n${signedHeaders}\n${sha256(body)}`;
  const time = headers["x-amz-date"] ?? "";
  const scope = [time.slice(0, 8), region, service, "aws4_request"];
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${request.secretAccessKey}`);
  const text = ["AWS4-HMAC-SHA256", time, scope.join("/"), sha256(canonical)].join("\n");
  const signature = hmac(key as Buffer, text).toString("hex");
  const credential = `${request.accessKeyId}/${scope.join("/")}`;
  return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
};

const variable = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`environment variable ${name} is absent: Lambda gives a function its credentials by it`);
  return value;
};

/** As `clientSettings` has it for the SDK's clients. */
const ATTEMPTS = 3;
const TIMEOUT_MS = 10_000;

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
}

const send = async (operation: string, input: object): Promise<Answer> => {
  const region = variable("AWS_REGION");
  const url = new URL(process.env.AWS_ENDPOINT_URL_KMS ?? `https://kms.${region}.amazonaws.com`);
  const body = JSON.stringify(input);
  const token = process.env.AWS_SESSION_TOKEN;
  const headers = {
    host: url.host,
    "content-type": "application/x-amz-json-1.1",
    "x-amz-date": new Date().toISOString().replaceAll(/[-:]|\.\d+/g, ""),
    "x-amz-target": `TrentService.${operation}`,
    ...(token && { "x-amz-security-token": token }),
  };
  const [accessKeyId, secretAccessKey] = [variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")];
  const authorization = authorizationOf({ service: "kms", region, accessKeyId, secretAccessKey, headers, body });
  const answer = await fetch(url, {
    method: "POST",
    headers: { ...headers, authorization },
    body,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return { status: answer.status, body: (await answer.json()) as Answer["body"] };
};

/** What the SDK throws for the same, so that `translated` knows it. */
const errorOf = ({ status, body }: Answer): Error =>
  Object.assign(new Error(body.message ?? body.Message), {
    name: body.__type?.replace(/^.*#/, "") ?? "UnknownError",
    $metadata: { httpStatusCode: status },
  });

/** What the network did, in the words of `translated`: fetch hides it in the cause. */
const networkError = (thrown: unknown): unknown => {
  const { cause, name } = thrown as Error & { cause?: { code?: string } };
  return cause?.code === undefined
    ? thrown
    : Object.assign(new Error(`KMS: ${cause.code}`), { name, code: cause.code });
};

const mayPass = ({ status, body }: Answer): boolean => status >= 500 || /Throttling/.test(body.__type ?? "");

const call = async (operation: string, input: object): Promise<Readonly<Record<string, string>>> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await send(operation, input);
      if (answer.status === 200) return answer.body;
      if (attempt >= ATTEMPTS || !mayPass(answer)) throw errorOf(answer);
    } catch (error) {
      const isNetwork = (error as { $metadata?: unknown }).$metadata === undefined;
      if (!isNetwork || attempt >= ATTEMPTS) throw networkError(error);
    }
    await pause(Math.random() * 100 * 2 ** attempt);
  }
};

const text = (answer: Readonly<Record<string, string>>, member: string): string => {
  const value = answer[member];
  if (value === undefined) throw new Error(`KMS answered without ${member}`);
  return value;
};

/**
 * ECDSA P-256 over the SHA-256 of the text, of at most 4,096 bytes.
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
 * @param key an alias: what the caller's policy allows is told by it
 * @returns DER, base64
 */
export const signWith = async (key: string, message: string): Promise<string> =>
  text(
    await call("Sign", {
      KeyId: key,
      Message: Buffer.from(message).toString("base64"),
      MessageType: "RAW",
      SigningAlgorithm: "ECDSA_SHA_256",
    }),
    "Signature",
  );

/** https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html @returns SPKI in DER, base64 */
export const publicKeyOf = async (key: string): Promise<string> =>
  text(await call("GetPublicKey", { KeyId: key }), "PublicKey");
