import { randomBytes } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  GetComponentCommand,
  ListComponentsCommand,
  paginateListComponentVersions,
} from "@aws-sdk/client-greengrassv2";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../../local/api-client.ts";
import { runCloud } from "../../../local/child.ts";
import { until } from "../../local/until.ts";
import { aWorkspace, expecting, sha256, type TestCloud, testCloud } from "../support/cloud.ts";
import { controlOf } from "../support/control.ts";
import { draftsOf } from "../support/drafts.ts";
import { isLong } from "../support/long.ts";
import { pushesOf } from "../support/pushes.ts";

let folder: string;
let cloud: TestCloud;
let api: ApiClient;
let workspace: string;
let drafts: ReturnType<typeof draftsOf>;
let catalogue = 0;

const connect = async (running: Awaited<ReturnType<typeof runCloud>>): Promise<void> => {
  cloud = testCloud(running, folder);
  api = await cloud.client();
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-killed-publishing-"));
  await connect(await runCloud(join(folder, "data"), { args: ["--test-mode", "--retry-scale", "0.02"] }));
  ({ path: workspace } = await aWorkspace(api, "killed"));
  drafts = draftsOf(api, workspace);
});

afterAll(() => cloud?.remove());

const killAndRestart = async (): Promise<void> => {
  const { child, dir, portBase } = cloud;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
  cloud.disconnect();
  await connect(await runCloud(dir, { portBase, args: ["--test-mode", "--retry-scale", "0.02"] }));
  drafts = draftsOf(api, workspace);
};

const FOR_EVER_MS = 600_000;
/** Bytes that do not become fewer in an archive, of more parts than one. */
const LARGE = randomBytes(12 * 1024 ** 2);

/** A call of these operations, one after the other, is where the process is when it dies: the last one never ends. */
const MOMENTS: readonly {
  readonly when: string;
  readonly operations: readonly string[];
  /** Whether the package is so large that it is sent in parts. */
  readonly large?: true;
}[] = [
  { when: "before it starts", operations: ["lambda:local-start-intent"] },
  { when: "before the check", operations: ["lambda:local-check-artifacts"] },
  { when: "before the package is made", operations: ["lambda:local-package-sources"] },
  { when: "while sources are read", operations: ["s3:GetObject"] },
  { when: "while the package is sent", operations: ["s3:PutObject"] },
  {
    when: "after the package is stored, before it is written down",
    operations: ["s3:PutObject", "dynamodb:TransactWriteItems"],
  },
  { when: "before a large package is sent", operations: ["s3:CreateMultipartUpload"], large: true },
  { when: "while a part of it is sent", operations: ["s3:UploadPart"], large: true },
  { when: "while its parts are joined", operations: ["s3:CompleteMultipartUpload"], large: true },
  {
    when: "after they are joined, before that is written down",
    operations: ["s3:CompleteMultipartUpload", "dynamodb:TransactWriteItems"],
    large: true,
  },
  {
    when: "while a large package is read again",
    operations: ["lambda:local-verify-artifacts", "s3:GetObject"],
    large: true,
  },
  {
    when: "after it was read, before that is written down",
    operations: ["lambda:local-verify-artifacts", "dynamodb:UpdateItem"],
    large: true,
  },
  { when: "before the files are verified", operations: ["lambda:local-verify-artifacts"] },
  { when: "while files are verified", operations: ["s3:HeadObject"] },
  { when: "before Greengrass is asked", operations: ["lambda:local-create-component-version"] },
  { when: "while Greengrass is asked", operations: ["greengrass:CreateComponentVersion"] },
  {
    when: "after Greengrass has it, before that is written down",
    operations: ["greengrass:CreateComponentVersion", "dynamodb:UpdateItem"],
  },
  { when: "before Greengrass is looked at", operations: ["lambda:local-describe-component-version"] },
  { when: "while Greengrass is looked at", operations: ["greengrass:DescribeComponent"] },
  { when: "before the recipe is recorded", operations: ["lambda:local-record-component-version"] },
  { when: "while the recipe is read", operations: ["greengrass:GetComponent"] },
  { when: "before the version gets its number", operations: ["lambda:local-finish-component-version"] },
  {
    when: "while the version gets its number",
    operations: ["lambda:local-finish-component-version", "dynamodb:TransactWriteItems"],
  },
];

/** Calls the first of these operations, waits until it is at the last, and kills the process there. */
const killAt = async (operations: readonly string[], work: () => Promise<void>): Promise<void> => {
  const control = controlOf(cloud.endpoints);
  const [first = "", second] = operations;
  const forEver = { kind: "latency", milliseconds: FOR_EVER_MS } as const;
  // A fault that has struck as often as it may is no longer armed.
  const struck = async (operation: string) =>
    until(async () => !(await control.faults()).some((one) => one.fault.operation === operation && one.struck === 0), {
      what: `${operation} to be called`,
    });
  // The first of two operations takes long enough for the second one's fault to be armed.
  const once = { milliseconds: 1_000, times: 1 };
  await control.fault({ ...forEver, operation: first, ...(second !== undefined && once) });
  await work();
  await struck(first);
  if (second !== undefined) {
    await control.fault({ ...forEver, operation: second });
    await struck(second);
  }
  await killAndRestart();
};

