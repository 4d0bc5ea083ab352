import type { CertificateStatus } from "@aws-sdk/client-iot";
import { compilePolicy, type Statement } from "../iam/evaluate.ts";
import type { Iot } from "./state.ts";

/** What is known of a certificate that a device shows. Times are in milliseconds since the epoch. */
export interface DevicePrincipal {
  readonly certificateId: string;
  readonly status: CertificateStatus;
  readonly validFrom: number;
  readonly validTo: number;
  /** The things that it is attached to. */
  readonly things: readonly { readonly name: string; readonly typeName: string | undefined }[];
  /** The default versions of the policies that are attached to the certificate itself, as JSON. */
  readonly policies: readonly string[];
}

/** Undefined for a certificate that is not registered. */
export const findPrincipal = (iot: Iot, certificateId: string): DevicePrincipal | undefined => {
  const row = iot.store.get<{ status: CertificateStatus; valid_from: number; valid_to: number }>(
    "SELECT status, valid_from, valid_to FROM certificates WHERE name = ?",
    certificateId,
  );
  if (row === undefined) return undefined;
  const arn = iot.arn("cert", certificateId);
  const things = iot.store.all<{ name: string; type: string | null }>(
    "SELECT name, type FROM things JOIN thing_principals ON thing = name WHERE principal = ? ORDER BY name",
    arn,
  );
  const policies = iot.store.all<{ document: string }>(
    `SELECT document FROM policy_targets JOIN policies ON name = policy_targets.policy
     JOIN policy_versions ON policy_versions.policy = name AND version = default_version WHERE target = ?`,
    arn,
  );
  return {
    certificateId,
    status: row.status,
    validFrom: row.valid_from,
    validTo: row.valid_to,
    things: things.map(({ name, type }) => ({ name, typeName: type ?? undefined })),
    policies: policies.map(({ document }) => document),
  };
};

/** Whether a device may act with the certificate at all. @param now milliseconds since the epoch */
export const isUsable = ({ status, validFrom, validTo }: DevicePrincipal, now: number): boolean =>
  status === "ACTIVE" && validFrom <= now && now <= validTo;

/** The statements of an IoT policy. @throws Error for an element that is not evaluated here */
const statementsOf = (policy: string): Statement[] => {
  const { Statement: statements } = JSON.parse(policy) as { Statement: Statement | Statement[] };
  const list = Array.isArray(statements) ? statements : [statements];
  if (list.some((statement) => "NotAction" in statement || "NotResource" in statement))
    throw new Error("NotAction and NotResource of IoT policies are not evaluated here");
  return list;
};

/**
 * Whether the certificate's own policies allow the action over HTTPS, for Greengrass and for credentials: policies of
 * thing groups do not count there, and variables of the connection have no value, so that what they are in matches
 * nothing (https://docs.aws.amazon.com/greengrass/v2/developerguide/device-auth.html).
 *
 * @throws Error for a policy that uses what is not evaluated here
 */
export const permits = (principal: DevicePrincipal, action: string, resource: string): boolean => {
  const Statement = principal.policies.flatMap(statementsOf);
  return compilePolicy({ Version: "2012-10-17", Statement })({ action, resource }) === "allowed";
};
