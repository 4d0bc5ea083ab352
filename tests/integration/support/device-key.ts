import "reflect-metadata";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A key of a device, as it makes one itself, and its request for a certificate, in PEM. */
export const newKey = async () => {
  const keys = await crypto.subtle.generateKey(EC, true, ["sign", "verify"]);
  return {
    keys,
    csr: async (): Promise<string> => {
      const request = await Pkcs10CertificateRequestGenerator.create({ name: "CN=box", keys, signingAlgorithm: EC });
      return request.toString("pem");
    },
  };
};
