import { GetComponentCommand } from "@aws-sdk/client-greengrassv2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { zip } from "../support/zip.ts";
import {
  aWorkspace,
  expecting,
  sendFile,
  sha256,
  startTestCloud,
  type TestCloud,
  type Upload,
} from "./support/cloud.ts";

let cloud: TestCloud;
let api: ApiClient;
let path: string;
let bucket: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path } = await aWorkspace(api, "recipes"));
  ({ bucket } = (await api.call<{ bucket: string }>("GET", path)).body);
});

afterAll(() => cloud?.remove());

interface Version {
  id: string;
  arn: string;
  description?: string;
  status: string;
  clonedFrom?: string;
  componentType: string;
  recipe?: object;
  recipeText?: { format: string; text: string };
  document?: object;
}

interface Findings {
  publishable: boolean;
  findings: { pointer: string; rule: string; severity: string; line?: number }[];
}

const component = async (name: string, more: object = {}) => {
  await expecting(201, api.call("POST", `${path}/components`, { body: { name, ...more } }));
  return `${path}/components/${name}/versions`;
};

const draft = async (versions: string, body: object) =>
  (await expecting(201, api.call<Version>("POST", versions, { body }))).body;

const file = async (version: string, name: string, bytes: string | Buffer<ArrayBuffer>) => {
  const body = { path: name, size: Buffer.byteLength(bytes), sha256: sha256(bytes) };
  const { upload } = (await expecting(201, api.call<{ upload: Upload }>("POST", `${version}/files`, { body }))).body;
  await sendFile(upload, bytes);
};

const publish = async (version: string): Promise<IntentBody> =>
  api.ended((await expecting(202, api.call<IntentBody>("POST", `${version}/publish`))).body.id);

const published = async (version: string): Promise<Record<string, unknown>> => {
  const { arn } = (await api.call<Version>("GET", version)).body;
  const { recipe } = await cloud.greengrass.send(new GetComponentCommand({ arn, recipeOutputFormat: "JSON" }));
  return JSON.parse(Buffer.from(recipe ?? []).toString("utf8"));
};

const findingsOf = async (version: string) =>
  (await expecting(200, api.call<Findings>("GET", `${version}/findings`))).body;

const OWN = `---
# Made by hand, with odd   spacing that stays.
RecipeFormatVersion: 2020-01-25
ComponentName: "{COMPONENT_NAME}"
ComponentVersion: '1.0.0'   # not to be forgotten
ComponentPublisher: "{COMPONENT_AUTHOR}"
Manifests:
  - Platform: { os: linux, runtime: "*" }
    Lifecycle: { run: "sh {artifacts:path}/main.sh" }
    Artifacts:
      - URI: s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/bin/main.sh
        Permission: { Execute: OWNER }
`;

