import { spawnSync } from "node:child_process";
import { createCipheriv, createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { GetCommand, PutCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { Upload } from "@aws-sdk/lib-storage";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { runCloud } from "../../local/child.ts";
import { PART_BYTES } from "../../shared/component/file.ts";
import { packagePath } from "../../shared/component/package.ts";
import { keys } from "../../shared/keys.ts";
import { bundle } from "../../stacks/bundle.ts";
import {
  aWorkspace,
  expecting,
  inParallel,
  range,
  type Upload as SentTo,
  sendFile,
  sha256,
  type TestCloud,
  testCloud,
} from "../integration/support/cloud.ts";
import { draftsOf } from "../integration/support/drafts.ts";
import type { Row } from "./report.ts";

const MB = 1_000_000;
const SMALL_BYTES = 4_096;
const WIDTH = 16;

/** Bytes that do not compress, the same for the same place: what costs most to be looked at. */
const noise = (part: number, length: number): Buffer<ArrayBuffer> => {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.from(`${part}`.padStart(16)));
  return Buffer.from(cipher.update(Buffer.alloc(length)));
};

interface Folder {
  readonly bytes: number;
  readonly paths: readonly string[];
  readonly send: (api: ApiClient, version: string) => Promise<void>;
}

const smallFiles = (count: number): Folder => {
  const contents = new Map(range(count).map((index) => [`src/${index % 10}/${index}`, noise(index, SMALL_BYTES)]));
  const files = [...contents].map(([path, bytes]) => ({ path, size: bytes.length, sha256: sha256(bytes) }));
  return {
    bytes: count * SMALL_BYTES,
    paths: [...contents.keys()],
    send: async (api, version) => {
      for (let more = true; more; ) {
        const { body } = await expecting(
          200,
          api.call<{ items: { path: string; upload?: SentTo }[]; more: boolean }>("POST", `${version}/manifest`, {
            body: { files },
          }),
        );
        await inParallel(body.items, WIDTH, async ({ path, upload }) => {
          if (upload !== undefined) await sendFile(upload, contents.get(path) ?? "");
        });
        more = body.more;
      }
    },
  };
};

const largeFile = (bytes: number): Folder => ({
  bytes,
  paths: ["src/large"],
  send: async (api, version) => {
    const parts = range(Math.ceil(bytes / PART_BYTES)).map((index) => ({
      index,
      size: Math.min(PART_BYTES, bytes - index * PART_BYTES),
    }));
    const hash = createHash("sha256");
    for (const { index, size } of parts) hash.update(noise(index, size));
    const file = { path: "src/large", size: bytes, sha256: hash.digest("hex") };
    const declared = await expecting(201, api.call<{ upload?: SentTo }>("POST", `${version}/files`, { body: file }));
    if (declared.body.upload !== undefined) {
      return sendFile(declared.body.upload, Buffer.concat(parts.map(({ index, size }) => noise(index, size))));
    }
    const workspace = draftsOf(api, "");
    for (const { part, size, upload } of await workspace.parts(version, "src/large")) {
      if (upload !== undefined) await sendFile(upload, noise(part - 1, size));
    }
    await expecting(200, api.call("POST", `${version}/uploads/src/large`));
  },
});

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000;
};

/** The same bytes from S3 and back, and nothing else done to them. */
const plainCopy = (s3: S3Client, bucket: string, prefix: string, paths: readonly string[]): Promise<number> =>
  timed(() =>
    inParallel(paths, WIDTH, async (path) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: `${prefix}${path}` }));
      const params = { Bucket: bucket, Key: `copies/${path}`, Body: Body as never };
      await new Upload({ client: s3, params, partSize: 8 * 1024 ** 2, queueSize: 2 }).done();
    }),
  );

/** What `run-task.mjs` tells. */
interface TaskRun {
  readonly ms: number;
  readonly peakMb: number;
  readonly requests: number;
}

/** The tasks that read and write files, which are measured as Lambda gets them: in one file each. */
const TASKS = ["package-sources", "verify-artifacts"] as const;
type Task = (typeof TASKS)[number];
const bundlesOf = ({ dir }: TestCloud): string => join(dir, "../bundles");

