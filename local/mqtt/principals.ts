import { X509Certificate } from "node:crypto";
import { findCertificate } from "../iot/certificates.ts";
import { findClaim } from "../iot/provisioning-claims.ts";
import type { Iot } from "../iot/state.ts";

/** Who a connection is: the certificate that it presented, whose key it has. */
export interface Principal {
  readonly certificateId: string;
  readonly arn: string;
  /** The provisioning template that a temporary claim is for; undefined for a registered certificate. */
  readonly claimFor?: string;
}

/**
 * The principal of a certificate that may be used now: one that is registered, ACTIVE and within its validity, whoever
 * signed it; or a temporary provisioning claim within its life. Which it is, is told by its fingerprint; the handshake
 * has proven that the client has its key.
 *
 * @returns the reason for which it is refused, else
 */
export const authenticate = (iot: Iot, certificateId: string): Principal | string => {
  const arn = iot.arn("cert", certificateId);
  const claim = findClaim(iot, certificateId);
  if (claim !== undefined) return { certificateId, arn, claimFor: claim.templateName };
  const row = findCertificate(iot, certificateId);
  if (row === undefined) return "the certificate is not registered, or is a claim that expired";
  if (row.status !== "ACTIVE") return `the certificate is ${row.status}`;
  const now = iot.clock.now();
  if (now < row.valid_from || now > row.valid_to) return "the certificate is not within its validity";
  return { certificateId, arn };
};

/** AWS IoT's names of what stands in a distinguished name. https://docs.aws.amazon.com/iot/latest/developerguide/cert-policy-variables.html */
const NAMES: Readonly<Record<string, string>> = {
  CN: "CommonName",
  C: "Country",
  O: "Organization",
  OU: "OrganizationalUnit",
  ST: "State",
  dnQualifier: "DistinguishedNameQualifier",
  serialNumber: "SerialNumber",
  title: "Title",
  SN: "Surname",
  GN: "GivenName",
  initials: "Initials",
  pseudonym: "Pseudonym",
  generationQualifier: "GenerationQualifier",
};

/** The values of a distinguished name as Node.js writes it, a line for each. A name that repeats has `.0`, `.1`, … too. */
const distinguished = (prefix: string, text: string): [string, string][] => {
  const counts = new Map<string, number>();
  return text.split("\n").flatMap((line): [string, string][] => {
    const at = line.indexOf("=");
    const name = NAMES[line.slice(0, at)];
    if (at < 0 || name === undefined) return [];
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    const value = line.slice(at + 1);
    const numbered: [string, string] = [`${prefix}.${name}.${count}`, value];
    return count === 0 ? [[`${prefix}.${name}`, value], numbered] : [numbered];
  });
};

/** The policy variables `iot:Certificate.…` of a certificate. */
export const certificateVariables = (iot: Iot, certificateId: string): ReadonlyMap<string, string> => {
  const pem = findCertificate(iot, certificateId)?.pem ?? findClaim(iot, certificateId)?.certificatePem;
  if (pem === undefined) return new Map();
  const { subject, issuer, serialNumber } = new X509Certificate(pem);
  return new Map([
    ...distinguished("iot:Certificate.Subject", subject),
    ...distinguished("iot:Certificate.Issuer", issuer),
    ["iot:Certificate.SerialNumber", serialNumber.toLowerCase()],
  ]);
};
