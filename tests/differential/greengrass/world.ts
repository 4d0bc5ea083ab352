import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GreengrassV2 } from "@aws-sdk/client-greengrassv2";
import { Faults } from "../../../local/faults.ts";
import { type CoreDevices, type GreengrassServer, startGreengrass } from "../../../local/greengrass/server.ts";
import { until } from "../../local/until.ts";

export const REGION = "eu-central-1";
export const ACCOUNT = "123456789012";

export interface World {
  readonly client: GreengrassV2;
  /** Of a stand-in that refuses what it cannot read. */
  readonly refusing: GreengrassV2;
  readonly devices: CoreDevices;
  readonly close: () => Promise<void>;
}

/** What the API reference says of an operation or a type. */
export const api = (name: string): string => `https://docs.aws.amazon.com/greengrass/v2/APIReference/API_${name}.html`;
export const guide = (page: string): string => `https://docs.aws.amazon.com/greengrass/v2/developerguide/${page}.html`;
export const QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html";

let last = 0;
/** A name that no other row has. */
export const unique = (prefix = "com.example"): string => {
  last += 1;
  return `${prefix}.${last}`;
};

export const componentArn = (name: string): string => `arn:aws:greengrass:${REGION}:${ACCOUNT}:components:${name}`;
export const versionArn = (name: string, version = "1.0.0"): string => `${componentArn(name)}:versions:${version}`;
export const publicArn = (name: string): string => `arn:aws:greengrass:${REGION}:aws:components:${name}`;
export const groupArn = (name = unique("group")): string => `arn:aws:iot:${REGION}:${ACCOUNT}:thinggroup/${name}`;
export const thingArn = (name: string): string => `arn:aws:iot:${REGION}:${ACCOUNT}:thing/${name}`;

/** What the stand-in has as targets: every thing and group but those that are named so. */
export const ABSENT = "absent";

/** An answer with its member `status` as `state`: in a row's answer, `status` is HTTP's. */
export const stated = async <Answer extends { readonly status?: unknown }>(promise: Promise<Answer>) => {
  const { status: state, ...rest } = await promise;
  return { ...rest, state };
};

export const digest = (text: string): string => createHash("sha256").update(text).digest("base64");

export const recipe = (name: string, version = "1.0.0", more: object = {}): object => ({
  RecipeFormatVersion: "2020-01-25",
  ComponentName: name,
  ComponentVersion: version,
  ComponentDescription: "A component.",
  ComponentPublisher: "Example",
  Manifests: [{ Platform: { os: "linux", runtime: "*" } }],
  ...more,
});

export const withArtifacts = (...uris: string[]): object => ({
  Manifests: [{ Platform: { os: "linux" }, Artifacts: uris.map((Uri) => ({ Uri })) }],
});

export const bytes = (value: object | string): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** Creates a version and waits until its artifacts are read. */
export const create = async ({ client }: World, value: object): Promise<string> => {
  const { arn = "" } = await client.createComponentVersion({ inlineRecipe: bytes(value) });
  await until(
    async () => {
      const { status } = await client.describeComponent({ arn });
      return status?.componentState === "DEPLOYABLE" || status?.componentState === "FAILED";
    },
    { what: `the end of ${arn}` },
  );
  return arn;
};

let sequence = 0;
/** A health message as a nucleus sends it; each is later than the one before. */
export const health = (thing: string, more: object = {}): object => {
  sequence += 1;
  return {
    ggcVersion: "2.16.0",
    platform: "linux",
    architecture: "amd64",
    thing,
    sequenceNumber: sequence,
    timestamp: 1_700_000_000_000 + sequence,
    messageType: "COMPLETE",
    trigger: "NUCLEUS_LAUNCH",
    overallDeviceStatus: "HEALTHY",
    components: [],
    ...more,
  };
};

/** A core device that has reported. */
export const core = ({ devices }: World, more: object = {}): string => {
  const thing = unique("core");
  devices.reportHealth(thing, health(thing, more));
  return thing;
};

const readArtifact = async (uri: string) =>
  uri.includes("/missing")
    ? { error: "Specified artifact resource cannot be accessed" }
    : { sha256Base64: digest(uri), size: 1 };

const clientOf = (server: GreengrassServer): GreengrassV2 =>
  new GreengrassV2({
    endpoint: server.url,
    region: REGION,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });

export const startWorld = async (): Promise<World> => {
  const dir = await mkdtemp(join(tmpdir(), "greengrass-rows-"));
  const common = {
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    faults: new Faults(),
    readArtifact,
    targetExists: (arn: string) => !arn.includes(ABSENT),
  };
  const server = await startGreengrass({ ...common, dir: join(dir, "one") });
  const strict = await startGreengrass({ ...common, dir: join(dir, "two"), unreadableArtifacts: "refuse" });
  const client = clientOf(server);
  const refusing = clientOf(strict);
  return {
    client,
    refusing,
    devices: server.devices,
    close: async () => {
      client.destroy();
      refusing.destroy();
      await server.close();
      await strict.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
};
