import { randomBytes } from "node:crypto";
import { CreateComponentVersionCommand, DescribeComponentCommand } from "@aws-sdk/client-greengrassv2";
import { CreateBucketCommand, DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { SFNClient, StopExecutionCommand } from "@aws-sdk/client-sfn";
import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import type { ApiClient, IntentBody } from "../../../local/api-client.ts";
import { SINGLE_UPLOAD_BYTES } from "../../../shared/component/file.ts";
import { keys } from "../../../shared/keys.ts";
import { until } from "../../local/until.ts";
import { anUploadedRelease, expecting, releaseOf, sendFile, sha256, type TestCloud, type Upload } from "./cloud.ts";
import { controlOf } from "./control.ts";
import { aNode, devices } from "./devices.ts";
import { draftsOf } from "./drafts.ts";
import { driftAway } from "./drifts.ts";
import { ask } from "./http.ts";
import { machineOf } from "./machines.ts";
import { anUploadedImport, getImport, importOf, resultsOf, runImport } from "./node-imports.ts";
import { ageSnapshot, snapshotOfAll } from "./ota.ts";
import { pushesOf } from "./pushes.ts";
import { startReceiver } from "./receiver.ts";
import { registrationOf } from "./registration.ts";

const MINUTES_OLD = 5;

/** As if nobody had touched the intent for some minutes. */
const age = (cloud: TestCloud, intentId: string) =>
  cloud.documents.send(
    new UpdateCommand({
      TableName: cloud.tables.control,
      Key: keys.intent(intentId),
      UpdateExpression: "SET updatedAt = :then",
      ExpressionAttributeValues: { ":then": new Date(Date.now() - MINUTES_OLD * 60_000).toISOString() },
    }),
  );

/** Edits what is there with the ETag that it has. */
const describeAnew = async (api: ApiClient, path: string): Promise<void> => {
  const { headers } = await expecting(200, api.call("GET", path));
  const ifMatch = { "if-match": headers.get("etag") ?? "" };
  await expecting(200, api.call("PATCH", path, { body: { description: "seen" }, headers: ifMatch }));
};

/** A version that is packaged from its sources: sent by a manifest, pruned by another, and a large file in parts. */
const folders = async (cloud: TestCloud, api: ApiClient, component: string, version: string): Promise<void> => {
  const packed = `${component}/versions/1.1.0`;
  await expecting(
    201,
    api.call("POST", `${component}/versions`, { body: { version: "1.1.0", recipe: { run: "true" } } }),
  );
  const apply = async (at: string, files: object[], prune = false) =>
    (
      await expecting(
        200,
        api.call<{ items: { path: string; upload?: Upload }[] }>("POST", `${at}/manifest`, { body: { files, prune } }),
      )
    ).body.items;
  const small = (path: string, bytes: string) => ({ path, size: bytes.length, sha256: sha256(bytes) });
  const whole = randomBytes(SINGLE_UPLOAD_BYTES + 1); // a package of nothing but zeros would be taken for a bomb
  const large = { path: "src/large", size: whole.length, sha256: sha256(whole) };
  // Each is there for a step of the manifests: sent, replaced, given up half sent, and taken away.
  const first = await apply(packed, [small("src/a", "old"), small("src/b", "b"), large]);
  for (const { path, upload } of first)
    if (upload !== undefined) await sendFile(upload, path === "src/b" ? "b" : "old");
  const second = await apply(packed, [small("src/a", "new"), small("src/large", "small")], true);
  for (const { path, upload } of second)
    if (upload !== undefined) await sendFile(upload, path === "src/a" ? "new" : "small");
  for (const other of [whole.length + 1, whole.length]) {
    await expecting(201, api.call("POST", `${packed}/files`, { body: { ...large, size: other } }));
  }
  await expecting(201, api.call("POST", `${packed}/files`, { body: large })); // goes on
  await apply(packed, [small("src/a", "new"), large]);
  const uploads = `${packed}/uploads/src/large`;
  const { items } = (await expecting(200, api.call<{ items: { size: number; upload: Upload }[] }>("GET", uploads)))
    .body;
  let at = 0;
  for (const { size, upload } of items) {
    await sendFile(upload, Buffer.from(whole.subarray(at, at + size)));
    at += size;
  }
  await expecting(200, api.call("POST", uploads));
  await expecting(200, api.call("POST", uploads));
  await expecting(200, api.call("GET", `${packed}/files/src/large`));
  await expecting(201, api.call("POST", `${packed}/files`, { body: { ...large, path: "src/given-up" } }));
  await expecting(204, api.call("DELETE", `${packed}/files/src/given-up`));
  await publishTwice(cloud, api, packed);
  await expecting(200, api.call("GET", `${version}/files/dist/run.sh`));
};

/** A publication that fails once it has made all that it makes, with its package, and one of other sources. */
const publishTwice = async (cloud: TestCloud, api: ApiClient, version: string): Promise<void> => {
  const control = controlOf(cloud.endpoints);
  await control.arm("lambda:local-finish-component-version", "TypeError", 500);
  const { body } = await expecting(202, api.call<IntentBody>("POST", `${version}/publish`));
  const { status } = await api.ended(body.id);
  if (status !== "failed") throw new Error(`a publication without its last step ${status}`);
  await control.disarm();
  const bytes = "added";
  const declared = { path: "src/added", size: bytes.length, sha256: sha256(bytes) };
  const added = await expecting(201, api.call<{ upload: Upload }>("POST", `${version}/files`, { body: declared }));
  await sendFile(added.body.upload, bytes);
  await api.done("POST", `${version}/publish`);
};

const download200 = async (url: string): Promise<void> => {
  const { status } = await fetch(url);
  if (status !== 200) throw new Error(`the download answers ${status}`);
};

/** A component that someone made in Greengrass, of which one artifact has other bytes by now; and one of AWS's. */
const adoptions = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const [name, Bucket] = ["org.legacy.Walk", "walk-legacy"];
  await cloud.s3.send(new CreateBucketCommand({ Bucket }));
  for (const Key of ["a", "b"]) await cloud.s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  const recipe = {
    RecipeFormatVersion: "2020-01-25",
    ComponentName: name,
    ComponentVersion: "1.0.0",
    Manifests: [{ Artifacts: ["a", "b"].map((key) => ({ Uri: `s3://${Bucket}/${key}` })) }],
  };
  const inlineRecipe = Buffer.from(JSON.stringify(recipe));
  const { arn } = await cloud.greengrass.send(new CreateComponentVersionCommand({ inlineRecipe }));
  await until(async () => {
    const { status } = await cloud.greengrass.send(new DescribeComponentCommand({ arn }));
    return status?.componentState === "DEPLOYABLE";
  });
  await cloud.s3.send(new PutObjectCommand({ Bucket, Key: "b", Body: "changed" }));
  for (const one of [name, "aws.greengrass.Cli"]) {
    await api.done("POST", `${workspace}/component-imports`, { name: one });
  }
  const draft = await draftsOf(api, workspace).draft("com.example.Depends", "1.0.0", {
    run: "true",
    dependencies: { "aws.greengrass.Cli": "*" },
  });
  await expecting(200, api.call("GET", `${draft}/findings`));
  await api.done("DELETE", draft);
  await api.done("DELETE", `${workspace}/components/${name}/versions/1.0.0`);
  for (const one of [name, "com.example.Depends"]) {
    await expecting(204, api.call("DELETE", `${workspace}/components/${one}`));
  }
};

