import { createPrivateKey, type webcrypto } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";

export interface ServerCertificate {
  readonly caFile: string;
  readonly certificate: string;
  readonly key: string;
}

type Write = (name: string, text: string) => void;

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

const BY_DEFAULT = ["localhost", "127.0.0.1"];

const x509Module = async () => {
  await import("reflect-metadata"); // x509's injector wants it loaded first
  return import("@peculiar/x509");
};

const privateKeyPem = async (key: webcrypto.CryptoKey): Promise<string> =>
  pem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", key));

const validity = () => ({
  notBefore: new Date(Date.now() - DAY_MS),
  notAfter: new Date(Date.now() + YEARS * 365 * DAY_MS),
});

/** A root CA of this data folder. */
const makeCa = async (write: Write): Promise<void> => {
  const x509 = await x509Module();
  const keys = await crypto.subtle.generateKey(EC, true, ["sign", "verify"]);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=Slipway local CA",
    keys,
    ...validity(),
    signingAlgorithm: EC,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  write("ca.key", await privateKeyPem(keys.privateKey));
  write("ca.pem", `${ca.toString("pem")}\n`); // last: its presence says that both are there
};

/** A certificate by the folder's CA for the names and addresses. */
const makeServer = async (dir: string, names: readonly string[], write: Write): Promise<void> => {
  const x509 = await x509Module();
  const caKey = createPrivateKey(readFileSync(join(dir, "ca.key"))).toCryptoKey(EC, false, ["sign"]);
  const ca = new x509.X509Certificate(readFileSync(join(dir, "ca.pem"), "utf8"));
  const keys = await crypto.subtle.generateKey(EC, true, ["sign", "verify"]);
  const server = await x509.X509CertificateGenerator.create({
    subject: "CN=localhost",
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKey,
    signingAlgorithm: EC,
    ...validity(),
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const),
      ),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  });
  write("server.key", await privateKeyPem(keys.privateKey));
  write("server.pem", `${server.toString("pem")}\n`);
  write("server.names", JSON.stringify(names)); // last: it says for which names the other two are
};

/**
 * The data folder's CA and server certificate. The CA is made at the first start, since keys take a while and devices
 * trust it; the server's certificate is made anew when its names are others.
 *
 * @param names DNS names and IP addresses beside `localhost` and `127.0.0.1`
 */
export const serverCertificate = async (dir: string, names: readonly string[] = []): Promise<ServerCertificate> => {
  mkdirSync(dir, { recursive: true });
  const write: Write = (name, text) => writeFileSync(join(dir, name), text, { mode: 0o600 });
  const caFile = join(dir, "ca.pem");
  if (!existsSync(caFile)) await makeCa(write);
  const all = [...new Set([...BY_DEFAULT, ...names])];
  const namesFile = join(dir, "server.names");
  if (!existsSync(namesFile) || readFileSync(namesFile, "utf8") !== JSON.stringify(all))
    await makeServer(dir, all, write);
  return {
    caFile,
    certificate: readFileSync(join(dir, "server.pem"), "utf8"),
    key: readFileSync(join(dir, "server.key"), "utf8"),
  };
};
