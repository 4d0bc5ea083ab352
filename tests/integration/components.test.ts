import {
  CreateComponentVersionCommand,
  DescribeComponentCommand,
  GetComponentCommand,
} from "@aws-sdk/client-greengrassv2";
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import {
  aWorkspace,
  expecting,
  sendFile,
  sha256,
  startTestCloud,
  type TestCloud,
  type Upload,
} from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";

let cloud: TestCloud;
let api: ApiClient;
let path: string;
let bucket: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path } = await aWorkspace(api, "parts"));
  ({ bucket } = (await api.call<{ bucket: string }>("GET", path)).body);
});

afterEach(() => controlOf(cloud.endpoints).disarm());

afterAll(() => cloud?.remove());

const draft = async (name: string, version = "1.0.0", recipe: object = { run: "true" }) => {
  await api.call("POST", `${path}/components`, { body: { name } });
  await expecting(201, api.call("POST", `${path}/components/${name}/versions`, { body: { version, recipe } }));
  return `${path}/components/${name}/versions/${version}`;
};

const declare = async (version: string, file: string, bytes: string): Promise<Upload> => {
  const body = { path: file, size: Buffer.byteLength(bytes), sha256: sha256(bytes) };
  const { upload } = (await expecting(201, api.call<{ upload: Upload }>("POST", `${version}/files`, { body }))).body;
  return upload;
};

const publish = async (version: string): Promise<IntentBody> => {
  const { body } = await expecting(202, api.call<IntentBody>("POST", `${version}/publish`));
  return api.ended(body.id);
};

const statusOf = async (version: string) => (await api.call<{ status: string }>("GET", version)).body.status;

describe("a version that is published", () => {
  test("has its files under the workspace's bucket and its recipe, with digests, in Greengrass", async () => {
    const version = await draft("com.example.Whole", "1.2.3", {
      run: "sh {artifacts:path}/main.sh",
      configuration: { interval: 5 },
    });
    await sendFile(await declare(version, "dist/main.sh", "echo hello\n"), "echo hello\n");
    await sendFile(await declare(version, "src/notes.txt", "not for devices\n"), "not for devices\n");
    expect(await publish(version)).toMatchObject({ status: "succeeded" });

    const { arn, catalogueNumber } = (await api.call<{ arn: string; catalogueNumber: number }>("GET", version)).body;
    expect(catalogueNumber).toBeGreaterThan(0);
    const { status } = await cloud.greengrass.send(new DescribeComponentCommand({ arn }));
    expect(status?.componentState).toBe("DEPLOYABLE");
    const { recipe } = await cloud.greengrass.send(new GetComponentCommand({ arn, recipeOutputFormat: "JSON" }));
    const parsed = JSON.parse(Buffer.from(recipe ?? []).toString("utf8")) as {
      ComponentConfiguration: unknown;
      Manifests: { Artifacts: { Uri: string; Digest: string }[] }[];
    };
    expect(parsed.ComponentConfiguration).toEqual({ DefaultConfiguration: { interval: 5 } });
    expect(parsed.Manifests[0]?.Artifacts).toMatchObject([
      {
        Uri: `s3://${bucket}/components/com.example.Whole/1.2.3/dist/main.sh`,
        Digest: Buffer.from(sha256("echo hello\n"), "hex").toString("base64"),
      },
    ]);
    const { Body } = await cloud.s3.send(
      new GetObjectCommand({ Bucket: bucket, Key: "components/com.example.Whole/1.2.3/src/notes.txt" }),
    );
    expect(await Body?.transformToString()).toBe("not for devices\n");
  });

  test("takes no more files, is not published again, and cannot be declared a second time", async () => {
    const version = await draft("com.example.Frozen");
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
    const body = { path: "dist/late.sh", size: 1, sha256: sha256("x") };
    expect((await api.call("POST", `${version}/files`, { body })).body).toMatchObject({ code: "version-immutable" });
    expect((await api.call("POST", `${version}/publish`)).body).toMatchObject({
      status: 409,
      code: "version-immutable",
    });
    const again = await api.call("POST", `${path}/components/com.example.Frozen/versions`, {
      body: { version: "1.0.0", recipe: {} },
    });
    expect(again.body).toMatchObject({ status: 409, code: "name-taken" });
  });

  test("gets the next number of the catalogue, also when two are published at once", async () => {
    const versions = await Promise.all(
      ["1.0.0", "1.1.0", "1.2.0", "1.3.0"].map((v) => draft("com.example.Numbered", v)),
    );
    expect((await Promise.all(versions.map(publish))).map(({ status }) => status)).toEqual(Array(4).fill("succeeded"));
    const numbers = await Promise.all(
      versions.map(async (v) => (await api.call<{ catalogueNumber: number }>("GET", v)).body.catalogueNumber),
    );
    const lowest = Math.min(...numbers);
    expect(numbers.map((n) => n - lowest).sort()).toEqual([0, 1, 2, 3]);
  });
});

