import { createHash, X509Certificate } from "node:crypto";
import { AttachPolicyCommand, AttachThingPrincipalCommand, CreateCertificateFromCsrCommand } from "@aws-sdk/client-iot";
import type { TestCloud } from "./cloud.ts";
import { controlOf } from "./control.ts";
import { newKey } from "./device-key.ts";

export interface MadeCertificate {
  readonly certificateId: string;
  readonly certificatePem: string;
  readonly certificateArn: string;
}

/** AWS IoT's id of a certificate. */
export const certificateId = (pem: string): string =>
  createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");

/** What AWS IoT does when a device registers, step by step, without a device: the hook and the rule are the product's. */
export const registrationOf = (cloud: TestCloud) => {
  const { invoke } = controlOf(cloud.endpoints);

  const register = (token: unknown) =>
    fetch(`${cloud.endpoints.api}/v1/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    });

  /** The answer to a token that is good. */
  const registered = async (token: string) => {
    const answer = await register(token);
    if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as { claim: { certificatePem: string }; template: string; thing: string };
  };

  /** A certificate that AWS IoT made for a key, and has not yet activated. */
  const aCertificate = async (key = newKey()): Promise<MadeCertificate> => {
    const request = new CreateCertificateFromCsrCommand({ certificateSigningRequest: await (await key).csr() });
    const { certificateId: id = "", certificatePem = "", certificateArn = "" } = await cloud.iot.send(request);
    return { certificateId: id, certificatePem, certificateArn };
  };

  /** Asks the hook as AWS IoT does. */
  const hook = async (
    claim: string,
    { certificateId: id, certificatePem }: Pick<MadeCertificate, "certificateId" | "certificatePem">,
    parameters: object,
  ) => {
    const answer = await invoke("pre-provisioning", {
      claimCertificateId: claim,
      certificateId: id,
      certificatePem,
      templateArn: "arn:aws:iot:eu-west-1:123456789012:provisioningtemplate/local-slipway-node",
      clientId: "box",
      parameters,
    });
    return (answer as { payload: unknown }).payload;
  };

  /** Tells of a connection as AWS IoT's rule does. */
  const connect = (clientId: string, certificate: string, eventType = "connected") =>
    invoke("presence", {
      clientId,
      timestamp: Date.now(),
      eventType,
      sessionIdentifier: "s",
      principalIdentifier: certificate,
      versionNumber: 1,
    });

  /** Registers a device as a node, up to its first connection. */
  const enrol = async (token: string): Promise<MadeCertificate> => {
    const { claim } = await registered(token);
    const certificate = await aCertificate();
    const answer = (await hook(certificateId(claim.certificatePem), certificate, { Token: token })) as {
      parameterOverrides?: { ThingName: string; PolicyName: string };
    };
    const { parameterOverrides } = answer;
    if (parameterOverrides === undefined) throw new Error(`the hook says ${JSON.stringify(answer)}`);
    // What the template does once the hook has allowed it.
    const { ThingName: thingName, PolicyName: policyName } = parameterOverrides;
    await cloud.iot.send(new AttachPolicyCommand({ policyName, target: certificate.certificateArn }));
    await cloud.iot.send(new AttachThingPrincipalCommand({ thingName, principal: certificate.certificateArn }));
    await connect(thingName, certificate.certificateId);
    return certificate;
  };

  return { register, registered, aCertificate, hook, connect, enrol };
};