const managedDevices = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  for (const name of ["one", "two"]) await api.done("POST", `${workspace}/node-groups`, { name });
  await api.done("POST", `${workspace}/nodes`, { name: "n1", groups: ["one", "two"] });
  await expecting(201, api.call("POST", `${workspace}/components`, { body: { name: "com.example.Walk" } }));
  const component = `${workspace}/components/com.example.Walk`;
  await expecting(
    201,
    api.call("POST", `${component}/versions`, { body: { version: "1.0.0", recipe: { run: "sh {artifact}" } } }),
  );
  const version = `${component}/versions/1.0.0`;
  await describeAnew(api, version);
  await expecting(200, api.call("GET", `${version}/findings`));
  for (const bytes of ["false", "true"]) {
    const declared = { path: "dist/run.sh", size: bytes.length, sha256: sha256(bytes) };
    const { body } = await expecting(201, api.call<{ upload: Upload }>("POST", `${version}/files`, { body: declared }));
    await sendFile(body.upload, bytes);
  }
  await folders(cloud, api, component, version);
  await lateUploads(cloud, api, version);
  await draftsOf(api, workspace).clone(version, "1.2.0");
  await api.done("POST", `${version}/publish`);
  const deployment = `${workspace}/node-groups/one/deployment`;
  await editDeployments(api, workspace);
  await expecting(200, api.call("POST", `${version}/deprecation`, { body: { reason: "seen" } }));
  await expecting(200, api.call("DELETE", `${version}/deprecation`));
  for (const path of [
    "/v1/openapi.json",
    "/v1/workspaces",
    `${workspace}/node-groups`,
    `${workspace}/nodes`,
    `${workspace}/nodes?group=one`,
    `${workspace}/components`,
    `${component}/versions`,
    version,
    `${version}/files`,
    `${version}/diff/1.1.0`,
    `${version}/usage`,
    `${version}/usage?of=nodes`,
    `${version}/usage?of=component-versions`,
    `${workspace}/components?search=walk`,
    `${workspace}/deployments`,
    deployment,
    `${workspace}/intents`,
  ]) {
    await expecting(200, api.call("GET", path));
  }
  await adoptions(cloud, api, workspace);
  const folder = await expecting(
    200,
    api.call<{ items: { download?: { url: string } }[] }>("GET", `${version}/export`),
  );
  for (const { download } of folder.body.items) if (download !== undefined) await download200(download.url);
  for (const path of ["", "/node-groups/one", "/nodes/n1", "/components/com.example.Walk"]) {
    await describeAnew(api, `${workspace}${path}`);
  }
  await expecting(404, api.call("GET", "/v1/nowhere"));
};