describe("a recipe of one's own", () => {
  test("is kept byte for byte beside what was read of it, and published with what its placeholders stand for", async () => {
    const versions = await component("com.example.Own", { publisher: 'A "quoted" one' });
    const recipeText = { format: "yaml", text: OWN };
    const made = await draft(versions, { version: "1.0.0", recipeText });
    expect(made).toMatchObject({ recipeText, componentType: "aws.greengrass.generic", status: "draft" });
    expect(made.document).toMatchObject({ ComponentName: "{COMPONENT_NAME}", ComponentVersion: "1.0.0" });
    expect(made.recipe).toBeUndefined();
    const version = `${versions}/1.0.0`;
    expect((await api.call<Version>("GET", version)).body).toEqual(made);
    const { items } = (await api.call<{ items: Version[] }>("GET", versions)).body;
    expect(items).toMatchObject([{ id: made.id, status: "draft" }]);
    expect(items[0]?.recipeText).toBeUndefined();

    await file(version, "dist/bin/main.sh", "echo own\n");
    expect(await findingsOf(version)).toEqual({ publishable: true, findings: [] });
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
    expect(await published(version)).toMatchObject({
      ComponentName: "com.example.Own",
      ComponentPublisher: 'A "quoted" one',
      Manifests: [{ Artifacts: [{ Uri: `s3://${bucket}/components/com.example.Own/1.0.0/dist/bin/main.sh` }] }],
    });
    expect((await api.call<Version>("GET", version)).body.recipeText).toEqual(recipeText);
  });

  test("with a mistake is refused with all that is wrong, where it stands", async () => {
    const versions = await component("com.example.Mistaken");
    const text = OWN.replace("os: linux", "os: 7").replace("run:", "ran:").replace("BUCKET_NAME", "other-bucket");
    const refused = await api.call("POST", versions, {
      body: { version: "1.0.1", recipeText: { format: "yaml", text } },
    });
    expect(refused.body).toMatchObject({ status: 400, code: "invalid-recipe" });
    expect(refused.body.errors).toMatchObject([
      { pointer: "/recipeText/ComponentVersion", rule: "component-version", severity: "error", line: 5 },
      { pointer: "/recipeText/Manifests/0/Artifacts/0/URI", rule: "artifact-outside", severity: "error", line: 11 },
      { pointer: "/recipeText/Manifests/0/Lifecycle/ran", rule: "unknown-step", severity: "error", line: 9 },
      { pointer: "/recipeText/Manifests/0/Platform/os", rule: "type", severity: "error", line: 8 },
    ]);
    expect((await api.call<{ items: object[] }>("GET", versions)).body.items).toEqual([]);
  });

  test("that lacks a file is a draft all the same, and is told of and not published before it is there", async () => {
    const versions = await component("com.example.Lacking");
    await draft(versions, { version: "1.0.0", recipeText: { format: "yaml", text: OWN } });
    const version = `${versions}/1.0.0`;
    expect(await findingsOf(version)).toMatchObject({
      publishable: false,
      findings: [{ pointer: "/Manifests/0/Artifacts/0/URI", rule: "artifact-missing", severity: "error", line: 11 }],
    });
    const intent = await publish(version);
    expect(intent).toMatchObject({ status: "failed", problem: { code: "invalid-recipe" } });
    expect(intent.problem?.detail).toContain("the version has no file dist/bin/main.sh");
    await file(version, "dist/bin/main.sh", "here");
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
  });
});

describe("the short form", () => {
  test("says steps, platforms, environments, artifacts and dependencies, and is published so", async () => {
    const versions = await component("com.example.Short");
    const recipe = {
      environment: { GREETING: "hello" },
      install: { script: "pip install x", requiresPrivilege: true, timeout: 300 },
      run: "python3 {artifacts:decompressedPath}/app/main.py",
      dependencies: { "aws.greengrass.TokenExchangeService": "^2.0.0" },
      artifacts: [{ path: "dist/app.zip", unarchive: "ZIP", read: "ALL" }],
      manifests: [
        { platform: { os: "linux", architecture: "aarch64" } },
        { platform: { os: "windows" }, run: "py {artifacts:decompressedPath}/app/main.py" },
      ],
    };
    await draft(versions, { version: "1.0.0", recipe });
    await file(`${versions}/1.0.0`, "dist/app.zip", zip([{ name: "main.py", content: "pass" }]));
    await file(`${versions}/1.0.0`, "dist/unused.txt", "not chosen");
    expect(await publish(`${versions}/1.0.0`)).toMatchObject({ status: "succeeded" });
    const install = { Script: "pip install x", RequiresPrivilege: true, Timeout: 300 };
    const artifact = {
      Uri: `s3://${bucket}/components/com.example.Short/1.0.0/dist/app.zip`,
      Unarchive: "ZIP",
      Permission: { Read: "ALL", Execute: "OWNER" },
    };
    const Setenv = { GREETING: "hello" };
    expect(await published(`${versions}/1.0.0`)).toMatchObject({
      ComponentDependencies: {
        "aws.greengrass.TokenExchangeService": { VersionRequirement: "^2.0.0", DependencyType: "HARD" },
      },
      Manifests: [
        {
          Platform: { os: "linux", architecture: "aarch64", runtime: "*" },
          Lifecycle: { Setenv, install, run: recipe.run },
          Artifacts: [artifact],
        },
        {
          Platform: { os: "windows", runtime: "*" },
          Lifecycle: { Setenv, install, run: recipe.manifests[1]?.run },
          Artifacts: [artifact],
        },
      ],
    });
  });

  test("with mistakes is refused with pointers into it", async () => {
    const versions = await component("com.example.Wrong");
    const recipe = {
      run: { script: "x {work:dir}" },
      startup: "true",
      dependencies: { "com.example.Wrong": "1", other: { version: "latest" } },
    };
    const refused = await api.call("POST", versions, { body: { version: "1.0.0", recipe } });
    expect(refused.body).toMatchObject({ status: 400, code: "invalid-recipe" });
    const errors = refused.body.errors as { pointer: string; rule: string; severity: string; hint: string }[];
    expect(errors.filter(({ severity }) => severity === "error").map(({ pointer, rule }) => [pointer, rule])).toEqual([
      ["/recipe/dependencies/com.example.Wrong", "self-dependency"],
      ["/recipe/dependencies/other/version", "version-range"],
      ["/recipe", "run-and-startup"],
      ["/recipe/run/script", "unknown-variable"],
    ]);
    expect(errors.every(({ hint }) => hint !== "")).toBe(true);
  });
});

