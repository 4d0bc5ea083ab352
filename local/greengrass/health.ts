import { z } from "zod";
import type { ServiceEvent } from "../events.ts";
import { findCoreDevice, type InstalledRow } from "./core-devices.ts";
import { configurationArn, thingOf } from "./deployment-documents.ts";
import type { DeploymentRow } from "./deployments.ts";
import {
  type EffectiveStatus,
  findEffective,
  type Outcome,
  reasonOf,
  recordEffective,
} from "./effective-deployments.ts";
import { change } from "./outbox.ts";
import type { Greengrass } from "./state.ts";

const Component = z.object({
  componentName: z.string().min(1),
  // What is built into a nucleus may have none.
  version: z.string().nullish(),
  fleetConfigArns: z.array(z.string()).nullish(),
  isRoot: z.boolean().default(false),
  status: z.enum(["NEW", "INSTALLED", "STARTING", "RUNNING", "STOPPING", "ERRORED", "BROKEN", "FINISHED"]),
  statusDetails: z.object({ statusCodes: z.array(z.string()).nullish(), statusReason: z.string().nullish() }).nullish(),
});

/**
 * What a nucleus publishes to `$aws/things/{thing}/greengrassv2/health/json`: FleetStatusDetails in
 * https://github.com/aws-greengrass/aws-greengrass-nucleus , with the `runtime` that nucleus lite adds.
 */
const HealthMessage = z.object({
  ggcVersion: z.string().min(1),
  platform: z.string().min(1),
  architecture: z.string().min(1),
  runtime: z.string().min(1).default("aws_nucleus_classic"),
  thing: z.string(),
  sequenceNumber: z.int(),
  /** Milliseconds. */
  timestamp: z.int(),
  messageType: z.enum(["COMPLETE", "PARTIAL"]),
  trigger: z.string().nullish(),
  overallDeviceStatus: z.enum(["HEALTHY", "UNHEALTHY"]),
  /** Of a message that was cut because MQTT bounds its length; chunks share their sequence number. */
  chunkInfo: z.object({ chunkId: z.int(), totalChunks: z.int() }).nullish(),
  components: z.array(Component).default([]),
  deploymentInformation: z
    .object({
      status: z.string().nullish(),
      deploymentId: z.string().nullish(),
      fleetConfigurationArnForStatus: z.string().nullish(),
      statusDetails: z
        .object({
          detailedStatus: z.string().nullish(),
          failureCause: z.string().nullish(),
          errorStack: z.array(z.string()).nullish(),
          errorTypes: z.array(z.string()).nullish(),
        })
        .nullish(),
      unchangedRootComponents: z.array(z.string()).nullish(),
    })
    .nullish(),
});
type HealthMessage = z.infer<typeof HealthMessage>;
type Reported = HealthMessage["components"][number];

/** The states that EventBridge hears of: https://docs.aws.amazon.com/greengrass/v2/developerguide/deployment-health-notifications.html */
const TOLD: ReadonlySet<InstalledRow["state"]> = new Set(["ERRORED", "BROKEN"]);

/**
 * Whether the message is a repetition, or was overtaken by one that counted. A nucleus that was set up anew counts from
 * the start again: its launch counts if it is younger.
 */
const isStale = (greengrass: Greengrass, thing: string, message: HealthMessage): boolean => {
  const known = findCoreDevice(greengrass, thing);
  if (known === undefined || message.sequenceNumber > known.sequence) return false;
  if (message.sequenceNumber === known.sequence && message.timestamp === known.reported_at)
    return (message.chunkInfo?.totalChunks ?? 1) === 1;
  return !(message.trigger === "NUCLEUS_LAUNCH" && message.timestamp > known.reported_at);
};

/** What brought a component last: a deployment's id, or `LOCAL`. Undefined when the message tells of no deployment. */
const sourceOf = ({ trigger, deploymentInformation }: HealthMessage): string | undefined =>
  trigger === "LOCAL_DEPLOYMENT" ? "LOCAL" : (deploymentInformation?.deploymentId ?? undefined);

/** A deployment's message lists what it took away as well: that belongs to no deployment any more. */
const isRemoved = (message: HealthMessage, component: Reported): boolean =>
  message.messageType === "PARTIAL" &&
  message.trigger?.endsWith("_DEPLOYMENT") === true &&
  !component.isRoot &&
  component.fleetConfigArns?.length === 0;

const findInstalled = (greengrass: Greengrass, thing: string, name: string): InstalledRow | undefined =>
  greengrass.store.get<InstalledRow>("SELECT * FROM installed_components WHERE thing = ? AND name = ?", thing, name);

