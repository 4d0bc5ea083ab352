import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import type { PlanAnswer } from "../../shared/deployment/plan-answer.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { draftsOf } from "./support/drafts.ts";

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
  ({ path: workspace } = await aWorkspace(api, "versions"));
  ({ bucket } = (await api.call<{ bucket: string }>("GET", workspace)).body);
  drafts = draftsOf(api, workspace);
});

afterEach(() => control.disarm());

afterAll(() => cloud?.remove());

interface Page<Item> {
  items: Item[];
  nextCursor?: string;
}

const all = async <Item>(path: string, limit: number): Promise<Item[]> => {
  const items: Item[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const query: string = `${path.includes("?") ? "&" : "?"}limit=${limit}${cursor === "" ? "" : `&cursor=${cursor}`}`;
    const { body } = await expecting(200, api.call<Page<Item>>("GET", `${path}${query}`));
    expect(body.items.length).toBeLessThanOrEqual(limit);
    items.push(...body.items);
    cursor = body.nextCursor;
  }
  return items;
};

const published = async (name: string, version: string, recipe?: object, files: Record<string, string> = {}) => {
  const path = await drafts.draft(name, version, recipe);
  for (const [file, bytes] of Object.entries(files)) await drafts.send(path, file, bytes);
  expect(await drafts.publish(path)).toMatchObject({ status: "succeeded" });
  return path;
};

const group = async (name: string) => {
  await api.done("POST", `${workspace}/node-groups`, { name });
  return `${workspace}/node-groups/${name}/deployment`;
};

describe("a search for components", () => {
  beforeAll(async () => {
    for (let index = 0; index < 5; index += 1) {
      const body = { name: `org.sought.Part${index}`, ...(index % 2 === 0 && { publisher: "Even & Co" }) };
      await expecting(201, api.call("POST", `${workspace}/components`, { body }));
    }
    await expecting(201, api.call("POST", `${workspace}/components`, { body: { name: "com.other.SOUGHT" } }));
  });

  test.each([
    { query: "prefix=org.sought", found: [0, 1, 2, 3, 4].map((index) => `org.sought.Part${index}`) },
    { query: "search=sought.part1", found: ["org.sought.Part1"] },
    { query: "search=SoUgHt&prefix=com", found: ["com.other.SOUGHT"] },
    { query: "publisher=Even%20%26%20Co", found: [0, 2, 4].map((index) => `org.sought.Part${index}`) },
    { query: "publisher=even", found: [] },
  ])("finds what it asks for, page by page: $query", async ({ query, found }) => {
    for (const limit of [1, 2, 100]) {
      const items = await all<{ name: string }>(`${workspace}/components?${query}`, limit);
      expect(items.map(({ name }) => name)).toEqual(found);
    }
  });

  test("takes no cursor of another one", async () => {
    const at = `${workspace}/components?limit=1`;
    const { nextCursor } = (await api.call<Page<object>>("GET", `${at}&prefix=org`)).body;
    const other = await api.call("GET", `${at}&prefix=com&cursor=${nextCursor}`);
    expect(other).toMatchObject({ status: 400, body: { code: "invalid-cursor" } });
  });
});

describe("the versions of a component", () => {
  test("are in the order of semver, with the highest and the newest of those that are published", async () => {
    const name = "com.example.Ordered";
    const at = `${workspace}/components/${name}/versions`;
    await drafts.draft(name, "2.0.0");
    expect((await api.call("GET", at)).body).not.toHaveProperty("highest");
    for (const version of ["1.10.0", "1.9.0", "1.10.0-rc.2", "1.10.0-rc.11"]) await published(name, version);
    const ordered = ["2.0.0", "1.10.0", "1.10.0-rc.11", "1.10.0-rc.2", "1.9.0"];
    for (const limit of [1, 2, 100]) {
      expect((await all<{ version: string }>(at, limit)).map(({ version }) => version)).toEqual(ordered);
    }
    const { body } = await api.call("GET", `${at}?limit=1`);
    expect(body).toMatchObject({ highest: { version: "1.10.0" }, newest: { version: "1.10.0-rc.11" } });
    await api.done("DELETE", `${at}/1.10.0`);
    expect((await api.call("GET", at)).body).toMatchObject({ highest: { version: "1.10.0-rc.11" } });
    expect(await all(at, 100)).toHaveLength(4);
  });

  test("differ by what their recipes and files have", async () => {
    const name = "com.example.Diff";
    await published(name, "1.0.0", { run: "old", configuration: { a: 1 } }, { "dist/a": "a", "dist/b": "b" });
    const after = await drafts.draft(name, "1.1.0", { run: "new", configuration: { a: 1, b: 2 } });
    await drafts.send(after, "dist/a", "a");
    await drafts.send(after, "dist/c", "c");
    const { body } = await expecting(200, api.call<Record<string, { path?: string }[]>>("GET", `${after}/diff/1.0.0`));
    expect(body).toMatchObject({ from: { version: "1.0.0" }, to: { version: "1.1.0" } });
    expect(body.recipe).toEqual([
      { pointer: "/ComponentVersion", change: "changed", from: "1.0.0", to: "1.1.0" },
      { pointer: "/ComponentConfiguration/DefaultConfiguration/b", change: "added", to: 2 },
      { pointer: "/Manifests/0/Lifecycle/run", change: "changed", from: "old", to: "new" },
      {
        pointer: "/Manifests/0/Artifacts/1/Uri",
        change: "changed",
        from: "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/b",
        to: "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/c",
      },
    ]);
    expect(body.files).toMatchObject([
      { path: "dist/b", change: "removed" },
      { path: "dist/c", change: "added" },
    ]);
    expect(await api.call("GET", `${after}/diff/9.9.9`)).toMatchObject({ status: 404 });
  });
});

