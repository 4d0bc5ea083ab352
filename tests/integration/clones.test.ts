import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { SINGLE_UPLOAD_BYTES } from "../../shared/component/file.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, sendFile, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { type DeclaredFile, draftsOf } from "./support/drafts.ts";

let cloud: TestCloud;
let api: ApiClient;
let control: ReturnType<typeof controlOf>;
let drafts: ReturnType<typeof draftsOf>;
let workspace: string;
let bucket: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  ({ path: workspace } = await aWorkspace(api, "clones"));
  ({ bucket } = (await api.call<{ bucket: string }>("GET", workspace)).body);
  drafts = draftsOf(api, workspace);
});

afterEach(() => control.disarm());

afterAll(() => cloud?.remove());

const filesOf = async (version: string) =>
  (await expecting(200, api.call<{ items: DeclaredFile[] }>("GET", `${version}/files?limit=100`))).body.items
    .map(({ path, size, sha256 }) => ({ path, size, sha256 }))
    .sort((a, b) => a.path.localeCompare(b.path));

const stored = async (key: string): Promise<string> => {
  const { Body } = await cloud.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return (await Body?.transformToString()) ?? "";
};

const intentOfCopy = async (id: string): Promise<IntentBody> => {
  const { items } = (
    await api.call<{ items: (IntentBody & { kind: string })[] }>("GET", `${workspace}/intents?limit=100`)
  ).body;
  const intent = items.find(({ kind, subject }) => kind === "component-version.copy" && subject.id === id);
  if (intent === undefined) throw new Error(`nothing is copied for ${id}`);
  return api.ended(intent.id);
};

