import { createPublicKey, generateKeyPair, randomUUID, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import type { CertificateMode, CertificateStatus } from "@aws-sdk/client-iot";
import { AwsError } from "../aws-json/errors.ts";
import { afterToken, cut } from "../aws-json/paging.ts";
import { alreadyExists, deleteConflict, invalidRequest, invalidToken, notFound } from "./errors.ts";
import { change } from "./outbox.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";

export const CERTIFICATES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS certificates (
    name TEXT PRIMARY KEY, pem TEXT NOT NULL, status TEXT NOT NULL, mode TEXT NOT NULL, version INTEGER NOT NULL,
    generation TEXT NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER NOT NULL,
    created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS certificates_by_age ON certificates (created_at, name);
`;

export interface CertificateRow {
  /** The certificate's ID. */
  readonly name: string;
  readonly pem: string;
  readonly status: CertificateStatus;
  readonly mode: CertificateMode;
  readonly version: number;
  readonly generation: string;
  readonly valid_from: number;
  readonly valid_to: number;
  readonly created_at: number;
  readonly modified_at: number;
}

/** https://docs.aws.amazon.com/iot/latest/developerguide/x509-client-certs.html: AWS IoT's certificates end in 2049. */
const VALID_UNTIL = Date.parse("2049-12-31T23:59:59Z");
/** A device whose clock is a little behind must not find its certificate too young. */
const CLOCK_SKEW_MS = 120_000;
const SUBJECT = "CN=AWS IoT Certificate";
const CURVES: ReadonlySet<string | undefined> = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const MIN_RSA_BITS = 2_048;

const certificateState = (message: string): AwsError => new AwsError("CertificateStateException", 406, message);
const invalidCertificate = (message: string): AwsError => new AwsError("CertificateValidationException", 400, message);

/** AWS IoT's ID of a certificate: the SHA-256 of its DER, in lower-case hexadecimal. */
export const certificateIdOf = (pem: string): string =>
  new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();

export const findCertificate = (iot: Iot, id: string): CertificateRow | undefined =>
  iot.store.get<CertificateRow>("SELECT * FROM certificates WHERE name = ?", id.toLowerCase());

/** @throws ResourceNotFoundException (404) */
const getCertificate = (iot: Iot, id: string): CertificateRow => {
  const row = findCertificate(iot, id);
  if (row === undefined) throw notFound(`The certificate given in the principal does not exist: ${id}`);
  return row;
};

/** Stores a certificate in PEM. Answers its ID. */
export const insertCertificate = (iot: Iot, pem: string, status: CertificateStatus, mode: CertificateMode): string => {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  const id = certificateIdOf(pem);
  const now = iot.clock.now();
  iot.store.run(
    "INSERT INTO certificates VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?)",
    id,
    pem,
    status,
    mode,
    randomUUID(),
    validFromDate.getTime(),
    validToDate.getTime(),
    now,
    now,
  );
  return id;
};

const idAndArn = (iot: Iot, id: string) => ({ certificateId: id, certificateArn: iot.arn("cert", id) });

/** A new key pair and a certificate for it, in PEM. AWS IoT makes RSA keys of 2,048 bits. */
export const issueWithKeys = async (iot: Iot, until = VALID_UNTIL, subject = SUBJECT) => {
  const pair = await promisify(generateKeyPair)("rsa", { modulusLength: MIN_RSA_BITS });
  const certificatePem = await iot.ca.issue({
    publicKey: pair.publicKey.export({ type: "spki", format: "der" }),
    subject,
    notBefore: iot.clock.now() - CLOCK_SKEW_MS,
    notAfter: until,
  });
  return {
    certificatePem,
    keyPair: {
      PublicKey: String(pair.publicKey.export({ type: "spki", format: "pem" })),
      PrivateKey: String(pair.privateKey.export({ type: "pkcs1", format: "pem" })),
    },
  };
};

/** Whether AWS IoT takes keys of this kind: RSA of at least 2,048 bits, or ECDSA on P-256, P-384 or P-521. */
const isSupportedKey = (spki: Uint8Array): boolean => {
  const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  return key.asymmetricKeyType === "rsa" ? modulusLength >= MIN_RSA_BITS : CURVES.has(namedCurve);
};

/** @throws InvalidRequestException (400), the only client error that the operation has. */
const readRequest = async (iot: Iot, pem: string) => {
  const request = await iot.ca.readRequest(pem).catch((error: unknown) => {
    throw invalidRequest(`The certificate signing request is not valid: ${String(error)}`);
  });
  if (!isSupportedKey(request.publicKey))
    throw invalidRequest("The key of the request is of a kind that is not supported");
  return request;
};

/** A certificate in PEM for a signing request in PEM. @throws InvalidRequestException (400) */
export const issueFromRequest = async (iot: Iot, request: string): Promise<string> => {
  const { publicKey, subject } = await readRequest(iot, request);
  return iot.ca.issue({
    publicKey,
    subject: subject === "" ? SUBJECT : subject,
    notBefore: iot.clock.now() - CLOCK_SKEW_MS,
    notAfter: VALID_UNTIL,
  });
};

/** The statuses that a certificate can be given; the others are AWS IoT's own, or out of use. */
const isGiven = (status: CertificateStatus): boolean =>
  status === "ACTIVE" || status === "INACTIVE" || status === "REVOKED";

export const certificateHandlers: IotHandlers = {
  /** https://docs.aws.amazon.com/iot/latest/apireference/API_CreateKeysAndCertificate.html */
  CreateKeysAndCertificate: async (input, iot) => {
    const { certificatePem, keyPair } = await issueWithKeys(iot);
    const id = insertCertificate(iot, certificatePem, input.setAsActive === true ? "ACTIVE" : "INACTIVE", "DEFAULT");
    return { ...idAndArn(iot, id), certificatePem, keyPair };
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_CreateCertificateFromCsr.html */
  CreateCertificateFromCsr: async (input, iot) => {
    const certificatePem = await issueFromRequest(iot, input.certificateSigningRequest);
    const id = insertCertificate(iot, certificatePem, input.setAsActive === true ? "ACTIVE" : "INACTIVE", "DEFAULT");
    return { ...idAndArn(iot, id), certificatePem };
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_RegisterCertificateWithoutCA.html */
  RegisterCertificateWithoutCA: (input, iot) => {
    const status = input.status ?? "INACTIVE";
    if (!isGiven(status)) throw invalidRequest(`A certificate cannot be registered as ${status}`);
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(input.certificatePem);
    } catch (error) {
      throw invalidCertificate(`The certificate is not valid: ${String(error)}`);
    }
    if (!isSupportedKey(certificate.publicKey.export({ type: "spki", format: "der" })))
      throw invalidCertificate("The certificate's key is of a kind that is not supported");
    const id = certificateIdOf(input.certificatePem);
    if (iot.store.get("SELECT 1 AS found FROM certificates WHERE name = ?", id) !== undefined)
      throw alreadyExists(`The certificate is registered already: ${id}`, id, iot.arn("cert", id));
    return idAndArn(iot, insertCertificate(iot, certificate.toString(), status, "SNI_ONLY"));
  },

  DescribeCertificate: (input, iot) => {
    const row = getCertificate(iot, input.certificateId);
    return {
      certificateDescription: {
        ...idAndArn(iot, row.name),
        status: row.status,
        certificatePem: row.pem,
        ownedBy: iot.accountId,
        creationDate: new Date(row.created_at),
        lastModifiedDate: new Date(row.modified_at),
        customerVersion: row.version,
        transferData: {},
        generationId: row.generation,
        validity: { notBefore: new Date(row.valid_from), notAfter: new Date(row.valid_to) },
        certificateMode: row.mode,
      },
    };
  },

  /** A revoked certificate stays so. https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html */
  UpdateCertificate: (input, iot) => {
    const row = getCertificate(iot, input.certificateId);
    if (!isGiven(input.newStatus)) throw invalidRequest(`A certificate cannot be set to ${input.newStatus}`);
    if (row.status === input.newStatus) return {};
    if (row.status === "REVOKED") throw certificateState(`Certificate ${row.name} is revoked`);
    change(iot, () => {
      iot.store.run(
        "UPDATE certificates SET status = ?, version = version + 1, modified_at = ? WHERE name = ?",
        input.newStatus,
        iot.clock.now(),
        row.name,
      );
      iot.outbox.certificates.push(row.name);
    });
    return {};
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteCertificate.html */
  DeleteCertificate: (input, iot) => {
    const row = getCertificate(iot, input.certificateId);
    const arn = iot.arn("cert", row.name);
    if (row.status === "ACTIVE")
      throw certificateState(`Certificate must be deactivated (not ACTIVE) before deletion. Id: ${row.name}`);
    if (iot.store.get("SELECT 1 AS found FROM thing_principals WHERE principal = ?", arn) !== undefined)
      throw deleteConflict(`Things must be detached before deletion (arn: ${arn})`);
    const attached = iot.store.get("SELECT 1 AS found FROM policy_targets WHERE target = ?", arn) !== undefined;
    if (attached && input.forceDelete !== true)
      throw deleteConflict(`Certificate policies must be detached before deletion (arn: ${arn})`);
    change(iot, () => {
      iot.store.run("DELETE FROM policy_targets WHERE target = ?", arn);
      iot.store.run("DELETE FROM certificates WHERE name = ?", row.name);
      iot.outbox.certificates.push(row.name);
    });
    return {};
  },

  /** By age, the oldest first unless it is asked for otherwise. */
  ListCertificates: (input, iot) => {
    const limit = input.pageSize ?? DEFAULT_PAGE;
    const [createdAt = null, id = null] = afterToken(input.marker, invalidToken) ?? [];
    const [beyond, order] = input.ascendingOrder === false ? ["<", "DESC"] : [">", "ASC"];
    const rows = iot.store.all<CertificateRow>(
      `SELECT * FROM certificates WHERE ?1 IS NULL OR (created_at, name) ${beyond} (?1, ?2)
       ORDER BY created_at ${order}, name ${order} LIMIT ?3`,
      createdAt,
      id,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.created_at, row.name]);
    return {
      certificates: page.items.map((row) => ({
        ...idAndArn(iot, row.name),
        status: row.status,
        certificateMode: row.mode,
        creationDate: new Date(row.created_at),
      })),
      nextMarker: page.next,
    };
  },
};
