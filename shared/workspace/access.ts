/** Roles in a workspace, from least to most; each may do what those before it may. */
export const ROLES = ["viewer", "operator", "maintainer", "owner"] as const;
export type Role = (typeof ROLES)[number];

/**
 * Who may call an operation: `anyone` (no token), any `caller` with a valid token, or a member of the workspace in the
 * path with at least a role. viewer reads; operator runs nodes and deployments; maintainer makes groups, components
 * and releases; owner has the workspace itself.
 */
export type Access = "anyone" | "caller" | Role;

export const isRole = (text: string): text is Role => (ROLES as readonly string[]).includes(text);

export const allows = (needed: Role, has: Role): boolean => ROLES.indexOf(has) >= ROLES.indexOf(needed);

/**
 * What a subject is in a workspace. Machine credentials are members as people are, under subjects of their own kind, with
 * an end and perhaps scopes.
 */
export interface Membership {
  readonly workspaceId: string;
  readonly subject: string;
  readonly role: Role;
  /** When it ends; without it, it does not. */
  readonly validUntil?: string;
}

const CREDENTIAL = "credential:";

/** The subject of a machine credential. No token of an issuer may name one of this form. */
export const subjectOfCredential = (credentialId: string): string => `${CREDENTIAL}${credentialId}`;

export const isSubjectOfCredential = (subject: string): boolean => subject.startsWith(CREDENTIAL);

const RULE = "event-rule:";

/** In whose name an event that a rule lets in asks. No token may name one of this form either. */
export const subjectOfRule = (ruleId: string): string => `${RULE}${ruleId}`;

/** Whether it is the subject of what is made in a workspace, and of nobody who logs in: a credential's or a rule's. */
export const isMadeSubject = (subject: string): boolean => isSubjectOfCredential(subject) || subject.startsWith(RULE);

/** Who asks, as the gateway's authoriser found out. */
export interface Caller {
  readonly subject: string;
  /** When the token ends, in seconds since 1970. */
  readonly until: number;
  /** Of a machine credential: the workspace that it was made in. */
  readonly workspaceId?: string;
  /** Of a machine credential that is not for all that its role may: the operations that it is for. */
  readonly scopes?: readonly string[];
}

/** What operations are told of a request's token: whose it is, or why it is refused. */
export type Verdict = Caller | { readonly refused: string };

/**
 * Whether scopes allow what needs `noun:read` or `noun:write`. Who may write may read as well, and whoever may do anything
 * may see what came of it: intents.
 * @param scopes undefined for all
 */
export const inScope = (needed: string, scopes: readonly string[] | undefined): boolean =>
  scopes === undefined ||
  needed === "intents:read" ||
  scopes.includes(needed) ||
  (needed.endsWith(":read") && scopes.includes(needed.replace(/:read$/, ":write")));
