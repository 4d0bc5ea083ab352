import { CreateProvisioningClaimCommand, DescribeEndpointCommand, IoTClient } from "@aws-sdk/client-iot";
import { AppError } from "../problems.ts";
import { clientSettings, once } from "./settings.ts";

const client = once(() => new IoTClient(clientSettings));

const present = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new AppError("unavailable", `AWS IoT gave no ${what}`);
  return value;
};

export interface ProvisioningClaim {
  readonly certificateId: string;
  readonly certificatePem: string;
  readonly privateKey: string;
  readonly expiresAt: Date;
}

/** A claim certificate that AWS IoT takes for some minutes, for nothing but to ask for a certificate by this template. */
export const createProvisioningClaim = async (template: string): Promise<ProvisioningClaim> => {
  const claim = await client().send(new CreateProvisioningClaimCommand({ templateName: template }));
  return {
    certificateId: present(claim.certificateId, "id of the claim"),
    certificatePem: present(claim.certificatePem, "certificate of the claim"),
    privateKey: present(claim.keyPair?.PrivateKey, "key of the claim"),
    expiresAt: present(claim.expiration, "end of the claim"),
  };
};

const known = new Map<string, string>();

/** An endpoint of the account's, as host or `host:port`. It never changes, so it is asked for once. */
const endpoint = async (endpointType: "iot:Data-ATS" | "iot:CredentialProvider"): Promise<string> => {
  const before = known.get(endpointType);
  if (before !== undefined) return before;
  const { endpointAddress } = await client().send(new DescribeEndpointCommand({ endpointType }));
  const address = present(endpointAddress, `endpoint ${endpointType}`);
  known.set(endpointType, address);
  return address;
};

/** Where devices of the account connect to. */
export const deviceEndpoints = async (): Promise<{ readonly mqtt: string; readonly credentials: string }> => {
  const [mqtt, credentials] = await Promise.all([endpoint("iot:Data-ATS"), endpoint("iot:CredentialProvider")]);
  return { mqtt, credentials };
};