describe("the process is killed", () => {
  const moments = MOMENTS.filter(({ large }) => isLong || large === undefined);
  test.each(moments.map((moment, index) => ({ ...moment, index })))("$when", async ({ operations, large, index }) => {
    const name = `com.example.Killed${index}`;
    const version = await drafts.draft(name);
    for (const path of ["src/main.py", "src/lib/a.py"]) await drafts.send(version, path, `${path} of ${index}`);
    if (large) await drafts.send(version, "src/large", LARGE);
    let intent = "";
    await killAt(operations, async () => {
      intent = (await expecting(202, api.call<IntentBody>("POST", `${version}/publish`))).body.id;
    });

    expect(await api.ended(intent)).toMatchObject({ status: "succeeded" });
    const published = (
      await api.call<{ status: string; arn: string; catalogueNumber: number; artifactBytes: number }>("GET", version)
    ).body;
    expect(published.status).toBe("published");
    expect(published.catalogueNumber).toBe(catalogue + 1); // nobody's was left out, none was given twice
    catalogue = published.catalogueNumber;
    const versions: unknown[] = [];
    const arn = published.arn.replace(/:versions:.*/, "");
    for await (const page of paginateListComponentVersions({ client: cloud.greengrass }, { arn })) {
      versions.push(...(page.componentVersions ?? []).map(({ componentVersion }) => componentVersion));
    }
    expect(versions).toEqual(["1.0.0"]);
    const { bucket } = (await api.call<{ bucket: string }>("GET", workspace)).body;
    const Key = `components/${name}/1.0.0/dist/${name}.zip`;
    const { Body } = await cloud.s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    expect(published.artifactBytes).toBe(bytes.length);
    const { recipe } = await cloud.greengrass.send(new GetComponentCommand({ arn: published.arn }));
    const digest = Buffer.from(sha256(bytes), "hex").toString("base64");
    expect(Buffer.from(recipe ?? []).toString()).toContain(digest);
  });
});

/** As above, of a publication that fails after Greengrass has made the version. */
const MOMENTS_OF_A_FAILURE: typeof MOMENTS = [
  { when: "before what it made is taken away", operations: ["lambda:local-withdraw-component-version"] },
  {
    when: "while Greengrass is asked what there is",
    operations: ["lambda:local-withdraw-component-version", "greengrass:DescribeComponent"],
  },
  { when: "while it is taken away", operations: ["greengrass:DeleteComponent"] },
  {
    when: "after it is gone, before that is written down",
    operations: ["greengrass:DeleteComponent", "dynamodb:UpdateItem"],
  },
  { when: "before the failure is told", operations: ["lambda:local-fail-intent"] },
  { when: "while it is told", operations: ["lambda:local-fail-intent", "dynamodb:TransactWriteItems"] },
];

describe("the process whose publication fails is killed", () => {
  test.each(MOMENTS_OF_A_FAILURE.map((moment, index) => ({ ...moment, index })))(
    "$when",
    async ({ operations, index }) => {
      const name = `com.example.Failed${index}`;
      const version = await drafts.draft(name);
      await drafts.send(version, "dist/a", `a of ${index}`);
      await controlOf(cloud.endpoints).arm("greengrass:GetComponent", "AccessDeniedException", 403);
      let intent = "";
      await killAt(operations, async () => {
        intent = (await expecting(202, api.call<IntentBody>("POST", `${version}/publish`))).body.id;
      });

      expect(await api.ended(intent)).toMatchObject({ status: "failed", problem: { code: "aws-refused" } });
      const failed = (await api.call<{ status: string }>("GET", version)).body;
      expect(failed).toMatchObject({ status: "failed" });
      expect(failed).not.toHaveProperty("arn");
      const { components = [] } = await cloud.greengrass.send(
        new ListComponentsCommand({ scope: "PRIVATE", maxResults: 100 }),
      );
      expect(components.map(({ componentName }) => componentName)).not.toContain(name);
      expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
      catalogue += 1;
      expect((await api.call("GET", version)).body).toMatchObject({ catalogueNumber: catalogue });
    },
  );
});

/** As above, of the copy of files for a version that is made from another. */
const MOMENTS_OF_A_COPY: typeof MOMENTS = [
  { when: "before it starts", operations: ["lambda:local-start-intent"] },
  { when: "before it copies", operations: ["lambda:local-copy-component-files"] },
  { when: "while it copies", operations: ["s3:CopyObject"] },
  {
    when: "after it copied, before that is written down",
    operations: ["s3:CopyObject", "dynamodb:TransactWriteItems"],
  },
  { when: "before its end", operations: ["lambda:local-finish-component-copy"] },
];

