import { gunzipSync } from "node:zlib";
import { DeleteObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { readTar } from "../unit/ota/read-tar.ts";
import {
  aWorkspace,
  expecting,
  releaseOf,
  sendFile,
  sha256,
  startTestCloud,
  type TestCloud,
  type Upload,
} from "./support/cloud.ts";

let cloud: TestCloud;
let api: ApiClient;
let path: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path } = await aWorkspace(api, "air"));
});

afterAll(() => cloud?.remove());

interface Created {
  readonly id: string;
  readonly upload: Upload;
}

const create = async (declared: object): Promise<Created> =>
  (await expecting(201, api.call<Created>("POST", `${path}/releases`, { body: declared }))).body;

const publish = async (id: string): Promise<IntentBody> => {
  const { body } = await expecting(202, api.call<IntentBody>("POST", `${path}/releases/${id}/publish`));
  return api.ended(body.id);
};

const release = async (app: string, version: string, bytes: string, attributes: string[] = []): Promise<string> => {
  const created = await create({ ...releaseOf(app, bytes), version, attributes });
  await sendFile(created.upload, bytes);
  expect(await publish(created.id)).toMatchObject({ status: "succeeded" });
  return created.id;
};

/** A query no other test has asked: the CDN has no answer for it. */
let asked = 0;
const poll = (query: string, have?: string) => {
  asked += 1;
  return fetch(`${cloud.endpoints.ota}/air/package?${query}&attrFresh${asked}=prod`, {
    headers: have === undefined ? {} : { "if-none-match": have },
  });
};

const metadata = async (query: string) =>
  (await (await poll(`${query}&payloadType=metadataOnly`)).json()) as Record<
    string,
    { latestVersion: string; url: string }
  >;

const problemOf = async (answer: Response) => {
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
  expect(answer.headers.get("cache-control")).toMatch(/max-age=10|no-store/);
  return (await answer.json()) as { status: number; code: string };
};

describe("a release", () => {
  test("replaces the one before it, and its URL leads to its bytes", async () => {
    await release("os_arm1", "1.0.0", "first");
    expect((await metadata("cpuArch=arm1")).os_arm1?.latestVersion).toBe("1.0.0");
    await release("os_arm1", "1.1.0", "second");
    const { latestVersion, url } = (await metadata("cpuArch=ARM1")).os_arm1 ?? { latestVersion: "", url: "" };
    expect(latestVersion).toBe("1.1.0");
    const binary = await fetch(url);
    expect(await binary.text()).toBe("second");
    expect(binary.headers.get("cache-control")).toContain("immutable");
  });

  test("comes back when an older one is published again", async () => {
    const first = await release("os_arm7", "1.0.0", "older");
    const second = await release("os_arm7", "2.0.0", "newer");
    expect((await metadata("cpuArch=arm7")).os_arm7?.latestVersion).toBe("2.0.0");
    expect(await publish(first)).toMatchObject({ status: "succeeded" });
    expect((await metadata("cpuArch=arm7")).os_arm7?.latestVersion).toBe("1.0.0");
    await api.done("DELETE", `${path}/releases/${second}`);
    expect((await metadata("cpuArch=arm7")).os_arm7?.latestVersion).toBe("1.0.0");
  });

  test("is there whole or not at all, for whoever polls while it is published", async () => {
    await release("os_arm8", "1.0.0", "older");
    const { id, upload } = await create({ ...releaseOf("os_arm8", "much newer"), version: "2.0.0" });
    await sendFile(upload, "much newer");
    const seen: string[] = [];
    const look = async () => {
      const answer = await poll("cpuArch=arm8");
      expect(answer.status).toBe(200);
      const [binary, details] = readTar(gunzipSync(await answer.arrayBuffer()));
      const { latestVersion, sha256: hash } = JSON.parse(String(details?.content)).os_arm8;
      expect([binary?.name, sha256(binary?.content ?? "")]).toEqual([`os_arm8_${latestVersion}`, hash]);
      seen.push(latestVersion);
    };
    await look();
    let isPublished = false;
    const publication = publish(id).finally(() => {
      isPublished = true;
    });
    const polling = async () => {
      while (!isPublished) await look();
      await look();
    };
    await Promise.all([publication, polling(), polling()]);
    expect(await publication).toMatchObject({ status: "succeeded" });
    expect([seen[0], seen.at(-1)]).toEqual(["1.0.0", "2.0.0"]);
  });

  test("is withdrawn when it is deleted, and its objects are gone", async () => {
    const id = await release("os_arm2", "1.0.0", "soon gone");
    expect((await poll("cpuArch=arm2")).status).toBe(200);
    await api.done("DELETE", `${path}/releases/${id}`);
    expect(await problemOf(await poll("cpuArch=arm2"))).toMatchObject({ status: 404, code: "not-found" });
    const { Contents = [] } = await cloud.s3.send(new ListObjectsV2Command({ Bucket: cloud.otaBucket }));
    expect(Contents.filter(({ Key }) => Key?.includes(id))).toEqual([]);
  });

  test("is not published when nothing, or something else, was uploaded", async () => {
    const nothing = await create(releaseOf("os_arm3", "declared"));
    expect(await publish(nothing.id)).toMatchObject({ status: "failed", problem: { code: "artifact-missing" } });
    expect((await poll("cpuArch=arm3")).status).toBe(404);
    await expect(sendFile(nothing.upload, "declareD")).rejects.toThrow(/BadDigest/);
    await sendFile(nothing.upload, "declared");
    expect(await publish(nothing.id)).toMatchObject({ status: "succeeded" });
    expect((await poll("cpuArch=arm3")).status).toBe(200);
  });
});

