import { createHash, X509Certificate } from "node:crypto";
import middy from "@middy/core";
import { actorOfDevice } from "../../shared/audit/audit.ts";
import { auditOf } from "../../shared/aws/audit.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames, nodeOfClientId } from "../../shared/names.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { ABSENT } from "../../shared/node/provisioning.ts";
import { AppError } from "../../shared/problems.ts";
import type { StoredCertificate } from "../../shared/registration/certificate.ts";
import { bindToken, rotate, type StoredClaim, type StoredToken } from "../../shared/registration/registration.ts";
import { faultOfToken, tokenHash } from "../../shared/registration/token.ts";
import type { Write } from "../../shared/writes.ts";
import { type Log, loggerOf } from "../logger.ts";
import { measure } from "../metrics.ts";

/** https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html */
interface HookEvent {
  readonly claimCertificateId: string;
  readonly certificateId: string;
  readonly certificatePem: string;
  readonly templateArn: string;
  readonly clientId: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

interface HookAnswer {
  readonly allowProvisioning: boolean;
  readonly parameterOverrides?: Readonly<Record<string, string>>;
}

interface Allowed {
  readonly node: Pick<StoredNode, "workspaceId" | "id">;
  readonly writes: readonly Write[];
}

const refused = (detail: string) => new AppError("unauthorized", detail);

/** A parameter that the device has given: the template's default stands for none. */
const given = (parameter: string | undefined): string | undefined => (parameter === ABSENT ? undefined : parameter);

/** With a token: the claim must be the one that this very token was exchanged for. */
const byToken = async (token: string, event: HookEvent, keyFingerprint: string, now: Date): Promise<Allowed> => {
  if (faultOfToken(token) !== undefined) throw refused("the token has not the form of one");
  const hash = tokenHash(token);
  const [claim, stored] = await Promise.all([
    getItem<StoredClaim>(keys.provisioningClaim(event.claimCertificateId)),
    getItem<StoredToken>(keys.registrationToken(hash)),
  ]);
  if (stored === undefined || claim?.token !== hash) throw refused("the claim is not this token's");
  return {
    node: { workspaceId: stored.workspaceId, id: stored.nodeId },
    writes: bindToken(stored, { certificateId: event.certificateId, keyFingerprint }, now),
  };
};

/** Without one: the "claim" is the certificate that a node has, and the new one is to follow it. */
const byCertificate = async (event: HookEvent, keyFingerprint: string, now: Date): Promise<Allowed> => {
  const named = nodeOfClientId(env("STAGE"), given(event.parameters?.ThingName) ?? "");
  if (named === undefined) throw refused("there is neither a token nor the name of a node");
  const [node, current] = await Promise.all([
    getItem<StoredNode>(keys.node(named.workspaceId, named.nodeId)),
    getItem<StoredCertificate>(keys.certificate(named.nodeId, event.claimCertificateId)),
  ]);
  if (node === undefined || current === undefined) throw refused("the certificate is not one of this node");
  return { node, writes: rotate(node, current, { certificateId: event.certificateId, keyFingerprint }, now) };
};

/** The SHA-256 of a certificate's public key, as SPKI in DER. */
const fingerprintOf = (certificatePem: string): string =>
  createHash("sha256")
    .update(new X509Certificate(certificatePem).publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");

/**
 * What AWS IoT asks before it activates a certificate for a device. Thing and policy follow from the token, or from the
 * certificate of the connection, alone: whatever else the device says is overridden. Whatever goes wrong here is no.
 */
export const handler = middy<HookEvent, HookAnswer>().handler(async (event, context) => {
  const log: Log = loggerOf(context, { certificate: event.certificateId, claim: event.claimCertificateId });
  const now = new Date();
  try {
    const token = given(event.parameters?.Token);
    const keyFingerprint = fingerprintOf(event.certificatePem);
    const { node, writes } =
      token === undefined
        ? await byCertificate(event, keyFingerprint, now)
        : await byToken(token, event, keyFingerprint, now);
    const deed = {
      workspaceId: node.workspaceId,
      actor: actorOfDevice(node.id),
      operation: token === undefined ? "device.renewed" : "device.enrolled",
      object: { type: "node", id: node.id },
    };
    await transact([...writes, ...auditOf(deed, writes, now)]);
    log.info("allowed", { node: node.id, by: token === undefined ? "certificate" : "token" });
    measure("HookAnswers", 1, { verdict: "allowed" });
    return {
      allowProvisioning: true,
      parameterOverrides: {
        ThingName: awsNames.thing(env("STAGE"), node.workspaceId, node.id),
        PolicyName: awsNames.devicePolicy(env("STAGE"), node.workspaceId),
      },
    };
  } catch (error) {
    const isRefusal = error instanceof AppError && error.code === "unauthorized";
    if (isRefusal) log.warn("refused", { why: error.message });
    else log.error("failed", error instanceof Error ? error : new Error(String(error)));
    measure("HookAnswers", 1, { verdict: isRefusal ? "refused" : "failed" });
    return { allowProvisioning: false };
  }
});