describe.runIf(isLong)("the process that copies files is killed", () => {
  test.each(MOMENTS_OF_A_COPY.map((moment, index) => ({ ...moment, index })))(
    "$when",
    async ({ operations, index }) => {
      const name = `com.example.Copied${index}`;
      const version = await drafts.draft(name);
      const paths = ["dist/a", "dist/b", "src/c"];
      for (const path of paths) await drafts.send(version, path, `${path} of ${index}`);
      const at = `${workspace}/components/${name}/versions`;
      await killAt(operations, async () => {
        await expecting(201, api.call("POST", at, { body: { version: "1.1.0", from: "1.0.0" } }));
      });

      const clone = `${at}/1.1.0`;
      const copying = async () => (await api.call<{ copying?: string }>("GET", clone)).body.copying;
      await until(async () => (await copying()) !== "running", { what: "the copy to end" });
      expect(await copying()).toBeUndefined();
      expect(await drafts.pathsOf(clone)).toEqual(paths);
      expect(await drafts.publish(clone)).toMatchObject({ status: "succeeded" });
      catalogue += 1;
    },
  );
});

/** As above, of a push: from its manifest to what is told of it. */
const MOMENTS_OF_A_PUSH: typeof MOMENTS = [
  { when: "before its event is heard", operations: ["lambda:local-accept-drop"] },
  { when: "while the manifest is read", operations: ["s3:GetObject"] },
  { when: "while the folder is listed", operations: ["s3:ListObjectsV2"] },
  { when: "while the component is made", operations: ["s3:ListObjectsV2", "dynamodb:TransactWriteItems"] },
  {
    when: "after the component is made, before its version is",
    operations: ["dynamodb:TransactWriteItems", "dynamodb:TransactWriteItems"],
  },
  { when: "before its workflow starts", operations: ["lambda:local-start-workflows"] },
  { when: "before the files are copied", operations: ["lambda:local-copy-pushed-files"] },
  { when: "while they are copied", operations: ["s3:CopyObject"] },
  {
    when: "after they are copied, before that is written down",
    operations: ["s3:CopyObject", "dynamodb:TransactWriteItems"],
  },
  { when: "before the publication is asked for", operations: ["lambda:local-finish-push"] },
  {
    when: "while the publication is asked for",
    operations: ["lambda:local-finish-push", "dynamodb:TransactWriteItems"],
  },
  { when: "while it is published", operations: ["greengrass:CreateComponentVersion"] },
  { when: "before its end is told", operations: ["lambda:local-publish-events"] },
  { when: "before its end is heard", operations: ["lambda:local-report-push"] },
  { when: "before what was dropped goes", operations: ["lambda:local-report-push", "s3:DeleteObjects"] },
  { when: "after it is gone, before the outcome is told", operations: ["s3:DeleteObjects", "events:PutEvents"] },
  { when: "before the outcome is written down", operations: ["s3:DeleteObjects", "s3:PutObject"] },
];

describe.runIf(isLong)("the process that takes a push is killed", () => {
  test.each(MOMENTS_OF_A_PUSH.map((moment, index) => ({ ...moment, index })))(
    "$when",
    async ({ operations, index }) => {
      const component = `com.example.Pushed${index}`;
      const { bucket } = (await api.call<{ bucket: string }>("GET", workspace)).body;
      const files = { a: `a of ${index}`, b: "b" };
      for (const [path, bytes] of Object.entries(files)) await pushesOf(cloud, bucket).put(`killed/${path}`, bytes);
      await killAt(operations, () =>
        pushesOf(cloud, bucket).push("killed", { component, version: "1.0.0", recipe: { run: "true" } }),
      );

      const drop = pushesOf(cloud, bucket);
      expect(await drop.result("killed")).toMatchObject({ status: "published", component });
      const version = `${workspace}/components/${component}/versions/1.0.0`;
      const published = (await api.call<{ status: string; catalogueNumber: number }>("GET", version)).body;
      expect(published).toMatchObject({ status: "published", catalogueNumber: catalogue + 1 });
      catalogue += 1;
      expect(await drafts.pathsOf(version)).toEqual(["dist/a", "dist/b"]);
      expect(await drop.read(`components/${component}/1.0.0/dist/a`)).toBe(files.a);
      const { items } = (
        await api.call<{ items: (IntentBody & { kind: string })[] }>("GET", `${workspace}/intents?limit=100`)
      ).body;
      const kinds = items.filter(({ subject }) => subject.name === `${component} 1.0.0`).map(({ kind }) => kind);
      expect(kinds.sort()).toEqual(["component-version.publish", "component-version.push"]);
      // The outcome is told once at least.
      expect((await drop.keysBelow("drop/killed/")).filter((key) => !key.endsWith(".result.json"))).toEqual([]);
    },
  );
});