describe("a version that is in use", () => {
  test("tells by which deployments, and on which nodes", async () => {
    const name = "com.example.Used";
    const version = await published(name, "1.0.0");
    const [one, two] = [await group("one"), await group("two")];
    for (const [node, groups] of Object.entries({ a: ["one"], b: ["one", "two"], c: ["two"], d: [] })) {
      await api.done("POST", `${workspace}/nodes`, { name: node, groups });
    }
    const used = async (of: string) =>
      (await all<{ name: string }>(`${version}/usage?of=${of}`, 1)).map((user) => user.name).sort();
    expect(await used("deployments")).toEqual([]);
    await api.done("PATCH", one, { components: { [name]: { version: "^1.0.0" } } });
    expect(await used("deployments")).toEqual(["one"]);
    expect(await used("nodes")).toEqual(["a", "b"]);
    const users = (await api.call<Page<object>>("GET", `${version}/usage`)).body.items;
    expect(users).toEqual([
      { type: "node-group", id: expect.stringMatching(/^grp_/), name: "one", requirement: "^1.0.0" },
    ]);

    const newer = await published(name, "1.1.0");
    await api.done("PATCH", two, { components: { [name]: { version: "1.1.0" } }, priority: 5 });
    expect(await used("nodes")).toEqual(["a"]); // for b, the group of the higher priority decides
    expect((await all<{ name: string }>(`${newer}/usage?of=nodes`, 100)).map((user) => user.name)).toEqual(["b", "c"]);
    const refused = await api.call("DELETE", version);
    expect(refused).toMatchObject({ status: 409, body: { code: "version-in-use" } });
    expect(refused.body.detail).toContain("node-group one");
  });
});

