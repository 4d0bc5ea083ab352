import type { Content } from "./folder.ts";
import { PLATFORM } from "./recipe.ts";
import type { Status } from "./runner.ts";

/**
 * What a core device says of itself on `$aws/things/{thing}/greengrassv2/health/json`: FleetStatusDetails, and Trigger, in
 * https://github.com/aws-greengrass/aws-greengrass-nucleus
 */

/** The nucleus whose words these are. */
const GGC_VERSION = "2.14.0";
/** AWS IoT takes messages of 128 KB; a component says less than 500 bytes of itself. */
const COMPONENTS_PER_CHUNK = 200;

export type Trigger =
  | "NUCLEUS_LAUNCH"
  | "RECONNECT"
  | "CADENCE"
  | "THING_GROUP_DEPLOYMENT"
  | "BROKEN_COMPONENT"
  | "ERRORED_COMPONENT"
  | "COMPONENT_STATUS_CHANGE";

export interface DeploymentReport {
  readonly deploymentId: string;
  readonly configurationArn: string;
  readonly status: string;
  readonly detailedStatus: string;
  readonly failureCause?: string | undefined;
  readonly errorStack: readonly string[];
  readonly errorTypes: readonly string[];
  /** Components that the deployment took away, with the version that they had. */
  readonly removed: readonly { readonly name: string; readonly version: string }[];
}

export interface Report {
  readonly thing: string;
  readonly content: Content;
  readonly statusOf: (name: string) => Status;
  readonly sequenceNumber: number;
  /** Milliseconds. */
  readonly timestamp: number;
  readonly trigger: Trigger;
  readonly deployment?: DeploymentReport | undefined;
  /** Of a message about some components: which. */
  readonly names?: readonly string[] | undefined;
}

const deploymentInformation = (deployment: DeploymentReport) => ({
  deploymentId: deployment.deploymentId,
  fleetConfigurationArnForStatus: deployment.configurationArn,
  status: deployment.status,
  statusDetails: {
    detailedStatus: deployment.detailedStatus,
    ...(deployment.failureCause !== undefined && { failureCause: deployment.failureCause }),
    ...(deployment.errorStack.length > 0 && {
      errorStack: deployment.errorStack,
      errorTypes: deployment.errorTypes,
    }),
  },
  unchangedRootComponents: [],
});

/** The messages of one report, which are several when it is long. */
export const healthMessages = (report: Report): Readonly<Record<string, unknown>>[] => {
  const { content, statusOf, deployment } = report;
  const installed = Object.entries(content.components);
  const isBroken = installed.some(([name]) => statusOf(name) === "BROKEN");
  const components = [
    ...installed
      .filter(([name]) => report.names?.includes(name) ?? true)
      .map(([componentName, { version, configurationArns, isRoot }]) => ({
        componentName,
        version,
        fleetConfigArns: configurationArns,
        isRoot,
        status: statusOf(componentName),
      })),
    ...(deployment?.removed ?? []).map(({ name: componentName, version }) => ({
      componentName,
      version,
      fleetConfigArns: [],
      isRoot: false,
      status: "FINISHED",
    })),
  ];
  const isPartial = deployment !== undefined || report.names !== undefined;
  const totalChunks = Math.max(1, Math.ceil(components.length / COMPONENTS_PER_CHUNK));
  return Array.from({ length: totalChunks }, (_, chunk) => ({
    ggcVersion: GGC_VERSION,
    platform: PLATFORM.os,
    architecture: PLATFORM.architecture,
    runtime: PLATFORM.runtime,
    thing: report.thing,
    sequenceNumber: report.sequenceNumber,
    timestamp: report.timestamp,
    messageType: isPartial ? "PARTIAL" : "COMPLETE",
    trigger: report.trigger,
    overallDeviceStatus: isBroken ? "UNHEALTHY" : "HEALTHY",
    ...(totalChunks > 1 && { chunkInfo: { chunkId: chunk + 1, totalChunks } }),
    components: components.slice(chunk * COMPONENTS_PER_CHUNK, (chunk + 1) * COMPONENTS_PER_CHUNK),
    ...(deployment !== undefined && { deploymentInformation: deploymentInformation(deployment) }),
  }));
};