/** Stores a component as it was reported. @returns whether it is in another state or version than before */
const install = (greengrass: Greengrass, thing: string, message: HealthMessage, component: Reported): boolean => {
  const version = component.version ?? message.ggcVersion;
  const before = findInstalled(greengrass, thing, component.componentName);
  const changed = before?.state !== component.status || before.version !== version;
  greengrass.store.run(
    `INSERT OR REPLACE INTO installed_components VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    thing,
    component.componentName,
    version,
    component.status,
    component.statusDetails?.statusReason ?? null,
    JSON.stringify(component.statusDetails?.statusCodes ?? []),
    component.isRoot ? 1 : 0,
    before === undefined || changed ? message.timestamp : before.changed_at,
    message.timestamp,
    sourceOf(message) ?? before?.source ?? null,
  );
  return changed;
};

/** @returns the components to tell EventBridge of: failures when they come, and all that a deployment reports */
const storeComponents = (greengrass: Greengrass, thing: string, message: HealthMessage): Reported[] => {
  const { store } = greengrass;
  const tell: Reported[] = [];
  for (const component of message.components) {
    if (isRemoved(message, component)) {
      store.run("DELETE FROM installed_components WHERE thing = ? AND name = ?", thing, component.componentName);
      continue;
    }
    const changed = install(greengrass, thing, message, component);
    if ((changed && TOLD.has(component.status)) || message.deploymentInformation != null) tell.push(component);
  }
  for (const name of message.deploymentInformation?.unchangedRootComponents ?? [])
    store.run(
      "UPDATE installed_components SET reported_at = ?, source = coalesce(?, source) WHERE thing = ? AND name = ?",
      message.timestamp,
      sourceOf(message) ?? null,
      thing,
      name,
    );
  return tell;
};

const findDeployment = (greengrass: Greengrass, message: HealthMessage): DeploymentRow | undefined => {
  const { deploymentId, fleetConfigurationArnForStatus: arn } = message.deploymentInformation ?? {};
  const { store } = greengrass;
  const row = store.get<DeploymentRow>("SELECT * FROM deployments WHERE id = ?", deploymentId ?? "");
  if (row !== undefined || arn == null) return row;
  // A nucleus before 2.10 names the revision alone.
  const revision = Number(arn.slice(arn.lastIndexOf(":") + 1));
  return store
    .all<DeploymentRow>("SELECT * FROM deployments WHERE revision = ?", Number.isInteger(revision) ? revision : 0)
    .find(({ target }) => configurationArn(greengrass, target, revision) === arn);
};

/** A thing's deployment is completed where a group's succeeds: https://docs.aws.amazon.com/greengrass/v2/APIReference/API_EffectiveDeployment.html */
const THING_STATUS: Readonly<Record<string, EffectiveStatus>> = {
  SUCCEEDED: "COMPLETED",
  FAILED: "FAILED",
  REJECTED: "REJECTED",
  CANCELED: "CANCELED",
  IN_PROGRESS: "IN_PROGRESS",
};

/**
 * A deployment to this thing ends with the device's word. Of a group's the job execution has the status; the message has
 * the errors.
 */
const storeOutcome = (greengrass: Greengrass, thing: string, message: HealthMessage): void => {
  const { status, statusDetails } = message.deploymentInformation ?? {};
  const row = findDeployment(greengrass, message);
  if (row === undefined) return;
  const errorStack = statusDetails?.errorStack ?? undefined;
  const outcome: Outcome = {
    reason: reasonOf(statusDetails?.detailedStatus ?? undefined, statusDetails?.failureCause ?? undefined, errorStack),
    errorStack,
    errorTypes: statusDetails?.errorTypes ?? undefined,
  };
  const deployed = {
    deploymentId: row.id,
    name: row.name,
    target: row.target,
    jobId: row.job_id,
    createdAt: row.created_at,
  };
  if (row.job_id !== null) {
    const known = findEffective(greengrass, thing, row.id);
    if (known !== undefined) recordEffective(greengrass, thing, deployed, known.status, known.modified_at, outcome);
    return;
  }
  const reached = Object.hasOwn(THING_STATUS, status ?? "") ? THING_STATUS[status ?? ""] : undefined;
  if (thingOf(row.target) !== thing || reached === undefined) return;
  recordEffective(greengrass, thing, deployed, reached, message.timestamp, outcome);
  if (reached !== "IN_PROGRESS")
    greengrass.store.run(
      "UPDATE deployments SET status = ? WHERE id = ? AND status = 'ACTIVE'",
      reached === "REJECTED" ? "FAILED" : reached,
      row.id,
    );
};

const componentsEvent = (
  greengrass: Greengrass,
  { thing, ggcVersion }: HealthMessage,
  components: readonly Reported[],
): ServiceEvent => ({
  source: "aws.greengrass",
  "detail-type": "Greengrass V2 Installed Component Status Change",
  resources: [greengrass.arn(`coreDevices:${thing}`)],
  detail: {
    components: components.map((component) => ({
      componentName: component.componentName,
      componentVersion: component.version ?? ggcVersion,
      root: component.isRoot,
      lifecycleState: component.status,
      lifecycleStatusCodes: component.statusDetails?.statusCodes ?? [],
      lifecycleStateDetails: component.statusDetails?.statusReason ?? "",
    })),
  },
});

/**
 * Takes in what a core device says of itself. Its first message makes the thing a core device. COMPLETE takes the place
 * of what was known, PARTIAL changes it.
 *
 * @param document the JSON value of the message
 * @returns false for a message that came too late, or again
 * @throws ZodError for what is no such message, or is another thing's
 */
export const reportHealth = (greengrass: Greengrass, thing: string, document: unknown): boolean => {
  const message = HealthMessage.extend({ thing: z.literal(thing) }).parse(document);
  if (isStale(greengrass, thing, message)) return false;
  change(greengrass, () => {
    const { store } = greengrass;
    store.run(
      "INSERT OR REPLACE INTO core_devices VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      thing,
      message.ggcVersion,
      message.platform,
      message.architecture,
      message.runtime,
      message.overallDeviceStatus,
      message.sequenceNumber,
      message.timestamp,
    );
    const reported = storeComponents(greengrass, thing, message);
    const { chunkId, totalChunks } = message.chunkInfo ?? { chunkId: 1, totalChunks: 1 };
    // What the message, or its chunks, did not name is not there any more.
    if (message.messageType === "COMPLETE" && chunkId === totalChunks)
      store.run("DELETE FROM installed_components WHERE thing = ? AND reported_at <> ?", thing, message.timestamp);
    storeOutcome(greengrass, thing, message);
    if (reported.length > 0) greengrass.outbox.push(componentsEvent(greengrass, message, reported));
  });
  return true;
};
