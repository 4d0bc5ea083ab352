import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  GetComponentCommand,
  paginateListComponents,
  paginateListComponentVersions,
} from "@aws-sdk/client-greengrassv2";
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { GetCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { keys } from "../../shared/keys.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, sha256, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { draftsOf } from "./support/drafts.ts";

let cloud: TestCloud;
let api: ApiClient;
let control: ReturnType<typeof controlOf>;
let drafts: ReturnType<typeof draftsOf>;
let bucket: string;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "slipway-publishing-"));
  cloud = await startTestCloud();
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  const { path } = await aWorkspace(api, "parts");
  ({ bucket } = (await api.call<{ bucket: string }>("GET", path)).body);
  drafts = draftsOf(api, path);
});

afterEach(() => control.disarm());

afterAll(async () => {
  await cloud?.remove();
  rmSync(dir, { recursive: true, force: true });
});

const stored = async (name: string, path: string): Promise<Buffer> => {
  const Key = `components/${name}/1.0.0/${path}`;
  const { Body } = await cloud.s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
};

/** The versions of a component that Greengrass has. */
const inGreengrass = async (name: string): Promise<string[]> => {
  const found: string[] = [];
  for await (const page of paginateListComponents({ client: cloud.greengrass }, { scope: "PRIVATE" })) {
    for (const { arn = "", componentName } of page.components ?? []) {
      if (componentName !== name) continue;
      for await (const { componentVersions } of paginateListComponentVersions({ client: cloud.greengrass }, { arn })) {
        found.push(...(componentVersions ?? []).map(({ componentVersion = "" }) => componentVersion));
      }
    }
  }
  return found;
};

const recipeOf = async (version: string) => {
  const { arn } = (await api.call<{ arn: string }>("GET", version)).body;
  const { recipe } = await cloud.greengrass.send(new GetComponentCommand({ arn, recipeOutputFormat: "JSON" }));
  return Buffer.from(recipe ?? []).toString("utf8");
};

/** Starts a publication, and does something while a step of it waits. */
const publishWhile = async (version: string, operation: string, work: () => Promise<unknown>): Promise<IntentBody> => {
  await control.fault({ kind: "latency", operation, milliseconds: 2_000, times: 1 });
  const before = await control.faults();
  expect(before).toHaveLength(1);
  const { body } = await expecting(202, api.call<IntentBody>("POST", `${version}/publish`));
  // A fault that has struck as often as it may is no longer armed.
  await until(async () => (await control.faults()).length === 0, { what: `${operation} to be called` });
  await work();
  return api.ended(body.id);
};

