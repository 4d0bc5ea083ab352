import { certificateIdOf, issueWithKeys } from "./certificates.ts";
import { invalidRequest } from "./errors.ts";
import { getTemplate } from "./provisioning-templates.ts";
import type { Iot, IotHandlers } from "./state.ts";

/** `certificate_tokens` holds the hashes of the tokens by which devices own certificates that they have not registered yet. */
export const PROVISIONING_CLAIMS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS provisioning_claims (
    certificate TEXT PRIMARY KEY, template TEXT NOT NULL, pem TEXT NOT NULL, expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS certificate_tokens (
    token TEXT PRIMARY KEY, certificate TEXT NOT NULL, expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** https://docs.aws.amazon.com/iot/latest/developerguide/provision-wo-cert.html: a temporary claim lasts 5 minutes. */
const LIFE_MS = 300_000;

/** A temporary claim certificate that has not expired. */
export interface ProvisioningClaim {
  readonly certificateId: string;
  readonly templateName: string;
  readonly certificatePem: string;
  /** In milliseconds since the epoch. */
  readonly expiresAt: number;
}

export const findClaim = (iot: Iot, certificateId: string): ProvisioningClaim | undefined =>
  iot.store.get<ProvisioningClaim>(
    `SELECT certificate AS certificateId, template AS templateName, pem AS certificatePem, expires_at AS expiresAt
     FROM provisioning_claims WHERE certificate = ? AND expires_at > ?`,
    certificateId,
    iot.clock.now(),
  );

export const provisioningClaimHandlers: IotHandlers = {
  /** https://docs.aws.amazon.com/iot/latest/apireference/API_CreateProvisioningClaim.html */
  CreateProvisioningClaim: async (input, iot) => {
    const template = getTemplate(iot, input.templateName);
    if (template.type !== "FLEET_PROVISIONING")
      throw invalidRequest(`Provisioning template ${template.name} is not for fleet provisioning`);
    if (template.enabled !== 1) throw invalidRequest(`Provisioning template ${template.name} is not enabled`);
    // An X.509 time has whole seconds.
    const expiresAt = Math.ceil((iot.clock.now() + LIFE_MS) / 1_000) * 1_000;
    const { certificatePem, keyPair } = await issueWithKeys(iot, expiresAt);
    const certificateId = certificateIdOf(certificatePem);
    iot.store.transact(() => {
      iot.store.run("DELETE FROM provisioning_claims WHERE expires_at <= ?", iot.clock.now());
      iot.store.run(
        "INSERT INTO provisioning_claims VALUES (?, ?, ?, ?)",
        certificateId,
        template.name,
        certificatePem,
        expiresAt,
      );
    });
    return { certificateId, certificatePem, keyPair, expiration: new Date(expiresAt) };
  },
};
