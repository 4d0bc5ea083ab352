import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GreengrassV2 } from "@aws-sdk/client-greengrassv2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse as parseYaml, stringify } from "yaml";
import { Faults } from "../../local/faults.ts";
import { type GreengrassServer, startGreengrass } from "../../local/greengrass/server.ts";
import { until } from "./until.ts";

const REGION = "eu-central-1";
const ACCOUNT = "123456789012";
const GROUP = `arn:aws:iot:${REGION}:${ACCOUNT}:thinggroup/fleet`;
const OTHER_GROUP = `arn:aws:iot:${REGION}:${ACCOUNT}:thinggroup/other`;
const THING = `arn:aws:iot:${REGION}:${ACCOUNT}:thing/node`;
const TARGETS = new Set([GROUP, OTHER_GROUP, THING]);
const componentArn = (name: string) => `arn:aws:greengrass:${REGION}:${ACCOUNT}:components:${name}`;
const versionArn = (name: string, version = "1.0.0") => `${componentArn(name)}:versions:${version}`;
const digest = (text: string) => createHash("sha256").update(text).digest("base64");

const URI = "s3://bucket/app.tar.gz";
const recipe = (name: string, version = "1.0.0", more: object = {}) => ({
  RecipeFormatVersion: "2020-01-25",
  ComponentName: name,
  ComponentVersion: version,
  Manifests: [{ Platform: { os: "linux", runtime: "*" }, Artifacts: [{ Uri: URI, Permission: { Read: "ALL" } }] }],
  ...more,
});
const bytes = (value: object | string) =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const withArtifacts = (...uris: string[]) => ({ Manifests: [{ Artifacts: uris.map((Uri) => ({ Uri })) }] });

type Call = (greengrass: GreengrassV2) => Promise<unknown>;
class Refusal {
  readonly fields: object;
  constructor(name: string, status: number, more: object = {}) {
    this.fields = { name, $metadata: { httpStatusCode: status }, ...more };
  }
}
const invalid = (message: RegExp, reason = "OTHER") =>
  new Refusal("ValidationException", 400, { message: expect.stringMatching(message), reason });
const absent = (resourceId: string) => new Refusal("ResourceNotFoundException", 404, { resourceId });
const conflict = (resourceId: string) => new Refusal("ConflictException", 409, { resourceId });

/** Artifacts whose reading waits until the test lets it go on. */
class Artifacts {
  readonly waiting: string[] = [];
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
    if (this.#hold) {
      this.waiting.push(uri);
      await new Promise<void>((resolve) => this.#held.push(resolve));
    }
    if (uri.includes("broken")) throw new Error("the bucket is on fire");
    if (uri.includes("missing")) return { error: "Specified artifact resource cannot be accessed" };
    return { sha256Base64: digest(uri), size: uri.includes("huge") ? 2 * 1024 ** 3 : 1 };
  };
}

let dir: string;
let server: GreengrassServer;
let greengrass: GreengrassV2;
const artifacts = new Artifacts();

const open = async (): Promise<void> => {
  server = await startGreengrass({
    dir,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    faults: new Faults(),
    readArtifact: artifacts.read,
    targetExists: (arn) => TARGETS.has(arn),
  });
  greengrass = new GreengrassV2({
    endpoint: server.url,
    region: REGION,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
};

const shutDown = async (): Promise<void> => {
  greengrass.destroy();
  await server.close();
};

const state = async (arn: string): Promise<string | undefined> =>
  (await greengrass.describeComponent({ arn })).status?.componentState;

/** Waits until the version's artifacts are read. */
const settled = (arn: string): Promise<string> =>
  until(
    async () => {
      const current = await state(arn);
      return current === "DEPLOYABLE" || current === "FAILED" ? current : undefined;
    },
    { what: `the end of ${arn}` },
  );

const createAndSettle = async (...created: object[]): Promise<void> => {
  for (const inlineRecipe of created) {
    const { arn } = await greengrass.createComponentVersion({ inlineRecipe: bytes(inlineRecipe) });
    await settled(String(arn));
  }
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "greengrass-"));
  await open();
  await createAndSettle(
    recipe("app", "1.9.0"),
    recipe("app", "1.10.0"),
    recipe("app", "1.10.0-rc.1"),
    recipe("failed", "1.0.0", withArtifacts("s3://bucket/missing")),
  );
});
afterAll(async () => {
  artifacts.release();
  await shutDown();
  await rm(dir, { recursive: true, force: true });
});