describe("a version that is made from another one", () => {
  test("has its files, with their hashes, and is published with them", async () => {
    const name = "com.example.Whole";
    const version = await drafts.draft(name);
    const files = { "dist/main.sh": "echo\n", "dist/grün #1/a b": "a", "src/main.ts": "main()", "src/empty": "" };
    for (const [path, bytes] of Object.entries(files)) await drafts.send(version, path, bytes);
    const large = Buffer.alloc(SINGLE_UPLOAD_BYTES + 1, "x");
    await drafts.declare(version, "dist/large", large);
    for (const { part, size, upload } of await drafts.parts(version, "dist/large")) {
      if (upload === undefined) throw new Error(`part ${part} has come`);
      await sendFile(upload, large.subarray(0, size));
    }
    await expecting(200, api.call("POST", `${version}/uploads/dist/large`));
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });

    const body = { version: "1.1.0", from: "1.0.0" };
    const made = await expecting(
      201,
      api.call<{ id: string }>("POST", `${workspace}/components/${name}/versions`, { body }),
    );
    expect(made.body).toMatchObject({ status: "draft", copying: "running" });
    expect(await intentOfCopy(made.body.id)).toMatchObject({ status: "succeeded", subject: { name: `${name} 1.1.0` } });
    const clone = `${workspace}/components/${name}/versions/1.1.0`;
    expect((await api.call("GET", clone)).body).not.toHaveProperty("copying");
    expect(await filesOf(clone)).toEqual(await filesOf(version));
    expect(await stored(`components/${name}/1.1.0/dist/grün #1/a b`)).toBe("a");
    expect((await api.call("GET", `${clone}/files/dist/large`)).body).toMatchObject({ uploaded: true });
    await expecting(204, api.call("DELETE", `${clone}/files/src/empty`));
    await drafts.send(clone, "dist/main.sh", "echo again\n");
    expect(await drafts.publish(clone)).toMatchObject({ status: "succeeded" });
    expect(await stored(`components/${name}/1.0.0/dist/main.sh`)).toBe("echo\n");
  });

  test("has the sources of one that was packaged, and an archive of its own", async () => {
    const name = "com.example.Sources";
    const version = await drafts.draft(name);
    await drafts.send(version, "src/a", "a");
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    const clone = await drafts.clone(version, "1.1.0");
    expect(await drafts.pathsOf(clone)).toEqual(["src/a"]);
    await drafts.send(clone, "src/b", "b");
    expect(await drafts.publish(clone)).toMatchObject({ status: "succeeded" });
    expect(await drafts.pathsOf(clone)).toEqual([`dist/${name}.zip`, "src/a", "src/b"]);
  });

  test("has no file where that one has none, and is ready at once", async () => {
    await drafts.draft("com.example.Bare");
    const at = `${workspace}/components/com.example.Bare/versions`;
    const body = { version: "1.1.0", from: "1.0.0" };
    expect((await api.call("POST", at, { body })).body).not.toHaveProperty("copying");
    expect(await drafts.publish(`${at}/1.1.0`)).toMatchObject({ status: "succeeded" });
  });

  test("keeps what is declared and not there as it is, until the publication tells", async () => {
    const version = await drafts.draft("com.example.Lacking");
    await drafts.declare(version, "dist/never", "sent");
    const clone = await drafts.clone(version, "1.1.0");
    expect((await api.call("GET", `${clone}/files/dist/never`)).body).toMatchObject({ uploaded: false });
    expect(await drafts.publish(clone)).toMatchObject({ status: "failed", problem: { code: "artifact-missing" } });
    await drafts.send(clone, "dist/never", "sent");
    expect(await drafts.publish(clone)).toMatchObject({ status: "succeeded" });
  });

  test("gets its recipe edited while files are copied, and nothing else", async () => {
    const name = "com.example.Slow";
    const version = await drafts.draft(name);
    await drafts.send(version, "dist/a", "a");
    await control.fault({ kind: "latency", operation: "lambda:local-copy-component-files", milliseconds: 600_000 });
    const at = `${workspace}/components/${name}/versions`;
    const body = { version: "1.1.0", from: "1.0.0" };
    const { id } = (await expecting(201, api.call<{ id: string }>("POST", at, { body }))).body;
    const clone = `${at}/${id}`;
    const file = { path: "dist/b", size: 0, sha256: "0".repeat(64) };
    const refused = { status: 409, body: { code: "not-ready" } };
    expect(await api.call("POST", `${clone}/files`, { body: file })).toMatchObject(refused);
    expect(await api.call("POST", `${clone}/manifest`, { body: { files: [], prune: true } })).toMatchObject(refused);
    expect(await api.call("POST", `${clone}/publish`)).toMatchObject(refused);
    expect(await api.call("POST", at, { body: { version: "1.2.0", from: "1.1.0" } })).toMatchObject(refused);
    const edit = { body: { recipe: { run: "false" } }, headers: { "if-match": "*" } };
    await expecting(200, api.call("PATCH", clone, edit));
    // It is deleted all the same, and what copies then leaves nothing.
    await api.done("DELETE", clone);
    await control.disarm();
    expect(await api.call("GET", clone)).toMatchObject({ status: 404 });
  });

  test("replaces what lies in the way", async () => {
    const name = "com.example.InTheWay";
    const version = await drafts.draft(name);
    await drafts.send(version, "dist/a", "a");
    const Key = `components/${name}/1.1.0/dist/a`;
    await cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "old" }));
    await drafts.clone(version, "1.1.0");
    expect(await stored(Key)).toBe("a");
  });

  test.each([
    { note: "a copy is throttled", operation: "s3:CopyObject", code: "SlowDown", status: 503, times: 5 },
    {
      note: "a copy meets a write",
      operation: "s3:CopyObject",
      code: "ConditionalRequestConflict",
      status: 409,
      times: 2,
    },
    {
      note: "its record is refused",
      operation: "dynamodb:TransactWriteItems",
      code: "InternalServerError",
      status: 500,
      times: 8,
    },
  ])("is complete also when $note", async ({ note, operation, code, status, times }) => {
    const version = await drafts.draft(`com.example.${note.replaceAll(" ", "-")}`);
    for (const path of ["dist/a", "dist/b", "src/c"]) await drafts.send(version, path, path);
    await control.fault({
      kind: "latency",
      operation: "lambda:local-copy-component-files",
      milliseconds: 300,
      times: 1,
    });
    const cloning = drafts.clone(version, "1.1.0");
    await until(async () => (await control.faults()).length === 0, { what: "the copy to begin" });
    await control.arm(operation, code, status, times);
    const clone = await cloning;
    expect(await filesOf(clone)).toEqual(await filesOf(version));
    expect(await drafts.publish(clone)).toMatchObject({ status: "succeeded" });
  });

  test("says so when the other one is deleted before its files were copied, and can be deleted", async () => {
    const version = await drafts.draft("com.example.Orphan");
    await drafts.send(version, "dist/a", "a");
    await control.fault({
      kind: "latency",
      operation: "lambda:local-copy-component-files",
      milliseconds: 1_500,
      times: 1,
    });
    const at = `${workspace}/components/com.example.Orphan/versions`;
    const { id } = (await api.call<{ id: string }>("POST", at, { body: { version: "1.1.0", from: "1.0.0" } })).body;
    await api.done("DELETE", version);
    expect(await intentOfCopy(id)).toMatchObject({ status: "failed", problem: { code: "not-found" } });
    expect((await api.call("GET", `${at}/1.1.0`)).body).toMatchObject({ status: "draft", copying: "failed" });
    const refused = await api.call("POST", `${at}/1.1.0/publish`);
    expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining("make it anew") } });
    await api.done("DELETE", `${at}/1.1.0`);
  });
});
