import { createHash } from "node:crypto";
import * as z from "zod";
import { base32, type Moment } from "../ids.ts";
import { keys } from "../keys.ts";
import { AppError } from "../problems.ts";
import { view } from "../resource.ts";
import { hashOfSecret } from "../secrets.ts";
import type { Key, Write } from "../writes.ts";
import { type Membership, ROLES, type Role } from "./access.ts";
import { type StoredWorkspace, workspaceIsActive } from "./workspace.ts";

const DAY = 86_400;

export const RoleName = z.enum(ROLES).meta({ description: "Each may do what those before it may" });

export const Subject = z
  .string()
  .min(1)
  .max(256)
  .meta({ description: "`sub` of the member's tokens", examples: ["auth0|5f7c8ec7c33c6c004bbafe82"] });

export const Member = z
  .object({
    id: z.string().meta({ description: "Stands for the subject in paths", examples: ["mem_01jd8x2m6q7w3k9v5t4r"] }),
    subject: Subject,
    role: RoleName,
    invitedBy: z.string().optional().meta({ description: "Subject of who invited the member" }),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "Member" });
export type Member = z.infer<typeof Member>;

export const EditMember = z.strictObject({ role: RoleName }).meta({ id: "EditMember" });

export const CreateInvitation = z
  .strictObject({
    role: RoleName,
    subject: Subject.optional().meta({ description: "Who alone may accept; anyone with the code, if nothing is said" }),
    expiresInSeconds: z
      .int()
      .min(300)
      .max(30 * DAY)
      .default(7 * DAY)
      .meta({ description: "5 minutes to 30 days, a week if nothing is said" }),
  })
  .meta({ id: "CreateInvitation" });
export type CreateInvitation = z.infer<typeof CreateInvitation>;