describe("an upload", () => {
  test("of other bytes than declared is refused by S3", async () => {
    const upload = await declare(await draft("com.example.Wrong"), "dist/main.sh", "right bytes");
    await expect(sendFile(upload, "wrong bytes")).rejects.toThrow(/400.*BadDigest/s);
    await expect(sendFile(upload, "of another length")).rejects.toThrow(/403/);
  });

  test("by a URL from before the publication cannot touch what was published", async () => {
    const version = await draft("com.example.Late");
    const early = await declare(version, "dist/main.sh", "first bytes");
    await sendFile(await declare(version, "dist/main.sh", "other bytes"), "other bytes");
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
    await expect(sendFile(early, "first bytes")).rejects.toThrow(/412/);
    const Key = "components/com.example.Late/1.0.0/dist/main.sh";
    const { Body } = await cloud.s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    expect(await Body?.transformToString()).toBe("other bytes");
  });

  test("without the header by which it replaces nothing is refused, before the publication and after", async () => {
    const version = await draft("com.example.Headers");
    const { headers, url } = await declare(version, "dist/main.sh", "bytes");
    expect(headers["if-none-match"]).toBe("*");
    const { "if-none-match": _once, ...others } = headers;
    const without = { headers: others, url, method: "PUT" as const };
    await expect(sendFile(without, "bytes")).rejects.toThrow(/403/);
    await sendFile({ ...without, headers }, "bytes");
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
    await expect(sendFile(without, "bytes")).rejects.toThrow(/403/);
  });

  test("by a URL for a file that was deleted before the publication is no part of what was published", async () => {
    const version = await draft("com.example.Stray");
    await sendFile(await declare(version, "dist/main.sh", "main"), "main");
    const early = await declare(version, "dist/stray.sh", "stray");
    await expecting(204, api.call("DELETE", `${version}/files/dist/stray.sh`));
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
    const paths = async (list: string) =>
      (await expecting(200, api.call<{ items: { path: string }[] }>("GET", `${version}/${list}`))).body.items.map(
        (item) => item.path,
      );
    const told = async () => [await paths("files"), await paths("export"), (await api.call("GET", version)).body];
    const before = await told();
    // S3 knows of no version: it takes the bytes, which nothing leads to, and which go with the version.
    await sendFile(early, "stray");
    expect(await told()).toEqual(before);
    expect(before[0]).toEqual(["dist/main.sh"]);
    await api.done("DELETE", version);
    const { KeyCount } = await cloud.s3.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: "components/com.example.Stray/" }),
    );
    expect(KeyCount).toBe(0);
  });

  test("of other bytes in place of those that were sent before is taken once they are declared", async () => {
    const version = await draft("com.example.Again");
    await sendFile(await declare(version, "dist/main.sh", "old"), "old");
    await sendFile(await declare(version, "dist/main.sh", "new"), "new");
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
  });

  test("by a URL that was tampered with is refused", async () => {
    const upload = await declare(await draft("com.example.Tampered"), "dist/main.sh", "bytes");
    await expect(sendFile({ ...upload, url: upload.url.replace("main.sh", "evil.sh") }, "bytes")).rejects.toThrow(
      /403/,
    );
  });
});