/** Deployments of a group and of a node, each edited in every way. */
const editDeployments = async (api: ApiClient, workspace: string): Promise<void> => {
  const walking = { "com.example.Walk": { version: "^1.0.0" } };
  for (const [list, name] of [
    ["nodeGroups", "one"],
    ["nodes", "n1"],
  ] as const) {
    const path = `${workspace}/${list === "nodes" ? "nodes" : "node-groups"}/${name}/deployment`;
    const replacement = { components: { "com.example.Walk": { version: "1.0.0" } }, priority: 2 };
    await api.done("PATCH", path, { components: walking });
    const asked = { [list]: { [name]: { deployment: { edit: "replace", ...replacement } } } };
    const plan = await expecting(200, api.call<{ hash: string }>("POST", `${workspace}/plans`, { body: asked }));
    await expecting(200, api.call("POST", `${workspace}/plans/nodes?group=one`, { body: asked }));
    await api.done("PUT", path, { ...replacement, plan: plan.body.hash });
    await api.done("POST", `${path}/refresh`, {});
    await api.done("POST", `${path}/rollback`, { revision: 1 });
    await api.done("PATCH", path, { components: walking });
    for (const at of ["", "/revisions", "/revisions/2", "/revisions/2/diff"]) {
      await expecting(200, api.call("GET", `${path}${at}`));
    }
  }
  await api.done("DELETE", `${workspace}/nodes/n1/deployment`);
  await followPublications(api, workspace);
};

/** A deployment moves on by itself when a version is published. */
const followPublications = async (api: ApiClient, workspace: string): Promise<void> => {
  const path = `${workspace}/node-groups/one/deployment`;
  await api.done("PATCH", path, { autoUpdate: true });
  const revision = async () => (await expecting(200, api.call<{ revision: number }>("GET", path))).body.revision;
  const before = await revision();
  const versions = `${workspace}/components/com.example.Walk/versions`;
  const recipe = { run: "true" };
  await expecting(201, api.call("POST", versions, { body: { version: "1.3.0", recipe } }));
  await api.done("POST", `${versions}/1.3.0/publish`);
  await until(async () => (await revision()) > before, { what: "the deployment to move on" });
};

/** Pushes that are refused and that are taken, by manifest and by event; one fails, and comes again with other files. */
const pushes = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const { bucket } = (await expecting(200, api.call<{ bucket: string }>("GET", workspace))).body;
  const control = controlOf(cloud.endpoints);
  const drop = pushesOf(cloud, bucket);
  const component = "com.example.Pushed";
  const pushed = async (expected: string, files: Readonly<Record<string, string>>, more: object = {}) => {
    await drop.push("walk", { component, version: "1.0.0", recipe: { run: "true" }, ...more }, files);
    const result = await drop.result("walk");
    if (result.status !== expected) throw new Error(`the push: ${JSON.stringify(result)}`);
  };
  await pushed("failed", {}, { version: "none" });
  await control.arm("greengrass:CreateComponentVersion", "ValidationException", 400);
  await pushed("failed", { a: "a", b: "b" });
  await control.disarm();
  await cloud.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "drop/walk/b" }));
  await pushed("published", { a: "a" });

  const requested = async (expected: string, version: string) => {
    const id = await drop.request({
      workspace: "walk",
      folder: "event",
      component,
      version,
      recipeFile: "recipe.json",
    });
    const told = await until(
      async () =>
        (await control.events()).find(
          ({ detail }) => (detail as { data?: { origin?: { event?: string } } }).data?.origin?.event === id,
        ),
      { what: "the outcome of an event" },
    );
    if (told["detail-type"] !== expected) throw new Error(`the event: ${JSON.stringify(told)}`);
  };
  await requested("slipway.push.failed", "1.1.0");
  const recipe = { RecipeFormatVersion: "2020-01-25", ComponentName: component, ComponentVersion: "1.1.0" };
  await drop.put("event/recipe.json", JSON.stringify({ ...recipe, Manifests: [{ Lifecycle: { run: "true" } }] }));
  await requested("slipway.push.succeeded", "1.1.0");
  for (const version of ["1.0.0", "1.1.0"]) {
    await api.done("DELETE", `${workspace}/components/${component}/versions/${version}`);
  }
  await expecting(204, api.call("DELETE", `${workspace}/components/${component}`));
};

