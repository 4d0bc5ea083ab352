import "reflect-metadata";
import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { expect } from "vitest";
import { EC, keysOf, request } from "./csr.ts";
import { NONE, newCertificate, newThing } from "./makes.ts";
import { absent, badCertificate, certificateState, exists, guide, inUse, invalid, ok, row } from "./world.ts";

/** A request whose key is shorter than AWS IoT takes. */
const shortRequest = async (): Promise<string> => {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const pair = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const keys = {
    privateKey: pair.privateKey.toCryptoKey(algorithm, true, ["sign"]),
    publicKey: pair.publicKey.toCryptoKey(algorithm, true, ["verify"]),
  };
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=device",
    keys,
    signingAlgorithm: algorithm,
  });
  return csr.toString("pem");
};

const selfSigned = async (): Promise<string> => {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=own",
    keys: await keysOf(),
    signingAlgorithm: EC,
  });
  return certificate.toString("pem");
};

export const certificateRows = [
  row(
    "CreateKeysAndCertificate",
    "active",
    ({ iot }) => iot.createKeysAndCertificate({ setAsActive: true }),
    ok({
      certificateId: expect.stringMatching(/^[0-9a-f]{64}$/),
      certificateArn: expect.stringMatching(/^arn:aws:iot:eu-central-1:123456789012:cert\/[0-9a-f]{64}$/),
      certificatePem: expect.stringMatching(/^-----BEGIN CERTIFICATE-----/),
      keyPair: {
        PublicKey: expect.stringMatching(/^-----BEGIN PUBLIC KEY-----/),
        PrivateKey: expect.stringMatching(/^-----BEGIN RSA PRIVATE KEY-----/),
      },
    }),
  ),
  row(
    "CreateKeysAndCertificate",
    "an RSA key of 2,048 bits that is the certificate's",
    async ({ iot }) => {
      const answer = await iot.createKeysAndCertificate({});
      const certificate = new X509Certificate(answer.certificatePem ?? "");
      return {
        ...answer,
        bits: certificate.publicKey.asymmetricKeyDetails?.modulusLength,
        own: certificate.publicKey.export({ type: "spki", format: "pem" }) === answer.keyPair?.PublicKey,
      };
    },
    ok({ bits: 2048, own: true }),
  ),
  row(
    "CreateCertificateFromCsr",
    "signed by the device CA, and named by its SHA-256",
    async ({ iot, server }) => {
      const answer = await iot.createCertificateFromCsr({ certificateSigningRequest: await request() });
      const certificate = new X509Certificate(answer.certificatePem ?? "");
      return {
        ...answer,
        signed: certificate.verify(new X509Certificate(await server.deviceCa()).publicKey),
        named: createHash("sha256").update(certificate.raw).digest("hex") === answer.certificateId,
      };
    },
    ok({ signed: true, named: true }),
    guide("x509-client-certs"),
  ),
  row(
    "CreateCertificateFromCsr",
    "the same request again makes another certificate",
    async ({ iot }) => {
      const certificateSigningRequest = await request();
      const first = await iot.createCertificateFromCsr({ certificateSigningRequest });
      const second = await iot.createCertificateFromCsr({ certificateSigningRequest });
      return { ...second, distinct: first.certificateId !== second.certificateId };
    },
    ok({ distinct: true }),
  ),
  row(
    "CreateCertificateFromCsr",
    "a key on P-384",
    async ({ iot }) => iot.createCertificateFromCsr({ certificateSigningRequest: await request("P-384") }),
    ok(),
  ),
  row(
    "CreateCertificateFromCsr",
    "what is no request",
    ({ iot }) => iot.createCertificateFromCsr({ certificateSigningRequest: "none" }),
    invalid(),
  ),
  row(
    "CreateCertificateFromCsr",
    "an RSA key of 1,024 bits",
    async ({ iot }) => iot.createCertificateFromCsr({ certificateSigningRequest: await shortRequest() }),
    invalid(),
  ),
  row(
    "CreateCertificateFromCsr",
    "a request that was changed after it was signed",
    async ({ iot }) => {
      const der = Buffer.from(new x509.Pkcs10CertificateRequest(await request()).rawData);
      const at = der.indexOf("device");
      der.write("forged", at);
      return iot.createCertificateFromCsr({
        certificateSigningRequest: new x509.Pkcs10CertificateRequest(der).toString("pem"),
      });
    },
    invalid(),
  ),
  row(
    "RegisterCertificateWithoutCA",
    "a certificate of one's own",
    async ({ iot }) => {
      const { certificateId } = await iot.registerCertificateWithoutCA({
        certificatePem: await selfSigned(),
        status: "ACTIVE",
      });
      const { certificateDescription, $metadata } = await iot.describeCertificate({ certificateId });
      return { ...certificateDescription, $metadata };
    },
    ok({ certificateMode: "SNI_ONLY" }),
    "model:CertificateDescription",
  ),
  row(
    "RegisterCertificateWithoutCA",
    "it is registered already",
    async ({ iot }) => {
      const certificatePem = await selfSigned();
      await iot.registerCertificateWithoutCA({ certificatePem });
      return iot.registerCertificateWithoutCA({ certificatePem });
    },
    exists(),
  ),
  row(
    "RegisterCertificateWithoutCA",
    "what is no certificate",
    ({ iot }) => iot.registerCertificateWithoutCA({ certificatePem: "none" }),
    badCertificate(),
  ),
  row(
    "DescribeCertificate",
    "it is new and inactive",
    async (world) => {
      const { certificateId } = await newCertificate(world);
      return world.iot.describeCertificate({ certificateId });
    },
    ok({
      certificateDescription: {
        certificateId: expect.stringMatching(/^[0-9a-f]{64}$/),
        status: "INACTIVE",
        certificateMode: "DEFAULT",
        ownedBy: "123456789012",
        creationDate: expect.any(Date),
        validity: { notBefore: expect.any(Date), notAfter: new Date("2049-12-31T23:59:59Z") },
      },
    }),
    guide("x509-client-certs"),
  ),
  row(
    "DescribeCertificate",
    "it does not exist",
    ({ iot }) => iot.describeCertificate({ certificateId: NONE }),
    absent(),
  ),
  row(
    "DescribeCertificate",
    "an ID that is too short",
    ({ iot }) => iot.describeCertificate({ certificateId: "ab" }),
    invalid(),
    "model:CertificateId",
  ),
  row(
    "UpdateCertificate",
    "made active",
    async (world) => {
      const { certificateId } = await newCertificate(world);
      await world.iot.updateCertificate({ certificateId, newStatus: "ACTIVE" });
      return world.iot.describeCertificate({ certificateId });
    },
    ok({ certificateDescription: { status: "ACTIVE" } }),
  ),
  row(
    "UpdateCertificate",
    "the status it has already",
    async (world) => {
      const { certificateId } = await newCertificate(world, true);
      return world.iot.updateCertificate({ certificateId, newStatus: "ACTIVE" });
    },
    ok(),
  ),
  row(
    "UpdateCertificate",
    "it does not exist",
    ({ iot }) => iot.updateCertificate({ certificateId: NONE, newStatus: "ACTIVE" }),
    absent(),
  ),
  row(
    "DeleteCertificate",
    "it is inactive and unattached",
    async (world) => {
      const { certificateId } = await newCertificate(world);
      return world.iot.deleteCertificate({ certificateId });
    },
    ok(),
  ),
  row(
    "DeleteCertificate",
    "it is active",
    async (world) => {
      const { certificateId } = await newCertificate(world, true);
      return world.iot.deleteCertificate({ certificateId });
    },
    certificateState(),
  ),
  row(
    "DeleteCertificate",
    "a thing is attached, though forced",
    async (world) => {
      const { certificateId, certificateArn } = await newCertificate(world);
      await world.iot.attachThingPrincipal({ thingName: await newThing(world), principal: certificateArn });
      return world.iot.deleteCertificate({ certificateId, forceDelete: true });
    },
    inUse(),
  ),
  ...[false, true].map((forceDelete) =>
    row(
      "DeleteCertificate",
      `a policy is attached, ${forceDelete ? "forced" : "not forced"}`,
      async (world) => {
        const { certificateId, certificateArn } = await newCertificate(world);
        const policyName = world.unique("held");
        await world.iot.createPolicy({
          policyName,
          policyDocument: JSON.stringify({
            Version: "2012-10-17",
            Statement: [{ Effect: "Allow", Action: "iot:Connect", Resource: "*" }],
          }),
        });
        await world.iot.attachPolicy({ policyName, target: certificateArn });
        return world.iot.deleteCertificate({ certificateId, forceDelete });
      },
      forceDelete ? ok() : inUse(),
    ),
  ),
  row("DeleteCertificate", "it does not exist", ({ iot }) => iot.deleteCertificate({ certificateId: NONE }), absent()),
  row(
    "ListCertificates",
    "the newest first",
    async (world) => {
      await newCertificate(world);
      world.clock.advance(1);
      const { certificateId } = await newCertificate(world);
      const answer = await world.iot.listCertificates({ pageSize: 1, ascendingOrder: false });
      return { ...answer, newest: answer.certificates?.[0]?.certificateId === certificateId };
    },
    ok({ newest: true, certificates: [{ status: "INACTIVE", creationDate: expect.any(Date) }] }),
  ),
  row(
    "ListCertificates",
    "a marker that was given",
    async (world) => {
      await newCertificate(world);
      await newCertificate(world);
      const { nextMarker, certificates: first } = await world.iot.listCertificates({ pageSize: 1 });
      const second = await world.iot.listCertificates({
        pageSize: 1,
        ...(nextMarker !== undefined && { marker: nextMarker }),
      });
      return { ...second, distinct: first?.[0]?.certificateId !== second.certificates?.[0]?.certificateId };
    },
    ok({ distinct: true }),
    "model:Marker",
  ),
];