describe("findings", () => {
  test("tell of dependencies that go in a circle, and of those that nobody has", async () => {
    const a = await component("com.example.A");
    const b = await component("com.example.B");
    const c = await component("com.example.C");
    await draft(b, { version: "1.0.0", recipe: { run: "true", dependencies: { "com.example.C": "^2.0.0" } } });
    await draft(c, { version: "2.1.0", recipe: { run: "true", dependencies: { "com.example.A": "*" } } });
    await draft(c, { version: "3.0.0", recipe: { run: "true" } });
    const dependencies = { "com.example.B": "^1.0.0", "com.example.C": "^3.0.0", "com.example.Nobody": "*" };
    await draft(a, { version: "1.0.0", recipe: { run: "true", dependencies } });
    const { findings, publishable } = await findingsOf(`${a}/1.0.0`);
    expect(publishable).toBe(true);
    expect(findings).toMatchObject([
      { pointer: "/dependencies/com.example.Nobody", rule: "unknown-dependency", severity: "warning" },
    ]);
    const circle = { "com.example.B": "^1.0.0" };
    await draft(a, { version: "2.0.0", recipe: { run: "true", dependencies: circle } });
    expect(await findingsOf(`${a}/2.0.0`)).toMatchObject({
      publishable: false,
      findings: [{ pointer: "/dependencies/com.example.B", rule: "dependency-cycle", severity: "error" }],
    });
  });

  test("refuse the publication of what they call an error", async () => {
    const versions = await component("com.example.Round");
    const other = await component("com.example.Trip");
    await draft(other, { version: "1.0.0", recipe: { run: "true", dependencies: { "com.example.Round": "*" } } });
    await draft(versions, { version: "1.0.0", recipe: { run: "true", dependencies: { "com.example.Trip": "*" } } });
    expect(await findingsOf(`${versions}/1.0.0`)).toMatchObject({ publishable: false });
    const intent = await publish(`${versions}/1.0.0`);
    expect(intent).toMatchObject({ status: "failed", problem: { code: "invalid-recipe" } });
    expect(intent.problem?.detail).toContain("com.example.Round → com.example.Trip → com.example.Round");
    expect((await api.call<Version>("GET", `${versions}/1.0.0`)).body.arn).toBeUndefined();
  });

  test("know the archive that the publication makes of the sources", async () => {
    const versions = await component("com.example.Sources");
    const run = "sh {artifacts:decompressedPath}/com.example.Sources/main.sh";
    await draft(versions, { version: "1.0.0", recipe: { run } });
    const version = `${versions}/1.0.0`;
    expect(await findingsOf(version)).toMatchObject({ publishable: false, findings: [{ rule: "variable-artifact" }] });
    await file(version, "src/main.sh", "echo\n");
    expect(await findingsOf(version)).toEqual({ publishable: true, findings: [] });

    const text = OWN.replace("bin/main.sh\n", "com.example.Sources.zip\n        Unarchive: ZIP\n").replace(
      "{artifacts:path}/main.sh",
      run.slice(3),
    );
    const own = await draft(versions, {
      version: "1.1.0",
      recipeText: { format: "yaml", text: text.replace("'1.0.0'", "'1.1.0'") },
    });
    expect(await findingsOf(`${versions}/${own.id}`)).toMatchObject({ findings: [{ rule: "artifact-missing" }] });
    await file(`${versions}/1.1.0`, "src/main.sh", "echo\n");
    for (const number of ["1.0.0", "1.1.0"]) {
      expect(await findingsOf(`${versions}/${number}`)).toEqual({ publishable: true, findings: [] });
      expect(await publish(`${versions}/${number}`)).toMatchObject({ status: "succeeded" });
      const { Manifests } = (await published(`${versions}/${number}`)) as { Manifests: { Artifacts: object[] }[] };
      expect(Manifests[0]?.Artifacts).toMatchObject([
        { Uri: expect.stringMatching(/dist\/com\.example\.Sources\.zip$/), Unarchive: "ZIP" },
      ]);
    }
  });

  test("say nothing of components of another workspace", async () => {
    const stranger = await cloud.client("stranger");
    const { path: theirs } = await aWorkspace(stranger, "strangers");
    await expecting(201, stranger.call("POST", `${theirs}/components`, { body: { name: "com.stranger.Lib" } }));
    const recipe = { run: "true", dependencies: { "com.example.Mine": "*" } };
    await expecting(
      201,
      stranger.call("POST", `${theirs}/components/com.stranger.Lib/versions`, { body: { version: "1.0.0", recipe } }),
    );
    const mine = await component("com.example.Mine");
    await draft(mine, { version: "1.0.0", recipe: { run: "true", dependencies: { "com.stranger.Lib": "^1.0.0" } } });
    expect((await findingsOf(`${mine}/1.0.0`)).findings).toMatchObject([{ rule: "unknown-dependency" }]);
  });
});

