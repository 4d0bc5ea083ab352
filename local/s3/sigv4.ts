import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { S3Error, type S3ErrorCode } from "./errors.ts";
import type { S3Request, Target } from "./request.ts";

const ALGORITHM = "AWS4-HMAC-SHA256";
const SKEW_MS = 15 * 60_000;
const MAX_EXPIRES_S = 7 * 24 * 3600;

export interface Verifier {
  readonly region: string;
  readonly secretOf: (accessKeyId: string, sessionToken: string | undefined) => string | undefined;
  readonly now: number;
}

interface Signed {
  readonly method: string;
  readonly target: Target;
  readonly headers: ReadonlyMap<string, string>;
}

/** What both places of a signature, header and query, come down to. */
interface Claim {
  readonly accessKeyId: string;
  readonly scope: string;
  readonly day: string;
  readonly date: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly sessionToken: string | undefined;
  readonly payloadHash: string;
  readonly query: readonly (readonly [string, string])[];
}

const hmac = (key: string | Buffer, data: string): Buffer => createHmac("sha256", key).update(data).digest();

/** The keys that were derived last: clients sign with one for a day. */
const signingKeys = new Map<string, Buffer>();
const MAX_SIGNING_KEYS = 100;

const signingKey = (secret: string, day: string, region: string): Buffer => {
  const name = JSON.stringify([secret, day, region]);
  const known = signingKeys.get(name);
  if (known !== undefined) return known;
  const key = [region, "s3", "aws4_request"].reduce(hmac, hmac(`AWS4${secret}`, day));
  if (signingKeys.size >= MAX_SIGNING_KEYS) signingKeys.clear();
  signingKeys.set(name, key);
  return key;
};

/** RFC 3986's unreserved characters stay; all others are percent-encoded, `/` too. */
export const encodeUri = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

const timeOf = (date: string): number => {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
};

/** The `Date` header's time as SigV4 writes it; empty when it is no time. */
const basicFormOf = (date: string): string => {
  const time = Date.parse(date);
  return Number.isNaN(time) ? "" : new Date(time).toISOString().replace(/[-:]|\.\d+/g, "");
};

const scopeOf = (credential: string, date: string, region: string, code: S3ErrorCode) => {
  const [accessKeyId, day, scopeRegion, service, terminator, ...rest] = credential.split("/");
  if (!accessKeyId || !day || service !== "s3" || terminator !== "aws4_request" || rest.length > 0) {
    throw S3Error.of(code, "The Credential is mal-formed; expecting <AKID>/YYYYMMDD/REGION/s3/aws4_request.");
  }
  if (!date.startsWith(day)) {
    throw S3Error.of(code, `Invalid credential date ${day}. This date is not the same as X-Amz-Date: "${date}".`);
  }
  if (scopeRegion !== region) {
    throw S3Error.of(code, `The region '${scopeRegion}' is wrong; expecting '${region}'`, { Region: region });
  }
  return { accessKeyId, day, scope: `${day}/${region}/s3/aws4_request` };
};

