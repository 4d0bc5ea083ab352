import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a certificate is to say; the times are in milliseconds since the epoch. */
export interface Issue {
  /** The public key as SPKI in DER. */
  readonly publicKey: Uint8Array;
  /** A distinguished name, such as `CN=device`. */
  readonly subject: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A signing request that is well-formed and signed by its own key. */
export interface SigningRequest {
  readonly subject: string;
  /** SPKI in DER. */
  readonly publicKey: Uint8Array;
}

/** The CA of the device certificates. */
export interface DeviceCa {
  /** The CA's own certificate, in PEM. */
  certificate(): Promise<string>;
  /** A new certificate, in PEM. */
  issue(certificate: Issue): Promise<string>;
  /** Reads a signing request. @throws Error for what is none, or is not signed by its key */
  readRequest(pem: string): Promise<SigningRequest>;
}

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const VALID_YEARS = 30;
const DAY_MS = 86_400_000;

const x509Module = async () => {
  await import("reflect-metadata"); // x509's injector wants it loaded first
  return import("@peculiar/x509");
};

/** RFC 5280 wants a serial number to be positive and to have 20 octets at most. */
const serialNumber = (): string => {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
};

const signingKey = (keyPem: string) => createPrivateKey(keyPem).toCryptoKey(EC, false, ["sign"]);

const makeCertificate = async (keyPem: string): Promise<string> => {
  const x509 = await x509Module();
  const privateKey = createPrivateKey(keyPem);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=Slipway local device CA",
    serialNumber: serialNumber(),
    keys: {
      privateKey: signingKey(keyPem),
      publicKey: createPublicKey(privateKey).toCryptoKey(EC, true, ["verify"]),
    },
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + VALID_YEARS * 365 * DAY_MS),
    signingAlgorithm: EC,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return `${certificate.toString("pem")}\n`;
};

/** The CA of a data folder, which is made when it is first asked for. Its key is its owner's alone to read. */
export const deviceCa = (dir: string): DeviceCa => {
  const keyFile = join(dir, "device-ca.key");
  const certificateFile = join(dir, "device-ca.pem");

  const load = async (): Promise<{ keyPem: string; certificatePem: string }> => {
    if (!existsSync(certificateFile)) {
      mkdirSync(dir, { recursive: true });
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const keyPem = privateKey.export({ type: "pkcs8", format: "pem" });
      writeFileSync(keyFile, keyPem, { mode: 0o600 });
      writeFileSync(`${certificateFile}.new`, await makeCertificate(String(keyPem)), { mode: 0o600 });
      renameSync(`${certificateFile}.new`, certificateFile); // last: its presence says that both are there, and whole
    }
    return { keyPem: readFileSync(keyFile, "utf8"), certificatePem: readFileSync(certificateFile, "utf8") };
  };
  let loading: ReturnType<typeof load> | undefined;
  const loaded = () => {
    loading ??= load();
    return loading;
  };

  return {
    certificate: async () => (await loaded()).certificatePem,

    issue: async ({ publicKey, subject, notBefore, notAfter }) => {
      const { keyPem, certificatePem } = await loaded();
      const x509 = await x509Module();
      const key = new x509.PublicKey(publicKey);
      const ca = new x509.X509Certificate(certificatePem);
      const certificate = await x509.X509CertificateGenerator.create({
        subject,
        issuer: ca.subjectName,
        serialNumber: serialNumber(),
        publicKey: key,
        signingKey: signingKey(keyPem),
        notBefore: new Date(notBefore),
        notAfter: new Date(notAfter),
        signingAlgorithm: EC,
        extensions: [
          await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
          await x509.SubjectKeyIdentifierExtension.create(key),
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ],
      });
      return `${certificate.toString("pem")}\n`;
    },

    readRequest: async (pem) => {
      const x509 = await x509Module();
      const request = new x509.Pkcs10CertificateRequest(pem);
      if (!(await request.verify())) throw new Error("the request is not signed by its own key");
      return { subject: request.subject, publicKey: new Uint8Array(request.publicKey.rawData) };
    },
  };
};
