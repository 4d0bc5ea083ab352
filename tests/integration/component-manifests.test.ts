import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { aWorkspace, expecting, sendFile, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { draftsOf, fileOf, isObject, keyOfFile } from "./support/drafts.ts";

let cloud: TestCloud;
let api: ApiClient;
let drafts: ReturnType<typeof draftsOf>;
let bucket: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  const { path } = await aWorkspace(api, "manifests");
  ({ bucket } = (await api.call<{ bucket: string }>("GET", path)).body);
  drafts = draftsOf(api, path);
});

afterAll(() => cloud?.remove());

describe("a manifest", () => {
  interface Answer {
    readonly items: { path: string; status: string; upload?: Parameters<typeof sendFile>[0] }[];
    readonly extra: string[];
    readonly nextCursor?: string;
  }
  const ask = async (version: string, body: object, cursor?: string): Promise<Answer> => {
    const given = { body: { ...body, cursor } };
    const answer = await expecting(200, api.call<Answer>("POST", `${version}/manifest`, given));
    expect(Buffer.byteLength(JSON.stringify(answer.body))).toBeLessThan(5 * 1024 ** 2);
    return answer.body;
  };
  const apply = async (
    version: string,
    folder: Readonly<Record<string, string>>,
    prune = false,
    cursor?: string,
  ): Promise<Answer> => {
    const files = Object.entries(folder).map(([path, bytes]) => fileOf(path, bytes));
    const body = await ask(version, { files, prune }, cursor);
    for (const { path, upload } of body.items) if (upload !== undefined) await sendFile(upload, folder[path] ?? "");
    return body;
  };
  const asked = ({ items }: Answer): string[] =>
    items.filter(({ status }) => status === "upload").map(({ path }) => path);

  test("asks for the whole folder once, then for what changed alone", async () => {
    const version = await drafts.draft("com.example.Folder");
    const folder = { "src/main.py": "one", "src/lib/a.py": "a", "src/lib/b.py": "b" };
    expect(asked(await apply(version, folder))).toEqual(Object.keys(folder));
    const again = await apply(version, folder);
    expect(again.items.map(({ status }) => status)).toEqual(["skipped", "skipped", "skipped"]);
    expect(again.extra).toEqual([]);
    expect(again).not.toHaveProperty("nextCursor");
    const changed = { ...folder, "src/main.py": "two", "src/new.py": "n" };
    expect(asked(await apply(version, changed))).toEqual(["src/main.py", "src/new.py"]);
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
  });

  test("asks again for what was declared and never came, or is gone", async () => {
    const version = await drafts.draft("com.example.Unsent");
    await drafts.declare(version, "dist/never", "never");
    await drafts.send(version, "dist/gone", "gone");
    await cloud.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: keyOfFile(version, "dist/gone") }));
    expect(asked(await apply(version, { "dist/never": "never", "dist/gone": "gone" }))).toEqual([
      "dist/never",
      "dist/gone",
    ]);
  });

  test("tells what it lacks, and removes that if it is wished, also to change a letter's case", async () => {
    const version = await drafts.draft("com.example.Pruned");
    await apply(version, { "dist/Run.sh": "run", "dist/old": "old" });
    const clash = await api.call("POST", `${version}/manifest`, { body: { files: [fileOf("dist/run.sh", "run")] } });
    expect(clash.body).toMatchObject({ status: 409, code: "path-clash" });
    expect((await apply(version, { "dist/new": "new" })).extra).toEqual(["dist/old", "dist/Run.sh"]);
    expect(await drafts.pathsOf(version)).toEqual(["dist/new", "dist/old", "dist/Run.sh"]);
    const pruned = await apply(version, { "dist/run.sh": "run", "dist/new": "new" }, true);
    expect(pruned.extra).toEqual(["dist/old", "dist/Run.sh"]);
    expect(asked(pruned)).toEqual(["dist/run.sh"]);
    expect(await drafts.pathsOf(version)).toEqual(["dist/new", "dist/run.sh"]);
    const isStored = (at: string, path: string) => isObject(cloud.s3, bucket, keyOfFile(at, path));
    expect([await isStored(version, "dist/old"), await isStored(version, "dist/Run.sh")]).toEqual([false, false]);
    expect(await drafts.publish(version)).toMatchObject({ status: "succeeded" });
  });

  test("of more files than one answer asks for is gone through answer by answer", async () => {
    const version = await drafts.draft("com.example.Many");
    const folder = Object.fromEntries(Array.from({ length: 1_250 }, (_, index) => [`src/${index}`, `${index}`]));
    const whole = async (): Promise<Answer[]> => {
      const answers: Answer[] = [];
      for (let cursor: string | undefined; ; ) {
        const answer: Answer = await apply(version, folder, false, cursor);
        answers.push(answer);
        if (answer.nextCursor === undefined) return answers;
        cursor = answer.nextCursor;
      }
    };
    const first = await whole();
    expect(first.length).toBeGreaterThan(2);
    expect(first.flatMap(asked)).toEqual(Object.keys(folder));
    const second = await whole();
    expect(second.map(({ items }) => items.length)).toEqual([1_000, 250]);
    expect(second.flatMap(asked)).toEqual([]);
  });

  test("is told of thousands of files that it lacks in several answers, also while they go", async () => {
    const version = await drafts.draft("com.example.Extra");
    // As long as paths can be: what sorts last is what the cursor has to hold.
    const path = (index: number) => `src/${`"${"ü".repeat(120)}/`.repeat(3)}${index}`;
    const former = Array.from({ length: 2_100 }, (_, index) => fileOf(path(index), "x"));
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      cursor = (await ask(version, { files: former }, cursor || undefined)).nextCursor;
    }
    const lacking = async (prune: boolean): Promise<string[]> => {
      const [extra, items]: [string[], string[]] = [[], []];
      const body = { files: [fileOf("src/new", "new")], prune };
      for (let cursor: string | undefined = ""; cursor !== undefined; ) {
        const answer: Answer = await ask(version, body, cursor || undefined);
        extra.push(...answer.extra);
        items.push(...answer.items.map((item) => item.path));
        cursor = answer.nextCursor;
      }
      expect(items).toEqual(["src/new"]);
      return extra.sort();
    };
    const all = former.map((file) => file.path).sort();
    expect(await lacking(false)).toEqual(all);
    const listed = await api.call<{ nextCursor: string }>("GET", `${version}/files?limit=1`);
    await expecting(200, api.call("GET", `${version}/files?limit=1&cursor=${listed.body.nextCursor}`));
    expect(await lacking(true)).toEqual(all);
    expect(await drafts.pathsOf(version)).toEqual(["src/new"]);
  });

  test("goes on with a cursor of its own alone", async () => {
    const version = await drafts.draft("com.example.Cursor");
    const files = Array.from({ length: 600 }, (_, index) => fileOf(`src/${index}`, "x"));
    const { nextCursor } = await ask(version, { files });
    const other = { files: files.slice(1) };
    for (const [body, cursor] of [
      [other, nextCursor],
      [{ files }, "garbage"],
    ] as const) {
      const refused = await api.call("POST", `${version}/manifest`, { body: { ...body, cursor } });
      expect(refused).toMatchObject({ status: 400, body: { code: "invalid-cursor" } });
    }
    expect((await ask(version, { files }, nextCursor)).items).toHaveLength(88);
  });
});

