import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface ServerCertificate {
  readonly caFile: string;
  readonly certificate: string;
  readonly key: string;
}

const YEARS = 10;
const DAY_MS = 86_400_000;
const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

const pem = (label: string, der: ArrayBuffer): string => {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
};

/** A root CA of this data folder, and a certificate by it for loopback names; made once, since keys take a while. */
const make = async (dir: string): Promise<void> => {
  await import("reflect-metadata"); // x509's injector wants it loaded first
  const x509 = await import("@peculiar/x509");
  const notBefore = new Date(Date.now() - DAY_MS);
  const notAfter = new Date(Date.now() + YEARS * 365 * DAY_MS);
  const caKeys = await crypto.subtle.generateKey(EC, true, ["sign", "verify"]);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=Slipway local CA",
    keys: caKeys,
    notBefore,
    notAfter,
    signingAlgorithm: EC,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const serverKeys = await crypto.subtle.generateKey(EC, true, ["sign", "verify"]);
  const server = await x509.X509CertificateGenerator.create({
    subject: "CN=localhost",
    issuer: ca.subject,
    publicKey: serverKeys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: EC,
    notBefore,
    notAfter,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
        { type: "ip", value: "127.0.0.1" },
      ]),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  });
  const write = (name: string, text: string) => writeFileSync(join(dir, name), text, { mode: 0o600 });
  write("ca.key", pem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", caKeys.privateKey)));
  write("server.key", pem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", serverKeys.privateKey)));
  write("server.pem", `${server.toString("pem")}\n`);
  write("ca.pem", `${ca.toString("pem")}\n`); // last: its presence says that all are there
};

/** The data folder's CA and server certificate; made at the first start. */
export const serverCertificate = async (dir: string): Promise<ServerCertificate> => {
  mkdirSync(dir, { recursive: true });
  const caFile = join(dir, "ca.pem");
  if (!existsSync(caFile)) await make(dir);
  return {
    caFile,
    certificate: readFileSync(join(dir, "server.pem"), "utf8"),
    key: readFileSync(join(dir, "server.key"), "utf8"),
  };
};
