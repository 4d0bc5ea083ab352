import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GreengrassV2 } from "@aws-sdk/client-greengrassv2";
import type { ServiceEvent } from "../../../local/events.ts";
import { Faults } from "../../../local/faults.ts";
import { type GreengrassOptions, type GreengrassServer, startGreengrass } from "../../../local/greengrass/server.ts";
import { until } from "../until.ts";

export const REGION = "eu-central-1";
export const ACCOUNT = "123456789012";
const iotArn = (kind: string, name: string) => `arn:aws:iot:${REGION}:${ACCOUNT}:${kind}/${name}`;
export const groupArn = (name: string): string => iotArn("thinggroup", name);
export const thingArn = (name: string): string => iotArn("thing", name);
export const componentArn = (name: string): string => `arn:aws:greengrass:${REGION}:${ACCOUNT}:components:${name}`;
export const versionArn = (name: string, version = "1.0.0"): string => `${componentArn(name)}:versions:${version}`;
export const digest = (text: string): string => createHash("sha256").update(text).digest("base64");

export const recipe = (name: string, version = "1.0.0", ...uris: string[]): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify({
      RecipeFormatVersion: "2020-01-25",
      ComponentName: name,
      ComponentVersion: version,
      Manifests: [{ Platform: { os: "linux", runtime: "*" }, Artifacts: uris.map((Uri) => ({ Uri })) }],
    }),
  );

/** Artifacts whose reading waits until the test lets it go on. */
export class Artifacts {
  #held: (() => void)[] = [];
  #hold = false;

  hold(): void {
    this.#hold = true;
  }
  release(): void {
    this.#hold = false;
    for (const go of this.#held.splice(0)) go();
  }
  readonly read = async (uri: string) => {
    if (this.#hold) await new Promise<void>((resolve) => this.#held.push(resolve));
    if (uri.includes("broken")) throw new Error("the bucket is on fire");
    if (uri.includes("missing")) return { error: "Specified artifact resource cannot be accessed" };
    return { sha256Base64: digest(uri), size: uri.includes("huge") ? 2 * 1024 ** 3 : 1 };
  };
}

export const clientOf = (endpoint: string): GreengrassV2 =>
  new GreengrassV2({
    endpoint,
    region: REGION,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });

/** A stand-in on a folder of its own, which can be stopped and started again. */
export interface Stage {
  readonly dir: string;
  readonly artifacts: Artifacts;
  readonly events: ServiceEvent[];
  readonly server: GreengrassServer;
  readonly client: GreengrassV2;
  start(): Promise<void>;
  stop(): Promise<void>;
  end(): Promise<void>;
}

export const stage = async (options: () => Partial<GreengrassOptions> = () => ({})): Promise<Stage> => {
  const dir = await mkdtemp(join(tmpdir(), "greengrass-"));
  const artifacts = new Artifacts();
  const events: ServiceEvent[] = [];
  const open = async () => {
    const server = await startGreengrass({
      dir,
      port: 0,
      region: REGION,
      accountId: ACCOUNT,
      faults: new Faults(),
      readArtifact: artifacts.read,
      targetExists: () => true,
      publish: (event) => events.push(event),
      ...options(),
    });
    return { server, client: clientOf(server.url) };
  };
  let running = await open();
  const stop = async () => {
    running.client.destroy();
    await running.server.close();
  };
  return {
    dir,
    artifacts,
    events,
    get server() {
      return running.server;
    },
    get client() {
      return running.client;
    },
    start: async () => {
      running = await open();
    },
    stop,
    end: async () => {
      artifacts.release();
      await stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
};

export const stateOf = async (client: GreengrassV2, arn: string): Promise<string | undefined> =>
  (await client.describeComponent({ arn })).status?.componentState;

/** Waits until the version's artifacts are read. */
export const settled = (client: GreengrassV2, arn: string): Promise<string> =>
  until(
    async () => {
      const state = await stateOf(client, arn);
      return state === "DEPLOYABLE" || state === "FAILED" ? state : undefined;
    },
    { what: `the end of ${arn}` },
  );

export const publish = async (client: GreengrassV2, name: string, version = "1.0.0", ...uris: string[]) => {
  const { arn = "" } = await client.createComponentVersion({ inlineRecipe: recipe(name, version, ...uris) });
  await settled(client, arn);
  return arn;
};

/** What a refused request is rejected with. */
export const refusal = (name: string, status: number, more: object = {}): object => ({
  name,
  $metadata: { httpStatusCode: status },
  ...more,
});

/** A fleet status message as a nucleus sends it. */
export const health = (thing: string, sequenceNumber: number, more: object = {}): object => ({
  ggcVersion: "2.16.0",
  platform: "linux",
  architecture: "aarch64",
  thing,
  sequenceNumber,
  timestamp: 1_700_000_000_000 + sequenceNumber * 1_000,
  messageType: "COMPLETE",
  trigger: "CADENCE",
  overallDeviceStatus: "HEALTHY",
  components: [],
  ...more,
});
