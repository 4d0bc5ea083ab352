import {
  CreateComponentVersionCommand,
  DescribeComponentCommand,
  paginateListComponentVersions,
} from "@aws-sdk/client-greengrassv2";
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { QueryCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import type { PlanAnswer } from "../../shared/deployment/plan-answer.ts";
import { partitions } from "../../shared/keys.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, sha256, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { draftsOf } from "./support/drafts.ts";

const LEGACY = "legacy-artifacts";

let cloud: TestCloud;
let api: ApiClient;
let control: ReturnType<typeof controlOf>;
let drafts: ReturnType<typeof draftsOf>;
let workspace: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  ({ path: workspace } = await aWorkspace(api, "imports"));
  drafts = draftsOf(api, workspace);
  await cloud.s3.send(new CreateBucketCommand({ Bucket: LEGACY }));
});

afterEach(() => control.disarm());

afterAll(() => cloud?.remove());

/** A component version that someone made in Greengrass, without Slipway. */
const inGreengrass = async (
  name: string,
  version: string,
  artifacts: Record<string, string | undefined>,
  state = "DEPLOYABLE",
): Promise<void> => {
  for (const [Key, Body] of Object.entries(artifacts)) {
    if (Body !== undefined) await cloud.s3.send(new PutObjectCommand({ Bucket: LEGACY, Key, Body }));
  }
  const recipe = {
    RecipeFormatVersion: "2020-01-25",
    ComponentName: name,
    ComponentVersion: version,
    ComponentPublisher: "Someone",
    ComponentDependencies: { "aws.greengrass.TokenExchangeService": { VersionRequirement: "^2.0.0" } },
    Manifests: [
      {
        Lifecycle: { run: "true" },
        Artifacts: Object.keys(artifacts).map((key) => ({ Uri: `s3://${LEGACY}/${key}` })),
      },
    ],
  };
  const { arn } = await cloud.greengrass.send(
    new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(JSON.stringify(recipe)) }),
  );
  await until(async () => {
    const { status } = await cloud.greengrass.send(new DescribeComponentCommand({ arn }));
    return status?.componentState === state;
  });
};

const imported = async (name: string): Promise<IntentBody> => {
  const { body } = await expecting(
    202,
    api.call<IntentBody>("POST", `${workspace}/component-imports`, { body: { name } }),
  );
  return api.ended(body.id);
};

interface Version {
  id: string;
  version: string;
  arn: string;
  status: string;
  imported?: { missing: string[] };
  recipeText: { text: string };
}

const versionOf = async (name: string, version: string): Promise<Version> =>
  (await expecting(200, api.call<Version>("GET", `${workspace}/components/${name}/versions/${version}`))).body;

const versionsOf = async (name: string): Promise<string[]> =>
  (
    await expecting(200, api.call<{ items: Version[] }>("GET", `${workspace}/components/${name}/versions`))
  ).body.items.map(({ version }) => version);