const headerClaim = ({ target, headers }: Signed, authorization: string, verifier: Verifier): Claim => {
  if (!authorization.startsWith(`${ALGORITHM} `)) {
    throw S3Error.of(
      "InvalidRequest",
      `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
    );
  }
  const fields = new Map(
    authorization
      .slice(ALGORITHM.length)
      .split(",")
      .map((field) => {
        const equals = field.indexOf("=");
        return [field.slice(0, equals).trim(), field.slice(equals + 1).trim()] as const;
      }),
  );
  const [credential, signedHeaders, signature] = ["Credential", "SignedHeaders", "Signature"].map((name) =>
    fields.get(name),
  );
  if (!credential || !signedHeaders || !signature) throw S3Error.of("AuthorizationHeaderMalformed");
  const payloadHash = headers.get("x-amz-content-sha256");
  if (payloadHash === undefined) {
    throw S3Error.of("InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
  }
  const date = headers.get("x-amz-date") ?? basicFormOf(headers.get("date") ?? "");
  const time = timeOf(date);
  if (Number.isNaN(time)) {
    throw S3Error.of("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
  }
  if (Math.abs(time - verifier.now) > SKEW_MS) {
    throw S3Error.of("RequestTimeTooSkewed", undefined, {
      RequestTime: date,
      ServerTime: new Date(verifier.now).toISOString(),
      MaxAllowedSkewMilliseconds: String(SKEW_MS),
    });
  }
  return {
    ...scopeOf(credential, date, verifier.region, "AuthorizationHeaderMalformed"),
    date,
    signedHeaders: signedHeaders.split(";"),
    signature,
    sessionToken: headers.get("x-amz-security-token"),
    payloadHash,
    query: target.query,
  };
};

const queryClaim = ({ target, headers }: Signed, verifier: Verifier): Claim => {
  const query = new Map(target.query);
  const need = (name: string): string => {
    const value = query.get(name);
    if (value) return value;
    throw S3Error.of(
      "AuthorizationQueryParametersError",
      "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
    );
  };
  if (need("X-Amz-Algorithm") !== ALGORITHM) {
    throw S3Error.of("AuthorizationQueryParametersError", `X-Amz-Algorithm only supports "${ALGORITHM}"`);
  }
  const date = need("X-Amz-Date");
  const signed = timeOf(date);
  const expires = Number(need("X-Amz-Expires"));
  if (Number.isNaN(signed) || !Number.isInteger(expires) || expires < 0 || expires > MAX_EXPIRES_S) {
    throw S3Error.of(
      "AuthorizationQueryParametersError",
      "X-Amz-Date must be in the ISO8601 Long Format and X-Amz-Expires must be less than a week (in seconds)",
    );
  }
  const expiry = signed + expires * 1000;
  if (signed - verifier.now > SKEW_MS) throw S3Error.of("AccessDenied", "Request is not yet valid");
  if (expiry < verifier.now) {
    throw S3Error.of("AccessDenied", "Request has expired", {
      "X-Amz-Expires": String(expires),
      Expires: new Date(expiry).toISOString(),
      ServerTime: new Date(verifier.now).toISOString(),
    });
  }
  return {
    ...scopeOf(need("X-Amz-Credential"), date, verifier.region, "AuthorizationQueryParametersError"),
    date,
    signedHeaders: need("X-Amz-SignedHeaders").split(";"),
    signature: need("X-Amz-Signature"),
    sessionToken: query.get("X-Amz-Security-Token"),
    payloadHash: query.get("X-Amz-Content-Sha256") ?? headers.get("x-amz-content-sha256") ?? "UNSIGNED-PAYLOAD",
    query: target.query.filter(([name]) => name !== "X-Amz-Signature"),
  };
};

const canonicalRequest = ({ method, target, headers }: Signed, claim: Claim): string => {
  const query = claim.query
    .map(([name, value]) => [encodeUri(name), encodeUri(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : Number(x > y)) : a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
  const lines = claim.signedHeaders.map((name) => {
    const value = headers.get(name) ?? "";
    return `${name}:${value.trim().replace(/ +/g, " ")}\n`;
  });
  return [
    method,
    target.path.split("/").map(encodeUri).join("/"),
    query,
    lines.join(""),
    claim.signedHeaders.join(";"),
    claim.payloadHash,
  ].join("\n");
};

/** `x-amz-*` headers change what a request does, so that each must be signed; the payload's hash is signed by itself. */
const refuseUnsigned = ({ headers }: Signed, claim: Claim): void => {
  const unsigned = [...headers.keys()].filter(
    (name) => name.startsWith("x-amz-") && name !== "x-amz-content-sha256" && !claim.signedHeaders.includes(name),
  );
  if (!claim.signedHeaders.includes("host")) unsigned.push("host");
  if (unsigned.length > 0) {
    throw S3Error.of("AccessDenied", "There were headers present in the request which were not signed", {
      HeadersNotSigned: unsigned.join(", "),
    });
  }
};

/**
 * Verifies a request's Signature Version 4, in the `Authorization` header or in a presigned URL's query, and answers the
 * payload hash that was signed, and what signed chunks go on with. A header that was signed but not sent counts as empty, so that the signature fails.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html and
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 * @throws S3Error AccessDenied (no or expired authorization), InvalidAccessKeyId, SignatureDoesNotMatch,
 *   RequestTimeTooSkewed, AuthorizationHeaderMalformed, AuthorizationQueryParametersError, InvalidRequest
 */
export const verifySignature = (
  signed: Signed,
  verifier: Verifier,
): Pick<S3Request, "accessKeyId" | "sessionToken" | "payloadHash" | "seal"> => {
  const authorization = signed.headers.get("authorization");
  const presigned = signed.target.query.some(([name]) => name === "X-Amz-Algorithm" || name === "X-Amz-Signature");
  if (authorization === undefined && !presigned) throw S3Error.of("AccessDenied");
  if (authorization !== undefined && presigned) {
    throw S3Error.of("InvalidArgument", "Only one auth mechanism allowed");
  }
  const claim =
    authorization === undefined ? queryClaim(signed, verifier) : headerClaim(signed, authorization, verifier);
  const secret = verifier.secretOf(claim.accessKeyId, claim.sessionToken);
  if (secret === undefined) {
    throw S3Error.of("InvalidAccessKeyId", undefined, { AWSAccessKeyId: claim.accessKeyId });
  }
  refuseUnsigned(signed, claim);
  const canonical = canonicalRequest(signed, claim);
  const stringToSign = [ALGORITHM, claim.date, claim.scope, createHash("sha256").update(canonical).digest("hex")].join(
    "\n",
  );
  const key = signingKey(secret, claim.day, verifier.region);
  const expected = hmac(key, stringToSign);
  const provided = Buffer.from(claim.signature, "hex");
  if (provided.length !== expected.length || !timingSafeEqual(provided, expected)) {
    throw S3Error.of("SignatureDoesNotMatch", undefined, {
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: stringToSign,
      SignatureProvided: claim.signature,
      CanonicalRequest: canonical,
    });
  }
  const { accessKeyId, sessionToken, payloadHash, date, scope, signature: seed } = claim;
  return {
    accessKeyId,
    sessionToken,
    payloadHash,
    seal: authorization === undefined ? undefined : { key, date, scope, seed },
  };
};
