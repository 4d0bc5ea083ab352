import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { GetComponentCommand } from "@aws-sdk/client-greengrassv2";
import { GetBucketLifecycleConfigurationCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { keys } from "../../shared/keys.ts";
import { MAX_MANIFEST_BYTES } from "../../shared/push/manifest.ts";
import { hashOfOrigin, type PushResult } from "../../shared/push/push.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, sha256, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { draftsOf } from "./support/drafts.ts";
import { pushesOf } from "./support/pushes.ts";

let cloud: TestCloud;
let api: ApiClient;
let control: ReturnType<typeof controlOf>;
let workspace: { id: string; path: string };
let other: { id: string; path: string };
let bucket: string;
let drop: ReturnType<typeof pushesOf>;

const bucketOf = async (path: string) => (await api.call<{ bucket: string }>("GET", path)).body.bucket;

beforeAll(async () => {
  cloud = await startTestCloud();
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  workspace = await aWorkspace(api, "pushes");
  other = await aWorkspace(api, "others");
  bucket = await bucketOf(workspace.path);
  drop = pushesOf(cloud, bucket);
});

afterEach(() => control.disarm());

afterAll(() => cloud?.remove());

const SCRIPT = "echo hello\n";
const manifestOf = (component: string, more: object = {}) => ({
  component,
  version: "1.0.0",
  recipe: { run: "sh {artifacts:path}/main.sh" },
  ...more,
});
const fileOf = (path: string, bytes: string) => ({ path, size: Buffer.byteLength(bytes), sha256: sha256(bytes) });
const versionAt = (component: string, version = "1.0.0") =>
  `${workspace.path}/components/${component}/versions/${version}`;
interface Shown {
  readonly id: string;
  readonly status: string;
  readonly arn: string;
  readonly catalogueNumber: number;
}
const shown = async (component: string) => (await api.call<Shown>("GET", versionAt(component))).body;

/** The outcomes that were told of an event, or of a folder, as events. */
const outcomes = async (which: (result: PushResult) => boolean): Promise<[type: string, result: PushResult][]> =>
  (await control.events())
    .filter(
      ({ source, "detail-type": type }) => source === "slipway" && /^slipway\.push\.(?:succeeded|failed)$/.test(type),
    )
    .map(({ "detail-type": type, detail }): [string, PushResult] => [type, (detail as { data: PushResult }).data])
    .filter(([, result]) => which(result));
const ofFolder =
  (folder: string) =>
  ({ origin }: PushResult): boolean =>
    "manifest" in origin && origin.manifest.key === `drop/${folder}/slipway.json`;
const ofEvent =
  (id: string) =>
  ({ origin }: PushResult): boolean =>
    "event" in origin && origin.event === id;
const outcome = async (which: (result: PushResult) => boolean): Promise<[string, PushResult]> =>
  until(async () => (await outcomes(which))[0], { what: "an outcome" });

describe("a manifest with files beside it", () => {
  test("is published, its files copied, and what was dropped is gone", async () => {
    const name = "com.example.Dropped";
    await drop.push("first", manifestOf(name, { description: "by push" }), { "main.sh": SCRIPT, "lib/ü b": "b" });
    const result = await drop.result("first");
    expect(result).toMatchObject({ status: "published", component: name, version: "1.0.0", workspaceId: workspace.id });
    expect(result).not.toHaveProperty("problem");
    expect(await shown(name)).toMatchObject({ status: "published", description: "by push" });
    expect(await drop.read(`components/${name}/1.0.0/dist/lib/ü b`)).toBe("b");
    expect(await draftsOf(api, workspace.path).pathsOf(versionAt(name))).toEqual(["dist/lib/ü b", "dist/main.sh"]);
    expect(await drop.keysBelow("drop/first/")).toEqual([]);
    const { recipe } = await cloud.greengrass.send(new GetComponentCommand({ arn: (await shown(name)).arn }));
    const digest = Buffer.from(sha256(SCRIPT), "hex").toString("base64");
    expect(Buffer.from(recipe ?? []).toString()).toContain(digest);
    expect(await outcome(ofFolder("first"))).toEqual(["slipway.push.succeeded", result]);
    expect(await outcomes(ofFolder("first"))).toHaveLength(1);
    const account = `aws:${cloud.endpoints.accountId}`;
    const pushed = (await cloud.audit()).filter(({ actor }) => actor === account);
    const source = { ip: expect.stringMatching(/127\.0\.0\.1$/), userAgent: "" };
    const object = { type: "component-version", id: (await shown(name)).id, name: `${name} 1.0.0` };
    expect(pushed.sort((a, b) => (a.sk < b.sk ? -1 : 1))).toMatchObject([
      { operation: "component.pushed", object: { type: "component", name }, source, workspaceId: workspace.id },
      { operation: "component-version.pushed", object, source, intent: expect.stringMatching(/^int_/) },
    ]);
    expect((await api.call("GET", `/v1/intents/${result.intentId}`)).body).toMatchObject({
      kind: "component-version.publish",
      status: "succeeded",
    });
  });

  test("has just the files that it lists, with their hashes, and a recipe of one's own; others stay where they are", async () => {
    const name = "com.example.Listed";
    const recipe = `RecipeFormatVersion: 2020-01-25
ComponentName: "{COMPONENT_NAME}"
ComponentVersion: "{COMPONENT_VERSION}"
Manifests:
  - Lifecycle: { run: "sh {artifacts:path}/main.sh" }
    Artifacts: [{ URI: "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/main.sh" }]
`;
    const manifest = {
      component: name,
      version: "1.0.0",
      recipeFile: "recipe.yaml",
      files: [fileOf("main.sh", SCRIPT)],
    };
    await drop.push("listed", manifest, { "main.sh": SCRIPT, "recipe.yaml": recipe, "notes.txt": "not mine" });
    expect(await drop.result("listed")).toMatchObject({ status: "published" });
    expect((await api.call("GET", versionAt(name))).body).toMatchObject({
      recipeText: { format: "yaml", text: recipe },
    });
    expect(await draftsOf(api, workspace.path).pathsOf(versionAt(name))).toEqual(["dist/main.sh"]);
    expect(await drop.keysBelow("drop/listed/")).toEqual(["drop/listed/notes.txt"]);
  });

  test("is left a draft where it is not to be published", async () => {
    const name = "com.example.Draft";
    await drop.push("draft", manifestOf(name, { publish: false }), { "main.sh": SCRIPT });
    expect(await drop.result("draft")).toMatchObject({ status: "draft", component: name });
    expect(await shown(name)).toMatchObject({ status: "draft" });
    await api.done("POST", `${versionAt(name)}/publish`);
    await outcome(ofFolder("draft"));
    expect(await outcomes(ofFolder("draft"))).toHaveLength(1);
  });

  test("adds versions to a component that is there, also one that people made", async () => {
    const name = "com.example.Made";
    await expecting(201, api.call("POST", `${workspace.path}/components`, { body: { name, publisher: "Acme" } }));
    for (const version of ["1.0.0", "1.1.0"]) {
      await drop.push("made", manifestOf(name, { version }), { "main.sh": SCRIPT });
      expect(await drop.result("made")).toMatchObject({ status: "published", version });
    }
  });

  test("that comes deeper in a folder, or in a bucket that is no workspace's any more, is no push", async () => {
    const event = (name: string, key: string) => ({
      id: "1",
      detail: { bucket: { name }, object: { key, size: 2, etag: "0", sequencer: "0" } },
    });
    const before = await cloud.items();
    for (const passed of [
      event(bucket, "drop/a/b/slipway.json"),
      event("ws-zzz-pushes-comp-artifacts", "drop/a/slipway.json"),
    ]) {
      expect(await control.invoke("accept-drop", passed)).not.toHaveProperty("functionError");
    }
    expect(await cloud.items()).toEqual(before);
  });
});

describe("an event", () => {
  test("publishes what lies in a folder, and what needs no files", async () => {
    const [withFiles, without] = ["com.example.Event", "com.example.Event.Bare"];
    await drop.put("for-event/main.sh", SCRIPT);
    const first = await drop.request({ workspace: "pushes", folder: "for-event", ...manifestOf(withFiles) });
    expect(await outcome(ofEvent(first))).toMatchObject([
      "slipway.push.succeeded",
      { status: "published", component: withFiles },
    ]);
    expect(await drop.keysBelow("drop/for-event/")).toEqual([]);
    const bare = { component: without, version: "1.0.0", recipe: { run: "true" } };
    const second = await drop.request({ workspace: workspace.id, ...bare });
    expect(await outcome(ofEvent(second))).toMatchObject([
      "slipway.push.succeeded",
      { status: "published", component: without },
    ]);
    expect(await shown(without)).toMatchObject({ status: "published" });
    const { id } = await shown(without);
    const records = (await cloud.audit()).filter(({ object }) => (object as { id?: string } | undefined)?.id === id);
    const pushed = records.filter(({ operation }) => operation === "component-version.pushed");
    expect(pushed).toMatchObject([{ actor: `aws:${cloud.endpoints.accountId}`, workspaceId: workspace.id }]);
    expect(pushed[0]).not.toHaveProperty("source"); // the bus does not tell it
  });

  test.each([
    { note: "without a workspace", detail: {}, code: "not-found", pointer: "/workspace" },
    { note: "of an unknown workspace", detail: { workspace: "nobody" }, code: "not-found", pointer: "/workspace" },
    {
      note: "of a bad version",
      detail: { workspace: "pushes", version: "1" },
      code: "invalid-request",
      pointer: "/version",
    },
    {
      note: "with files of no folder",
      detail: { workspace: "pushes", files: [fileOf("a", "a")] },
      code: "invalid-request",
      pointer: "/folder",
    },
  ])("$note changes nothing, and its outcome says why", async ({ detail, code, pointer }) => {
    const before = Object.keys(await cloud.items());
    const id = await drop.request({
      component: "com.example.Never",
      version: "1.0.0",
      recipe: { run: "true" },
      ...detail,
    });
    const [type, { problem }] = await outcome(ofEvent(id));
    expect([type, problem?.code]).toEqual(["slipway.push.failed", code]);
    expect(problem?.errors?.[0]).toMatchObject({ pointer, rule: expect.any(String), detail: expect.any(String) });
    const left = Object.keys(await cloud.items()).filter((key) => !before.includes(key));
    expect(left.filter((key) => !key.startsWith("control push-event#"))).toEqual([]);
  });

  test("of another source, or of S3 itself by someone else, is not heard", async () => {
    const detail = { workspace: "pushes", component: "com.example.Unheard", version: "1.0.0", recipe: { run: "true" } };
    await drop.request(detail, { Source: "slipway" });
    await drop.request(detail, { Source: "somebody" });
    const { events, region, accessKeyId, secretAccessKey } = cloud.endpoints;
    const client = new EventBridgeClient({ region, endpoint: events, credentials: { accessKeyId, secretAccessKey } });
    const Entry = { Source: "aws.s3", DetailType: "Object Created", Detail: "{}" };
    const { Entries } = await client.send(new PutEventsCommand({ Entries: [Entry] }));
    client.destroy();
    expect(Entries?.[0]?.ErrorCode).toBe("NotAuthorizedForSourceException");
    // One that is heard comes behind them.
    const id = await drop.request({ workspace: "nobody" });
    await outcome(ofEvent(id));
    await expecting(404, api.call("GET", `${workspace.path}/components/com.example.Unheard`));
  });
});

describe("what was delivered twice", () => {
  test("is done once, and told once", async () => {
    const name = "com.example.Twice";
    const id = await drop.request({ workspace: "pushes", component: name, version: "1.0.0", recipe: { run: "true" } });
    await outcome(ofEvent(id));
    const before = await cloud.items();
    const heard = (await control.events()).find((event) => event.id === id);
    for (let again = 0; again < 3; again += 1) await control.invoke("accept-push", heard);
    expect(await cloud.items()).toEqual(before);
    expect(await outcomes(ofEvent(id))).toHaveLength(1);
  });

  test("is done once also where both come at the same time", async () => {
    const name = "com.example.TwiceAtOnce";
    const detail = { workspace: "pushes", component: name, version: "1.0.0", recipe: { run: "true" } };
    const event = { id: "00000000-0000-0000-0000-000000000001", detail };
    await Promise.all(Array.from({ length: 5 }, () => control.invoke("accept-push", event)));
    expect(await outcome(ofEvent(event.id))).toMatchObject(["slipway.push.succeeded", { status: "published" }]);
    const { items } = (await api.call<{ items: (IntentBody & { kind: string })[] }>("GET", `${workspace.path}/intents`))
      .body;
    const intents = items.filter(({ subject }) => subject.name === `${name} 1.0.0`).map(({ kind }) => kind);
    expect(intents.sort()).toEqual(["component-version.publish", "component-version.push"]);
    expect(await outcomes(ofEvent(event.id))).toHaveLength(1);
  });

  test("and was refused is refused once, whatever has changed since", async () => {
    const name = "com.example.RefusedTwice";
    const files = [fileOf("main.sh", SCRIPT)];
    const id = await drop.request({ workspace: "pushes", folder: "late", ...manifestOf(name, { files }) });
    expect(await outcome(ofEvent(id))).toMatchObject([
      "slipway.push.failed",
      { problem: { code: "artifact-missing" } },
    ]);
    const { pk } = keys.pushEvent(hashOfOrigin(workspace.id, { event: id }));
    await until(async () => `control ${pk} push-event` in (await cloud.items()), { what: "the event to be answered" });
    await drop.put("late/main.sh", SCRIPT);
    const heard = (await control.events()).find((event) => event.id === id);
    await control.invoke("accept-push", heard);
    await expecting(404, api.call("GET", `${workspace.path}/components/${name}`));
  });
});

describe("a push that cannot be", () => {
  const REFUSED: readonly {
    readonly note: string;
    readonly manifest: object | string;
    readonly files?: Readonly<Record<string, string>>;
    readonly code: string;
    readonly pointer?: string;
    readonly rule?: string;
  }[] = [
    { note: "is no JSON", manifest: "{", code: "malformed-json" },
    { note: "is too large", manifest: " ".repeat(MAX_MANIFEST_BYTES + 1), code: "body-too-large" },
    {
      note: "has an unknown member",
      manifest: manifestOf("com.example.No", { colour: 1 }),
      code: "invalid-request",
      pointer: "/colour",
      rule: "unknown-member",
    },
    {
      note: "has a name of AWS's",
      manifest: manifestOf("aws.greengrass.Nucleus"),
      code: "invalid-request",
      pointer: "/component",
      rule: "custom",
    },
    {
      note: "lists a file that is not there",
      manifest: manifestOf("com.example.No", { files: [fileOf("main.sh", SCRIPT)] }),
      code: "artifact-missing",
      pointer: "/files/0/path",
      rule: "artifact-missing",
    },
    {
      note: "lists a file of another size",
      manifest: manifestOf("com.example.No", { files: [fileOf("main.sh", "x")] }),
      files: { "main.sh": SCRIPT },
      code: "artifact-mismatch",
      pointer: "/files/0/size",
      rule: "artifact-mismatch",
    },
    {
      note: "has files that differ in letter case alone",
      manifest: manifestOf("com.example.No"),
      files: { "main.sh": SCRIPT, "MAIN.sh": SCRIPT },
      code: "invalid-request",
      pointer: "/files",
      rule: "path-clash",
    },
    {
      note: "has a recipe with a step that is none",
      manifest: manifestOf("com.example.No", { recipe: { ran: "x" } }),
      code: "invalid-request",
      pointer: "/recipe/ran",
      rule: "unknown-member",
    },
    {
      note: "has a recipe that names a file that is not there",
      manifest: manifestOf("com.example.No"),
      code: "invalid-recipe",
      pointer: "/recipe/run",
      rule: "variable-artifact",
    },
    {
      note: "has a recipe file that is none",
      manifest: { component: "com.example.No", version: "1.0.0", recipeFile: "recipe.yaml" },
      files: { "recipe.yaml": "a: [" },
      code: "invalid-recipe",
      pointer: "/recipeFile",
    },
    {
      note: "names a recipe file that is not there",
      manifest: { component: "com.example.No", version: "1.0.0", recipeFile: "recipe.yaml" },
      code: "artifact-missing",
      pointer: "/recipeFile",
      rule: "artifact-missing",
    },
  ];

  test.each(REFUSED)(
    "because it $note changes nothing, and says so beside the manifest",
    async ({ manifest, files, code, pointer, rule }) => {
      const folder = `refused-${sha256(JSON.stringify([manifest, files])).slice(0, 8)}`;
      const before = Object.keys(await cloud.items());
      await drop.push(folder, manifest, files);
      const { status, problem } = await drop.result(folder);
      expect([status, problem?.code]).toEqual(["failed", code]);
      if (pointer !== undefined) {
        const found = problem?.errors?.map((finding) => ({ pointer: finding.pointer, rule: finding.rule }));
        expect(found).toContainEqual({ pointer, rule: rule ?? expect.any(String) });
      }
      const left = Object.keys(await cloud.items()).filter((key) => !before.includes(key));
      expect(left.filter((key) => !key.startsWith("control push-event#"))).toEqual([]);
      expect(await drop.keysBelow(`drop/${folder}/`)).toContain(`drop/${folder}/slipway.json`);
      expect(await outcome(ofFolder(folder))).toMatchObject(["slipway.push.failed", { problem: { code } }]);
      expect(await outcomes(ofFolder(folder))).toHaveLength(1);
    },
  );

  test("since the component is another workspace's is refused, and the other's is as it was", async () => {
    const name = "com.example.Theirs";
    await expecting(201, api.call("POST", `${other.path}/components`, { body: { name } }));
    await drop.push("theirs", manifestOf(name), { "main.sh": SCRIPT });
    expect(await drop.result("theirs")).toMatchObject({ status: "failed", problem: { code: "name-taken" } });
    expect((await api.call("GET", `${other.path}/components/${name}/versions`)).body).toMatchObject({ items: [] });
    await expecting(404, api.call("GET", `${workspace.path}/components/${name}`));
  });

  test("since the version is published leaves it as it is", async () => {
    const name = "com.example.Published";
    await drop.push("published", manifestOf(name), { "main.sh": SCRIPT });
    await drop.result("published");
    const before = (await api.call("GET", versionAt(name))).body;
    await drop.push("published", manifestOf(name), { "main.sh": "other\n" });
    expect(await drop.result("published")).toMatchObject({ status: "failed", problem: { code: "version-immutable" } });
    expect((await api.call("GET", versionAt(name))).body).toEqual(before);
    expect(await drop.read(`components/${name}/1.0.0/dist/main.sh`)).toBe(SCRIPT);
  });

  test("since people have made the draft leaves it theirs", async () => {
    const name = "com.example.Ours";
    const version = await draftsOf(api, workspace.path).draft(name);
    const before = (await api.call("GET", version)).body;
    await drop.push("ours", manifestOf(name), { "main.sh": SCRIPT });
    expect(await drop.result("ours")).toMatchObject({ status: "failed", problem: { code: "name-taken" } });
    expect((await api.call("GET", version)).body).toEqual(before);
  });

  test("in a workspace that is going is refused", async () => {
    const { path } = await aWorkspace(api, "going");
    const going = pushesOf(cloud, await bucketOf(path));
    await control.arm("lambda:local-check-workspace-empty", "Busy", 500);
    const { body } = await expecting(202, api.call<IntentBody>("DELETE", path));
    await going.push("late", manifestOf("com.example.Late"), { "main.sh": SCRIPT });
    expect(await going.result("late")).toMatchObject({ status: "failed", problem: { code: "not-ready" } });
    await control.disarm();
    expect(await api.ended(body.id)).toMatchObject({ status: "succeeded" });
  });
});

describe("a push that fails on its way", () => {
  test("with a wrong hash can be pushed again, and has nothing of the first one left", async () => {
    const name = "com.example.Mended";
    const wrong = { ...fileOf("main.sh", SCRIPT), sha256: "0".repeat(64) };
    const files = { "main.sh": SCRIPT, "extra.txt": "extra" };
    await drop.push("mended", manifestOf(name, { files: [fileOf("extra.txt", "extra"), wrong] }), files);
    const failed = await drop.result("mended");
    expect(failed).toMatchObject({ status: "failed", component: name, problem: { code: "artifact-mismatch" } });
    expect(failed.problem?.detail).toContain(`main.sh has SHA-256 ${sha256(SCRIPT)}`);
    expect(await shown(name)).toMatchObject({ status: "draft", copying: "failed" });
    await expecting(409, api.call("POST", `${versionAt(name)}/publish`));
    await drop.push("mended", manifestOf(name, { description: "mended", files: [fileOf("main.sh", SCRIPT)] }));
    expect(await drop.result("mended")).toMatchObject({ status: "published" });
    expect(await shown(name)).toMatchObject({ status: "published", description: "mended" });
    expect(await draftsOf(api, workspace.path).pathsOf(versionAt(name))).toEqual(["dist/main.sh"]);
    expect(await drop.keysBelow(`components/${name}/1.0.0/`)).toEqual([`components/${name}/1.0.0/dist/main.sh`]);
  });

  test("since its publication fails leaves a version that failed, and what was dropped; pushed again, it is published", async () => {
    const name = "com.example.Rejected";
    await control.arm("greengrass:CreateComponentVersion", "ValidationException", 400);
    await drop.push("rejected", manifestOf(name), { "main.sh": SCRIPT });
    expect(await drop.result("rejected")).toMatchObject({ status: "failed", problem: { code: "component-rejected" } });
    expect(await shown(name)).toMatchObject({ status: "failed" });
    expect(await drop.keysBelow("drop/rejected/")).toEqual(["drop/rejected/main.sh", "drop/rejected/slipway.json"]);
    await control.disarm();
    await drop.push("rejected", manifestOf(name));
    expect(await drop.result("rejected")).toMatchObject({ status: "published" });
  });

  test("since AWS refuses the copies says so", async () => {
    const name = "com.example.Uncopied";
    await control.arm("s3:CopyObject", "AccessDenied", 403);
    await drop.push("uncopied", manifestOf(name), { "main.sh": SCRIPT });
    expect(await drop.result("uncopied")).toMatchObject({ status: "failed", problem: { code: "aws-refused" } });
  });

  test("while S3 cannot be reached comes again by itself", async () => {
    const name = "com.example.Unreached";
    await control.arm("s3:ListObjectsV2", "InternalError", 500, 6);
    await drop.push("unreached", manifestOf(name), { "main.sh": SCRIPT });
    await until(async () => (await control.faults()).length === 0, { what: "S3 to be asked" });
    expect(await drop.result("unreached")).toMatchObject({ status: "published" });
  });
});

describe("pushes at the same time", () => {
  test("of one version, one is published, and the others are told that it is there", async () => {
    const name = "com.example.Race";
    const folders = ["race-1", "race-2", "race-3"];
    await Promise.all(folders.map((folder) => drop.push(folder, manifestOf(name), { "main.sh": SCRIPT })));
    const results = await Promise.all(folders.map((folder) => drop.result(folder)));
    expect(results.filter(({ status }) => status === "published")).toHaveLength(1);
    for (const { status, problem } of results) {
      if (status === "failed") expect(["name-taken", "not-ready", "version-immutable"]).toContain(problem?.code);
    }
    expect(await shown(name)).toMatchObject({ status: "published" });
  });

  test("of several versions of a new component are all published", async () => {
    const name = "com.example.Versions";
    const versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"];
    await Promise.all(
      versions.map((version) => drop.push(`v${version}`, manifestOf(name, { version }), { "main.sh": SCRIPT })),
    );
    const results = await Promise.all(versions.map((version) => drop.result(`v${version}`)));
    expect(results.map(({ status }) => status)).toEqual(versions.map(() => "published"));
  });

  test("keep the draft from being changed by the API until the files are there", async () => {
    const name = "com.example.Frozen";
    await control.fault({
      kind: "latency",
      operation: "lambda:local-copy-pushed-files",
      milliseconds: 2_000,
      times: 1,
    });
    await drop.push("frozen", manifestOf(name), { "main.sh": SCRIPT });
    await until(async () => (await control.faults()).length === 0, { what: "the copies to begin" });
    const body = { path: "dist/other", size: 1, sha256: sha256("x") };
    await expecting(409, api.call("POST", `${versionAt(name)}/files`, { body }));
    await expecting(409, api.call("POST", `${versionAt(name)}/publish`));
    expect(await drop.result("frozen")).toMatchObject({ status: "published" });
  });

  test("leave alone what was dropped anew while the first was published", async () => {
    const name = "com.example.Anew";
    await control.fault({ kind: "latency", operation: "lambda:local-check-artifacts", milliseconds: 2_000, times: 1 });
    await drop.push("anew", manifestOf(name), { "main.sh": SCRIPT });
    await until(async () => (await control.faults()).length === 0, { what: "the publication to begin" });
    await drop.put("anew/main.sh", "echo anew\n");
    expect(await drop.result("anew")).toMatchObject({ status: "published" });
    expect(await drop.read(`components/${name}/1.0.0/dist/main.sh`)).toBe(SCRIPT);
    expect(await drop.keysBelow("drop/anew/")).toEqual(["drop/anew/main.sh"]);
    expect(await drop.read("drop/anew/main.sh")).toBe("echo anew\n");
  });
});

test("a version that was pushed is deleted with all that was kept of it", async () => {
  const name = "com.example.Deleted";
  await drop.push("deleted", manifestOf(name), { "main.sh": SCRIPT });
  await drop.result("deleted");
  const { id } = (await api.call<{ id: string }>("GET", versionAt(name))).body;
  await api.done("DELETE", versionAt(name));
  expect(Object.keys(await cloud.items()).filter((key) => key.includes(id))).toEqual([]);
});

test("what is dropped and never published goes after a week", async () => {
  const { Rules } = await cloud.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));
  expect(Rules).toContainEqual({
    ID: "old-drops",
    Status: "Enabled",
    Filter: { Prefix: "drop/" },
    Expiration: { Days: 7 },
  });
});
