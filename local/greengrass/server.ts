import { join } from "node:path";
import * as client from "@aws-sdk/client-greengrassv2";
import { loadModel } from "../aws-json/constraints.ts";
import { createJsonServer } from "../aws-json/server.ts";
import { Store } from "../aws-json/store.ts";
import type { Faults } from "../faults.ts";
import { listen, shut } from "../listen.ts";
import { ArtifactReader, type ReadArtifact } from "./artifacts.ts";
import { CLIENT_TOKENS_SCHEMA } from "./client-tokens.ts";
import { COMPONENTS_SCHEMA, componentHandlers } from "./components.ts";
import { coreDeviceHandlers } from "./core-devices.ts";
import { DEPLOYMENTS_SCHEMA, deploymentHandlers } from "./deployments.ts";
import { invalidField } from "./errors.ts";
import type { Greengrass, GreengrassHandlers } from "./state.ts";
import { TAGS_SCHEMA, tagHandlers } from "./tags.ts";

export interface GreengrassOptions {
  /** The folder that holds `greengrass.db`. */
  readonly dir: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly region: string;
  readonly accountId: string;
  readonly faults: Faults;
  /** Digests an artifact at an `s3://` URI. */
  readonly readArtifact: ReadArtifact;
  /** Whether the ARN is of a thing or a thing group that exists. */
  targetExists(arn: string): boolean;
}

export interface GreengrassServer {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

const SCHEMA = [COMPONENTS_SCHEMA, DEPLOYMENTS_SCHEMA, CLIENT_TOKENS_SCHEMA, TAGS_SCHEMA].join("\n");

const HANDLERS: GreengrassHandlers = {
  ...componentHandlers,
  ...deploymentHandlers,
  ...coreDeviceHandlers,
  ...tagHandlers,
};

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
    targetExists: (arn) => options.targetExists(arn),
    initiate: (arn) => artifacts.initiate(arn),
    arn: (resource) => `arn:aws:greengrass:${options.region}:${options.accountId}:${resource}`,
  };
  const server = createJsonServer({
    client,
    model: loadModel("greengrassv2"),
    prefix: "greengrass",
    handlers: HANDLERS,
    context: greengrass,
    faults: options.faults,
    validationError: invalidField,
    internalErrorCode: "InternalServerException",
  });
  try {
    const port = await listen("AWS IoT Greengrass", server, options.port);
    artifacts.resume();
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      close: async () => {
        await shut(server);
        artifacts.close();
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
};