describe("the package of a version without artifacts", () => {
  test("is made of its sources, and a device unpacks it", async () => {
    const name = "com.example.Packed";
    const version = await drafts.draft(name);
    const sources = { "src/main.py": "print('hello')\n", "src/lib/a.py": "a = 1\n", "src/empty": "" };
    for (const [path, bytes] of Object.entries(sources)) await drafts.send(version, path, bytes);
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    const file = join(dir, "packed.zip");
    const bytes = await stored(name, `dist/${name}.zip`);
    writeFileSync(file, bytes);
    execFileSync("unzip", ["-q", "-d", join(dir, "packed"), file]);
    expect(execFileSync("cat", ["main.py", "lib/a.py", "empty"], { cwd: join(dir, "packed") }).toString()).toBe(
      "print('hello')\na = 1\n",
    );
    const recipe = JSON.parse(await recipeOf(version)) as { Manifests: { Artifacts: object[] }[] };
    expect(recipe.Manifests[0]?.Artifacts).toMatchObject([
      {
        Uri: `s3://${bucket}/components/${name}/1.0.0/dist/${name}.zip`,
        Unarchive: "ZIP",
        Digest: Buffer.from(sha256(bytes), "hex").toString("base64"),
      },
    ]);
    expect((await api.call("GET", version)).body).toMatchObject({ artifactBytes: bytes.length });
    expect((await api.call("GET", `${version}/files/dist/${name}.zip`)).body).toMatchObject({
      size: bytes.length,
      sha256: sha256(bytes),
      uploaded: true,
    });
  });

  test("has the same bytes for the same files in another version", async () => {
    const name = "com.example.Twice";
    const packages: Buffer[] = [];
    for (const [number, order] of [
      ["1.0.0", ["src/a", "src/b", "src/c/d"]],
      ["2.0.0", ["src/c/d", "src/b", "src/a"]],
    ] as const) {
      const version = await drafts.draft(name, number);
      for (const path of order) await drafts.send(version, path, path.repeat(1_000));
      expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
      const Key = `components/${name}/${number}/dist/${name}.zip`;
      const { Body } = await cloud.s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
      packages.push(Buffer.from((await Body?.transformToByteArray()) ?? []));
    }
    const [one, other] = packages;
    expect(one?.equals(other ?? Buffer.alloc(0))).toBe(true);
  });

  test("follows the sources, and goes when there are artifacts", async () => {
    const name = "com.example.Edited";
    const version = await drafts.draft(name);
    const path = `dist/${name}.zip`;
    const failing = async () => {
      await control.arm("lambda:local-create-component-version", "TypeError", 500);
      expect(await drafts.publish(version)).toMatchObject({ status: "failed" });
      await control.disarm();
      return (await api.call<{ sha256: string }>("GET", `${version}/files/${path}`)).body.sha256;
    };
    await drafts.send(version, "src/a", "one");
    const one = await failing();
    expect(await failing()).toBe(one);
    await drafts.send(version, "src/a", "two");
    const two = await failing();
    expect(two).not.toBe(one);
    expect(sha256(await stored(name, path))).toBe(two);
    await drafts.send(version, "dist/run.sh", "run");
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    expect(await drafts.pathsOf(version)).toEqual(["dist/run.sh", "src/a"]);
    await expect(stored(name, path)).rejects.toThrow(/NoSuchKey|does not exist/);
    expect(await recipeOf(version)).not.toContain(path);
  });

  test("takes the place of what a publication that was broken off has left of other sources", async () => {
    const name = "com.example.Leftover";
    const version = await drafts.draft(name);
    await drafts.send(version, "src/a", "a");
    const Key = `components/${name}/1.0.0/dist/${name}.zip`;
    await cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "an archive of other sources" }));
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    expect((await stored(name, `dist/${name}.zip`)).subarray(0, 2).toString()).toBe("PK");
  });

  test("is not made of sources that are not what was declared", async () => {
    const name = "com.example.Source";
    const version = await drafts.draft(name);
    await drafts.send(version, "src/a", "as declared");
    const Key = `components/${name}/1.0.0/src/a`;
    await cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "other bytes" }));
    const { status, problem } = await drafts.publish(version);
    expect([status, problem?.code]).toEqual(["failed", "artifact-mismatch"]);
    expect(problem?.detail).toContain("src/a");
    expect(await drafts.pathsOf(version)).toEqual(["src/a"]);
    await expect(stored(name, `dist/${name}.zip`)).rejects.toThrow(/NoSuchKey|does not exist/);
  });

  test("that was changed behind the API fails the publication, and is made anew by the next one", async () => {
    const name = "com.example.Tampered";
    const version = await drafts.draft(name);
    await drafts.send(version, "src/a", "a");
    const Key = `components/${name}/1.0.0/dist/${name}.zip`;
    const intent = await publishWhile(version, "lambda:local-verify-artifacts", () =>
      cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "other bytes" })),
    );
    expect(intent).toMatchObject({ status: "failed", problem: { code: "artifact-mismatch" } });
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
  });
});

