import {
  DeleteCoreDeviceCommand,
  GetCoreDeviceCommand,
  GreengrassV2Client,
  paginateListEffectiveDeployments,
  paginateListInstalledComponents,
} from "@aws-sdk/client-greengrassv2";
import type { DeviceSeen, Effective, ReportedComponent } from "../deployment/truth.ts";
import { isAwsError } from "./aws-errors.ts";
import { clientSettings, once } from "./settings.ts";

const client = once(() => new GreengrassV2Client(clientSettings));

/** Idempotent: a node that never connected has no core device. */
export const deleteCoreDevice = async (thing: string): Promise<void> => {
  try {
    await client().send(new DeleteCoreDeviceCommand({ coreDeviceThingName: thing }));
  } catch (error) {
    if (!isAwsError(error, "ResourceNotFoundException")) throw error;
  }
};

/** How many calls {@link seenDevice} makes of a device that has reported, unless its lists are long. */
export const CALLS_OF_A_LOOK = 3;

/** All that Greengrass has of a core device; undefined before it first reported. */
export const seenDevice = async (thing: string): Promise<(DeviceSeen & { readonly jobs: Jobs }) | undefined> => {
  const device = { coreDeviceThingName: thing };
  try {
    const { status, lastStatusUpdateTimestamp, coreVersion } = await client().send(new GetCoreDeviceCommand(device));
    const components: Record<string, ReportedComponent> = {};
    const lists = paginateListInstalledComponents({ client: client() }, { ...device, topologyFilter: "ALL" });
    for await (const { installedComponents = [] } of lists) {
      for (const one of installedComponents) {
        const { lifecycleStateDetails: detail, lifecycleStatusCodes: codes, lastReportedTimestamp } = one;
        components[one.componentName ?? ""] = {
          version: one.componentVersion ?? "",
          state: one.lifecycleState ?? "NEW",
          ...(detail !== undefined && { detail }),
          ...(codes !== undefined && codes.length > 0 && { codes }),
          at: lastReportedTimestamp?.getTime() ?? 0,
        };
      }
    }
    const effective: Effective[] = [];
    const jobs = new Map<string, string>();
    for await (const page of paginateListEffectiveDeployments({ client: client() }, device)) {
      for (const one of page.effectiveDeployments ?? []) {
        const { deploymentId, coreDeviceExecutionStatus, statusDetails, reason, targetArn } = one;
        if (deploymentId === undefined || coreDeviceExecutionStatus === undefined) continue;
        if (one.iotJobId !== undefined) jobs.set(one.iotJobId, deploymentId);
        const errors = statusDetails?.errorStack ?? [];
        effective.push({
          deploymentId,
          status: coreDeviceExecutionStatus,
          at: one.modifiedTimestamp?.getTime() ?? 0,
          ...(targetArn !== undefined && { targetArn }),
          ...(reason !== undefined && { reason }),
          ...(errors.length > 0 && { errors }),
        });
      }
    }
    return {
      device: {
        status: status ?? "UNHEALTHY",
        at: lastStatusUpdateTimestamp?.getTime() ?? 0,
        ...(coreVersion !== undefined && { coreVersion }),
      },
      effective,
      components,
      jobs,
    };
  } catch (error) {
    if (isAwsError(error, "ResourceNotFoundException")) return undefined;
    throw error;
  }
};

/** The deployment of each job of AWS IoT. */
type Jobs = ReadonlyMap<string, string>;

/** What a core device has reported of itself, as far as it decides where a node goes. */
export interface DeviceReport {
  /** When it last did, in milliseconds. */
  readonly at: number;
  /** Component to version, with what came as a dependency. */
  readonly installed: ReadonlyMap<string, string>;
  /** The error codes of deployments that failed, from the most general on, by the id of the job. */
  readonly errors: ReadonlyMap<string, readonly string[]>;
}

/** What a node's device has reported; undefined before it first did. */
export const reportOfDevice = async (thing: string): Promise<DeviceReport | undefined> => {
  const seen = await seenDevice(thing);
  if (seen === undefined) return undefined;
  const failed = new Map(
    seen.effective.flatMap(({ deploymentId, status, errors = [] }) =>
      status === "FAILED" ? [[deploymentId, errors] as const] : [],
    ),
  );
  return {
    at: seen.device.at,
    installed: new Map(Object.entries(seen.components).map(([name, { version }]) => [name, version])),
    errors: new Map([...seen.jobs].flatMap(([job, id]) => (failed.has(id) ? [[job, failed.get(id) ?? []]] : []))),
  };
};