/** Events that ask for intents, and webhooks: one that takes what it gets at the second try, and one that never does. */
const eventsInAndOut = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const control = controlOf(cloud.endpoints);
  const receiver = await startReceiver();
  try {
    const source = "com.example.walk";
    const operations = ["createNodeGroup", "deleteNodeGroup", "deleteNode", "publishRelease"];
    const rule = await expecting(
      201,
      api.call<{ id: string }>("POST", `${workspace}/event-rules`, { body: { source, operations } }),
    );
    await expecting(200, api.call("GET", `${workspace}/event-rules`));
    await describeAnew(api, `${workspace}/event-rules/${rule.body.id}`);
    await expecting(200, api.call("GET", "/v1/event-schemas"));
    await expecting(200, api.call("GET", "/v1/event-schemas/slipway.node.offline/1"));
    const asks = (id: string, operation: string, more: object) =>
      control.invoke("accept-intent", { id, source, detail: { workspace: "walk", operation, ...more } });
    const outcome = (id: string) =>
      until(
        async () =>
          (await control.events()).find(
            ({ detail }) => (detail as { data?: { requestId?: string } }).data?.requestId === id,
          ),
        { what: `the outcome of ${id}` },
      );

    receiver.answer("/second", (response) => {
      response.writeHead(receiver.at("/second").length > 1 ? 204 : 500).end();
    });
    const hook = async (path: string) => {
      const body = { url: receiver.url(path), events: ["slipway.deployment.revised"] };
      const made = await expecting(201, api.call<{ id: string }>("POST", `${workspace}/webhooks`, { body }));
      return `${workspace}/webhooks/${made.body.id}`;
    };
    const webhook = await hook("/second");
    await asks("walk-1", "createNodeGroup", { body: { name: "asked" } });
    const { detail } = await outcome("walk-1");
    await api.ended((detail as { data: { intentId: string } }).data.intentId);
    const tries = async () => {
      const list = api.call<{ items: { id: string; tries: unknown[] }[] }>("GET", `${webhook}/deliveries`);
      return (await expecting(200, list)).body.items;
    };
    await until(async () => (await tries())[0]?.tries.length === 1, { what: "a first try" });
    const [first] = await tries();
    await expecting(200, api.call("POST", `${webhook}/replay`, { body: { delivery: first?.id } }));
    await control.invoke("retry-webhooks");
    await until(async () => (await tries())[0]?.tries.length === 2, { what: "a second try" });
    const heard = (await control.events()).find((event) => (event.detail as { id?: string }).id === first?.id);
    await control.invoke("send-webhooks", heard); // again
    await expecting(200, api.call("POST", `${webhook}/replay`, { body: { since: "2026-01-01T00:00:00Z" } }));
    await expecting(200, api.call("POST", `${webhook}/secret`));
    await expecting(200, api.call("POST", `${webhook}/test`));
    await expecting(200, api.call("GET", `${workspace}/webhooks`));
    await describeAnew(api, webhook);
    await expecting(204, api.call("DELETE", webhook));
    await expecting(200, api.call("GET", `${workspace}/events`));

    await asks("walk-2", "deleteNodeGroup", { parameters: { nodeGroup: "asked" } });
    const gone = await outcome("walk-2");
    await api.ended((gone.detail as { data: { intentId: string } }).data.intentId);
    await asks("walk-3", "deleteNode", { parameters: { node: "none" } });
    const release = await anUploadedRelease(api, workspace, "os_asked");
    await asks("walk-4", "publishRelease", { parameters: { release } });
    const published = await outcome("walk-4");
    await api.ended((published.detail as { data: { intentId: string } }).data.intentId);
    await api.done("DELETE", `${workspace}/releases/${release}`);
    await expecting(204, api.call("DELETE", `${workspace}/event-rules/${rule.body.id}`));
    await hook("/left"); // goes with the workspace
  } finally {
    await receiver.close();
  }
};