describe("a component that Greengrass has already", () => {
  test("becomes the workspace's, with its recipes and artifacts, and can be deployed, cloned and told apart", async () => {
    const name = "org.legacy.Whole";
    await inGreengrass(name, "1.0.0", { "whole/main.sh": "echo 1\n", "whole/lib.py": "x = 1\n" });
    await inGreengrass(name, "1.1.0", { "whole11/main.sh": "echo 2\n" });
    expect(await imported(name)).toMatchObject({ status: "succeeded", subject: { type: "component", name } });
    expect(await versionsOf(name)).toEqual(["1.1.0", "1.0.0"]);
    const version = await versionOf(name, "1.0.0");
    expect(version).toMatchObject({ status: "published", imported: { missing: [] }, artifactBytes: 13 });
    expect(version.arn).toMatch(new RegExp(`:components:${name}:versions:1\\.0\\.0$`));
    expect(JSON.parse(version.recipeText.text)).toMatchObject({
      ComponentPublisher: "Someone",
      Manifests: [{ Artifacts: [{ Uri: "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/main.sh" }, {}] }],
    });
    const at = `${workspace}/components/${name}/versions/1.0.0`;
    const file = (await api.call<{ sha256: string; download: { url: string } }>("GET", `${at}/files/dist/main.sh`))
      .body;
    expect(file.sha256).toBe(sha256("echo 1\n"));
    expect(await (await fetch(file.download.url)).text()).toBe("echo 1\n");

    const clone = await drafts.clone(at, "2.0.0");
    await drafts.send(clone, "dist/main.sh", "echo 3\n");
    expect(await drafts.publish(clone)).toMatchObject({ status: "succeeded" });
    await api.done("POST", `${workspace}/node-groups`, { name: "legacy" });
    const wanted = { components: { [name]: { version: "~1.0.0" } } };
    await api.done("PATCH", `${workspace}/node-groups/legacy/deployment`, wanted);
    expect(await api.call("DELETE", at)).toMatchObject({ status: 409, body: { code: "version-in-use" } });
    const diff = await api.call<{ files: object[] }>("GET", `${clone}/diff/1.0.0`);
    expect(diff.body.files).toMatchObject([{ path: "dist/main.sh", change: "changed" }]);
  });

  test("is asked for again for what it has got since, and keeps what it had", async () => {
    const name = "org.legacy.Again";
    await inGreengrass(name, "1.0.0", { "again/a": "a" });
    for (let time = 0; time < 2; time += 1) expect(await imported(name)).toMatchObject({ status: "succeeded" });
    const { id } = await versionOf(name, "1.0.0");
    await inGreengrass(name, "1.1.0", {});
    expect(await imported(name)).toMatchObject({ status: "succeeded" });
    expect(await versionsOf(name)).toEqual(["1.1.0", "1.0.0"]);
    expect((await versionOf(name, "1.0.0")).id).toBe(id);
    // What Slipway forgets stays in Greengrass, and comes again.
    const at = `${workspace}/components/${name}/versions/1.1.0`;
    await api.done("DELETE", at);
    expect(await api.call("GET", at)).toMatchObject({ status: 404 });
    const { arn } = await versionOf(name, "1.0.0");
    const found: unknown[] = [];
    const listed = paginateListComponentVersions(
      { client: cloud.greengrass },
      { arn: arn.replace(/:versions:.*/, "") },
    );
    for await (const { componentVersions = [] } of listed) found.push(...componentVersions);
    expect(found).toHaveLength(2);
    expect(await imported(name)).toMatchObject({ status: "succeeded" });
    expect(await versionsOf(name)).toEqual(["1.1.0", "1.0.0"]);
  });

  test("tells what could not be copied: what is gone, what is other bytes by now, and another workspace's", async () => {
    const name = "org.legacy.Lacking";
    const { path } = await aWorkspace(api, "neighbour");
    const { bucket } = (await api.call<{ bucket: string }>("GET", path)).body;
    await inGreengrass(name, "1.0.0", { "lacking/gone": "a", "lacking/other": "b", "lacking/fine": "c" });
    await cloud.s3.send(new DeleteObjectCommand({ Bucket: LEGACY, Key: "lacking/gone" }));
    await cloud.s3.send(new PutObjectCommand({ Bucket: LEGACY, Key: "lacking/other", Body: "B" }));
    await cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key: "theirs", Body: "secret" }));
    const recipe = {
      RecipeFormatVersion: "2020-01-25",
      ComponentName: name,
      ComponentVersion: "1.1.0",
      Manifests: [{ Artifacts: [{ Uri: `s3://${bucket}/theirs` }] }],
    };
    await cloud.greengrass.send(
      new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(JSON.stringify(recipe)) }),
    );
    expect(await imported(name)).toMatchObject({ status: "succeeded" });
    expect((await versionOf(name, "1.0.0")).imported?.missing).toEqual([
      `s3://${LEGACY}/lacking/gone`,
      `s3://${LEGACY}/lacking/other`,
    ]);
    const at = `${workspace}/components/${name}/versions`;
    expect(await drafts.pathsOf(`${at}/1.0.0`)).toEqual(["dist/fine"]);
    expect((await versionOf(name, "1.1.0")).imported?.missing).toEqual([`s3://${bucket}/theirs`]);
    expect(await drafts.pathsOf(`${at}/1.1.0`)).toEqual([]);
  });

  test.each([
    { operation: "greengrass:ListComponentVersions", code: "ThrottlingException", status: 429 },
    { operation: "greengrass:GetComponent", code: "InternalServerException", status: 500 },
    { operation: "s3:CopyObject", code: "SlowDown", status: 503 },
    { operation: "lambda:local-finish-component-import", code: "Throttled", status: 500 },
  ])("is imported whole also when $operation fails for a while", async ({ operation, code, status }) => {
    const name = `org.legacy.${operation.replace(/\W/g, "-")}`;
    for (const version of ["1.0.0", "1.1.0", "1.2.0"])
      await inGreengrass(name, version, { [`${name}/${version}/a`]: version });
    await control.arm(operation, code, status, 3);
    expect(await imported(name)).toMatchObject({ status: "succeeded" });
    expect(await versionsOf(name)).toEqual(["1.2.0", "1.1.0", "1.0.0"]);
    for (const version of ["1.0.0", "1.1.0", "1.2.0"]) {
      expect((await versionOf(name, version)).imported?.missing).toEqual([]);
    }
  });

  test("has no version that Greengrass itself could not make", async () => {
    const name = "org.legacy.Failed";
    await inGreengrass(name, "1.0.0", { "failed/never": undefined }, "FAILED");
    await inGreengrass(name, "1.1.0", { "failed/a": "a" });
    expect(await imported(name)).toMatchObject({ status: "succeeded" });
    expect(await versionsOf(name)).toEqual(["1.1.0"]);
  });

  test("is nobody's twice, and not one that there is not", async () => {
    await inGreengrass("org.legacy.Mine", "1.0.0", {});
    expect(await imported("org.legacy.Mine")).toMatchObject({ status: "succeeded" });
    const { path } = await aWorkspace(api, "late");
    const late = await api.call("POST", `${path}/component-imports`, { body: { name: "org.legacy.Mine" } });
    expect(late).toMatchObject({ status: 409, body: { code: "name-taken" } });
    expect(await imported("org.legacy.Nothing")).toMatchObject({ status: "failed", problem: { code: "not-found" } });
  });

  test("leaves what Slipway itself published as it is", async () => {
    const version = await drafts.draft("com.example.Own");
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    const before = (await api.call("GET", version)).body;
    expect(await imported("com.example.Own")).toMatchObject({ status: "succeeded" });
    expect((await api.call("GET", version)).body).toEqual(before);
    expect(await versionsOf("com.example.Own")).toEqual(["1.0.0"]);
  });
});

