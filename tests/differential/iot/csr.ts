import "reflect-metadata";
import * as x509 from "@peculiar/x509";

export const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
export const keysOf = (namedCurve = "P-256") =>
  crypto.subtle.generateKey({ ...EC, namedCurve }, true, ["sign", "verify"]);

/** A signing request, which takes less time than AWS IoT's making of an RSA key. */
export const request = async (namedCurve = "P-256"): Promise<string> => {
  const keys = await keysOf(namedCurve);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=device",
    keys,
    signingAlgorithm: { ...EC, namedCurve },
  });
  return csr.toString("pem");
};