/** Devices that register, are replaced and get other certificates; tokens that are issued and revoked. */
const registrations = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const device = registrationOf(cloud);
  const node = `${workspace}/nodes/box`;
  const issue = async (path: string) =>
    (await expecting(201, api.call<{ token: string }>("POST", `${node}/${path}`, { body: {} }))).body.token;
  await api.done("POST", `${workspace}/nodes`, { name: "box" });
  await expecting(204, api.call("DELETE", `${node}/registration-tokens`));
  for (let i = 0; i < 2; i += 1) await issue("registration-tokens");
  const first = await device.enrol(await issue("registration-tokens"));
  await issue("re-register");
  await expecting(200, api.call("GET", `${node}/registration-tokens`));
  const second = await device.enrol(await issue("re-register"));
  const third = await device.aCertificate();
  const { thing } = (await expecting(200, api.call<{ thing: string }>("GET", node))).body;
  await device.hook(second.certificateId, third, { ThingName: thing });
  await device.connect(thing, third.certificateId);
  const certificates = async () => {
    const list = api.call<{ items: { id: string; status: string }[] }>("GET", `${node}/certificates`);
    return (await expecting(200, list)).body.items;
  };
  const replaced = [first, second].map(({ certificateId }) => certificateId);
  await until(
    async () => (await certificates()).every(({ id, status }) => status === "revoked" || !replaced.includes(id)),
    {
      what: "the certificates that were replaced to be revoked",
    },
  );
  await device.connect(thing, third.certificateId, "disconnected");
  await api.done("DELETE", `${node}/certificates/${third.certificateId}`);
  await device.enrol(await issue("re-register"));
  await api.done("DELETE", node);
};

/** A node with a device that has run what it was told, and changes groups. */
const moves = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const fleet = devices(() => cloud.endpoints);
  try {
    const node = await aNode(api, workspace, "mover", { groups: ["two"] });
    await fleet.start({ token: node.token }).idle();
    await api.done("PATCH", `${node.path}/groups`, { add: ["one"] });
    await api.done("PATCH", `${node.path}/groups`, { remove: ["two"] });
    await api.done("DELETE", node.path);
  } finally {
    await fleet.remove();
  }
};

/** Three imports: one without a file, one with faults, and one in which AWS refuses a node at first. */
const manyDevices = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const declared = importOf("name\nnever-sent\n");
  const { body: empty } = await expecting(
    201,
    api.call<{ id: string }>("POST", `${workspace}/node-imports`, { body: declared }),
  );
  const { problem: missing } = await runImport(api, `${workspace}/node-imports/${empty.id}`);
  if (missing?.code !== "artifact-missing") throw new Error(`without a file: ${JSON.stringify(missing)}`);
  await api.done("DELETE", `${workspace}/node-imports/${empty.id}`);
  const faulty = await anUploadedImport(api, workspace, "name\na b\n");
  if ((await runImport(api, faulty)).status !== "failed") throw new Error("a file with faults was imported");
  const faults = await fetch((await getImport(api, faulty)).faultFile?.url ?? "");
  if (faults.status !== 200) throw new Error(`the file of faults: ${faults.status}, ${await faults.text()}`);
  await api.done("DELETE", faulty);
  const path = await anUploadedImport(api, workspace, "name,groups\nimported-1,one\nimported-2,\n");
  const control = controlOf(cloud.endpoints);
  await control.arm("iot:CreateThing", "InvalidRequestException", 400, 1);
  if ((await runImport(api, path)).status !== "failed") throw new Error("nodes that AWS refuses were imported");
  await control.disarm();
  const { status, problem } = await runImport(api, path);
  if (status !== "succeeded") throw new Error(`the import ${status}: ${JSON.stringify(problem)}`);
  const names = (await resultsOf(api, path)).map(({ name }) => name);
  if (names.join() !== "imported-1,imported-2") throw new Error(`the results are of ${names}`);
  await expecting(200, api.call("GET", `${workspace}/node-imports`));
  await api.done("DELETE", path);
};

/** Asks for an archive to be fetched until it is there, or cannot be made. @param host by which the device asks */
const storedArchive = async (cloud: TestCloud, host: string, expected: number, code?: string): Promise<string> => {
  let at = "";
  await until(
    async () => {
      // A query of its own, or it would be the answer in the cache.
      const path = `/walk/package?cpuArch=walk&attrAsked=${Date.now()}`;
      const told = await ask(cloud.endpoints.ota, { path, headers: ["Host", host, "Prefer", "redirect"] });
      at = told.headers.location ?? "";
      return told.status === expected && (code === undefined || JSON.parse(told.body.toString()).code === code);
    },
    { what: `an archive to be answered ${expected}` },
  );
  return new URL(at || "none:").pathname.slice(1);
};

