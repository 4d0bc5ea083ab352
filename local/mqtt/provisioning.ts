import { createHash, randomBytes } from "node:crypto";
import * as z from "zod";
import { AwsError } from "../aws-json/errors.ts";
import { functionNameOf, type InvokeResult, invokeSafely } from "../invoke.ts";
import { findCertificate, insertCertificate, issueFromRequest, issueWithKeys } from "../iot/certificates.ts";
import { change } from "../iot/outbox.ts";
import { findTemplateWithBody, type ProvisioningTemplate } from "../iot/provisioning-templates.ts";
import type { Iot } from "../iot/state.ts";
import { parseAs, parseJson } from "./payload.ts";
import { authenticate } from "./principals.ts";
import { provision } from "./register-thing.ts";
import type { Operation } from "./reserved.ts";
import type { Broker, Connection, Message } from "./state.ts";
import { evaluateTemplate } from "./template.ts";

/**
 * Fleet provisioning: https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html. A token lives for an
 * hour and is used up by a registration that succeeds; the certificate of one that was not used goes with it.
 */
const TOKEN_LIFE_MS = 3_600_000;
/** https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html */
const HOOK_LIMIT_MS = 5_000;

const invalidPayload = (message: string): AwsError => new AwsError("InvalidPayload", 400, message);
const accessDenied = (message: string): AwsError => new AwsError("AccessDenied", 403, message);

/** Only a hash of a token is kept. */
const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");

/** Takes away what expired tokens leave: certificates that were never provisioned. */
const dropExpired = (iot: Iot): void => {
  const now = iot.clock.now();
  iot.store.run(
    `DELETE FROM certificates WHERE status = 'PENDING_ACTIVATION'
     AND name IN (SELECT certificate FROM certificate_tokens WHERE expires_at <= ?)`,
    now,
  );
  iot.store.run("DELETE FROM certificate_tokens WHERE expires_at <= ?", now);
};

/** Stores a new certificate that waits to be provisioned, and answers its ID and token. */
const pend = (iot: Iot, certificatePem: string) => {
  const certificateOwnershipToken = randomBytes(48).toString("base64url");
  const certificateId = change(iot, () => {
    dropExpired(iot);
    const id = insertCertificate(iot, certificatePem, "PENDING_ACTIVATION", "DEFAULT");
    const expiresAt = iot.clock.now() + TOKEN_LIFE_MS;
    iot.store.run("INSERT INTO certificate_tokens VALUES (?, ?, ?)", hashOf(certificateOwnershipToken), id, expiresAt);
    return id;
  });
  return { certificateId, certificatePem, certificateOwnershipToken };
};

const CsrRequest = z.object({ certificateSigningRequest: z.string().min(1) });

const createFromCsr = async (iot: Iot, payload: Buffer) => {
  const { certificateSigningRequest } = parseAs(CsrRequest, parseJson(payload, invalidPayload), invalidPayload);
  const pem = await issueFromRequest(iot, certificateSigningRequest).catch((error: unknown) => {
    throw error instanceof AwsError ? new AwsError("InvalidCertificateSigningRequest", 400, error.message) : error;
  });
  return pend(iot, pem);
};

const createWithKeys = async (iot: Iot) => {
  const { certificatePem, keyPair } = await issueWithKeys(iot);
  return { ...pend(iot, certificatePem), privateKey: keyPair.PrivateKey };
};

/** The certificate that a token is for. @throws AwsError */
const ownedBy = (iot: Iot, token: string): { readonly id: string; readonly pem: string } => {
  const row = iot.store.get<{ certificate: string }>(
    "SELECT certificate FROM certificate_tokens WHERE token = ? AND expires_at > ?",
    hashOf(token),
    iot.clock.now(),
  );
  const certificate = row === undefined ? undefined : findCertificate(iot, row.certificate);
  if (certificate === undefined)
    throw new AwsError("InvalidCertificateOwnershipToken", 400, "The certificate ownership token is not valid");
  return { id: certificate.name, pem: certificate.pem };
};

const HookAnswer = z.object({
  allowProvisioning: z.literal(true),
  parameterOverrides: z.record(z.string(), z.string()).nullish(),
});