describe("versions of thousands of files", () => {
  test("are told apart page by page, each change once", async () => {
    const version = await drafts.draft("com.example.Apart", "1.0.0", { run: "old", configuration: { a: 1, b: 2 } });
    const other = await drafts.draft("com.example.Apart", "2.0.0", { run: "new", configuration: { a: 3, c: 2 } });
    const declare = async (to: string, files: readonly object[]) => {
      for (let cursor: string | undefined = ""; cursor !== undefined; ) {
        const body: object = { files, ...(cursor !== "" && { cursor }) };
        const answer = await expecting(200, api.call<{ nextCursor?: string }>("POST", `${to}/manifest`, { body }));
        cursor = answer.body.nextCursor;
      }
    };
    const same = Array.from({ length: 600 }, (_, index) => fileOf(`dist/same/${index}`, "x"));
    await declare(version, [...same, ...Array.from({ length: 1_400 }, (_, index) => fileOf(`dist/F${index}`, "x"))]);
    await declare(other, [...same, ...Array.from({ length: 1_200 }, (_, index) => fileOf(`dist/f${index}`, "y"))]);
    interface Diff {
      readonly recipe: { readonly pointer: string }[];
      readonly files: { readonly path: string; readonly change: string }[];
      readonly nextCursor?: string;
    }
    const pages = async (limit: number, most = Number.POSITIVE_INFINITY): Promise<Diff[]> => {
      const found: Diff[] = [];
      for (let cursor: string | undefined = ""; cursor !== undefined && found.length < most; ) {
        const query: string = `?limit=${limit}${cursor === "" ? "" : `&cursor=${cursor}`}`;
        const { body } = await expecting(200, api.call<Diff>("GET", `${other}/diff/1.0.0${query}`));
        expect(body.recipe.length + body.files.length).toBeLessThanOrEqual(limit);
        found.push(body);
        cursor = body.nextCursor;
      }
      return found;
    };
    const whole = await pages(100);
    const files = whole.flatMap((page) => page.files);
    expect(files).toHaveLength(2_600);
    expect(new Set(files.map(({ path, change }) => `${change} ${path}`)).size).toBe(2_600);
    // Too many artifacts for a recipe: they are told as files alone.
    expect(whole.flatMap((page) => page.recipe).map(({ pointer }) => pointer)).toEqual([
      "/ComponentVersion",
      "/ComponentConfiguration/DefaultConfiguration/a",
      "/ComponentConfiguration/DefaultConfiguration/b",
      "/ComponentConfiguration/DefaultConfiguration/c",
      "/Manifests/0/Lifecycle/run",
    ]);
    for (const limit of [1, 2, 5, 7]) {
      const first = await pages(limit, 8);
      expect(first.flatMap((page) => page.files)).toEqual(files.slice(0, first.flatMap((page) => page.files).length));
      expect(first.flatMap((page) => [...page.recipe, ...page.files])).toHaveLength(8 * limit);
    }
    for (const cursor of ["garbage", whole[0]?.nextCursor]) {
      const refused = await api.call("GET", `${version}/diff/2.0.0?cursor=${cursor}`);
      expect(refused).toMatchObject({ status: 400, body: { code: "invalid-cursor" } });
    }
  });
});