/** Rows run in order: a row may build on those before it. */
const table = (title: string, rows: readonly (readonly [note: string, call: Call, expected: object | Refusal])[]) =>
  describe(title, () => {
    test.each(rows)("%s", async (_note, call, expected) => {
      if (expected instanceof Refusal) await expect(call(greengrass)).rejects.toMatchObject(expected.fields);
      else expect(await call(greengrass)).toMatchObject(expected);
    });
  });

const create =
  (value: object | string, clientToken?: string): Call =>
  (c) =>
    c.createComponentVersion({ inlineRecipe: bytes(value), ...(clientToken === undefined ? {} : { clientToken }) });

table("component versions", [
  [
    "create from JSON",
    create(recipe("json", "1.0.0", { ComponentDescription: "d" }), "token-1"),
    {
      arn: versionArn("json"),
      componentName: "json",
      componentVersion: "1.0.0",
      creationTimestamp: expect.any(Date),
      status: { componentState: "REQUESTED", vendorGuidance: "ACTIVE" },
    },
  ],
  [
    "the same token, the same recipe",
    create(recipe("json", "1.0.0", { ComponentDescription: "d" }), "token-1"),
    { arn: versionArn("json"), status: { componentState: "REQUESTED" } },
  ],
  ["the same token, another recipe", create(recipe("json", "2.0.0"), "token-1"), conflict("token-1")],
  ["another token, the same version", create(recipe("json"), "token-2"), conflict(versionArn("json"))],
  ["create from YAML", create(stringify(recipe("yaml"))), { arn: versionArn("yaml") }],
  ["nothing", (c) => c.createComponentVersion({}), invalid(/required/)],
  [
    "a Lambda function",
    (c) =>
      c.createComponentVersion({ lambdaFunction: { lambdaArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:f` } }),
    new Refusal("NotImplemented", 501),
  ],
  ["no document", create("{"), invalid(/neither/)],
  ["a YAML bomb", create("a: &a [x]\nb: [*a, *a]"), invalid(/neither/)],
  ["a list", create("- a"), invalid(/recipe:/)],
  [
    "another format version",
    create({ ...recipe("x"), RecipeFormatVersion: "2020-01-26" }),
    invalid(/RecipeFormatVersion/),
  ],
  ["a name with a space", create(recipe("x y")), invalid(/ComponentName/)],
  ["a name of 129", create(recipe("x".repeat(129))), invalid(/ComponentName/)],
  ["a version of two parts", create(recipe("x", "1.0")), invalid(/ComponentVersion/)],
  ["a version with a v", create(recipe("x", "v1.0.0")), invalid(/ComponentVersion/)],
  ["an unknown key", create({ ...recipe("x"), Extra: 1 }), invalid(/Extra/)],
  ["a key in lower case", create({ ...recipe("x"), manifests: [] }), invalid(/manifests/)],
  ["no manifest", create({ ...recipe("x"), Manifests: [] }), invalid(/Manifests/)],
  ["an artifact on HTTP", create(recipe("x", "1.0.0", withArtifacts("https://x/y"))), invalid(/Uri/)],
  ["one file name twice", create(recipe("x", "1.0.0", withArtifacts("s3://a/f", "s3://b/f"))), invalid(/unique/)],
  [
    "a requirement that is no range",
    create(recipe("x", "1.0.0", { ComponentDependencies: { y: { VersionRequirement: "newest" } } })),
    invalid(/VersionRequirement/),
  ],
  ["16,001 bytes", create(JSON.stringify(recipe("x")).padEnd(16_001)), invalid(/16000/)],
  ["16,000 bytes", create(JSON.stringify(recipe("full")).padEnd(16_000)), { componentName: "full" }],
  [
    "describe",
    (c) => c.describeComponent({ arn: versionArn("app", "1.9.0") }),
    {
      componentName: "app",
      status: { componentState: "DEPLOYABLE", message: "NONE" },
      platforms: [{ attributes: { os: "linux" } }],
    },
  ],
  ["describe an absent one", (c) => c.describeComponent({ arn: versionArn("none") }), absent(versionArn("none"))],
  [
    "describe without a version",
    (c) => c.describeComponent({ arn: componentArn("app") }),
    invalid(/arn/, "FIELD_VALIDATION_FAILED"),
  ],
  [
    "a failed one",
    (c) => c.describeComponent({ arn: versionArn("failed") }),
    {
      status: {
        componentState: "FAILED",
        message:
          "Encountered following errors in Artifacts: {s3://bucket/missing = Specified artifact resource cannot be accessed}",
        errors: { "s3://bucket/missing": "Specified artifact resource cannot be accessed" },
      },
    },
  ],
  [
    "versions, greatest first",
    (c) => c.listComponentVersions({ arn: componentArn("app") }),
    {
      componentVersions: [
        { componentVersion: "1.10.0" },
        { componentVersion: "1.10.0-rc.1" },
        { componentVersion: "1.9.0" },
      ],
    },
  ],
  [
    "versions of an absent component",
    (c) => c.listComponentVersions({ arn: componentArn("none") }),
    absent(componentArn("none")),
  ],
  [
    "components",
    (c) => c.listComponents({}),
    {
      components: expect.arrayContaining([
        expect.objectContaining({
          arn: componentArn("app"),
          latestVersion: expect.objectContaining({ componentVersion: "1.10.0" }),
        }),
      ]),
    },
  ],
  ["public components", (c) => c.listComponents({ scope: "PUBLIC" }), { components: [] }],
  ["a bad token", (c) => c.listComponents({ nextToken: "%%" }), invalid(/nextToken/, "FIELD_VALIDATION_FAILED")],
  ["tag", (c) => c.tagResource({ resourceArn: versionArn("app", "1.9.0"), tags: { a: "1", b: "2" } }), {}],
  ["untag", (c) => c.untagResource({ resourceArn: versionArn("app", "1.9.0"), tagKeys: ["a"] }), {}],
  ["tags", (c) => c.listTagsForResource({ resourceArn: versionArn("app", "1.9.0") }), { tags: { b: "2" } }],
  ["tags in the description", (c) => c.describeComponent({ arn: versionArn("app", "1.9.0") }), { tags: { b: "2" } }],
  [
    "tag an absent one",
    (c) => c.tagResource({ resourceArn: versionArn("none"), tags: { a: "1" } }),
    absent(versionArn("none")),
  ],
  ["delete", (c) => c.deleteComponent({ arn: versionArn("failed") }), { $metadata: { httpStatusCode: 204 } }],
  ["delete again", (c) => c.deleteComponent({ arn: versionArn("failed") }), absent(versionArn("failed"))],
  ["core devices", (c) => c.listCoreDevices({}), { coreDevices: [] }],
  ["a core device", (c) => c.getCoreDevice({ coreDeviceThingName: "node" }), absent("node")],
  ["delete a core device", (c) => c.deleteCoreDevice({ coreDeviceThingName: "node" }), absent("node")],
  ["not emulated", (c) => c.getConnectivityInfo({ thingName: "node" }), new Refusal("NotImplemented", 501)],
]);

const APP = { app: { componentVersion: "1.9.0" } };
table("deployments that are refused", [
  ["an absent group", (c) => c.createDeployment({ targetArn: `${GROUP}-none` }), absent(`${GROUP}-none`)],
  ["what is no target", (c) => c.createDeployment({ targetArn: "x" }), invalid(/targetArn/, "FIELD_VALIDATION_FAILED")],
  [
    "an absent component version",
    (c) => c.createDeployment({ targetArn: GROUP, components: { app: { componentVersion: "9.9.9" } } }),
    absent(versionArn("app", "9.9.9")),
  ],
  [
    "no version",
    (c) => c.createDeployment({ targetArn: GROUP, components: { app: { componentVersion: undefined } } }),
    invalid(/componentVersion/),
  ],
  [
    "a merge that is not JSON",
    (c) =>
      c.createDeployment({
        targetArn: GROUP,
        components: { app: { componentVersion: "1.9.0", configurationUpdate: { merge: "{" } } },
      }),
    invalid(/merge/),
  ],
  [
    "a reset that is no pointer",
    (c) =>
      c.createDeployment({
        targetArn: GROUP,
        components: { app: { componentVersion: "1.9.0", configurationUpdate: { reset: ["x"] } } },
      }),
    invalid(/reset/),
  ],
  [
    "an absent parent",
    (c) => c.createDeployment({ targetArn: GROUP, parentTargetArn: `${GROUP}-up` }),
    absent(`${GROUP}-up`),
  ],
  ["get an absent one", (c) => c.getDeployment({ deploymentId: "none" }), absent("none")],
  ["cancel an absent one", (c) => c.cancelDeployment({ deploymentId: "none" }), absent("none")],
  ["delete an absent one", (c) => c.deleteDeployment({ deploymentId: "none" }), absent("none")],
]);

describe("artifacts", () => {
  test("their digests are in the stored recipe, in both formats", async () => {
    const arn = versionArn("app", "1.9.0");
    const json = await greengrass.getComponent({ arn });
    const yaml = await greengrass.getComponent({ arn, recipeOutputFormat: "YAML" });
    const stored = JSON.parse(new TextDecoder().decode(json.recipe)) as object;
    expect(json.recipeOutputFormat).toBe("JSON");
    expect(yaml.recipeOutputFormat).toBe("YAML");
    expect(stored).toMatchObject({
      ComponentName: "app",
      Manifests: [
        { Artifacts: [{ Uri: URI, Digest: digest(URI), Algorithm: "SHA-256", Permission: { Read: "ALL" } }] },
      ],
    });
    expect(parseYaml(new TextDecoder().decode(yaml.recipe))).toEqual(stored);
  });

  test("a version is INITIATED while they are read; it can be neither deployed nor deleted", async () => {
    artifacts.hold();
    await greengrass.createComponentVersion({ inlineRecipe: bytes(recipe("slow")) });
    expect(await state(versionArn("slow"))).toBe("INITIATED");
    await expect(greengrass.deleteComponent({ arn: versionArn("slow") })).rejects.toMatchObject(
      conflict(versionArn("slow")).fields,
    );
    await expect(
      greengrass.createDeployment({ targetArn: GROUP, components: { slow: { componentVersion: "1.0.0" } } }),
    ).rejects.toMatchObject(invalid(/INITIATED/).fields);
    artifacts.release();
    expect(await settled(versionArn("slow"))).toBe("DEPLOYABLE");
  });

  test.each([
    ["a reader that throws", "s3://bucket/broken", /bucket is on fire/],
    ["more than 2 GB", "s3://bucket/huge", /at most 2147483648/],
  ])("%s fails the version", async (_note, uri, message) => {
    const name = `bad-${uri.slice(uri.lastIndexOf("/") + 1)}`;
    await createAndSettle(recipe(name, "1.0.0", withArtifacts(uri, "s3://bucket/second")));
    const { status } = await greengrass.describeComponent({ arn: versionArn(name) });
    expect(status).toMatchObject({ componentState: "FAILED", message: expect.stringMatching(message) });
  });

  test("reading goes on after a restart, and the late answer of the old process has no effect", async () => {
    artifacts.hold();
    const { arn = "" } = await greengrass.createComponentVersion({ inlineRecipe: bytes(recipe("killed")) });
    expect(await state(arn)).toBe("INITIATED");
    await shutDown();
    artifacts.release();
    await open();
    expect(await settled(arn)).toBe("DEPLOYABLE");
  });
});

describe("a killed process", () => {
  /** Starts the service in a process of its own, in which artifacts are never read to the end. */
  const startChild = async (folder: string) => {
    const module = new URL("../../local/greengrass/server.ts", import.meta.url).href;
    const faults = new URL("../../local/faults.ts", import.meta.url).href;
    const source = `
      import { startGreengrass } from ${JSON.stringify(module)};
      import { Faults } from ${JSON.stringify(faults)};
      const server = await startGreengrass({
        dir: ${JSON.stringify(folder)}, port: 0, region: "${REGION}", accountId: "${ACCOUNT}", faults: new Faults(),
        readArtifact: () => new Promise(() => {}), targetExists: () => true,
      });
      console.log(server.url);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [chunk] = (await once(child.stdout, "data")) as [Buffer];
    return { child, url: chunk.toString().trim() };
  };

  test("leaves what it answered: a deployment, and a version whose reading goes on", async () => {
    const { child, url } = await startChild(dir);
    const remote = new GreengrassV2({
      endpoint: url,
      region: REGION,
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
    });
    const { arn = "" } = await remote.createComponentVersion({ inlineRecipe: bytes(recipe("sigkill")) });
    const { deploymentId = "" } = await remote.createDeployment({
      targetArn: `${GROUP}-of-the-killed`,
      components: { app: { componentVersion: "1.9.0" } },
    });
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    expect((await exit)[1]).toBe("SIGKILL");
    remote.destroy();
    expect(await state(arn)).toBe("INITIATED");
    await shutDown();
    await open();
    expect(await settled(arn)).toBe("DEPLOYABLE");
    expect(await greengrass.getDeployment({ deploymentId })).toMatchObject({ deploymentStatus: "ACTIVE" });
    await greengrass.cancelDeployment({ deploymentId });
    await greengrass.deleteDeployment({ deploymentId });
  });
});

describe("deployments", () => {
  test("a new revision takes the place of the one before", async () => {
    const first = await greengrass.createDeployment({
      targetArn: GROUP,
      deploymentName: "one",
      components: { ...APP, "aws.greengrass.Nucleus": { componentVersion: "2.15.0" } },
      tags: { team: "edge" },
    });
    expect(first.iotJobArn).toBe(`arn:aws:iot:${REGION}:${ACCOUNT}:job/${first.iotJobId}`);
    expect(await greengrass.getDeployment({ deploymentId: first.deploymentId })).toMatchObject({
      targetArn: GROUP,
      revisionId: "1",
      deploymentName: "one",
      deploymentStatus: "ACTIVE",
      isLatestForTarget: true,
      iotJobId: first.iotJobId,
      components: APP,
      tags: { team: "edge" },
      deploymentPolicies: {
        failureHandlingPolicy: "ROLLBACK",
        componentUpdatePolicy: { action: "NOTIFY_COMPONENTS", timeoutInSeconds: 60 },
        configurationValidationPolicy: { timeoutInSeconds: 30 },
      },
    });
    const second = await greengrass.createDeployment({ targetArn: GROUP, components: APP });
    expect(await greengrass.getDeployment({ deploymentId: first.deploymentId })).toMatchObject({
      deploymentStatus: "INACTIVE",
      isLatestForTarget: false,
    });
    expect(await greengrass.getDeployment({ deploymentId: second.deploymentId })).toMatchObject({
      revisionId: "2",
      deploymentStatus: "ACTIVE",
      isLatestForTarget: true,
    });
  });

  test("a thing's deployment has no job", async () => {
    const answer = await greengrass.createDeployment({ targetArn: THING, components: APP });
    expect(answer.iotJobId).toBeUndefined();
  });

  test("the same client token makes one deployment, and is refused for another request", async () => {
    const request = { targetArn: OTHER_GROUP, components: APP, clientToken: "once" };
    const first = await greengrass.createDeployment(request);
    const again = await greengrass.createDeployment(request);
    expect([again.deploymentId, again.iotJobId]).toEqual([first.deploymentId, first.iotJobId]);
    await expect(greengrass.createDeployment({ ...request, deploymentName: "x" })).rejects.toMatchObject(
      conflict("once").fields,
    );
    const all = await greengrass.listDeployments({ targetArn: OTHER_GROUP, historyFilter: "ALL" });
    expect(all.deployments).toHaveLength(1);
  });

  test("the latest of each target by default, with history on request, the newest first and in pages", async () => {
    const latest = await greengrass.listDeployments({});
    expect(latest.deployments?.map(({ targetArn }) => targetArn)).toEqual([OTHER_GROUP, THING, GROUP]);
    const revisions: (string | undefined)[] = [];
    let nextToken: string | undefined;
    do {
      const page = await greengrass.listDeployments({
        targetArn: GROUP,
        historyFilter: "ALL",
        maxResults: 1,
        ...(nextToken === undefined ? {} : { nextToken }),
      });
      expect(page.deployments).toHaveLength(1);
      revisions.push(page.deployments?.[0]?.revisionId);
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    expect(revisions).toEqual(["2", "1"]);
  });

  test("an active deployment must be canceled before it is deleted; revisions count on", async () => {
    const { deploymentId = "" } = await greengrass.createDeployment({ targetArn: GROUP, components: APP });
    await expect(greengrass.deleteDeployment({ deploymentId })).rejects.toMatchObject(conflict(deploymentId).fields);
    expect(await greengrass.cancelDeployment({ deploymentId })).toMatchObject({ message: "SUCCESS" });
    expect(await greengrass.getDeployment({ deploymentId })).toMatchObject({ deploymentStatus: "CANCELED" });
    await expect(greengrass.cancelDeployment({ deploymentId })).rejects.toMatchObject(conflict(deploymentId).fields);
    await greengrass.deleteDeployment({ deploymentId });
    await expect(greengrass.getDeployment({ deploymentId })).rejects.toMatchObject(absent(deploymentId).fields);
    const next = await greengrass.createDeployment({ targetArn: GROUP, components: APP });
    expect(await greengrass.getDeployment({ deploymentId: next.deploymentId })).toMatchObject({ revisionId: "4" });
  });

  test("versions come in pages, greatest first", async () => {
    const found: (string | undefined)[] = [];
    let nextToken: string | undefined;
    do {
      const page = await greengrass.listComponentVersions({
        arn: componentArn("app"),
        maxResults: 1,
        ...(nextToken === undefined ? {} : { nextToken }),
      });
      found.push(...(page.componentVersions ?? []).map(({ componentVersion }) => componentVersion));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    expect(found).toEqual(["1.10.0", "1.10.0-rc.1", "1.9.0"]);
  });

  test("what was made is there after a restart, tokens too", async () => {
    const request = { targetArn: OTHER_GROUP, components: APP, clientToken: "kept" };
    const before = await greengrass.createDeployment(request);
    await shutDown();
    await open();
    expect((await greengrass.createDeployment(request)).deploymentId).toBe(before.deploymentId);
    expect(await greengrass.getDeployment({ deploymentId: before.deploymentId })).toMatchObject({ revisionId: "2" });
    expect(await state(versionArn("app", "1.10.0"))).toBe("DEPLOYABLE");
  });
});
