import { createHmac } from "node:crypto";
import type { Role } from "../../shared/declared/policies.ts";
import type { Log } from "../invoke.ts";
import { type AccessRequest, compilePolicy, type Document, type Verdict } from "./evaluate.ts";
import { type Assumption, openSessions, type SessionCredentials } from "./sessions.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Who calls: a role's session, or a developer, who may do anything. */
interface Identity {
  readonly arn: string;
  readonly role?: string;
  readonly evaluate?: (request: AccessRequest) => Verdict;
  /** The context keys of temporary credentials, whose policy is evaluated without `enforce` too. */
  readonly context?: Readonly<Record<string, string>>;
}

/** One of the stage's own, or the developer. */
interface StageIdentity extends Identity {
  readonly credentials: Credentials;
}

/** A request that a role's policy allowed, and did for the first time. */
export interface Decision extends AccessRequest {
  readonly role: string;
}

/**
 * What no policy allows, or one denies, worded as AWS words it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
 */
export class AccessDenied extends Error {
  /** The message with the resource's ARN in quotation marks, as S3 has it. */
  readonly quoted: string;
  constructor(arn: string, { action, resource }: AccessRequest, verdict: Exclude<Verdict, "allowed">) {
    const why =
      verdict === "explicitDeny"
        ? "with an explicit deny in an identity-based policy"
        : `because no identity-based policy allows the ${action} action`;
    const worded = (what: string) => `User: ${arn} is not authorized to perform: ${action} on resource: ${what} ${why}`;
    super(worded(resource));
    this.quoted = worded(`"${resource}"`);
  }
}

/** Credentials that this cloud did not give. */
export class UnknownCredentials extends Error {}

export interface Identities {
  readonly credentialsOf: (role: string) => Credentials;
  /** The stage's role that an access key is of, if it is of one. */
  readonly roleOf: (accessKeyId: string) => string | undefined;
  /**
   * For the verification of signatures: the secret of a key, if the session token belongs to it.
   * @throws ExpiredCredentials
   */
  readonly secretOf: (accessKeyId: string, sessionToken: string | undefined) => string | undefined;
  /** Temporary credentials for a service to hand on; undefined if it may not take the role. */
  readonly assume: (assumption: Assumption) => SessionCredentials | undefined;
  /**
   * @param sessionToken without it, temporary credentials are unknown
   * @throws AccessDenied for the first of the requests that the caller's policy does not allow; UnknownCredentials
   */
  readonly authorize: (accessKeyId: string, requests: readonly AccessRequest[], sessionToken?: string) => void;
  /** The same for a role that AWS itself acts in. @throws AccessDenied */
  readonly authorizeRole: (role: string, requests: readonly AccessRequest[]) => void;
  /** Whether a role's policy allows a request. */
  readonly may: (role: string, request: AccessRequest) => boolean;
  /** What the stage's own roles were allowed so far, each once. */
  readonly decisions: () => readonly Decision[];
}

/** The access key of a request that is signed in its headers; empty if it is not. */
export const callerOf = (headers: Readonly<Record<string, string | readonly string[] | undefined>>): string =>
  /Credential=([^/]+)\//.exec(String(headers.authorization ?? ""))?.[1] ?? "";

/**
 * The roles of the stage with credentials of their own, and those that are taken for somebody.
 *
 * @param options.assumed roles that have no credentials but temporary ones
 * @param options.secret what the keys are derived from: the same for a data folder, so that a presigned URL outlives a
 *   restart
 * @param options.enforce whether policies are evaluated; without it every known caller may do anything
 * @throws Error for a policy that cannot be evaluated here
 */
export const openIdentities = (options: {
  readonly accountId: string;
  readonly partition: string;
  readonly roles: readonly { readonly name: string; readonly policy: Document }[];
  readonly assumed?: readonly Role[];
  readonly developer: Credentials;
  readonly secret: string;
  readonly enforce: boolean;
  readonly log: Log;
}): Identities => {
  const derived = (role: string, what: string) =>
    createHmac("sha256", options.secret).update(`${what} ${role}`).digest("hex");
  const sessions = options.roles.map(
    ({ name, policy }): StageIdentity => ({
      arn: `arn:${options.partition}:sts::${options.accountId}:assumed-role/${name}/${name}`,
      role: name,
      evaluate: compilePolicy(policy),
      credentials: {
        accessKeyId: `ASIA${derived(name, "key").slice(0, 16).toUpperCase()}`,
        secretAccessKey: derived(name, "secret").slice(0, 40),
        sessionToken: derived(name, "token"),
      },
    }),
  );
  const developer: StageIdentity = {
    arn: `arn:${options.partition}:iam::${options.accountId}:user/developer`,
    credentials: options.developer,
  };
  const byKey = new Map([...sessions, developer].map((identity) => [identity.credentials.accessKeyId, identity]));
  const byRole = new Map(sessions.map((session) => [session.role, session]));
  const decisions = new Map<string, Decision>();

  const { partition, accountId, secret } = options;
  const temporary = openSessions({ partition, accountId, secret, roles: options.assumed ?? [] });

  const callerWith = (accessKeyId: string, token: string | undefined): Identity => {
    const identity = byKey.get(accessKeyId) ?? (token === undefined ? undefined : temporary.read(accessKeyId, token));
    if (identity === undefined) throw new UnknownCredentials("The security token included in the request is invalid.");
    return identity;
  };
  const sessionOf = (role: string): StageIdentity => {
    const session = byRole.get(role);
    if (session === undefined) throw new Error(`there is no role ${role}`);
    return session;
  };
  const judge = ({ role, evaluate, context }: Identity, request: AccessRequest): Verdict => {
    if (evaluate !== undefined && context !== undefined) {
      return evaluate({ ...request, context: { ...request.context, ...context } });
    }
    if (!options.enforce || role === undefined || evaluate === undefined) return "allowed";
    const verdict = evaluate(request);
    if (verdict === "allowed") decisions.set(JSON.stringify([role, request]), { role, ...request });
    return verdict;
  };
  const authorize = (identity: Identity, requests: readonly AccessRequest[]): void => {
    for (const request of requests) {
      const verdict = judge(identity, request);
      if (verdict === "allowed") continue;
      options.log("access denied", { role: identity.role, ...request });
      throw new AccessDenied(identity.arn, request, verdict);
    }
  };

  return {
    credentialsOf: (role) => sessionOf(role).credentials,
    roleOf: (accessKeyId) => byKey.get(accessKeyId)?.role,
    secretOf: (accessKeyId, sessionToken) => {
      const known = byKey.get(accessKeyId)?.credentials;
      if (known !== undefined) return known.sessionToken === sessionToken ? known.secretAccessKey : undefined;
      return sessionToken === undefined ? undefined : temporary.read(accessKeyId, sessionToken)?.secretAccessKey;
    },
    assume: temporary.assume,
    authorize: (accessKeyId, requests, token) => authorize(callerWith(accessKeyId, token), requests),
    authorizeRole: (role, requests) => authorize(sessionOf(role), requests),
    may: (role, request) => judge(sessionOf(role), request) === "allowed",
    decisions: () => [...decisions.values()],
  };
};
