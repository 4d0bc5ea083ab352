import "reflect-metadata";
import { KeyObject } from "node:crypto";
import * as x509 from "@peculiar/x509";

export const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
export const keysOf = (namedCurve = "P-256") =>
  crypto.subtle.generateKey({ ...EC, namedCurve }, true, ["sign", "verify"]);

export const privateKeyOf = (keys: Awaited<ReturnType<typeof keysOf>>): string =>
  String(KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" }));

/** A signing request and its key, which take less time than AWS IoT's making of an RSA key. */
export const requestWithKey = async (namedCurve = "P-256"): Promise<{ csr: string; key: string }> => {
  const keys = await keysOf(namedCurve);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=device",
    keys,
    signingAlgorithm: { ...EC, namedCurve },
  });
  return { csr: csr.toString("pem"), key: privateKeyOf(keys) };
};

export const request = async (namedCurve = "P-256"): Promise<string> => (await requestWithKey(namedCurve)).csr;