/** One task in a process of its own, on this cloud. */
const runTask = (cloud: TestCloud, task: Task, input: object): TaskRun => {
  const { endpoints } = cloud;
  const script = join(import.meta.dirname, "run-task.mjs");
  const module = join(bundlesOf(cloud), task, "index.mjs");
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", script, module, JSON.stringify(input)],
    {
      encoding: "utf8",
      maxBuffer: 64 * MB,
      env: {
        ...process.env,
        AWS_REGION: endpoints.region,
        AWS_ACCESS_KEY_ID: endpoints.accessKeyId,
        AWS_SECRET_ACCESS_KEY: endpoints.secretAccessKey,
        AWS_ENDPOINT_URL_S3: endpoints.s3,
        AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
        CONTROL_TABLE: cloud.tables.control,
        AWS_LAMBDA_FUNCTION_NAME: task,
      },
    },
  );
  if (status !== 0) throw new Error(`${task}: ${stdout}${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as TaskRun;
};

/** Takes a published version back to where its package has not been made, for the tasks to be run once more. */
const unpublish = async (cloud: TestCloud, componentId: string, versionId: string): Promise<void> => {
  const version = keys.version(componentId, versionId);
  const names = { "#status": "status" };
  const update = { TableName: cloud.tables.control, Key: version, ExpressionAttributeNames: names };
  const values = { ":publishing": "publishing" };
  await cloud.documents.send(
    new UpdateCommand({ ...update, UpdateExpression: "SET #status = :publishing", ExpressionAttributeValues: values }),
  );
};

const measure = async (cloud: TestCloud, what: string, folder: Folder): Promise<Row[]> => {
  const api = await cloud.client();
  const { id: workspaceId, path } = await aWorkspace(api, `bench-${what.replace(/\W/g, "-").toLowerCase()}`);
  const { bucket } = (await api.call<{ bucket: string }>("GET", path)).body;
  const name = `com.example.Bench.${folder.paths.length}`;
  const version = await draftsOf(api, path).draft(name);
  const megabytes = folder.bytes / MB;
  const sent = await timed(() => folder.send(api, version));
  const published = await timed(async () => {
    const { body } = await expecting(202, api.call<IntentBody>("POST", `${version}/publish`));
    const { status, problem } = await api.ended(body.id, 900_000);
    if (status !== "succeeded") throw new Error(JSON.stringify(problem));
  });
  const prefix = `components/${name}/1.0.0/`;
  const copied = await plainCopy(cloud.s3, bucket, prefix, folder.paths);

  // Once more, each step in a process of its own, which tells its memory and its requests.
  const { id: versionId } = (await api.call<{ id: string }>("GET", version)).body;
  const { id: componentId } = (await api.call<{ id: string }>("GET", version.replace(/\/versions.*/, ""))).body;
  const input = {
    intentId: "int_0",
    attempt: 1,
    kind: "component-version.publish",
    workspaceId,
    subjectId: versionId,
    parentId: componentId,
  };
  await unpublish(cloud, componentId, versionId);
  await forgetPackage(cloud, versionId, packagePath(name));
  const packed = runTask(cloud, "package-sources", input);
  await forgetVerified(cloud, versionId, folder.paths);
  const verified = runTask(cloud, "verify-artifacts", input);
  const { ContentLength = 0 } = await cloud.s3.send(
    new HeadObjectCommand({ Bucket: bucket, Key: `${prefix}${packagePath(name)}` }),
  );
  return [
    { name: `${what}: declared and sent`, value: megabytes / sent, unit: "MB/s" },
    { name: `${what}: published, packaged and verified`, value: megabytes / published, unit: "MB/s" },
    { name: `${what}: plain copy of the same bytes`, value: megabytes / copied, unit: "MB/s" },
    { name: `${what}: size of the package`, value: ContentLength / MB, unit: "MB" },
    { name: `${what}: package-sources alone`, value: (megabytes / packed.ms) * 1_000, unit: "MB/s" },
    { name: `${what}: package-sources, peak memory`, value: packed.peakMb, unit: "MB" },
    { name: `${what}: package-sources, requests`, value: packed.requests, unit: "requests" },
    { name: `${what}: verify-artifacts alone`, value: (megabytes / verified.ms) * 1_000, unit: "MB/s" },
    { name: `${what}: verify-artifacts, peak memory`, value: verified.peakMb, unit: "MB" },
    { name: `${what}: verify-artifacts, requests`, value: verified.requests, unit: "requests" },
  ];
};

/** As if the package were of other sources: it is made anew. */
const forgetPackage = async (cloud: TestCloud, versionId: string, path: string): Promise<void> => {
  const TableName = cloud.tables.control;
  const Key = keys.file(versionId, path);
  const { Item } = await cloud.documents.send(new GetCommand({ TableName, Key }));
  if (Item === undefined) throw new Error(`there is no package at ${path}`);
  await cloud.documents.send(new PutCommand({ TableName, Item: { ...Item, packagedFrom: "other sources" } }));
};

/** As if nothing had been read yet. */
const forgetVerified = async (cloud: TestCloud, versionId: string, paths: readonly string[]): Promise<void> => {
  await inParallel(paths, WIDTH, (path) =>
    cloud.documents.send(
      new UpdateCommand({
        TableName: cloud.tables.control,
        Key: keys.file(versionId, path),
        UpdateExpression: "REMOVE verified",
      }),
    ),
  );
};

/** Publications of a folder of small files and of one large file, beside a plain copy of the same bytes. */
export const benchComponents = async (files: number, largeBytes: number): Promise<Row[]> => {
  const folder = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const cloud = testCloud(await runCloud(join(folder, "data"), { strict: false }), folder);
  try {
    await bundle(bundlesOf(cloud), TASKS);
    return [
      ...(await measure(cloud, `${files} files of 4 KB`, smallFiles(files))),
      ...(await measure(cloud, `one file of ${Math.round(largeBytes / MB)} MB`, largeFile(largeBytes))),
    ];
  } finally {
    await cloud.remove();
    rmSync(folder, { recursive: true, force: true });
  }
};
