import type { ServerCertificate } from "../certificates.ts";
import type { Faults } from "../faults.ts";
import type { GreengrassServer } from "../greengrass/server.ts";
import type { Identities } from "../iam/identities.ts";
import type { IotServer } from "../iot/server.ts";
import { credentialsProvider, invalidCertificate } from "./credentials.ts";
import { dataPlane, forbidden } from "./data-plane.ts";
import { startFront } from "./front.ts";

export interface DeviceHttpOptions {
  readonly region: string;
  readonly accountId: string;
  readonly certificate: ServerCertificate;
  /** 0: any free port. */
  readonly ports: { readonly dataPlane: number; readonly credentials: number };
  readonly faults: Faults;
  readonly iot: Pick<IotServer, "principalOf" | "roleAliasOf" | "groupsOf">;
  readonly greengrass: Pick<GreengrassServer, "devices">;
  readonly identities: Pick<Identities, "assume">;
  /** Milliseconds since the epoch; the system's clock by default. */
  readonly now?: () => number;
}

export interface DeviceHttp {
  readonly dataPlane: { readonly port: number; readonly url: string };
  readonly credentials: { readonly port: number; readonly url: string };
  close(): Promise<void>;
}

/**
 * Starts what devices speak HTTPS with: the Greengrass data plane, and the credentials provider of AWS IoT.
 * @throws PortTaken
 */
export const startDeviceHttp = async (options: DeviceHttpOptions): Promise<DeviceHttp> => {
  const { iot, greengrass, identities, ports } = options;
  const plane = await startFront({
    ...options,
    name: "dataPlane",
    port: ports.dataPlane,
    principalOf: iot.principalOf,
    refusal: forbidden,
    internalErrorCode: "InternalServerException",
    answer: dataPlane({ ...options, greengrass: greengrass.devices, groupsOf: iot.groupsOf }),
  });
  try {
    const credentials = await startFront({
      ...options,
      name: "credentials",
      port: ports.credentials,
      principalOf: iot.principalOf,
      refusal: invalidCertificate,
      internalErrorCode: "InternalFailureException",
      answer: credentialsProvider({ ...options, roleAliasOf: iot.roleAliasOf, assume: identities.assume }),
    });
    return {
      dataPlane: plane,
      credentials,
      close: async () => void (await Promise.all([plane.close(), credentials.close()])),
    };
  } catch (error) {
    await plane.close();
    throw error;
  }
};
