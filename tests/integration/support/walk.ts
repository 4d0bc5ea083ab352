import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { SFNClient, StopExecutionCommand } from "@aws-sdk/client-sfn";
import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import type { ApiClient, IntentBody } from "../../../local/api-client.ts";
import { keys } from "../../../shared/keys.ts";
import { until } from "../../local/until.ts";
import { anUploadedRelease, expecting, releaseOf, sendFile, sha256, type TestCloud, type Upload } from "./cloud.ts";
import { controlOf } from "./control.ts";
import { ask } from "./http.ts";
import { machineOf } from "./machines.ts";
import { anUploadedImport, getImport, importOf, resultsOf, runImport } from "./node-imports.ts";
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

const managedDevices = async (api: ApiClient, workspace: string): Promise<void> => {
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
  await api.done("POST", `${version}/publish`);
  const deployment = `${workspace}/node-groups/one/deployment`;
  await api.done("PATCH", deployment, { components: { "com.example.Walk": { version: "^1.0.0" } } });
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
    `${workspace}/deployments`,
    deployment,
    `${workspace}/intents`,
  ]) {
    await expecting(200, api.call("GET", path));
  }
  for (const path of ["", "/node-groups/one", "/nodes/n1", "/components/com.example.Walk"]) {
    await describeAnew(api, `${workspace}${path}`);
  }
  await expecting(404, api.call("GET", "/v1/nowhere"));
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
  await expecting(201, api.call("POST", versions, { body: { version: "2.0.0", recipe } }));
  const missing = { path: "dist/run.sh", size: 4, sha256: sha256("true") };
  await expecting(201, api.call("POST", `${versions}/2.0.0/files`, { body: missing }));
  await endsFailed(await accepted("POST", `${versions}/2.0.0/publish`));

  for (const task of ["create-thing", "hash-release"]) await control.arm(`lambda:local-${task}`, "Busy", 500);
  const heard = [
    ["node-create", await accepted("POST", `${workspace}/nodes`, { name: "stopped" })],
    ["release-publish", await accepted("POST", `${workspace}/releases/${await aRelease("os_stopped")}/publish`)],
  ] as const;
  for (const [machine, intent] of heard) {
    await stop(machine, intent);
    await endsFailed(intent);
  }
  await control.arm("lambda:local-workflow-ended", "Lost", 500);
  const unheard = [
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
  await invite();
  for (const list of ["members", "invitations"]) await expecting(200, api.call("GET", `${workspace}/${list}`));
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
    await expecting(200, machine.client.call("GET", `${workspace}/nodes`));
    await expecting(200, api.call("GET", `${workspace}/credentials`));
    if (role === "viewer") await expecting(204, api.call("DELETE", `${workspace}/credentials/${machine.id}`));
  }
};

const takeDown = async (cloud: TestCloud, api: ApiClient, workspace: string): Promise<void> => {
  await api.done("DELETE", `${workspace}/node-groups/one/deployment`);
  for (const version of ["1.0.0", "2.0.0"]) {
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
  await managedDevices(api, workspace);
  await registrations(cloud, api, workspace);
  await manyDevices(cloud, api, workspace);
  await anonymousDevices(cloud, api, workspace);
  await failures(cloud, api, workspace);
  await takeDown(cloud, api, workspace);
};