describe("a publication that cannot succeed", () => {
  test("names the file that was not uploaded, and works once it is there", async () => {
    const version = await draft("com.example.Missing");
    const upload = await declare(version, "dist/main.sh", "here at last");
    const intent = await publish(version);
    expect(intent).toMatchObject({ status: "failed", problem: { code: "artifact-missing" } });
    expect(intent.problem?.detail).toContain("dist/main.sh");
    expect(await statusOf(version)).toBe("failed");
    await sendFile(upload, "here at last");
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
  });

  test("names two artifacts that would be the same file on the device", async () => {
    const version = await draft("com.example.Clash");
    for (const path of ["dist/a/run.sh", "dist/b/run.sh"]) await sendFile(await declare(version, path, path), path);
    const intent = await publish(version);
    expect(intent).toMatchObject({ status: "failed", problem: { code: "artifact-clash" } });
    expect(intent.problem?.detail).toContain("dist/a/run.sh and dist/b/run.sh");
  });

  test("finds a file that was changed behind the API", async () => {
    const version = await draft("com.example.Changed");
    await sendFile(await declare(version, "dist/main.sh", "as declared"), "as declared");
    const Key = "components/com.example.Changed/1.0.0/dist/main.sh";
    await cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "other bytes" }));
    expect(await publish(version)).toMatchObject({ status: "failed", problem: { code: "artifact-mismatch" } });
  });

  test("after Greengrass has made the version clears it away when the draft is published again", async () => {
    const version = await draft("com.example.Halfway");
    await sendFile(await declare(version, "dist/main.sh", "first try"), "first try");
    await controlOf(cloud.endpoints).arm("lambda:local-describe-component-version", "TypeError", 500);
    expect(await publish(version)).toMatchObject({ status: "failed", problem: { code: "internal" } });
    await controlOf(cloud.endpoints).disarm();
    await sendFile(await declare(version, "dist/main.sh", "second try"), "second try");
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
    const { arn } = (await api.call<{ arn: string }>("GET", version)).body;
    const { recipe } = await cloud.greengrass.send(new GetComponentCommand({ arn, recipeOutputFormat: "JSON" }));
    const digest = Buffer.from(sha256("second try"), "hex").toString("base64");
    expect(Buffer.from(recipe ?? []).toString("utf8")).toContain(digest);
  });

  test("never takes away what someone else made in Greengrass under the same name and version", async () => {
    const version = await draft("com.example.Theirs", "1.0.0", { run: "true" });
    const theirs = {
      RecipeFormatVersion: "2020-01-25",
      ComponentName: "com.example.Theirs",
      ComponentVersion: "1.0.0",
      Manifests: [{ Lifecycle: { Run: "echo theirs" } }],
    };
    const { arn } = await cloud.greengrass.send(
      new CreateComponentVersionCommand({ inlineRecipe: Buffer.from(JSON.stringify(theirs)) }),
    );
    expect(await publish(version)).toMatchObject({ status: "failed", problem: { code: "component-rejected" } });
    await cloud.greengrass.send(new DescribeComponentCommand({ arn }));
  });

  test("tells Greengrass's own reason", async () => {
    const version = await draft("com.example.Refused");
    await controlOf(cloud.endpoints).arm("greengrass:CreateComponentVersion", "ValidationException", 400);
    const intent = await publish(version);
    expect(intent).toMatchObject({ status: "failed", problem: { code: "component-rejected" } });
    await controlOf(cloud.endpoints).disarm();
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
  });
});

describe("a version in a deployment", () => {
  test("is not deleted before the deployment lets go of it", async () => {
    const version = await draft("com.example.Used");
    await publish(version);
    await api.done("POST", `${path}/node-groups`, { name: "users" });
    const deployment = `${path}/node-groups/users/deployment`;
    await api.done("PATCH", deployment, { components: { "com.example.Used": { version: "^1.0.0" } } });
    const refused = await api.call("DELETE", version);
    expect(refused.body).toMatchObject({ status: 409, code: "version-in-use" });
    expect(refused.body.detail).toContain("node-group users");
    await api.done("DELETE", deployment);
    await api.done("DELETE", version);
    expect((await api.call("GET", version)).status).toBe(404);
  });

  test("must exist: a requirement that no published version satisfies is refused and names the component", async () => {
    await draft("com.example.Draft");
    await api.done("POST", `${path}/node-groups`, { name: "hopeful" });
    const refused = await api.call("PATCH", `${path}/node-groups/hopeful/deployment`, {
      body: { components: { "com.example.Draft": { version: "1.0.0" }, "com.example.None": { version: "*" } } },
    });
    expect(refused.body).toMatchObject({
      status: 422,
      code: "unresolvable",
      errors: [
        { pointer: "/components/com.example.Draft/version" },
        { pointer: "/components/com.example.None/version" },
      ],
    });
  });
});
