import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Role } from "../../shared/declared/policies.ts";
import { type AccessRequest, compilePolicy, type Statement, type Verdict } from "./evaluate.ts";

/** Temporary credentials; the times are in milliseconds since the epoch. */
export interface SessionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresAt: number;
}

/** Who calls with temporary credentials. */
export interface Session {
  readonly arn: string;
  readonly role: string;
  readonly evaluate: (request: AccessRequest) => Verdict;
  readonly secretAccessKey: string;
  /** The context keys that every request of the session has. */
  readonly context: Readonly<Record<string, string>>;
}

/** A service that takes a role on behalf of somebody. */
export interface Assumption {
  readonly roleArn: string;
  /** As in a trust policy: `credentials.iot.amazonaws.com`. */
  readonly service: string;
  /** What the service works for: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html */
  readonly sourceArn: string;
  readonly sessionName: string;
  readonly seconds: number;
  readonly context: Readonly<Record<string, string>>;
}

export interface Sessions {
  /** Undefined for a role that there is not, or that does not trust the service. */
  readonly assume: (assumption: Assumption) => SessionCredentials | undefined;
  /** Undefined for a token that this cloud did not give with that key. @throws ExpiredCredentials */
  readonly read: (accessKeyId: string, sessionToken: string) => Session | undefined;
}

/** Credentials whose time is over. */
export class ExpiredCredentials extends Error {}

/** What a token says, and its seal proves. */
interface Claims {
  readonly key: string;
  readonly role: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
  readonly context: Readonly<Record<string, string>>;
}

/** What AWS makes key ids of: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

const newKeyId = (): string => `ASIA${[...randomBytes(16)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("")}`;

interface TrustStatement extends Omit<Statement, "Resource"> {
  readonly Principal: { readonly Service: string };
}

/** Whether the role's trust policy lets the service take it. */
const trusts = (role: Role, accountId: string, { service, sourceArn, roleArn }: Assumption): boolean => {
  const { Statement: all } = role.trust as { readonly Statement: readonly TrustStatement[] };
  const ofService = all.filter(({ Principal }) => Principal.Service === service);
  const evaluate = compilePolicy({
    Version: "2012-10-17",
    Statement: ofService.map(({ Principal: _principal, ...statement }) => ({ ...statement, Resource: "*" })),
  });
  const context = { "aws:SourceAccount": accountId, "aws:SourceArn": sourceArn };
  return evaluate({ action: "sts:AssumeRole", resource: roleArn, context }) === "allowed";
};

/**
 * Temporary credentials for roles. All that is known of a session is in its token, under a seal, so that a session
 * outlives the process that gave it; its role's policy is looked up when it is used.
 *
 * @param options.secret what seals tokens and derives their secrets: the same for a data folder
 * @param options.roles those that services may take on somebody's behalf
 */
export const openSessions = (options: {
  readonly partition: string;
  readonly accountId: string;
  readonly secret: string;
  readonly roles: readonly Role[];
  readonly now?: () => number;
}): Sessions => {
  const { partition, accountId, secret, roles, now = Date.now } = options;
  const evaluators = new Map(roles.map(({ name, policy }) => [name, compilePolicy(policy)]));
  const derived = (what: string, text: string): Buffer =>
    createHmac("sha256", secret).update(`${what} ${text}`).digest();
  const sealOf = (claims: string): Buffer => derived("session-seal", claims);
  const secretOf = (token: string): string => derived("session-secret", token).toString("base64").slice(0, 40);
  const roleArn = (name: string): string => `arn:${partition}:iam::${accountId}:role/${name}`;

  const open = (token: string): Claims | undefined => {
    const [claims = "", seal = "", ...rest] = token.split(".");
    const expected = sealOf(claims);
    const given = Buffer.from(seal, "base64url");
    if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    return JSON.parse(Buffer.from(claims, "base64url").toString()) as Claims;
  };

  return {
    assume: (assumption) => {
      const role = roles.find(({ name }) => roleArn(name) === assumption.roleArn);
      if (role === undefined || !trusts(role, accountId, assumption)) return undefined;
      const claims: Claims = {
        key: newKeyId(),
        role: role.name,
        name: assumption.sessionName,
        until: Math.floor(now() / 1_000 + assumption.seconds) * 1_000,
        context: assumption.context,
      };
      const text = Buffer.from(JSON.stringify(claims)).toString("base64url");
      const sessionToken = `${text}.${sealOf(text).toString("base64url")}`;
      const { key, until } = claims;
      return { accessKeyId: key, secretAccessKey: secretOf(sessionToken), sessionToken, expiresAt: until };
    },

    read: (accessKeyId, sessionToken) => {
      const claims = open(sessionToken);
      const evaluate = claims === undefined ? undefined : evaluators.get(claims.role);
      if (claims === undefined || evaluate === undefined || claims.key !== accessKeyId) return undefined;
      if (claims.until <= now()) throw new ExpiredCredentials("The provided token has expired.");
      return {
        arn: `arn:${partition}:sts::${accountId}:assumed-role/${claims.role}/${claims.name}`,
        role: claims.role,
        evaluate,
        secretAccessKey: secretOf(sessionToken),
        context: claims.context,
      };
    },
  };
};