/** A release's terms and availability, and the same content in another environment: all as before at the end. */
const changedReleases = async (api: ApiClient, workspace: string, path: string): Promise<void> => {
  const { headers } = await expecting(200, api.call("GET", path));
  const ifMatch = { "if-match": headers.get("etag") ?? "" };
  await expecting(200, api.call("PATCH", path, { body: { allowDowngrade: true }, headers: ifMatch }));
  for (const step of ["pause", "resume", "withdraw"]) {
    await expecting(200, api.call("POST", `${path}/${step}`, { body: { reason: "seen" } }));
  }
  await api.done("POST", `${path}/publish`);
  const { subject } = await api.done("POST", `${path}/promote`, { environment: "beta" });
  await expecting(200, api.call("GET", `${path}/history`));
  await api.done("DELETE", path.replace(/[^/]+$/, subject.id));
  // Each of four newer ones displaces nothing but the last, which displaces the first.
  const releases = path.replace(/\/[^/]+$/, "");
  const newer: string[] = [];
  for (const version of ["1.0", "1.1", "1.2", "1.3"]) {
    const bytes = `binary of ${version}`;
    const body = { ...releaseOf("tool", bytes), version };
    const created = await expecting(201, api.call<{ id: string; upload: Upload }>("POST", releases, { body }));
    await sendFile(created.body.upload, bytes);
    newer.push(created.body.id);
    await api.done("POST", `${releases}/${created.body.id}/publish`);
  }
  await reportedRollout(api, workspace, `${releases}/${newer.at(-1)}`);
  for (const id of newer) await api.done("DELETE", `${releases}/${id}`);
};

/** A snapshot of what is current, and its renewal when it is old. */
const snapshots = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  await snapshotOfAll(cloud, "walk", 1);
  const { id } = (await expecting(200, api.call<{ id: string }>("GET", workspace))).body;
  await ageSnapshot(cloud, { id, name: "walk" }, 40);
  await controlOf(cloud.endpoints).invoke("renew-snapshots");
  const { status, headers } = await fetch(`${cloud.endpoints.ota}/walk/snapshot`);
  if (status !== 200) throw new Error(`the snapshot: ${status}, ${headers.get("content-type")}`);
  await expecting(200, api.call("GET", "/v1/ota/signing-keys"));
};

/** A rollout that is paused for what devices say of it. */
const reportedRollout = async (api: ApiClient, workspace: string, path: string): Promise<void> => {
  const { headers } = await expecting(200, api.call("GET", path));
  const body = { rollout: 50, pauseAbove: 50 };
  await expecting(200, api.call("PATCH", path, { body, headers: { "if-match": headers.get("etag") ?? "" } }));
  const report = { app: "tool", version: "1.3", outcome: "failed" };
  for (let i = 0; i < 20; i += 1) await expecting(204, api.call("POST", `/v1/${workspace}/reports`, { body: report }));
  const availability = async () =>
    (await expecting(200, api.call<{ availability: string }>("GET", path))).body.availability;
  await until(async () => (await availability()) === "paused", { what: "a rollout to be paused" });
};

const anonymousDevices = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const { ota } = cloud.endpoints;
  const release = await anUploadedRelease(api, workspace, "os_walk");
  await api.done("POST", `${workspace}/releases/${release}/publish`);
  await expecting(200, api.call("GET", `${workspace}/releases`));
  await expecting(200, api.call("GET", `${workspace}/releases/${release}`));
  for (const payload of ["metadataOnly", "fullPayload"]) {
    const answer = await fetch(`${ota}/walk/package?cpuArch=walk&payloadType=${payload}`);
    await answer.arrayBuffer();
    if (answer.status !== 200) throw new Error(`${payload}: ${answer.status}`);
  }
  await snapshots(cloud, api, workspace);
  const { headers: before } = await expecting(200, api.call("GET", workspace));
  const ifUnchanged = { "if-match": before.get("etag") ?? "" };
  await expecting(200, api.call("PATCH", workspace, { body: { ota: { pollSeconds: 600 } }, headers: ifUnchanged }));
  await changedReleases(api, "walk", `${workspace}/releases/${release}`);
  const Key = await storedArchive(cloud, "one.example", 307);
  const stored = Object.values(await cloud.items()).find((item) => item.id === release);
  await cloud.s3.send(new DeleteObjectCommand({ Bucket: cloud.otaBucket, Key: stored?.segmentKey as string }));
  // Another header, or it would be the answer in the cache.
  const headers = { "if-none-match": `"${"0".repeat(32)}"` };
  const lacking = await fetch(`${ota}/walk/package?cpuArch=walk&payloadType=fullPayload`, { headers });
  if (lacking.status !== 503) throw new Error(`without the segment: ${lacking.status}, ${await lacking.text()}`);
  // One that was read through before, and one that was not.
  await cloud.s3.send(new DeleteObjectCommand({ Bucket: cloud.otaBucket, Key }));
  for (const host of ["one.example", "two.example"]) await storedArchive(cloud, host, 503, "unavailable");
  await api.done("DELETE", `${workspace}/releases/${release}`);
};

