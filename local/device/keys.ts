import "reflect-metadata"; // x509's injector wants it loaded first
import { createPrivateKey, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import type { Keys } from "./folder.ts";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A new key on P-256, and a request for its certificate that is signed by it. */
export const makeKeys = async (): Promise<Keys> => {
  const { privateKey, publicKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=Slipway device",
    keys: {
      privateKey: createPrivateKey(pem).toCryptoKey(EC, false, ["sign"]),
      publicKey: publicKey.toCryptoKey(EC, true, ["verify"]),
    },
    signingAlgorithm: EC,
  });
  return { privateKey: pem, csr: request.toString("pem") };
};