describe("a poll", () => {
  test("of a device that holds some or all of the binaries gets just what it lacks", async () => {
    await release("os_arm4", "1.0.0", "system");
    await release("game", "2.0.0", "play", ["gamer"]);
    const query = "cpuArch=arm4&attrGamer=prod";
    const system = sha256("system");
    const one = (await (await poll(`${query}&payloadType=metadataOnly`, system.toUpperCase())).json()) as object;
    expect(one).toMatchObject({ os_arm4: { status_code: 304 }, game: { status_code: 200 } });
    const head = await fetch(`${cloud.endpoints.ota}/air/package?${query}&attrHead=prod`, { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-type")).toBe("application/gzip");
    for (const have of [`"${system}", W/"${sha256("play")}"`, `${sha256("play")},,${system},`, "*"]) {
      expect((await poll(query, have)).status).toBe(304);
      expect((await poll(`${query}&payloadType=metadataOnly`, have)).status).toBe(304);
    }
  });

  test("is answered from the cache, by one answer per set of hashes held", async () => {
    await release("os_arm5", "1.0.0", "cached");
    const ask = (have?: string) =>
      fetch(`${cloud.endpoints.ota}/air/package?cpuArch=arm5&payloadType=metadataOnly`, {
        headers: have === undefined ? {} : { "if-none-match": have },
      });
    expect((await ask()).headers.get("x-cache")).toContain("Miss");
    const again = await ask();
    expect(again.headers.get("x-cache")).toContain("Hit");
    expect((await ask(sha256("cached"))).status).toBe(304);
    expect((await ask()).status).toBe(200);
    expect((await ask(again.headers.get("etag") ?? "")).status).toBe(304);
  });

  test("that makes no sense is told why, in problem+json, and never breaks", async () => {
    for (const query of ["os=beta", "cpuArch=", "cpuArch=arm4&payloadType=nonsense", "cpuArch=arm4&attr=prod"]) {
      expect(await problemOf(await fetch(`${cloud.endpoints.ota}/air/package?${query}`))).toMatchObject({
        status: 400,
      });
    }
    expect(await problemOf(await fetch(`${cloud.endpoints.ota}/nobody/package?cpuArch=arm4`))).toMatchObject({
      status: 404,
    });
    for (const query of ["cpuArch=arm4'--&os=\"", `cpuArch=arm4&${"x".repeat(9_000)}=prod`, "cpuArch=arm4&a-b=prod"]) {
      expect((await fetch(`${cloud.endpoints.ota}/air/package?${encodeURI(query)}`)).status).toBeLessThan(500);
    }
    expect((await fetch(`${cloud.endpoints.ota}/air/package?cpuArch=arm4`, { method: "POST" })).status).toBe(405);
  });

  test("for an archive whose object is missing is an error, not a broken archive nor a 304", async () => {
    const id = await release("os_arm6", "1.0.0", "lost object");
    const { Contents = [] } = await cloud.s3.send(
      new ListObjectsV2Command({ Bucket: cloud.otaBucket, Prefix: "segments/" }),
    );
    const Key = Contents.find((object) => object.Key?.includes(id))?.Key;
    await cloud.s3.send(new DeleteObjectCommand({ Bucket: cloud.otaBucket, Key }));
    expect(await problemOf(await poll("cpuArch=arm6"))).toMatchObject({ status: 503, code: "unavailable" });
  });
});