describe("a version that others depend on", () => {
  const versionsOf = (name: string) => `${workspace}/components/${name}/versions`;
  const dependants = (version: string) =>
    all<{ name: string; onlyThis?: boolean }>(`${version}/usage?of=component-versions`, 1);
  const needs = (name: string, version: string) => ({ run: "true", dependencies: { [name]: version } });
  const refusal = { status: 409, body: { code: "version-in-use" } };

  test("is not deleted while nothing else meets what they require, and tells who they are", async () => {
    const lib = "com.example.Lib";
    const first = await published(lib, "1.0.0");
    const draft = await drafts.draft("com.example.Hoping", "1.0.0", needs(lib, "^1.0.0"));
    expect(await dependants(first)).toEqual([]); // of drafts
    const app = await published("com.example.Needing", "1.0.0", needs(lib, "^1.0.0"));
    const soft = { run: "true", dependencies: { [lib]: { version: "*", type: "SOFT" } } };
    const soften = await published("com.example.Softly", "1.0.0", soft);
    const listed = (onlyThis: boolean) =>
      [
        { name: "com.example.Needing 1.0.0", requirement: "^1.0.0", onlyThis },
        { name: "com.example.Softly 1.0.0", requirement: "*", onlyThis },
      ].map((one) => ({ type: "component-version", id: expect.stringMatching(/^ver_/), ...one }));
    expect((await dependants(first)).toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(listed(true));
    const refused = await api.call("DELETE", first);
    expect(refused).toMatchObject(refusal);
    expect(refused.body.detail).toContain("component-version com.example.Needing 1.0.0 (which requires ^1.0.0)");
    expect(refused.body.detail).toContain("com.example.Softly 1.0.0");

    // One that is deprecated, or the newer of two, does as well.
    const second = await published(lib, "1.1.0");
    await expecting(200, api.call("POST", `${second}/deprecation`, { body: { reason: "slow" } }));
    expect((await dependants(first)).toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(listed(false));
    await api.done("DELETE", first);
    expect(await api.call("DELETE", second)).toMatchObject(refusal);
    for (const gone of [app, soften]) await api.done("DELETE", gone);
    expect(await dependants(second)).toEqual([]);
    await api.done("DELETE", second);
    await api.done("DELETE", draft);
    await expecting(204, api.call("DELETE", `${workspace}/components/${lib}`));
  });

  test("stays when something that needs it is published while it is being deleted", async () => {
    const lib = "com.example.Raced";
    const version = await published(lib, "1.0.0");
    const draft = await drafts.draft("com.example.Racing", "1.0.0", needs(lib, "1.0.0"));
    // The check has found nobody, and the next step is held up while somebody comes.
    const operation = "lambda:local-delete-component-version";
    await control.fault({ kind: "latency", operation, milliseconds: 6_000, times: 1 });
    const { body } = await expecting(202, api.call<{ id: string }>("DELETE", version));
    await until(async () => (await control.faults()).length === 0, {
      what: "the deletion to come to its second step",
    });
    expect(await drafts.publish(draft)).toMatchObject({ status: "succeeded" });
    const ended = await api.ended(body.id);
    expect(ended).toMatchObject({ status: "failed", problem: { code: "version-in-use" } });
    expect(await drafts.statusOf(version)).toBe("published");
    expect(await dependants(version)).toMatchObject([{ name: "com.example.Racing 1.0.0", onlyThis: true }]);
    await api.done("DELETE", draft);
    await api.done("DELETE", version);
  });

  test("leaves one of two that are deleted at once", async () => {
    const lib = "com.example.Twins";
    const twins = [await published(lib, "1.0.0"), await published(lib, "1.1.0")];
    await published("com.example.Parent", "1.0.0", needs(lib, "^1.0.0"));
    const answers = await Promise.all(twins.map((twin) => api.call<{ id: string }>("DELETE", twin)));
    for (const { status, body } of answers) if (status === 202) await api.ended(body.id);
    const { body } = await expecting(200, api.call<Page<{ status: string }>>("GET", versionsOf(lib)));
    const left = body.items.filter(({ status }) => status === "published");
    expect(left.length).toBeGreaterThan(0);
  });
});

describe("a version that is to be used no more", () => {
  test("says why, by whom and since when, in lists too, until the mark is taken off", async () => {
    const version = await published("com.example.Old", "1.0.0");
    const body = { reason: "has a hole" };
    const marked = await expecting(200, api.call("POST", `${version}/deprecation`, { body }));
    const deprecated = { reason: "has a hole", by: expect.any(String), at: expect.stringMatching(/^20.*Z$/) };
    expect(marked.body).toMatchObject({ status: "published", deprecated });
    const list = `${workspace}/components/com.example.Old/versions`;
    expect((await api.call<Page<object>>("GET", list)).body.items).toMatchObject([{ deprecated }]);
    const deployment = await group("old");
    await api.done("PATCH", deployment, { components: { "com.example.Old": { version: "1.0.0" } } });
    const warned = async () => {
      const components = { "com.example.Old": { version: "^1.0.0" } };
      const body = { nodeGroups: { old: { deployment: { edit: "patch", components } } } };
      const { warnings } = (await expecting(200, api.call<PlanAnswer>("POST", `${workspace}/plans`, { body }))).body;
      return warnings.map(({ kind, component, detail }) => [kind, component, detail]);
    };
    expect(await warned()).toEqual([
      [
        "deprecated",
        "com.example.Old",
        "com.example.Old 1.0.0, asked for by node group old (^1.0.0), is deprecated: has a hole",
      ],
    ]);
    const restored = await expecting(200, api.call("DELETE", `${version}/deprecation`));
    expect(await warned()).toEqual([]);
    expect(restored.body).not.toHaveProperty("deprecated");
    expect((await api.call("GET", version)).body).toEqual(restored.body);
  });

  test("is a published one", async () => {
    const draft = await drafts.draft("com.example.Young");
    const refused = { status: 409, body: { code: "not-ready" } };
    expect(await api.call("POST", `${draft}/deprecation`, { body: { reason: "x" } })).toMatchObject(refused);
    expect(await api.call("DELETE", `${draft}/deprecation`)).toMatchObject(refused);
  });
});

describe("a deletion of a published version", () => {
  test.each([
    { operation: "lambda:local-check-version-unused", left: "published" },
    { operation: "lambda:local-delete-component-version", left: "published" },
    { operation: "greengrass:DeleteComponent", left: "failed" },
    { operation: "lambda:local-delete-component-files", left: "failed" },
    { operation: "lambda:local-forget-component-version", left: "failed" },
  ])("that fails at $operation leaves it $left, and is done by the next one", async ({ operation, left }) => {
    const name = `com.example.${operation.replace(/\W/g, "-")}`;
    const version = await published(name, "1.0.0", undefined, { "dist/a": "a" });
    await control.arm(operation, operation.startsWith("lambda") ? "TypeError" : "AccessDeniedException", 403);
    const { body } = await expecting(202, api.call<{ id: string }>("DELETE", version));
    expect(await api.ended(body.id)).toMatchObject({ status: "failed" });
    await control.disarm();
    expect(await drafts.statusOf(version)).toBe(left);
    if (left === "published") {
      expect(
        await api.call("PATCH", version, { body: { description: "x" }, headers: { "if-match": "*" } }),
      ).toMatchObject({
        status: 409,
      });
    }
    await api.done("DELETE", version);
    expect(await api.call("GET", version)).toMatchObject({ status: 404 });
    const Prefix = `components/${name}/`;
    const { KeyCount } = await cloud.s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix }));
    expect(KeyCount).toBe(0);
    await published(name, "1.0.0"); // the number is free again, in Greengrass too
  });
});