describe("a draft", () => {
  test("is edited from one form of a recipe to the other, and keeps nothing of the first", async () => {
    const versions = await component("com.example.Edited");
    await draft(versions, { version: "1.0.0", recipe: { run: "one" }, description: "first" });
    const version = `${versions}/1.0.0`;
    const edit = (body: object, tag: string) =>
      api.call<Version>("PATCH", version, { body, headers: { "if-match": tag } });
    const recipeText = { format: "yaml", text: OWN };
    const own = await expecting(200, edit({ recipeText }, '"1"'));
    expect(own.headers.get("etag")).toBe('"2"');
    expect(own.body).toMatchObject({ description: "first", recipeText });
    expect(own.body.recipe).toBeUndefined();
    expect((await api.call<Version>("GET", version)).body).toEqual(own.body);

    expect((await edit({ description: null }, '"1"')).body).toMatchObject({ status: 412, code: "precondition-failed" });
    expect((await edit({ recipe: {}, recipeText }, '"2"')).body).toMatchObject({ code: "invalid-request" });
    expect((await edit({}, '"2"')).body).toMatchObject({ code: "invalid-request" });
    expect((await edit({ recipeText: { format: "json", text: "{}" } }, '"2"')).body).toMatchObject({
      status: 400,
      code: "invalid-recipe",
    });

    const short = await expecting(200, edit({ recipe: { run: "two" }, description: null }, "*"));
    expect(short.body).toMatchObject({ recipe: { run: "two", platform: { os: "*" } } });
    expect(Object.keys(short.body)).not.toContain("recipeText");
    expect((await api.call<Version>("GET", version)).body).toEqual(short.body);
    expect(Object.keys(short.body)).not.toContain("description");
    expect(await publish(version)).toMatchObject({ status: "succeeded" });
    expect((await edit({ description: "late" }, "*")).body).toMatchObject({ status: 409, code: "version-immutable" });
  });

  test("whose publication failed can be edited, and is published then", async () => {
    const versions = await component("com.example.Failed");
    await draft(versions, { version: "1.0.0", recipe: { run: "sh {artifacts:path}/main.sh" } });
    expect(await publish(`${versions}/1.0.0`)).toMatchObject({ status: "failed", problem: { code: "invalid-recipe" } });
    const body = { recipe: { run: "true" } };
    const edited = await api.call<Version>("PATCH", `${versions}/1.0.0`, { body, headers: { "if-match": "*" } });
    expect(edited).toMatchObject({ status: 200, body: { status: "failed" } });
    expect(await publish(`${versions}/1.0.0`)).toMatchObject({ status: "succeeded" });
  });

  test("is made from another version, with its recipe and description unless it says its own", async () => {
    const versions = await component("com.example.Cloned");
    const recipe = { run: "true", configuration: { a: 1 } };
    const first = await draft(versions, { version: "1.0.0", recipe, description: "first" });
    const second = await draft(versions, { version: "1.1.0", from: "1.0.0" });
    expect(second).toMatchObject({ recipe, description: "first", clonedFrom: first.id, status: "draft" });
    const third = await draft(versions, {
      version: "1.2.0",
      from: second.id,
      description: "third",
      recipe: { run: "x" },
    });
    expect(third).toMatchObject({ recipe: { run: "x" }, description: "third", clonedFrom: second.id });
    const none = await api.call("POST", versions, { body: { version: "1.3.0", from: "9.9.9" } });
    expect(none.body).toMatchObject({ status: 400, code: "invalid-request", errors: [{ pointer: "/from" }] });
    const bare = await api.call("POST", versions, { body: { version: "1.3.0" } });
    expect(bare.body).toMatchObject({ status: 400, code: "invalid-request", errors: [{ pointer: "/recipe" }] });
  });

  test("that is made from one with a text has its own version in it, and else the same bytes", async () => {
    const versions = await component("com.example.Text");
    const uri = `s3://${bucket}/components/com.example.Text/1.0.0/dist/main.sh`;
    const text = OWN.replace("s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/bin/main.sh", uri);
    await draft(versions, { version: "1.0.0", recipeText: { format: "yaml", text } });
    const { recipeText } = await draft(versions, { version: "2.0.0-rc.1", from: "1.0.0" });
    const changed = text
      .replace("'1.0.0'", '"2.0.0-rc.1"')
      .replace(uri, JSON.stringify(uri.replace("1.0.0", "2.0.0-rc.1")));
    expect(recipeText).toEqual({ format: "yaml", text: changed });
  });
});

describe("a component", () => {
  test.each(["aws.greengrass.Nucleus", "AWS.Greengrass.Mine", "..", "."])("is not called %s", async (name) => {
    const refused = await api.call("POST", `${path}/components`, { body: { name } });
    expect(refused.body).toMatchObject({ status: 400, code: "invalid-request", errors: [{ pointer: "/name" }] });
  });

  test("gets another publisher and description, or none", async () => {
    await component("com.example.Described", { publisher: "One", description: "d" });
    const at = `${path}/components/com.example.Described`;
    const edit = (body: object) => api.call("PATCH", at, { body, headers: { "if-match": "*" } });
    expect((await edit({ publisher: "Two" })).body).toMatchObject({ publisher: "Two", description: "d" });
    const { body } = await edit({ publisher: null, description: "e" });
    expect(body).toMatchObject({ description: "e" });
    expect(Object.keys(body)).not.toContain("publisher");
    expect((await api.call("GET", at)).body).toEqual(body);
  });
});