describe("a component of AWS's", () => {
  const known = async (name: string) => {
    const { Items = [] } = await cloud.documents.send(
      new QueryCommand({
        TableName: cloud.tables.control,
        KeyConditionExpression: "pk = :pk",
        ExpressionAttributeValues: { ":pk": partitions.publicVersions(name) },
      }),
    );
    return Items;
  };

  test("is known by its versions and what they depend on, however often it is asked for", async () => {
    for (let time = 0; time < 2; time += 1) {
      expect(await imported("aws.greengrass.Cli")).toMatchObject({ status: "succeeded" });
      const versions = await known("aws.greengrass.Cli");
      expect(versions.map(({ version }) => version)).toEqual(["2.14.0", "2.15.0", "2.16.0"]);
      expect(versions.at(-1)).toMatchObject({
        arn: expect.stringMatching(/:aws:components:aws\.greengrass\.Cli:versions:2\.16\.0$/),
        ...{ status: "published", catalogueNumber: 0 },
        dependencies: JSON.stringify({ "aws.greengrass.Nucleus": { requirement: ">=2.12.0 <2.17.0", type: "SOFT" } }),
      });
    }
    expect((await api.call<{ items: object[] }>("GET", `${workspace}/components?prefix=aws`)).body.items).toEqual([]);
  });

  test("is delivered with what depends on it, in the version that all of them take", async () => {
    expect(await imported("aws.greengrass.Cli")).toMatchObject({ status: "succeeded" });
    const name = "com.example.OnCli";
    const recipe = { run: "true", dependencies: { "aws.greengrass.Cli": "~2.15.0" } };
    const version = await drafts.draft(name, "1.0.0", recipe);
    expect((await api.call("GET", `${version}/findings`)).body).toMatchObject({ publishable: true, findings: [] });
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    await api.done("POST", `${workspace}/node-groups`, { name: "on-cli" });
    await api.done("POST", `${workspace}/nodes`, { name: "on-cli-1", groups: ["on-cli"] });
    const plan = (requirement: string) => {
      const components = { [name]: { version: "*" }, "aws.greengrass.Cli": { version: requirement } };
      const body = { nodeGroups: { "on-cli": { deployment: { edit: "patch", components } } } };
      return expecting(200, api.call<PlanAnswer>("POST", `${workspace}/plans`, { body }));
    };
    const [transition] = (await plan("*")).body.transitions;
    const after = transition?.after.map(({ component, version: number }) => [component, number]);
    expect(Object.fromEntries(after ?? [])).toMatchObject({ [name]: "1.0.0", "aws.greengrass.Cli": "2.15.0" });
    expect((await plan("2.16.0")).body.refusals).toMatchObject([{ component: "aws.greengrass.Cli" }]);
  });

  test("is not one that AWS has not", async () => {
    expect(await imported("aws.greengrass.None")).toMatchObject({ status: "failed", problem: { code: "not-found" } });
  });
});