/** What fails by itself, what is ended from outside with and without the event of it, and what was never started. */
const failures = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const control = controlOf(cloud.endpoints);
  const { region, accountId, stepfunctions, accessKeyId, secretAccessKey } = cloud.endpoints;
  const sfn = new SFNClient({ region, endpoint: stepfunctions, credentials: { accessKeyId, secretAccessKey } });
  const aRelease = async (app: string) => {
    const { body } = await expecting(
      201,
      api.call<{ id: string }>("POST", `${workspace}/releases`, { body: releaseOf(app, "never sent") }),
    );
    return body.id;
  };
  const accepted = async (method: string, path: string, body?: unknown) =>
    (await expecting(202, api.call<IntentBody>(method, path, { body }))).body.id;
  const stop = (machine: string, intent: string) =>
    until(
      async () => {
        const executionArn = `arn:aws:states:${region}:${accountId}:execution:local-${machine}:${intent}-1`;
        try {
          await sfn.send(new StopExecutionCommand({ executionArn }));
          return true;
        } catch (error) {
          if ((error as Error).name === "ExecutionDoesNotExist") return false;
          throw error;
        }
      },
      { what: `an execution of ${machine}` },
    );
  const endsFailed = async (intent: string) => {
    const { status } = await api.ended(intent);
    if (status !== "failed") throw new Error(`${intent} ${status}`);
  };

  await endsFailed(await accepted("POST", `${workspace}/releases/${await aRelease("os_missing")}/publish`));
  const versions = `${workspace}/components/com.example.Walk/versions`;
  const recipe = { run: "sh {artifact}" };
  for (const [version, path] of [
    ["2.0.0", "dist/run.sh"],
    ["3.0.0", "src/run.sh"],
  ] as const) {
    await expecting(201, api.call("POST", versions, { body: { version, recipe } }));
    const missing = { path, size: 4, sha256: sha256("true") };
    await expecting(201, api.call("POST", `${versions}/${version}/files`, { body: missing }));
    await endsFailed(await accepted("POST", `${versions}/${version}/publish`));
    await expecting(200, api.call("GET", `${versions}/${version}/files/${path}`));
    await expecting(409, api.call("POST", `${versions}/${version}/uploads/${path}`));
  }

  // A publication that is stopped has made a version in Greengrass. It is first, since others end while it is waited for.
  const aPublication = async (version: string) => {
    await expecting(201, api.call("POST", versions, { body: { version, recipe: { run: "true" } } }));
    const intent = await accepted("POST", `${versions}/${version}/publish`);
    await until(async () => (await api.call<{ arn?: string }>("GET", `${versions}/${version}`)).body.arn !== undefined);
    return intent;
  };
  for (const task of ["create-thing", "hash-release", "record-component-version"]) {
    await control.arm(`lambda:local-${task}`, "Busy", 500);
  }
  const heard = [
    ["component-version-publish", await aPublication("4.0.0")],
    ["node-create", await accepted("POST", `${workspace}/nodes`, { name: "stopped" })],
    ["release-publish", await accepted("POST", `${workspace}/releases/${await aRelease("os_stopped")}/publish`)],
  ] as const;
  for (const [machine, intent] of heard) {
    await stop(machine, intent);
    await endsFailed(intent);
  }
  await control.arm("lambda:local-workflow-ended", "Lost", 500);
  const unheard = [
    ["component-version-publish", await aPublication("5.0.0")],
    ["node-create", await accepted("POST", `${workspace}/nodes`, { name: "unheard" })],
    ["release-publish", await accepted("POST", `${workspace}/releases/${await aRelease("os_unheard")}/publish`)],
  ] as const;
  for (const [machine, intent] of unheard) {
    await stop(machine, intent);
    await age(cloud, intent);
  }
  await control.invoke("sweep-intents");
  for (const [, intent] of unheard) await endsFailed(intent);
  await control.disarm();
  sfn.destroy();
};

/** A file is sent after its declaration was deleted: beside nothing, beside one of another case, and when it is gone again. */
const lateUploads = async (cloud: TestCloud, api: ApiClient, version: string): Promise<void> => {
  const control = controlOf(cloud.endpoints);
  const declare = async (path: string) => {
    const body = { path, size: 4, sha256: sha256("late") };
    return (await expecting(201, api.call<{ upload: Upload }>("POST", `${version}/files`, { body }))).body.upload;
  };
  const remove = (path: string) => expecting(204, api.call("DELETE", `${version}/files/${path}`));
  for (const beside of [undefined, "src/Late"]) {
    const upload = await declare("src/late");
    await remove("src/late");
    if (beside !== undefined) await declare(beside);
    await sendFile(upload, "late");
    const { pathname } = new URL(upload.url);
    const [, name = "", ...key] = decodeURIComponent(pathname).split("/");
    const object = { key: key.join("/"), size: 4, etag: "0", sequencer: "0" };
    const isGone = async () => {
      try {
        await cloud.s3.send(new HeadObjectCommand({ Bucket: name, Key: object.key }));
        return false;
      } catch (error) {
        if ((error as Error).name === "NotFound") return true;
        throw error;
      }
    };
    await until(isGone, { what: "the late file to be removed" });
    await control.invoke("remove-stray", { detail: { bucket: { name }, object, requester: "s3.amazonaws.com" } });
    if (beside !== undefined)
      await until(async () => (await api.call("DELETE", `${version}/files/${beside}`)).status === 204, {
        what: "the lease to end",
      });
  }
};