/** Asks a template's hook. @returns the parameters that it overrides. @throws AwsError AccessDenied unless it allows it */
const askHook = async (
  broker: Broker,
  hook: NonNullable<ProvisioningTemplate["hook"]>,
  event: object,
): Promise<Readonly<Record<string, string>>> => {
  const late = Promise.withResolvers<InvokeResult>();
  const cancel = broker.iot.clock.after(HOOK_LIMIT_MS, () =>
    late.resolve({ functionError: { errorType: "Timeout", errorMessage: "the hook took longer than 5 seconds" } }),
  );
  const name = functionNameOf(hook.targetArn);
  const result = await Promise.race([invokeSafely(broker.invoke, name, event), late.promise]);
  cancel();
  if ("functionError" in result) {
    broker.log("mqtt: a pre-provisioning hook failed", { hook: name, ...result.functionError });
    throw accessDenied("The pre-provisioning hook failed");
  }
  const answer = HookAnswer.safeParse(result.payload);
  if (!answer.success) throw accessDenied("The pre-provisioning hook did not allow the provisioning");
  return answer.data.parameterOverrides ?? {};
};

/** @throws AwsError for a template that there is not, that is not enabled, or is not for fleets */
const templateNamed = (iot: Iot, name: string): ProvisioningTemplate => {
  const template = findTemplateWithBody(iot, name);
  if (template === undefined) throw new AwsError("ResourceNotFound", 404, `Provisioning template ${name} not found`);
  if (!template.enabled || template.type !== "FLEET_PROVISIONING")
    throw accessDenied(`Provisioning template ${name} is not enabled for fleets`);
  return template;
};

const Registration = z.object({
  certificateOwnershipToken: z.string(),
  parameters: z.record(z.string(), z.string()).default({}),
});

const registerThing = async (broker: Broker, connection: Connection, templateName: string, payload: Buffer) => {
  const { iot } = broker;
  const { principal, clientId } = connection;
  const request = parseAs(Registration, parseJson(payload, invalidPayload), invalidPayload);
  const template = templateNamed(iot, templateName);
  const owned = ownedBy(iot, request.certificateOwnershipToken);
  const overrides =
    template.hook === undefined
      ? {}
      : await askHook(broker, template.hook, {
          claimCertificateId: principal.certificateId,
          certificateId: owned.id,
          certificatePem: owned.pem,
          templateArn: template.arn,
          clientId,
          parameters: request.parameters,
        });
  // While the hook ran, the claim may have ended, and another request may have used the token.
  if (typeof authenticate(iot, principal.certificateId) === "string")
    throw accessDenied("The claim is not valid any more");
  const resources = evaluateTemplate(template.body, { ...request.parameters, ...overrides }, owned.id);
  change(iot, () => {
    ownedBy(iot, request.certificateOwnershipToken);
    iot.store.run("DELETE FROM certificate_tokens WHERE token = ?", hashOf(request.certificateOwnershipToken));
    provision(broker, template.roleArn, resources, owned.id);
  });
  return {
    deviceConfiguration: resources.deviceConfiguration,
    ...(resources.thing !== undefined && { thingName: resources.thing.name }),
  };
};

const TOPIC =
  /^\$aws\/(?:certificates\/(?<create>create|create-from-csr)|provisioning-templates\/(?<template>[^/]+)\/provision)\/(?<format>json|cbor)$/;

/**
 * The requests of devices for certificates of their own. What answers them, an ownership token above all, goes to the
 * connection that asked and to no other: https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
 */
export const provisioningOperation = (
  broker: Broker,
  connection: Connection,
  { topic, payload }: Message,
): Operation | undefined => {
  const { create, template = "", format } = TOPIC.exec(topic)?.groups ?? {};
  if (format === undefined) return undefined;
  const { iot } = broker;
  const [name, work] =
    create === "create"
      ? (["CreateKeysAndCertificate", () => createWithKeys(iot)] as const)
      : create === "create-from-csr"
        ? (["CreateCertificateFromCsr", () => createFromCsr(iot, payload)] as const)
        : (["RegisterThing", () => registerThing(broker, connection, template, payload)] as const);
  return {
    name,
    perform: async () => {
      if (format === "cbor") throw new AwsError("NotImplemented", 501, "CBOR is not emulated: use the json topics");
      return [{ topic: `${topic}/accepted`, value: await work(), answers: "alone" }];
    },
    refuse: ({ status, code, message }) => [
      {
        topic: `${topic}/rejected`,
        value: { statusCode: status, errorCode: code, errorMessage: message },
        answers: "alone",
      },
    ],
  };
};
