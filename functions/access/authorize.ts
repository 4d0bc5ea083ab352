import middy from "@middy/core";
import type { APIGatewayRequestAuthorizerEventV2 } from "aws-lambda";
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import { getItem } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { faultOfSecret, hashOfSecret } from "../../shared/secrets.ts";
import { type Caller, isMadeSubject, type Verdict } from "../../shared/workspace/access.ts";
import { ACCESS_TOKEN_PREFIX, type StoredAccessToken } from "../../shared/workspace/credential.ts";

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html, simple responses */
interface Answer {
  readonly isAuthorized: true;
  readonly context: Verdict;
}

/** With what tokens may be signed: what API Gateway's own JWT authoriser takes. */
const ALGORITHMS = ["RS256", "RS384", "RS512"];
/** Issuers bring a new key out before they sign with it, and a key that is not known is looked up at once. */
const KEYS_KEPT_MS = 3_600_000;

const refuse = (why: string): never => {
  throw new AppError("unauthorized", why);
};

interface Configuration {
  readonly issuer: string;
  readonly jwks_uri: string;
}

type KeySet = ReturnType<typeof createRemoteJWKSet>;
let keySet: { readonly issuer: string; readonly keys: KeySet } | undefined;

/**
 * The issuer's keys, found by its configuration (OpenID Connect Discovery 1.0 §4), once for each instance of the function.
 * @throws Error when the issuer does not answer, which is a fault of nobody who asks
 */
const keysOf = async (issuer: string): Promise<KeySet> => {
  if (keySet?.issuer === issuer) return keySet.keys;
  const answer = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(5_000),
  });
  if (!answer.ok) throw new Error(`the issuer's configuration: ${answer.status}`);
  const configuration = (await answer.json()) as Configuration;
  if (configuration.issuer !== issuer) throw new Error(`the issuer calls itself ${configuration.issuer}`);
  keySet = { issuer, keys: createRemoteJWKSet(new URL(configuration.jwks_uri), { cacheMaxAge: KEYS_KEPT_MS }) };
  return keySet.keys;
};

/** `aud`, or `client_id` where a token has none, as Cognito's access tokens do. */
const audiencesOf = ({ aud, client_id: client }: JWTPayload): unknown[] => [aud ?? client].flat();

const verified = async (token: string): Promise<JWTPayload> => {
  const issuer = env("TOKEN_ISSUER");
  const keys = await keysOf(issuer);
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      algorithms: ALGORITHMS,
      requiredClaims: ["sub", "exp"],
    });
    return payload;
  } catch (error) {
    // What the issuer itself failed at is no fault of the token.
    const theIssuers = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
    if (error instanceof errors.JOSEError && error.constructor !== errors.JOSEError && !theIssuers) {
      return refuse(`the token was refused: ${error.message}`);
    }
    throw error;
  }
};

/** A token of the issuer: a person, or whatever else the issuer knows. */
const ofIssuer = async (token: string): Promise<Caller> => {
  const payload = await verified(token);
  const wanted = JSON.parse(env("TOKEN_AUDIENCES")) as string[];
  if (!audiencesOf(payload).some((audience) => wanted.includes(audience as string))) {
    refuse("the token is for another audience");
  }
  const { sub: subject = "", exp: until = 0 } = payload;
  if (subject === "" || subject.length > 256) refuse("the token names no subject");
  if (isMadeSubject(subject)) refuse("the token's subject is of a form that is kept for machine credentials and rules");
  return { subject, until };
};

/** An access token of a machine credential. Whether that still is there, each operation looks up in the workspace. */
const ofCredential = async (token: string, now: Date): Promise<Caller> => {
  if (faultOfSecret(ACCESS_TOKEN_PREFIX, token) !== undefined) refuse("the access token is mistyped");
  const found = await getItem<StoredAccessToken>(keys.accessToken(hashOfSecret(token)));
  if (found === undefined || found.expiresAt * 1_000 <= now.getTime()) return refuse("the access token has expired");
  const { subject, expiresAt, workspaceId, scopes } = found;
  return { subject, until: expiresAt, workspaceId, ...(scopes !== undefined && { scopes }) };
};

/** Whose a bearer token is. @throws AppError `unauthorized` */
const callerOf = async (authorization: string | undefined): Promise<Caller> => {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) return refuse("there is no bearer token");
  return token.startsWith(ACCESS_TOKEN_PREFIX) ? ofCredential(token, new Date()) : ofIssuer(token);
};

/**
 * Tells whose a request's token is; the gateway keeps what it says of a token for some minutes. A token that is no good is
 * told as such, and refused by the operation: all that the gateway itself could answer to it is a bare 403.
 */
export const handler = middy<APIGatewayRequestAuthorizerEventV2, Answer>().handler(async ({ headers }) => {
  try {
    return { isAuthorized: true, context: await callerOf(headers?.authorization) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { isAuthorized: true, context: { refused: error.message } };
  }
});