export const Invitation = z
  .object({
    id: z.string(),
    role: RoleName,
    subject: Subject.optional(),
    createdBy: z.string().meta({ description: "Subject of who invites" }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: "Invitation" });
export type Invitation = z.infer<typeof Invitation>;

export const CreatedInvitation = Invitation.extend({
  code: z.string().meta({ description: "Shown this once: only its hash is kept" }),
}).meta({ id: "CreatedInvitation" });

export const AcceptInvitation = z
  .strictObject({
    code: z.string().min(1).max(256).meta({ description: "The invitation's code", format: "password" }),
  })
  .meta({ id: "AcceptInvitation" });

export const Joined = z
  .object({ workspace: z.object({ id: z.string(), name: z.string() }), role: RoleName })
  .meta({ id: "Joined", description: "What the caller is a member of from now on" });

/** A member as it is listed, beside the membership that its subject has. */
export type StoredMember = Membership & { readonly createdAt: string; readonly invitedBy?: string } & Key;

/** The prefix of an invitation's code. */
export const CODE_PREFIX = "sli_";

/** An invitation, without its code. `expiresAt` is when the table forgets it, in seconds. */
export type StoredInvitation = Omit<Invitation, "expiresAt"> &
  Key & {
    readonly type: "invitation";
    readonly workspaceId: string;
    readonly codeHash: string;
    readonly validUntil: string;
    readonly expiresAt: number;
  };

/** What stands for a subject in a path: subjects may hold a slash, or be longer than a part of a path. */
export const memberId = (subject: string): string =>
  `mem_${base32(createHash("sha256").update(subject).digest().subarray(0, 13), 20)}`;

export const viewMember = (stored: StoredMember): Member => view(Member, { ...stored, id: memberId(stored.subject) });

export const viewInvitation = (stored: StoredInvitation): Invitation =>
  view(Invitation, { ...stored, expiresAt: stored.validUntil });

/** Both items of a membership: what the subject is a member of, and who is a member of the workspace. */
export const membershipOf = (
  workspaceId: string,
  subject: string,
  role: Role,
  now: Date,
  more: { readonly invitedBy?: string } = {},
): Write[] => {
  const membership = { type: "membership", workspaceId, subject, role, createdAt: now.toISOString(), ...more };
  const otherwise = { code: "conflict", detail: "the caller is a member of the workspace already" } as const;
  return [
    { do: "create", item: { ...keys.membership(subject, workspaceId), ...membership }, otherwise },
    { do: "create", item: { ...keys.member(workspaceId, subject), ...membership }, otherwise },
  ];
};

/**
 * Part of a transaction that takes an owner's role away: another one stays. The check is of one other owner, so that of two
 * owners who take it from each other at the same time, one is refused.
 * @throws AppError `last-owner`
 */
const anotherOwnerStays = (member: StoredMember, members: readonly StoredMember[]): Write[] => {
  if (member.role !== "owner") return [];
  const other = members.find(({ role, subject }) => role === "owner" && subject !== member.subject);
  if (other === undefined) throw new AppError("last-owner", "make someone else an owner first");
  return [{ do: "check", key: keys.member(other.workspaceId, other.subject), when: { role: "owner" } }];
};

/** @param members all of the workspace @throws AppError `last-owner` */
export const changeRole = (member: StoredMember, role: Role, members: readonly StoredMember[]): Write[] => [
  ...[keys.membership(member.subject, member.workspaceId), keys.member(member.workspaceId, member.subject)].map(
    (key): Write => ({ do: "update", key, set: { role }, when: { role: member.role } }),
  ),
  ...(role === "owner" ? [] : anotherOwnerStays(member, members)),
];

/** @param members all of the workspace @throws AppError `last-owner` */
export const removeMember = (member: StoredMember, members: readonly StoredMember[]): Write[] => [
  { do: "delete", key: keys.membership(member.subject, member.workspaceId), when: { role: member.role } },
  { do: "delete", key: keys.member(member.workspaceId, member.subject), when: { role: member.role } },
  ...anotherOwnerStays(member, members),
];

/** An invitation, and the item by which its code finds it. */
export const invite = (
  workspace: StoredWorkspace,
  { expiresInSeconds, ...input }: CreateInvitation,
  code: string,
  caller: string,
  moment: Moment,
): { readonly invitation: StoredInvitation; readonly writes: Write[] } => {
  const id = moment.newId("invitation");
  const codeHash = hashOfSecret(code);
  const until = new Date(moment.now.getTime() + expiresInSeconds * 1_000);
  const invitation: StoredInvitation = {
    ...keys.invitation(workspace.id, id),
    type: "invitation",
    id,
    ...input,
    workspaceId: workspace.id,
    codeHash,
    createdBy: caller,
    createdAt: moment.now.toISOString(),
    validUntil: until.toISOString(),
    expiresAt: Math.floor(until.getTime() / 1_000) + DAY,
  };
  const byCode = { type: "invitation-code", id, workspaceId: workspace.id, expiresAt: invitation.expiresAt };
  return {
    invitation,
    writes: [
      workspaceIsActive(workspace.id),
      { do: "create", item: { ...invitation } },
      { do: "create", item: { ...keys.invitationCode(codeHash), ...byCode } },
    ],
  };
};

/** Where an invitation is: its own item, and that of its code. */
export const keysOfInvitation = ({
  workspaceId,
  id,
  codeHash,
}: Pick<StoredInvitation, "workspaceId" | "id" | "codeHash">): [Key, Key] => [
  keys.invitation(workspaceId, id),
  keys.invitationCode(codeHash),
];

const NO_INVITATION = { code: "not-found", detail: "there is no such invitation" } as const;

/** Ends an invitation: used, or taken back. */
export const endInvitation = (invitation: StoredInvitation): Write[] => {
  const [own, code] = keysOfInvitation(invitation);
  return [
    { do: "delete", key: own, when: { id: invitation.id }, otherwise: NO_INVITATION },
    { do: "delete", key: code },
  ];
};

/**
 * The invited becomes a member, while who invites still may: an owner who was removed, or is one no more, lets nobody in,
 * nor themselves again. Whatever does not fit, the invited learn no more than that there is no such invitation.
 * @throws AppError `not-found`
 */
export const acceptInvitation = (invitation: StoredInvitation | undefined, caller: string, now: Date): Write[] => {
  const fits =
    invitation !== undefined &&
    invitation.validUntil > now.toISOString() &&
    (invitation.subject === undefined || invitation.subject === caller) &&
    invitation.createdBy !== caller;
  if (!fits) throw new AppError(NO_INVITATION.code, NO_INVITATION.detail);
  return [
    workspaceIsActive(invitation.workspaceId),
    {
      do: "check",
      key: keys.membership(invitation.createdBy, invitation.workspaceId),
      when: { role: "owner" },
      otherwise: NO_INVITATION,
    },
    ...endInvitation(invitation),
    ...membershipOf(invitation.workspaceId, caller, invitation.role, now, { invitedBy: invitation.createdBy }),
  ];
};
