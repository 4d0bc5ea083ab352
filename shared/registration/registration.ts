import * as z from "zod";
import type { Moment } from "../ids.ts";
import { keys } from "../keys.ts";
import { placeNode } from "../node/intents.ts";
import type { StoredNode } from "../node/node.ts";
import type { Accepted } from "../workspace/workspace.ts";
import type { Attributes, Key, Write } from "../writes.ts";
import { requestRevocation, type StoredCertificate } from "./certificate.ts";
import { tokenHash } from "./token.ts";

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** What clients may say of a token that they ask for. */
export const TokenLife = z
  .int()
  .min(300)
  .max(30 * DAY)
  .default(DAY)
  .meta({ description: "Seconds until the token ends: 5 minutes to 30 days, a day if nothing is said" });

export const CreateRegistrationToken = z
  .strictObject({ expiresInSeconds: TokenLife })
  .meta({ id: "CreateRegistrationToken" });

export const RegistrationToken = z
  .object({
    token: z.string().meta({ description: "Shown this once: only its hash is kept" }),
    expiresAt: z.iso.datetime(),
    command: z.string().meta({ description: "What to run on the device" }),
  })
  .meta({ id: "RegistrationToken" });
export type RegistrationToken = z.infer<typeof RegistrationToken>;

export const IssuedToken = z
  .object({
    status: z
      .enum(["issued", "pending", "bound"])
      .meta({ description: "issued; pending, once a device has shown it; bound to that device's key" }),
    createdBy: z.string().meta({ description: "Subject of who issued it" }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: "IssuedToken", description: "What is known of a registration token: all but the token" });
export type IssuedToken = z.infer<typeof IssuedToken>;

export const Register = z
  .strictObject({ token: z.string().min(1).max(256).meta({ description: "The registration token" }) })
  .meta({ id: "Register" });

const Address = z.string().meta({ description: "Host, or host and port" });

export const Registration = z
  .object({
    thing: z.string().meta({ description: "Name of the AWS IoT thing that the device becomes" }),
    region: z.string(),
    runtime: z.enum(["nucleus", "nucleus-lite"]).meta({ description: "What the node was created for" }),
    claim: z
      .object({ certificatePem: z.string(), privateKey: z.string(), expiresAt: z.iso.datetime() })
      .meta({ description: "A certificate for nothing but to ask for the device's own, for some minutes" }),
    template: z.string().meta({ description: "The fleet provisioning template, which takes the parameter Token" }),
    roleAlias: z.string(),
    endpoints: z.object({ mqtt: Address, credentials: Address, greengrass: Address }),
    rootCa: z.string().meta({ description: "What to trust the endpoints by, in PEM" }),
  })
  .meta({ id: "Registration" });

/**
 * A token as it is kept, under its hash. It works while its node names it, so that another token, or none, for the node
 * ends it. `kind` and `maxUses` leave room for tokens from which nodes come into being as boxes register.
 */
export type StoredToken = Key & {
  readonly type: "registration-token";
  readonly kind: "node";
  readonly maxUses: number;
  /**
   * `issued`; `pending` when a device has shown it and been given a claim; `bound` to the key of that device when AWS IoT
   * has been told to let it in. When that has connected, the token is used, and gone.
   */
  readonly status: IssuedToken["status"];
  readonly workspaceId: string;
  readonly nodeId: string;
  readonly issuedBy: string;
  readonly createdAt: string;
  readonly validUntil: string;
  /** How often it was shown. */
  readonly attempts: number;
  /** SHA-256 of the public key (SPKI, DER) that it is bound to, in hexadecimal. */
  readonly keyFingerprint?: string;
  /** When the table forgets it, in seconds. */
  readonly expiresAt: number;
};

/** A temporary claim certificate that a token was exchanged for. */
export type StoredClaim = Key & {
  readonly type: "provisioning-claim";
  readonly token: string;
  readonly expiresAt: number;
};

const seconds = (date: Date): number => Math.floor(date.getTime() / 1_000);
/** A device that keeps asking with one token does so within reason. */
const MAX_ATTEMPTS = 50;

/** The token's item, and what the node then says of its registration. */
const tokenFor = (
  node: Pick<StoredNode, "id" | "workspaceId">,
  options: { readonly token: string; readonly lifeSeconds: number; readonly caller: string; readonly now: Date },
): { item: StoredToken; node: { token: string; tokenExpiresAt: string } } => {
  const hash = tokenHash(options.token);
  const until = new Date(options.now.getTime() + options.lifeSeconds * 1_000);
  return {
    item: {
      ...keys.registrationToken(hash),
      type: "registration-token",
      kind: "node",
      maxUses: 1,
      status: "issued",
      workspaceId: node.workspaceId,
      nodeId: node.id,
      issuedBy: options.caller,
      createdAt: options.now.toISOString(),
      validUntil: until.toISOString(),
      attempts: 0,
      expiresAt: seconds(until) + DAY,
    },
    node: { token: hash, tokenExpiresAt: until.toISOString() },
  };
};

/** A token as it is told of; its hash is nobody's to know either. */
export const viewToken = ({ status, issuedBy, createdAt, validUntil }: StoredToken): IssuedToken => ({
  status,
  createdBy: issuedBy,
  createdAt,
  expiresAt: validUntil,
});

export interface NewToken {
  readonly token: string;
  readonly lifeSeconds: number;
}

/** What a new node carries of its first token, and the token's write. */
export const firstToken = (
  node: Pick<StoredNode, "id" | "workspaceId">,
  { token, lifeSeconds }: NewToken,
  caller: string,
  now: Date,
): { readonly node: { token: string; tokenExpiresAt: string }; readonly write: Write } => {
  const made = tokenFor(node, { token, lifeSeconds, caller, now });
  return { node: made.node, write: { do: "create", item: { ...made.item } } };
};

/**
 * Another token for a node; the one before works no more.
 * @param registered whether the node is to be one that a device is registered as (to replace it), or one that is not
 */
export const issueToken = (
  node: StoredNode,
  { token, lifeSeconds }: NewToken,
  registered: boolean,
  caller: string,
  now: Date,
): Write[] => {
  const made = tokenFor(node, { token, lifeSeconds, caller, now });
  return [
    ...withoutToken(node),
    { do: "create", item: { ...made.item } },
    {
      do: "update",
      key: keys.node(node.workspaceId, node.id),
      set: { ...made.node, updatedAt: now.toISOString() },
      add: { revision: 1 },
      when: { status: { in: ["creating", "active"] }, registeredAt: { exists: registered } },
      otherwise: registered
        ? { code: "not-ready", detail: "no device is registered as this node: ask for a registration token" }
        : { code: "not-ready", detail: "a device is registered as this node: re-register it to replace that" },
    },
  ];
};

/** Takes away the token that a node was seen to have. */
export const withoutToken = ({ token }: Pick<StoredNode, "token">): Write[] =>
  token === undefined ? [] : [{ do: "delete", key: keys.registrationToken(token) }];

/** Ends a node's token, if it has one that was not used. */
export const revokeToken = (node: StoredNode, now: Date): Write[] => [
  ...withoutToken(node),
  {
    do: "update",
    key: keys.node(node.workspaceId, node.id),
    set: { updatedAt: now.toISOString() },
    add: { revision: 1 },
    remove: ["token", "tokenExpiresAt"],
    when: { status: { in: ["creating", "active", "failed"] } },
    otherwise: { code: "not-ready", detail: "the node is being deleted" },
  },
];

/** Whether a token that is there works no more. */
export const isOver = ({ validUntil, attempts }: StoredToken, now: Date): boolean =>
  validUntil <= now.toISOString() || attempts >= MAX_ATTEMPTS;

/** The refusal of every token that does not work: whoever asks learns no more. */
const REFUSED = { code: "unauthorized", detail: "the registration token is not valid" } as const;

/**
 * A device shows a token: issued → pending, on the condition that all of it holds. The same writes for a token that there
 * is none of, so that the answers differ in nothing.
 * @param found the token's item, if there is one
 */
export const presentToken = (token: string, found: StoredToken | undefined, now: Date): Write[] => {
  const hash = tokenHash(token);
  return [
    {
      do: "update",
      key: keys.registrationToken(hash),
      set: found?.status === "bound" ? {} : { status: "pending" },
      add: { attempts: 1 },
      when: {
        status: { in: found?.status === "bound" ? ["bound"] : ["issued", "pending"] },
        attempts: { below: MAX_ATTEMPTS },
        validUntil: { above: now.toISOString() },
      },
      otherwise: REFUSED,
    },
    {
      do: "check",
      key: keys.node(found?.workspaceId ?? "none", found?.nodeId ?? "none"),
      when: { token: hash, status: { in: ["creating", "active"] } },
      otherwise: REFUSED,
    },
  ];
};

/** Keeps which token a claim certificate was given for. @param until when AWS IoT ends the claim */
export const recordClaim = (token: string, certificateId: string, until: Date): Write => {
  const item: StoredClaim = {
    ...keys.provisioningClaim(certificateId),
    type: "provisioning-claim",
    token: tokenHash(token),
    expiresAt: seconds(until) + DAY,
  };
  return { do: "create", item: { ...item } };
};

/** A certificate that AWS IoT has made, and is asked to activate for a node. */
interface Applicant {
  readonly certificateId: string;
  readonly keyFingerprint: string;
}

/** @param token the hash of the token that it is made for */
const applied = (
  node: Pick<StoredNode, "id" | "workspaceId">,
  applicant: Applicant,
  now: Date,
  token?: string,
): Write => {
  const certificate: StoredCertificate = {
    ...keys.certificate(node.id, applicant.certificateId),
    type: "certificate",
    id: applicant.certificateId,
    nodeId: node.id,
    workspaceId: node.workspaceId,
    status: "pending",
    keyFingerprint: applicant.keyFingerprint,
    createdAt: now.toISOString(),
    ...(token !== undefined && { token }),
  };
  // One with which nobody ever connects is listed for as long as a token may live.
  return { do: "put", item: { ...certificate, expiresAt: seconds(now) + 31 * DAY } };
};

const nodeIsActive = (node: Pick<StoredNode, "id" | "workspaceId">, more: Attributes = {}): Write => ({
  do: "check",
  key: keys.node(node.workspaceId, node.id),
  when: { status: "active", ...(more as Record<string, string>) },
  otherwise: { code: "unauthorized", detail: "the node is not there to be registered" },
});

/**
 * pending → bound: from now on the token works for this key alone, for which it may come again until it ends (a lost answer,
 * a power cut).
 * @param token its item, as read just before
 */
export const bindToken = (token: StoredToken, applicant: Applicant, now: Date): Write[] => {
  const node = { id: token.nodeId, workspaceId: token.workspaceId };
  const { keyFingerprint } = applicant;
  const isNew = token.keyFingerprint === undefined;
  const hash = token.pk.replace(/^.*#/, "");
  return [
    {
      do: "update",
      key: { pk: token.pk, sk: token.sk },
      set: { status: "bound", keyFingerprint },
      when: {
        status: { in: ["pending", "bound"] },
        validUntil: { above: now.toISOString() },
        keyFingerprint: isNew ? { exists: false } : keyFingerprint,
      },
      otherwise: { code: "unauthorized", detail: "the token is bound to another key, has ended, or was not shown" },
    },
    nodeIsActive(node, { token: hash }),
    applied(node, applicant, now, hash),
  ];
};

/** A node asks for another certificate over the connection that it has. @param current the certificate of that */
export const rotate = (node: StoredNode, current: StoredCertificate, applicant: Applicant, now: Date): Write[] => [
  {
    do: "check",
    key: { pk: current.pk, sk: current.sk },
    when: { status: "active" },
    otherwise: { code: "unauthorized", detail: "the certificate of the connection is not the node's" },
  },
  nodeIsActive(node),
  applied(node, applicant, now),
];

/**
 * The first connection with a certificate: it is the node's from now on, the token that led to it is used, and the node's other
 * certificates are revoked. A renewal leaves the node's token, and what was made for it, to the device that is to come.
 * @param others the node's other certificates
 */
export const firstConnection = (
  node: StoredNode,
  certificate: StoredCertificate,
  others: readonly StoredCertificate[],
  moment: Moment,
): { readonly intents: Accepted["intent"][]; readonly writes: Write[] } => {
  const at = moment.now.toISOString();
  const usesToken = node.token !== undefined && certificate.token === node.token;
  const isAwaited = ({ status, token }: StoredCertificate): boolean =>
    !usesToken && status === "pending" && token !== undefined && token === node.token;
  const revocations = others
    .filter((other) => (other.status === "pending" || other.status === "active") && !isAwaited(other))
    .map((other) => requestRevocation(node, other, "slipway", moment));
  // With a token another device takes the node's place, and has run nothing of what its predecessor ran.
  const isReplaced = usesToken && node.registeredAt !== undefined;
  return {
    intents: [...revocations.map(({ intent }) => intent), ...(isReplaced ? [placeNode(node, "slipway", moment)] : [])],
    writes: [
      {
        do: "update",
        key: { pk: certificate.pk, sk: certificate.sk },
        set: { status: "active", activatedAt: at },
        remove: ["expiresAt"],
        when: { status: "pending" },
      },
      {
        do: "update",
        key: keys.node(node.workspaceId, node.id),
        set: { updatedAt: at, registeredAt: at },
        add: { revision: 1, ...(isReplaced && { registrations: 1 }) },
        ...(usesToken && { remove: ["token", "tokenExpiresAt"] }),
        // With another token by now, other certificates are awaited.
        when: { status: "active", token: node.token ?? { exists: false } },
      },
      ...(usesToken ? withoutToken(node) : []),
      ...revocations.flatMap(({ writes }) => writes),
    ],
  };
};
