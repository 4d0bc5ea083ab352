import { timingSafeEqual } from "node:crypto";
import * as z from "zod";
import type { Moment } from "../ids.ts";
import { keys } from "../keys.ts";
import { ResourceName } from "../names.ts";
import { view } from "../resource.ts";
import { hashOfSecret } from "../secrets.ts";
import type { Key, Write } from "../writes.ts";
import { type Membership, subjectOfCredential } from "./access.ts";
import { RoleName } from "./member.ts";
import { type StoredWorkspace, workspaceIsActive } from "./workspace.ts";

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** An access token of a credential works for so long. */
export const TOKEN_SECONDS = 900;
/** An ended credential is listed for so long. */
const LISTED_DAYS = 30;

/** The prefix of a credential's secret, and of the access tokens that it is exchanged for. */
export const SECRET_PREFIX = "slc_";
export const ACCESS_TOKEN_PREFIX = "sla_";

const Scopes = z
  .array(z.string().regex(/^[a-z-]+:(read|write)$/, "such as nodes:read or deployments:write"))
  .min(1)
  .max(64)
  .meta({ description: "The operations that it is for, within its role; all that the role may, if nothing is said" });

export const CreateCredential = z
  .strictObject({
    name: ResourceName.meta({ description: "For people; several may have the same" }),
    role: RoleName,
    scopes: Scopes.optional(),
    expiresInSeconds: z
      .int()
      .min(300)
      .max(365 * DAY)
      .default(90 * DAY)
      .meta({ description: "5 minutes to a year, 90 days if nothing is said" }),
  })
  .meta({ id: "CreateCredential" });
export type CreateCredential = z.infer<typeof CreateCredential>;

