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

export interface Membership {
  readonly workspaceId: string;
  readonly subject: string;
  readonly role: Role;
}
