import * as z from "zod";
import type { Moment } from "../ids.ts";
import { requestIntent } from "../intent/intent.ts";
import type { StoredNode } from "../node/node.ts";
import type { Accepted } from "../workspace/workspace.ts";
import type { Key, Write } from "../writes.ts";

export const Certificate = z
  .object({
    id: z.string().meta({ description: "AWS IoT's id: the SHA-256 of the certificate" }),
    status: z.enum(["pending", "active", "revoking", "revoked"]).meta({
      description: "`pending` until the node first connects with it",
    }),
    keyFingerprint: z.string().meta({ description: "SHA-256 of the public key (SPKI, DER), in hexadecimal" }),
    createdAt: z.iso.datetime(),
    activatedAt: z.iso.datetime().optional(),
    revokedAt: z.iso.datetime().optional(),
  })
  .meta({ id: "Certificate" });

export type StoredCertificate = z.infer<typeof Certificate> &
  Key & {
    readonly type: "certificate";
    readonly nodeId: string;
    readonly workspaceId: string;
    /** The hash of the token that it was made for; none of one that a device asked for over the connection that it had. */
    readonly token?: string;
  };

/** How long a revoked certificate is still listed. */
const KEPT_DAYS = 90;

/** The end of a revocation. */
export const revoked = (key: Key, now: Date): Write => ({
  do: "update",
  key,
  set: {
    status: "revoked",
    revokedAt: now.toISOString(),
    expiresAt: Math.floor(now.getTime() / 1_000) + KEPT_DAYS * 86_400,
  },
  when: { status: { in: ["revoking", "revoked"] } },
});

/** Takes a certificate from its node: live connections end, and it opens none again. */
export const requestRevocation = (
  node: StoredNode,
  certificate: StoredCertificate,
  caller: string,
  moment: Moment,
): Accepted => ({
  intent: requestIntent(
    {
      kind: "certificate.revoke",
      workspaceId: node.workspaceId,
      parentId: node.id,
      subject: {
        type: "certificate",
        id: certificate.id,
        name: node.name,
        href: `/v1/workspaces/${node.workspaceId}/nodes/${node.id}/certificates`,
      },
      requestedBy: caller,
    },
    moment,
  ),
  writes: [
    {
      do: "update",
      key: { pk: certificate.pk, sk: certificate.sk },
      set: { status: "revoking" },
      when: { status: { in: ["pending", "active"] } },
      otherwise: { code: "not-ready", detail: "the certificate is revoked, or being revoked" },
    },
  ],
});