/** Deletes the workspace while its bucket gets a file before it is emptied, and one behind that. */
const deleteWhileUploadsCome = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const { bucket } = (await expecting(200, api.call<{ bucket: string }>("GET", workspace))).body;
  const upload = (Key: string) => cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: Key }));
  const control = controlOf(cloud.endpoints);
  await upload("before");
  await control.arm("lambda:local-delete-bucket", "Busy", 500);
  const { body } = await expecting(202, api.call<IntentBody>("DELETE", workspace));
  await until(async () => (await control.faults()).some(({ struck }) => struck > 0), {
    what: "the bucket to be empty",
  });
  await upload("behind");
  await control.disarm();
  const { status, problem } = await api.ended(body.id);
  if (status !== "succeeded") throw new Error(`the deletion ${status}: ${JSON.stringify(problem)}`);
};

/** People who come and go, and machines; the workspace is deleted with an invitation, a credential and a member. */
const people = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  const invite = async () =>
    (
      await expecting(
        201,
        api.call<{ id: string; code: string }>("POST", `${workspace}/invitations`, { body: { role: "owner" } }),
      )
    ).body;
  for (const subject of ["guest", "stays"]) {
    const { code } = await invite();
    const accepted = (await cloud.client(subject)).call("POST", "/v1/invitations/accept", { body: { code } });
    await expecting(200, accepted);
  }
  await expecting(204, api.call("DELETE", `${workspace}/invitations/${(await invite()).id}`));
  const { id: invitation } = await invite();
  for (const path of ["members", "members/guest", "invitations", `invitations/${invitation}`]) {
    await expecting(200, api.call("GET", `${workspace}/${path}`));
  }
  await expecting(200, api.call("PATCH", `${workspace}/members/guest`, { body: { role: "maintainer" } }));
  await expecting(200, api.call("PATCH", `${workspace}/members/guest`, { body: { role: "owner" } }));
  await expecting(204, api.call("DELETE", `${workspace}/members/guest`));
  const { id } = (await expecting(200, api.call<{ id: string }>("GET", workspace))).body;
  for (const list of ["audit", "audit/export"]) {
    for (const filter of ["", "?actor=system", `?object=${id}`]) {
      await expecting(200, api.call("GET", `${workspace}/${list}${filter}`));
    }
  }
  for (const role of ["viewer", "operator"]) {
    const machine = await machineOf(api, cloud, id, { role });
    for (const path of [`${workspace}/nodes`, "/v1/workspaces", "/v1/ota/signing-keys"]) {
      await expecting(200, machine.client.call("GET", path));
    }
    for (const path of ["", `/${machine.id}`]) {
      await expecting(200, api.call("GET", `${workspace}/credentials${path}`));
    }
    if (role === "viewer") await expecting(204, api.call("DELETE", `${workspace}/credentials/${machine.id}`));
  }
};

const takeDown = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  await api.done("DELETE", `${workspace}/node-groups/one/deployment`);
  for (const version of ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0"]) {
    await api.done("DELETE", `${workspace}/components/com.example.Walk/versions/${version}`);
  }
  await expecting(204, api.call("DELETE", `${workspace}/components/com.example.Walk`));
  for (const name of ["n1", "imported-1", "imported-2", "stopped", "unheard"])
    await api.done("DELETE", `${workspace}/nodes/${name}`);
  for (const name of ["one", "two"]) await api.done("DELETE", `${workspace}/node-groups/${name}`);
  const { body } = await expecting(200, api.call<{ items: { id: string }[] }>("GET", `${workspace}/releases`));
  for (const { id } of body.items) await api.done("DELETE", `${workspace}/releases/${id}`);
  await deleteWhileUploadsCome(cloud, api, workspace);
};

/** Everything that the product does, once: each operation of the API, each workflow, each way of failing. */
export const walk = async (cloud: TestCloud): Promise<void> => {
  const api = await cloud.client();
  await api.done("POST", "/v1/workspaces", { name: "walk" });
  const workspace = "/v1/workspaces/walk";
  await people(cloud, api, workspace);
  await managedDevices(cloud, api, workspace);
  await pushes(cloud, api, workspace);
  await eventsInAndOut(cloud, api, workspace);
  await registrations(cloud, api, workspace);
  await moves(cloud, api, workspace);
  await driftAway(cloud, api, workspace);
  await manyDevices(cloud, api, workspace);
  await anonymousDevices(cloud, api, workspace);
  await failures(cloud, api, workspace);
  await takeDown(cloud, api, workspace);
};
