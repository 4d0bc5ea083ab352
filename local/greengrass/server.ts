import { join } from "node:path";
import * as client from "@aws-sdk/client-greengrassv2";
import { loadModel } from "../aws-json/constraints.ts";
import { createJsonServer } from "../aws-json/server.ts";
import { Store } from "../aws-json/store.ts";
import type { ServiceEvent } from "../events.ts";
import type { Faults } from "../faults.ts";
import type { Gate } from "../iam/gate.ts";
import type { JobsPort } from "../iot/jobs-port.ts";
import { listen, shut } from "../listen.ts";
import { ArtifactReader, type ReadArtifact } from "./artifacts.ts";
import { CLIENT_DEVICES_SCHEMA } from "./client-devices.ts";
import { CLIENT_TOKENS_SCHEMA } from "./client-tokens.ts";
import { COMPONENTS_SCHEMA } from "./component-versions.ts";
import { CORE_DEVICES_SCHEMA } from "./core-devices.ts";
import { DEPLOYMENT_JOBS_SCHEMA, followJobs } from "./deployment-jobs.ts";
import { DEPLOYMENTS_SCHEMA } from "./deployments.ts";
import { EFFECTIVE_DEPLOYMENTS_SCHEMA } from "./effective-deployments.ts";
import { invalidField } from "./errors.ts";
import { handlers } from "./handlers.ts";
import { reportHealth } from "./health.ts";
import { awsThrottle } from "./rates.ts";
import { type Candidates, getArtifact, type ResolvedComponentVersion, resolveCandidates } from "./resolve.ts";
import { SERVICE_ROLE_SCHEMA } from "./service-role.ts";
import type { Greengrass } from "./state.ts";
import { TAGS_SCHEMA } from "./tags.ts";

export interface GreengrassOptions {
  /** The folder that holds `greengrass.db`. */
  readonly dir: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly region: string;
  readonly accountId: string;
  readonly faults: Faults;
  /** Refuses what the caller's policy does not allow; all is allowed if it is not given. */
  readonly gate?: Gate | undefined;
  /** Digests an artifact at an `s3://` URI. */
  readonly readArtifact: ReadArtifact;
  /** Whether the ARN is of a thing or a thing group that exists. */
  targetExists(arn: string): boolean;
  /** AWS IoT's jobs, by which thing groups get their deployments; without them, deployments are only recorded. */
  readonly jobs?: JobsPort;
  /** Takes the events of `aws.greengrass`. */
  readonly publish?: (event: ServiceEvent) => void;
  /**
   * What becomes of a component version with an artifact that cannot be read: `fail` (the default) takes it and fails it
   * afterwards, `refuse` answers a ValidationException at once. AWS's documentation has both.
   */
  readonly unreadableArtifacts?: "fail" | "refuse";
  /** `aws`: AWS's default request rates. `off` by default. */
  readonly throttling?: "off" | "aws";
}

/** For what speaks to core devices. */
export interface CoreDevices {
  /**
   * Takes in a fleet status message: the JSON value that a nucleus publishes to
   * `$aws/things/{thing}/greengrassv2/health/json`. The first makes the thing a core device.
   *
   * @returns false for a message that came too late, or again
   * @throws ZodError for what is no such message, or another thing's
   */
  reportHealth(thingName: string, document: unknown): boolean;
  /** What the data plane answers; whether the device may ask is its caller's to know. @throws AwsError */
  resolveCandidates(candidates: Candidates): readonly ResolvedComponentVersion[];
  /** @throws AwsError ResourceNotFoundException: no component here has an artifact that Greengrass keeps */
  getArtifact(componentVersionArn: string, artifactName: string): never;
}

export interface GreengrassServer {
  readonly port: number;
  readonly url: string;
  readonly devices: CoreDevices;
  /** The ARN that a deployment is for. */
  targetOf(deploymentId: string): string | undefined;
  close(): Promise<void>;
}

const SCHEMA = [
  COMPONENTS_SCHEMA,
  DEPLOYMENTS_SCHEMA,
  DEPLOYMENT_JOBS_SCHEMA,
  EFFECTIVE_DEPLOYMENTS_SCHEMA,
  CORE_DEVICES_SCHEMA,
  CLIENT_DEVICES_SCHEMA,
  SERVICE_ROLE_SCHEMA,
  CLIENT_TOKENS_SCHEMA,
  TAGS_SCHEMA,
].join("\n");

/**
 * Starts the AWS IoT Greengrass V2 control plane on loopback. What it holds survives a kill of the process; component
 * versions whose artifacts were being read are read again.
 *
 * @throws PortTaken when the port is in use.
 */
export const startGreengrass = async (options: GreengrassOptions): Promise<GreengrassServer> => {
  const store = new Store(join(options.dir, "greengrass.db"), SCHEMA);
  const artifacts = new ArtifactReader(store, options.readArtifact);
  const greengrass: Greengrass = {
    store,
    region: options.region,
    accountId: options.accountId,
    jobs: options.jobs,
    readArtifact: options.readArtifact,
    refusesUnreadable: options.unreadableArtifacts === "refuse",
    inProgress: new Set(),
    outbox: [],
    publish: (event) => options.publish?.(event),
    targetExists: (arn) => options.targetExists(arn),
    initiate: (arn) => artifacts.initiate(arn),
    arn: (resource) => `arn:aws:greengrass:${options.region}:${options.accountId}:${resource}`,
  };
  const server = createJsonServer({
    client,
    model: loadModel("greengrassv2"),
    prefix: "greengrass",
    handlers,
    context: greengrass,
    faults: options.faults,
    gate: options.gate,
    ...(options.throttling === "aws" && { throttle: awsThrottle() }),
    validationError: invalidField,
    internalErrorCode: "InternalServerException",
  });
  let open = true;
  try {
    followJobs(greengrass, () => open);
    const port = await listen("AWS IoT Greengrass", server, options.port);
    artifacts.resume();
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      targetOf: (id) => store.get<{ target: string }>("SELECT target FROM deployments WHERE id = ?", id)?.target,
      devices: {
        reportHealth: (thingName, document) => reportHealth(greengrass, thingName, document),
        resolveCandidates: (candidates) => resolveCandidates(greengrass, candidates),
        getArtifact: (arn, artifactName) => getArtifact(greengrass, arn, artifactName),
      },
      close: async () => {
        await shut(server);
        open = false;
        artifacts.close();
        store.close();
      },
    };
  } catch (error) {
    open = false;
    store.close();
    throw error;
  }
};