describe("the folder for the Greengrass Development Kit", () => {
  interface Item {
    path: string;
    text?: string;
    size: number;
    download?: { url: string };
  }

  test("has the recipe with its placeholders, and every file to download", async () => {
    const name = "com.example.Folder";
    const recipe = { run: "sh {artifacts:path}/main.sh" };
    const version = await published(name, "1.0.0", recipe, { "dist/bin/main.sh": "echo\n", "src/main.ts": "x" });
    for (const limit of [1, 100]) {
      const items = await all<Item>(`${version}/export`, limit);
      expect(items.map(({ path }) => path)).toEqual([
        "gdk-config.json",
        "recipe.json",
        "artifacts/main.sh",
        "src/main.ts",
      ]);
      expect(JSON.parse(items[0]?.text ?? "")).toMatchObject({
        component: { [name]: { build: { build_system: "custom" } } },
      });
      expect(JSON.parse(items[1]?.text ?? "")).toMatchObject({
        ComponentName: "{COMPONENT_NAME}",
        ComponentVersion: "{COMPONENT_VERSION}",
        Manifests: [{ Artifacts: [{ Uri: "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/main.sh" }] }],
      });
      expect(await (await fetch(items[2]?.download?.url ?? "")).text()).toBe("echo\n");
    }
  });

  test("keeps a text of one's own but for its placeholders, and is a draft again", async () => {
    const name = "com.example.FolderOwn";
    const text = `# by hand
RecipeFormatVersion: 2020-01-25
ComponentName: ${name}
ComponentVersion: 1.0.0
Manifests:
  - Lifecycle: { run: "sh {artifacts:decompressedPath}/${name}/main.sh" }
    Artifacts: [{ URI: "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/${name}.zip", Unarchive: ZIP }]
`;
    await expecting(201, api.call("POST", `${workspace}/components`, { body: { name } }));
    const at = `${workspace}/components/${name}/versions`;
    const recipeText = { format: "yaml", text };
    await expecting(201, api.call("POST", at, { body: { version: "1.0.0", recipeText } }));
    await drafts.send(`${at}/1.0.0`, "src/main.sh", "echo\n");
    expect(await drafts.publish(`${at}/1.0.0`)).toMatchObject({ status: "succeeded" });
    const items = await all<Item>(`${at}/1.0.0/export`, 100);
    expect(items.map(({ path }) => path)).toEqual(["gdk-config.json", "recipe.yaml", "main.sh"]);
    const portable = items[1]?.text ?? "";
    expect(portable).toBe(
      text
        .replace(`ComponentName: ${name}`, 'ComponentName: "{COMPONENT_NAME}"')
        .replace("1.0.0", '"{COMPONENT_VERSION}"'),
    );
    const again = { version: "2.0.0", recipeText: { format: "yaml", text: portable } };
    await expecting(201, api.call("POST", at, { body: again }));
    const { Body } = await cloud.s3.send(
      new GetObjectCommand({ Bucket: bucket, Key: `components/${name}/1.0.0/src/main.sh` }),
    );
    expect(await Body?.transformToString()).toBe("echo\n");
  });
});
