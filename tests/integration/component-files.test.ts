import { PutObjectCommand } from "@aws-sdk/client-s3";
import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { PART_BYTES, SINGLE_UPLOAD_BYTES } from "../../shared/component/file.ts";
import { keys } from "../../shared/keys.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, sendFile, sha256, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { draftsOf, fileOf, isObject, keyOfFile } from "./support/drafts.ts";
import { machineOf } from "./support/machines.ts";

let cloud: TestCloud;
let api: ApiClient;
let drafts: ReturnType<typeof draftsOf>;
let bucket: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  const { path } = await aWorkspace(api, "files");
  ({ bucket } = (await api.call<{ bucket: string }>("GET", path)).body);
  drafts = draftsOf(api, path);
});

afterEach(() => controlOf(cloud.endpoints).disarm());

afterAll(() => cloud?.remove());

const isStored = (version: string, path: string): Promise<boolean> =>
  isObject(cloud.s3, bucket, keyOfFile(version, path));

describe("a file of a draft", () => {
  test("is told of, with where to download it once it was uploaded", async () => {
    const version = await drafts.draft("com.example.Told");
    const { upload } = await drafts.declare(version, "src/a b/grün#1.txt", "bytes");
    const at = `${version}/files/src/a%20b/gr%C3%BCn%231.txt`;
    expect((await api.call("GET", at)).body).toMatchObject({ path: "src/a b/grün#1.txt", uploaded: false });
    if (upload !== undefined) await sendFile(upload, "bytes");
    const { body } = await api.call<{ uploaded: boolean; download: { url: string } }>("GET", at);
    expect(body.uploaded).toBe(true);
    const download = await fetch(body.download.url);
    expect(await download.text()).toBe("bytes");
    expect(download.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''gr%C3%BCn%231.txt");
  });

  test("is the same whatever form of Unicode its path has", async () => {
    const version = await drafts.draft("com.example.Unicode");
    expect((await drafts.declare(version, "dist/u\u0308", "x")).path).toBe("dist/\u00fc");
    await expecting(200, api.call("GET", `${version}/files/dist/u%CC%88`));
    expect(await drafts.pathsOf(version)).toEqual(["dist/\u00fc"]);
  });

  test("is refused beside one whose path differs in letter case alone", async () => {
    const version = await drafts.draft("com.example.Case");
    await drafts.send(version, "dist/Main.sh", "x");
    const body = fileOf("dist/main.sh", "x");
    expect((await api.call("POST", `${version}/files`, { body })).body).toMatchObject({
      status: 409,
      code: "path-clash",
    });
    expect((await api.call("GET", `${version}/files/dist/main.sh`)).status).toBe(404);
    expect(await drafts.pathsOf(version)).toEqual(["dist/Main.sh"]);
  });

  test("that is declared again as it is there needs no upload", async () => {
    const version = await drafts.draft("com.example.Same");
    await drafts.send(version, "dist/a", "bytes");
    const again = await drafts.declare(version, "dist/a", "bytes");
    expect(again).not.toHaveProperty("upload");
    expect(again).not.toHaveProperty("uploadHref");
  });

  test("is deleted with its bytes, and may be declared again", async () => {
    const version = await drafts.draft("com.example.Deleted");
    await drafts.send(version, "dist/a", "bytes");
    await expecting(204, api.call("DELETE", `${version}/files/dist/a`));
    expect(await isStored(version, "dist/a")).toBe(false);
    expect((await api.call("DELETE", `${version}/files/dist/a`)).status).toBe(404);
    await drafts.send(version, "dist/A", "others");
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
  });

  test.each(["POST", "DELETE", "manifest"])("of a published version cannot be changed: %s", async (how) => {
    const version = await drafts.draft(`com.example.Published${how}`);
    await drafts.send(version, "dist/a", "bytes");
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    const files = [fileOf("dist/a", "others")];
    const refused =
      how === "POST"
        ? api.call("POST", `${version}/files`, { body: files[0] })
        : how === "DELETE"
          ? api.call("DELETE", `${version}/files/dist/a`)
          : api.call("POST", `${version}/manifest`, { body: { files, prune: true } });
    expect((await refused).body).toMatchObject({ status: 409, code: "version-immutable" });
    expect((await api.call("GET", `${version}/files/dist/a`)).body).toMatchObject({
      uploaded: true,
      ...fileOf("dist/a", "bytes"),
    });
  });

  test("whose former bytes a request removes waits for it, and so does the publication", async () => {
    const version = await drafts.draft("com.example.Leased");
    await drafts.send(version, "dist/a", "bytes");
    const { id } = (await api.call<{ id: string }>("GET", version)).body;
    const lease = (clearing: number) =>
      cloud.documents.send(
        new UpdateCommand({
          TableName: cloud.tables.control,
          Key: keys.file(id, "dist/a"),
          UpdateExpression: "SET clearing = :until",
          ExpressionAttributeValues: { ":until": clearing },
        }),
      );
    await lease(Date.now() + 600_000);
    const busy = { status: 503, code: "busy" };
    const body = fileOf("dist/a", "others");
    expect((await api.call("POST", `${version}/files`, { body })).body).toMatchObject(busy);
    expect((await api.call("DELETE", `${version}/files/dist/a`)).body).toMatchObject(busy);
    expect(await drafts.publish(version)).toMatchObject({ status: "failed", problem: { code: "busy" } });
    await lease(Date.now() - 1);
    await drafts.send(version, "dist/a", "others");
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
  });
});

describe("a file that is sent in parts", () => {
  // As small as such a file can be: five parts, of which the last one has one byte.
  const size = SINGLE_UPLOAD_BYTES + 1;
  const bytes = Buffer.alloc(size, "slipway");
  const slice = (part: number) => Buffer.from(bytes.subarray((part - 1) * PART_BYTES, part * PART_BYTES));

  const sendParts = async (version: string, path: string, wanted: (part: number) => boolean): Promise<void> => {
    for (const { part, upload } of await drafts.parts(version, path)) {
      if (upload !== undefined && wanted(part)) await sendFile(upload, slice(part));
    }
  };

  test("goes on where it was broken off, and is hashed whole before it is published", async () => {
    const version = await drafts.draft("com.example.Large");
    const declared = await drafts.declare(version, "dist/large", bytes);
    expect(declared).not.toHaveProperty("upload");
    expect(declared.uploadHref).toMatch(/\/uploads\/dist\/large$/);
    const all = await drafts.parts(version, "dist/large");
    expect(all.map((part) => [part.part, part.size, part.received])).toEqual([
      ...[1, 2, 3, 4].map((part) => [part, PART_BYTES, false]),
      [5, 1, false],
    ]);
    await sendParts(version, "dist/large", (part) => part !== 2 && part !== 4);

    // Another process of the same client, which knows the file alone.
    const complete = () => api.call("POST", `${version}/uploads/dist/large`);
    const incomplete = await complete();
    expect(incomplete.body).toMatchObject({ status: 409, code: "upload-incomplete" });
    expect(incomplete.body.detail).toContain("2, 4");
    const again = await drafts.declare(version, "dist/large", bytes);
    expect(again.uploadHref).toBe(declared.uploadHref);
    const left = (await drafts.parts(version, "dist/large")).filter(({ received }) => !received);
    expect(left.map(({ part }) => part)).toEqual([2, 4]);
    await sendParts(version, "dist/large", () => true);
    await expecting(200, complete());
    await expecting(200, complete()); // the answer to the first was lost
    expect((await api.call("GET", `${version}/uploads/dist/large`)).status).toBe(404);
    expect(await drafts.declare(version, "dist/large", bytes)).not.toHaveProperty("uploadHref");

    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    expect((await api.call("GET", version)).body).toMatchObject({ artifactBytes: size });
    expect((await complete()).body).toMatchObject({ code: "version-immutable" });
    const [early] = all;
    if (early?.upload === undefined) throw new Error("no part");
    await expect(sendFile(early.upload, slice(1))).rejects.toThrow(/404/); // from before the publication
  });

  test("is listed by page, and a part of another length is refused", async () => {
    const version = await drafts.draft("com.example.Paged");
    await drafts.declare(version, "src/large", bytes);
    const page = await expecting(
      200,
      api.call<{ items: { part: number; upload: { url: string } }[]; nextCursor: string }>(
        "GET",
        `${version}/uploads/src/large?limit=2`,
      ),
    );
    expect(page.body.items.map(({ part }) => part)).toEqual([1, 2]);
    const rest = await api.call<{ items: { part: number }[] }>(
      "GET",
      `${version}/uploads/src/large?limit=3&cursor=${page.body.nextCursor}`,
    );
    expect(rest.body.items.map(({ part }) => part)).toEqual([3, 4, 5]);
    expect(rest.body).not.toHaveProperty("nextCursor");
    const short = await fetch(page.body.items[0]?.upload.url ?? "", { method: "PUT", body: "short" });
    expect(short.status).toBe(403);
    const [, workspaceId = ""] = /workspaces\/([^/]+)/.exec(version) ?? [];
    const reader = await machineOf(api, cloud, workspaceId, { role: "maintainer", scopes: ["components:read"] });
    const read = await expecting(200, reader.client.call("GET", `${version}/uploads/src/large?limit=1`));
    expect(read.body.items).toEqual([{ part: 1, size: expect.any(Number), received: false }]);
  });

  test("of other bytes than declared fails its publication, and may be sent again", async () => {
    const version = await drafts.draft("com.example.Wrong");
    const declare = () =>
      expecting(
        201,
        api.call("POST", `${version}/files`, { body: { path: "dist/large", size, sha256: sha256("other bytes") } }),
      );
    await declare();
    await sendParts(version, "dist/large", () => true);
    await expecting(200, api.call("POST", `${version}/uploads/dist/large`));
    const { status, problem } = await drafts.publish(version);
    expect([status, problem?.code]).toEqual(["failed", "artifact-mismatch"]);
    expect(problem?.detail).toContain(sha256(bytes));
    expect((await declare()).body).toHaveProperty("uploadHref");
    expect(await isStored(version, "dist/large")).toBe(false);
  });

  test("leaves nothing of its upload when it is deleted, or declared small", async () => {
    const version = await drafts.draft("com.example.Given");
    for (const path of ["dist/a", "dist/b"]) await drafts.declare(version, path, bytes);
    const [part] = await drafts.parts(version, "dist/a");
    if (part?.upload === undefined) throw new Error("no part");
    await sendFile(part.upload, slice(1));
    await expecting(204, api.call("DELETE", `${version}/files/dist/a`));
    await expect(sendFile(part.upload, slice(1))).rejects.toThrow(/404/);
    const [other] = await drafts.parts(version, "dist/b");
    await drafts.send(version, "dist/b", "small");
    if (other?.upload === undefined) throw new Error("no part");
    await expect(sendFile(other.upload, slice(1))).rejects.toThrow(/404/);
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
  });

  test("does not replace what came by another way meanwhile", async () => {
    const version = await drafts.draft("com.example.Raced");
    await drafts.declare(version, "dist/large", bytes);
    await sendParts(version, "dist/large", () => true);
    await cloud.s3.send(
      new PutObjectCommand({ Bucket: bucket, Key: keyOfFile(version, "dist/large"), Body: "by another way" }),
    );
    expect((await api.call("POST", `${version}/uploads/dist/large`)).body).toMatchObject({ code: "conflict" });
    await drafts.declare(version, "dist/large", bytes);
    await expecting(200, api.call("POST", `${version}/uploads/dist/large`));
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
  });

  test("that has expired in S3 is begun anew", async () => {
    const version = await drafts.draft("com.example.Expired");
    await drafts.declare(version, "dist/large", bytes);
    const { id } = (await api.call<{ id: string }>("GET", version)).body;
    await cloud.documents.send(
      new UpdateCommand({
        TableName: cloud.tables.control,
        Key: keys.file(id, "dist/large"),
        UpdateExpression: "SET uploadId = :gone",
        ExpressionAttributeValues: { ":gone": "0".repeat(44) },
      }),
    );
    expect((await api.call("GET", `${version}/uploads/dist/large`)).status).toBe(404);
    expect((await api.call("POST", `${version}/uploads/dist/large`)).body).toMatchObject({ code: "upload-incomplete" });
    await drafts.declare(version, "dist/large", bytes);
    expect(await drafts.parts(version, "dist/large")).toHaveLength(5);
  });
});

describe("a file that is sent by a URL from before", () => {
  const LATE = "dist/late";
  const declared = async (version: string, path = LATE) => {
    const { upload } = await drafts.declare(version, path, "late");
    if (upload === undefined) throw new Error("nothing to send");
    return { send: () => sendFile(upload, "late") };
  };
  const gone = (version: string, path = LATE) =>
    until(async () => !(await isStored(version, path)), { what: `${path} of ${version} to be removed` });
  /** What the function does when it is told of an object, with no wait for the event. */
  const told = (version: string, path: string) => {
    const object = { key: keyOfFile(version, path), size: 4, etag: "0", sequencer: "0" };
    const event = { detail: { bucket: { name: bucket }, object, requester: "s3.amazonaws.com" } };
    return controlOf(cloud.endpoints).invoke("remove-stray", event);
  };

  test.each([
    "it was deleted",
    "its version was published without it",
    "its version was deleted",
    "it has another case",
  ])("goes again after %s", async (after) => {
    const version = await drafts.draft(`com.example.Late${after.replace(/\W/g, "")}`);
    const { send } = await declared(version);
    if (after === "its version was deleted") await api.done("DELETE", version);
    else await expecting(204, api.call("DELETE", `${version}/files/${LATE}`));
    if (after === "it has another case") await drafts.send(version, "dist/Late", "others");
    if (after === "its version was published without it") {
      expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    }
    await send();
    await gone(version);
    if (after === "its version was deleted") return;
    const left = after === "it has another case" ? ["dist/Late"] : [];
    await until(async () => (await drafts.pathsOf(version)).join() === left.join(), { what: "the lease to end" });
    for (const path of left) expect(await isStored(version, path)).toBe(true);
    if (after === "its version was published without it") return;
    for (const path of left) await expecting(204, api.call("DELETE", `${version}/files/${path}`));
    await drafts.send(version, LATE, "late"); // its place is free
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
  });

  test("stays where a version leads to it, or somebody put it there by another way", async () => {
    const version = await drafts.draft("com.example.Kept");
    await drafts.send(version, "src/kept", "kept");
    await cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key: keyOfFile(version, "src/own"), Body: "own" }));
    const paths = ["src/kept", "src/own"];
    for (const path of paths) expect(await told(version, path)).not.toHaveProperty("functionError");
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    paths.push("dist/com.example.Kept.zip");
    for (const path of paths) {
      expect(await told(version, path)).not.toHaveProperty("functionError");
      expect([path, await isStored(version, path)]).toEqual([path, true]);
    }
  });

  test("goes from a version that is being published, but for the package of its sources", async () => {
    const version = await drafts.draft("com.example.Frozen");
    const { id } = (await api.call<{ id: string }>("GET", version)).body;
    const { id: component } = (await api.call<{ id: string }>("GET", version.replace(/\/versions.*$/, ""))).body;
    await cloud.documents.send(
      new UpdateCommand({
        TableName: cloud.tables.control,
        Key: keys.version(component, id),
        UpdateExpression: "SET #status = :publishing",
        ExpressionAttributeNames: { "#status": "status" },
        ExpressionAttributeValues: { ":publishing": "publishing" },
      }),
    );
    const ChecksumSHA256 = Buffer.from(sha256("bytes"), "hex").toString("base64");
    for (const path of ["dist/com.example.Frozen.zip", LATE]) {
      const Key = keyOfFile(version, path);
      await cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "bytes", ChecksumSHA256 }));
      expect(await told(version, path)).not.toHaveProperty("functionError");
      expect([path, await isStored(version, path)]).toEqual([path, path !== LATE]);
    }
  });

  test("waits while another request is at its place", async () => {
    const version = await drafts.draft("com.example.LateLeased");
    await drafts.send(version, LATE, "late");
    const { id } = (await api.call<{ id: string }>("GET", version)).body;
    const lease = (clearing: number) =>
      cloud.documents.send(
        new UpdateCommand({
          TableName: cloud.tables.control,
          Key: keys.file(id, LATE),
          UpdateExpression: "SET clearing = :until",
          ExpressionAttributeValues: { ":until": clearing },
        }),
      );
    const ChecksumSHA256 = Buffer.from(sha256("other"), "hex").toString("base64");
    await lease(Date.now() + 600_000);
    const Key = keyOfFile(version, "dist/LATE");
    await cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "other", ChecksumSHA256 }));
    expect(await told(version, "dist/LATE")).toHaveProperty("functionError");
    expect(await isStored(version, "dist/LATE")).toBe(true);
    await lease(Date.now() - 1);
    await told(version, "dist/LATE");
    expect(await isStored(version, "dist/LATE")).toBe(false);
    expect(await isStored(version, LATE)).toBe(true);
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
  });
});
