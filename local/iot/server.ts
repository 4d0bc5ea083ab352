import { join } from "node:path";
import * as client from "@aws-sdk/client-iot";
import { loadModel } from "../aws-json/constraints.ts";
import { createJsonServer } from "../aws-json/server.ts";
import { Store } from "../aws-json/store.ts";
import type { Faults } from "../faults.ts";
import type { Gate } from "../iam/gate.ts";
import { listen, shut } from "../listen.ts";
import { tokenBuckets } from "../throttle.ts";
import { exists, parseArn } from "./arns.ts";
import { deviceCa } from "./ca.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type DevicePrincipal, findPrincipal } from "./device-principals.ts";
import { invalidRequest } from "./errors.ts";
import { jobsPort } from "./jobs-device.ts";
import { nextTick, tick } from "./jobs-engine.ts";
import type { JobsPort } from "./jobs-port.ts";
import { type GroupOfThing, groupsSeen } from "./memberships.ts";
import { HANDLERS, SCHEMA } from "./operations.ts";
import { newOutbox } from "./outbox.ts";
import { findClaim, type ProvisioningClaim } from "./provisioning-claims.ts";
import { findTemplateWithBody, type ProvisioningTemplate } from "./provisioning-templates.ts";
import { RATES } from "./rates.ts";
import { findRoleAlias, type RoleAlias } from "./role-aliases.ts";
import type { Iot } from "./state.ts";

export interface IotOptions {
  /** The folder that holds `iot.db` and the device CA. */
  readonly dir: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly region: string;
  readonly accountId: string;
  readonly faults: Faults;
  /** Refuses what the caller's policy does not allow; all is allowed if it is not given. */
  readonly gate?: Gate | undefined;
  /** How long a thing type must have been deprecated before it can be deleted; five minutes on AWS. */
  readonly thingTypeCooldownMs: number;
  /** What `DescribeEndpoint` answers. */
  readonly endpoints: { readonly data: string; readonly credentials: string; readonly jobs: string };
  /** `aws` refuses what comes more often than AWS's default quotas allow; `off`, the default, takes all. */
  readonly throttling?: "off" | "aws";
  /** How long a change of a membership stays unseen in lists and by devices; jobs follow at once. 0 by default. */
  readonly membershipLagMs?: number;
  readonly jobs?: {
    /**
     * Whether a thing that comes back to a group runs anew what was REMOVED when it left: AWS's documentation says that
     * it can be restarted, but not that it always is. True by default.
     */
    readonly restartOnReattach: boolean;
  };
  /** The system's by default. */
  readonly clock?: Clock;
}

export interface IotServer {
  readonly port: number;
  readonly url: string;
  readonly jobs: JobsPort;
  /** What the devices' ports work on, within this process. */
  readonly iot: Iot;
  /** Whether the ARN is of a thing or a thing group that exists. */
  hasTarget(arn: string): boolean;
  /** The groups of a thing as a device sees them, with the lag. */
  groupsOf(thingName: string): readonly GroupOfThing[];
  /** The temporary claim that a certificate is, until it expires. */
  claimOf(certificateId: string): ProvisioningClaim | undefined;
  templateOf(name: string): ProvisioningTemplate | undefined;
  /** What is known of a certificate by its ID, which is its fingerprint. */
  principalOf(certificateId: string): DevicePrincipal | undefined;
  roleAliasOf(name: string): RoleAlias | undefined;
  /** The certificate of the CA of the device certificates, in PEM. */
  deviceCa(): Promise<string>;
  close(): Promise<void>;
}

/** Sets one timer for what jobs have to do next, and sets it anew when that changes. */
const alarm = (iot: () => Iot) => {
  let cancel = (): void => undefined;
  const set = (): void => {
    cancel();
    const next = nextTick(iot());
    if (next === undefined) return;
    const { clock } = iot();
    // `tick` sets the next one, by its transaction's end.
    cancel = clock.after(Math.max(0, next - clock.now()), () => tick(iot()));
  };
  return { set, stop: () => cancel() };
};

/**
 * Starts the AWS IoT control plane on loopback. What it holds survives a kill of the process, and what fell due
 * meanwhile is done after the start.
 *
 * @throws PortTaken when the port is in use.
 */
export const startIot = async (options: IotOptions): Promise<IotServer> => {
  const store = new Store(join(options.dir, "iot.db"), SCHEMA);
  const timer = alarm(() => iot);
  const iot: Iot = {
    store,
    region: options.region,
    accountId: options.accountId,
    thingTypeCooldownMs: options.thingTypeCooldownMs,
    membershipLagMs: options.membershipLagMs ?? 0,
    restartOnReattach: options.jobs?.restartOnReattach ?? true,
    endpoints: options.endpoints,
    clock: options.clock ?? systemClock,
    ca: deviceCa(options.dir),
    outbox: newOutbox(),
    wake: timer.set,
    arn: (kind, name) => `arn:aws:iot:${options.region}:${options.accountId}:${kind}/${name}`,
  };
  const server = createJsonServer({
    client,
    model: loadModel("iot"),
    prefix: "iot",
    handlers: HANDLERS,
    context: iot,
    faults: options.faults,
    gate: options.gate,
    ...(options.throttling === "aws" && { throttle: tokenBuckets(RATES, options.clock?.now) }),
    validationError: invalidRequest,
    internalErrorCode: "InternalFailureException",
  });
  try {
    const port = await listen("AWS IoT", server, options.port);
    timer.set();
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      jobs: jobsPort(iot),
      iot,
      hasTarget: (arn) => {
        const parsed = parseArn(iot, arn);
        return (parsed?.kind === "thing" || parsed?.kind === "thinggroup") && exists(iot, parsed.kind, parsed.name);
      },
      groupsOf: (thingName) => groupsSeen(iot, thingName),
      claimOf: (certificateId) => findClaim(iot, certificateId),
      templateOf: (name) => findTemplateWithBody(iot, name),
      principalOf: (certificateId) => findPrincipal(iot, certificateId),
      roleAliasOf: (name) => findRoleAlias(iot, name),
      deviceCa: () => iot.ca.certificate(),
      close: async () => {
        await shut(server);
        timer.stop();
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
};