describe("an archive that a device unpacks", () => {
  const unpacked = async (name: string, bytes: Buffer<ArrayBuffer>): Promise<string> => {
    const version = await drafts.draft(name, "1.0.0", {
      run: "true",
      artifacts: [{ path: "dist/evil.zip", unarchive: "ZIP" }],
    });
    await drafts.send(version, "dist/evil.zip", bytes);
    return version;
  };
  const archiveOf = (script: string): Buffer<ArrayBuffer> => {
    const file = join(dir, `${sha256(script)}.zip`);
    execFileSync("python3", [
      "-c",
      `import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1],"w",8)\n${script}\nz.close()`,
      file,
    ]);
    return Buffer.from(execFileSync("cat", [file], { maxBuffer: 64 * 1024 ** 2 }));
  };

  test.each([
    { note: "has an absolute path", script: 'z.writestr("/etc/cron.d/evil", "x")', why: "absolute" },
    { note: "climbs", script: 'z.writestr("../../evil", "x")', why: "climbs" },
    { note: "has a name twice", script: 'z.writestr("a", "x"); z.writestr("a", "y")', why: "a is there twice" },
    {
      note: "is a bomb",
      script: 'for i in range(10): z.writestr(f"{i}", bytes(10*1024**2))',
      why: "more than 100 times",
    },
    {
      note: "is a bomb and denies it",
      script: 'z.writestr("a", bytes(80*1024**2)); z.getinfo("a").file_size = 5',
      why: "a is not where, or not what, the directory says",
    },
    {
      note: "has a link",
      script: 'i=zipfile.ZipInfo("a"); i.create_system=3; i.external_attr=0o120777<<16; z.writestr(i, "/etc")',
      why: "a is a link",
    },
  ])("is refused before Greengrass hears of it when it $note", async ({ note, script, why }) => {
    const name = `com.example.Archive.${sha256(note).slice(0, 8)}`;
    const version = await unpacked(name, archiveOf(script));
    const { status, problem } = await drafts.publish(version);
    expect([status, problem?.code]).toEqual(["failed", "archive-refused"]);
    expect(problem?.detail).toMatch(new RegExp(`dist/evil.zip: .*${why}`));
    expect(await inGreengrass(name)).toEqual([]);
  });

  test("is refused where a device would have too much of it together with others", async () => {
    const artifacts = ["a", "b"].map((name) => ({ path: `dist/${name}.zip`, unarchive: "ZIP" }));
    const version = await drafts.draft("com.example.Archive.Together", "1.0.0", { run: "true", artifacts });
    const bytes = archiveOf(
      'import os; z.writestr("a", os.urandom(22*1024**2)); z.getinfo("a").file_size = 2200000000',
    );
    for (const { path } of artifacts) await drafts.send(version, path, bytes);
    const { status, problem } = await drafts.publish(version);
    expect([status, problem?.code]).toEqual(["failed", "archive-refused"]);
    expect(problem?.detail).toContain("with 1 more it has 4400000000 bytes unpacked");
  });

  test("is refused beside one that is unpacked into the same folder", async () => {
    const artifacts = ["app.zip", "app.jar"].map((name) => ({ path: `dist/${name}`, unarchive: "ZIP" }));
    const version = await drafts.draft("com.example.Archive.Folder", "1.0.0", { run: "true", artifacts });
    for (const { path } of artifacts) await drafts.send(version, path, archiveOf(`z.writestr("a", "${path}")`));
    const { status, problem } = await drafts.publish(version);
    expect([status, problem?.code]).toEqual(["failed", "artifact-clash"]);
    expect(problem?.detail).toContain("dist/app.jar and dist/app.zip would be unpacked into the same folder");
  });

  test("is looked into as well where a recipe of one's own unpacks it, in any letter case", async () => {
    const name = "com.example.Archive.Own";
    const [head, uri] = [
      "RecipeFormatVersion: 2020-01-25",
      "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/evil.zip",
    ];
    const text = `${head}
ComponentName: "{COMPONENT_NAME}"
ComponentVersion: "{COMPONENT_VERSION}"
MANIFESTS:
  - Lifecycle: { run: "true" }
    ARTIFACTS: [{ URI: "${uri}", UNARCHIVE: ZIP }]
`;
    const version = await drafts.draft(name);
    const headers = { "if-match": "*" };
    const body = { recipeText: { format: "yaml", text } };
    await expecting(200, api.call("PATCH", version, { body, headers }));
    await drafts.send(version, "dist/evil.zip", archiveOf('z.writestr("../../evil", "y")'));
    expect(await drafts.publish(version)).toMatchObject({ status: "failed", problem: { code: "archive-refused" } });
  });

  test("is published when it is none of these", async () => {
    const version = await unpacked("com.example.Archive.Fine", archiveOf('z.writestr("bin/run", "x")'));
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
  });
});