export const Credential = z
  .object({
    id: z.string().meta({ description: "Also its OAuth client id", examples: ["crd_01jd8x2m6q7w3k9v5t4r"] }),
    name: ResourceName,
    role: RoleName,
    scopes: Scopes.optional(),
    createdBy: z.string().meta({ description: "Subject of who created it" }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().optional().meta({ description: "To the hour" }),
  })
  .meta({ id: "Credential", description: "What a machine asks for access tokens with" });
export type Credential = z.infer<typeof Credential>;

export const CreatedCredential = Credential.extend({
  secret: z.string().meta({ description: "Its OAuth client secret. Shown this once: only its hash is kept" }),
}).meta({ id: "CreatedCredential" });

/** RFC 6749 §4.4.2 and §2.3.1. Other parameters are none of ours, and nothing to us (§3.2). */
export const CreateToken = z
  .object({
    grant_type: z
      .string()
      .min(1)
      .meta({ examples: ["client_credentials"] }),
    scope: z.string().optional().meta({ description: "Scopes of the credential, with blanks between; all if absent" }),
    client_id: z.string().optional().meta({ description: "The credential's id, where no Basic authentication has it" }),
    client_secret: z.string().optional().meta({ description: "The credential's secret, likewise", format: "password" }),
  })
  .meta({ id: "CreateToken" });

export type CreateToken = z.infer<typeof CreateToken>;

/** RFC 6749 §5.1. */
export const AccessToken = z
  .object({
    access_token: z.string(),
    token_type: z.literal("Bearer"),
    expires_in: z.int().meta({ description: "Seconds" }),
    scope: z.string().optional().meta({ description: "Absent for all that the credential's role may" }),
  })
  .meta({ id: "AccessToken" });

/** A credential without its secret. `expiresAt` is when the table forgets it, in seconds. */
export type StoredCredential = Omit<Credential, "expiresAt"> &
  Key & {
    readonly type: "credential";
    readonly workspaceId: string;
    readonly secretHash: string;
    readonly validUntil: string;
    readonly expiresAt: number;
  };

/** An access token, under its hash: whose it is, and for what. */
export type StoredAccessToken = Key & {
  readonly type: "access-token";
  readonly workspaceId: string;
  readonly subject: string;
  readonly scopes?: readonly string[];
  /** In seconds. The table forgets it then, or some time later. */
  readonly expiresAt: number;
};

export const viewCredential = (stored: StoredCredential): Credential =>
  view(Credential, { ...stored, expiresAt: stored.validUntil });

/** A credential, and its membership: it is in the workspace as people are, until it ends. */
export const createCredential = (
  workspace: StoredWorkspace,
  { expiresInSeconds, ...input }: CreateCredential,
  secret: string,
  caller: string,
  moment: Moment,
): { readonly credential: StoredCredential; readonly writes: Write[] } => {
  const id = moment.newId("credential");
  const until = new Date(moment.now.getTime() + expiresInSeconds * 1_000);
  const credential: StoredCredential = {
    ...keys.credential(workspace.id, id),
    type: "credential",
    id,
    ...input,
    workspaceId: workspace.id,
    secretHash: hashOfSecret(secret),
    createdBy: caller,
    createdAt: moment.now.toISOString(),
    validUntil: until.toISOString(),
    expiresAt: Math.floor(until.getTime() / 1_000) + LISTED_DAYS * DAY,
  };
  const { workspaceId, role, validUntil, createdAt, expiresAt } = credential;
  const subject = subjectOfCredential(id);
  const membership = { type: "membership", workspaceId, subject, role, validUntil, createdAt, expiresAt };
  return {
    credential,
    writes: [
      workspaceIsActive(workspace.id),
      { do: "create", item: { ...credential } },
      { do: "create", item: { ...keys.membership(subject, workspaceId), ...membership } },
    ],
  };
};

/** Where a credential is: its own item, and its membership. */
export const keysOfCredential = ({ workspaceId, id }: Pick<StoredCredential, "workspaceId" | "id">): [Key, Key] => [
  keys.credential(workspaceId, id),
  keys.membership(subjectOfCredential(id), workspaceId),
];

/** Ends a credential, and with it every access token that it was exchanged for. */
export const revokeCredential = (credential: StoredCredential): Write[] => {
  const [own, membership] = keysOfCredential(credential);
  const gone = { code: "not-found", detail: `there is no credential ${credential.id}` } as const;
  return [
    { do: "delete", key: own, when: { id: credential.id }, otherwise: gone },
    { do: "delete", key: membership },
  ];
};

export const hasEnded = ({ validUntil }: Pick<Membership, "validUntil">, now: Date): boolean =>
  validUntil !== undefined && validUntil <= now.toISOString();

/** Whether a secret is this credential's; compared in a time that tells nothing. */
export const isSecretOf = (credential: StoredCredential, secret: string): boolean =>
  timingSafeEqual(Buffer.from(hashOfSecret(secret)), Buffer.from(credential.secretHash));

/**
 * An access token for a credential, which must still be there.
 * @param scopes of those that the credential has
 * @returns also for how many seconds it works
 */
export const issueAccessToken = (
  credential: StoredCredential,
  token: string,
  scopes: readonly string[] | undefined,
  now: Date,
): { readonly seconds: number; readonly writes: Write[] } => {
  const { workspaceId, id, secretHash, validUntil } = credential;
  const second = Math.floor(now.getTime() / 1_000);
  const seconds = Math.min(TOKEN_SECONDS, Math.floor(Date.parse(validUntil) / 1_000) - second);
  const stored: StoredAccessToken = {
    ...keys.accessToken(hashOfSecret(token)),
    type: "access-token",
    workspaceId,
    subject: subjectOfCredential(id),
    ...(scopes !== undefined && { scopes }),
    expiresAt: second + seconds,
  };
  return {
    seconds,
    writes: [
      {
        do: "check",
        key: keys.credential(workspaceId, id),
        when: { secretHash },
        otherwise: { code: "unauthorized", detail: "the client is not known, or its secret is wrong" },
      },
      { do: "create", item: { ...stored } },
    ],
  };
};

/** When a credential was last used, written once an hour at most; undefined where that is known. */
export const noteUse = ({ workspaceId, id, lastUsedAt }: StoredCredential, now: Date): Write | undefined => {
  if (lastUsedAt !== undefined && now.getTime() - Date.parse(lastUsedAt) < HOUR * 1_000) return undefined;
  return {
    do: "update",
    key: keys.credential(workspaceId, id),
    set: { lastUsedAt: now.toISOString() },
    when: { id, lastUsedAt: lastUsedAt ?? { exists: false } },
  };
};