describe("a file that is changed while it is published", () => {
  const Key = (name: string) => `components/${name}/1.0.0/dist/a`;

  test("after it was verified is found by the digest that Greengrass gives back", async () => {
    const name = "com.example.Between";
    const version = await drafts.draft(name);
    await drafts.send(version, "dist/a", "as declared");
    const intent = await publishWhile(version, "lambda:local-create-component-version", () =>
      cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key: Key(name), Body: "other bytes" })),
    );
    expect(intent).toMatchObject({ status: "failed", problem: { code: "artifact-mismatch" } });
    expect(intent.problem?.detail).toContain("dist/a was changed");
    expect(await inGreengrass(name)).toEqual([]);
    expect(await drafts.statusOf(version)).toBe("failed");
    await drafts.send(version, "dist/a", "as declared");
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    expect(await inGreengrass(name)).toEqual(["1.0.0"]);
  });

  test("so that Greengrass cannot read it fails with Greengrass's reason", async () => {
    const name = "com.example.Unreadable";
    const version = await drafts.draft(name);
    await drafts.send(version, "dist/a", "bytes");
    const intent = await publishWhile(version, "lambda:local-create-component-version", () =>
      cloud.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: Key(name) })),
    );
    expect(intent).toMatchObject({ status: "failed", problem: { code: "component-rejected" } });
    expect(intent.problem?.detail).toContain(`s3://${bucket}/${Key(name)}`);
    expect(await inGreengrass(name)).toEqual([]);
  });
});

describe("Greengrass", () => {
  test.each([
    { fault: "ThrottlingException", status: 429, times: 9 },
    { fault: "RequestAlreadyInProgressException", status: 400, times: 2 },
    { fault: "InternalServerException", status: 500, times: 9 },
  ])("that answers $fault $times times makes the version in the end, once", async ({ fault, status, times }) => {
    const name = `com.example.${fault}`;
    const version = await drafts.draft(name);
    await control.arm("greengrass:CreateComponentVersion", fault, status, times);
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    expect(await control.faults()).toEqual([]);
    expect(await inGreengrass(name)).toEqual(["1.0.0"]);
  });

  test.each(["greengrass:DescribeComponent", "greengrass:GetComponent"])(
    "that throttles %s publishes the version in the end",
    async (operation) => {
      const version = await drafts.draft(`com.example.Slow.${operation.split(":")[1]}`);
      await control.arm(operation, "ThrottlingException", 429, 9); // the SDK tries three times a run
      expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
      expect(await control.faults()).toEqual([]);
    },
  );

  test.each([
    { fault: "ServiceQuotaExceededException", status: 402, code: "component-rejected" },
    { fault: "ValidationException", status: 400, code: "component-rejected" },
    { fault: "AccessDeniedException", status: 403, code: "aws-refused" },
  ])("that always answers $fault fails the publication with $code, and the next one is fine", async (row) => {
    const name = `com.example.Always.${row.fault}`;
    const version = await drafts.draft(name);
    await control.arm("greengrass:CreateComponentVersion", row.fault, row.status);
    const { status, problem } = await drafts.publish(version);
    expect([status, problem?.code]).toEqual(["failed", row.code]);
    expect(await inGreengrass(name)).toEqual([]);
    await control.disarm();
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    expect(await inGreengrass(name)).toEqual(["1.0.0"]);
  });

  test("is asked once by two publications at the same time", async () => {
    const version = await drafts.draft("com.example.AtOnce");
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => api.call<IntentBody>("POST", `${version}/publish`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409]);
    const accepted = answers.find(({ status }) => status === 202);
    expect(await api.ended(accepted?.body.id ?? "")).toMatchObject({ status: "succeeded" });
    expect(await inGreengrass("com.example.AtOnce")).toEqual(["1.0.0"]);
  });

  test("gives back the recipe that is kept, byte for byte", async () => {
    const version = await drafts.draft("com.example.Kept");
    await drafts.send(version, "dist/a", "a");
    await drafts.publish(version);
    const { id } = (await api.call<{ id: string }>("GET", version)).body;
    const Key = keys.publishedRecipe(id);
    const read = () => cloud.documents.send(new GetCommand({ TableName: cloud.tables.control, Key }));
    expect((await read()).Item?.text).toBe(await recipeOf(version));
    await api.done("DELETE", version);
    expect((await read()).Item).toBeUndefined();
  });
});

describe("a publication that breaks for good", () => {
  test.each([
    "check-artifacts",
    "package-sources",
    "verify-artifacts",
    "create-component-version",
    "describe-component-version",
    "record-component-version",
    "finish-component-version",
  ])("at %s leaves nothing in Greengrass, and a draft that can be edited and published", async (task) => {
    const name = `com.example.Broken.${task}`;
    const version = await drafts.draft(name);
    await drafts.send(version, "src/a", "one");
    await control.arm(`lambda:local-${task}`, "TypeError", 500);
    expect(await drafts.publish(version)).toMatchObject({ status: "failed", problem: { code: "internal" } });
    expect(await drafts.statusOf(version)).toBe("failed");
    expect((await api.call("GET", version)).body).not.toHaveProperty("arn");
    expect(await inGreengrass(name)).toEqual([]);
    await control.disarm();
    await drafts.send(version, "src/a", "two");
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
    expect(await inGreengrass(name)).toEqual(["1.0.0"]);
  });

  test("with what undoes it leaves what the next publication, or the deletion, clears away", async () => {
    const fail = async (name: string): Promise<string> => {
      const version = await drafts.draft(name);
      await drafts.send(version, "dist/a", "one");
      for (const task of ["record-component-version", "withdraw-component-version"]) {
        await control.arm(`lambda:local-${task}`, "TypeError", 500);
      }
      expect(await drafts.publish(version)).toMatchObject({ status: "failed", problem: { code: "internal" } });
      expect(await inGreengrass(name)).toEqual(["1.0.0"]);
      await control.disarm();
      return version;
    };
    const published = await fail("com.example.Again");
    await drafts.send(published, "dist/a", "two");
    expect(await drafts.publish(published)).toMatchObject({ status: "succeeded" });
    expect(await recipeOf(published)).toContain(Buffer.from(sha256("two"), "hex").toString("base64"));
    expect(await inGreengrass("com.example.Again")).toEqual(["1.0.0"]);
    const deleted = await fail("com.example.Gone");
    await api.done("DELETE", deleted);
    expect(await inGreengrass("com.example.Gone")).toEqual([]);
  });
});

describe("a draft is refused at once", () => {
  test("when a file is where others have a folder", async () => {
    const version = await drafts.draft("com.example.Folder");
    await drafts.send(version, "dist/a", "a");
    await drafts.send(version, "dist/a/b", "b");
    const { status, problem } = await drafts.publish(version);
    expect([status, problem?.code]).toEqual(["failed", "path-clash"]);
  });

  test("when its artifacts are more than Greengrass takes", async () => {
    const version = await drafts.draft("com.example.Huge");
    for (const path of ["dist/a", "dist/b"]) {
      const body = { path, size: 1.5 * 1024 ** 3, sha256: "0".repeat(64) };
      await expecting(201, api.call("POST", `${version}/files`, { body }));
    }
    const { status, problem } = await drafts.publish(version);
    expect([status, problem?.code]).toEqual(["failed", "version-too-large"]);
  });
});
