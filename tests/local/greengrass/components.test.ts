import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDatabase } from "../../../local/sqlite.ts";
import {
  componentArn,
  digest,
  groupArn,
  publish,
  recipe,
  refusal,
  type Stage,
  settled,
  stage,
  stateOf,
  versionArn,
} from "./support.ts";

let one: Stage;
beforeAll(async () => {
  one = await stage();
});
afterAll(() => one.end());

describe("artifacts", () => {
  test("a version is INITIATED while they are read; it can be neither deployed nor deleted", async () => {
    const { client, artifacts } = one;
    artifacts.hold();
    const arn = versionArn("slow");
    await client.createComponentVersion({ inlineRecipe: recipe("slow", "1.0.0", "s3://bucket/app") });
    expect(await stateOf(client, arn)).toBe("INITIATED");
    await expect(client.deleteComponent({ arn })).rejects.toMatchObject(refusal("ConflictException", 409));
    await expect(
      client.createDeployment({ targetArn: groupArn("g"), components: { slow: { componentVersion: "1.0.0" } } }),
    ).rejects.toMatchObject(refusal("ValidationException", 400, { message: expect.stringMatching(/INITIATED/) }));
    artifacts.release();
    expect(await settled(client, arn)).toBe("DEPLOYABLE");
    const { recipe: stored } = await client.getComponent({ arn });
    expect(new TextDecoder().decode(stored)).toContain(digest("s3://bucket/app"));
  });

  test.each([
    ["a reader that throws", "s3://bucket/broken", /bucket is on fire/],
    ["more than 2 GB", "s3://bucket/huge", /at most 2147483648/],
  ])("%s fails the version, which keeps its number until it is deleted", async (_note, uri, message) => {
    const { client } = one;
    const name = `bad-${uri.slice(uri.lastIndexOf("/") + 1)}`;
    const arn = await publish(client, name, "1.0.0", uri, "s3://bucket/second");
    const { status } = await client.describeComponent({ arn });
    expect(status).toMatchObject({ componentState: "FAILED", message: expect.stringMatching(message) });
    await expect(client.createComponentVersion({ inlineRecipe: recipe(name) })).rejects.toMatchObject(
      refusal("ConflictException", 409),
    );
    await client.deleteComponent({ arn });
    await client.createComponentVersion({ inlineRecipe: recipe(name) });
    expect(await settled(client, arn)).toBe("DEPLOYABLE");
  });

  test("reading goes on after a restart, and the late answer of the old process has no effect", async () => {
    one.artifacts.hold();
    const { arn = "" } = await one.client.createComponentVersion({
      inlineRecipe: recipe("restarted", "1.0.0", "s3://bucket/app"),
    });
    expect(await stateOf(one.client, arn)).toBe("INITIATED");
    await one.stop();
    one.artifacts.release();
    await one.start();
    expect(await settled(one.client, arn)).toBe("DEPLOYABLE");
  });
});

test.each([
  ["aliases, which could make it larger than its text", "a: &a [x]\nb: [*a, *a]", /neither JSON nor YAML/],
  ["a version with a v", { ComponentVersion: "v1.0.0" }, /ComponentVersion/],
  ["an unknown key", { Extra: 1 }, /Extra/],
  ["no manifest", { Manifests: [] }, /Manifests/],
  ["a version of seven digits", { ComponentVersion: "1000000.0.0" }, /ComponentVersion/],
  ["a platform that is no expression", { Manifests: [{ Platform: { os: "/(/" } }] }, /Platform/],
  ["one byte too much", JSON.stringify({}).padEnd(16_001), /at most 16000/],
])("a recipe with %s is refused", async (_note, more, message) => {
  const text =
    typeof more === "string" ? more : JSON.stringify({ ...JSON.parse(new TextDecoder().decode(recipe("x"))), ...more });
  await expect(
    one.client.createComponentVersion({ inlineRecipe: new TextEncoder().encode(text) }),
  ).rejects.toMatchObject(refusal("ValidationException", 400, { message: expect.stringMatching(message) }));
});

test("a recipe's names are taken in any case, and answered as the service writes them; a lifecycle's stay", async () => {
  const written = {
    recipeformatversion: "2020-01-25",
    COMPONENTNAME: "cased",
    ComponentVersion: "1.0.0",
    ComponentDependencies: { Other: { versionrequirement: "^1.0.0" } },
    manifests: [{ lifecycle: { RUN: "true" }, Artifacts: [{ URI: "docker:image", permission: { read: "ALL" } }] }],
  };
  const { arn } = await one.client.createComponentVersion({
    inlineRecipe: new TextEncoder().encode(JSON.stringify(written)),
  });
  const { recipe: answered } = await one.client.getComponent({ arn, recipeOutputFormat: "JSON" });
  expect(JSON.parse(new TextDecoder().decode(answered))).toEqual({
    RecipeFormatVersion: "2020-01-25",
    ComponentName: "cased",
    ComponentVersion: "1.0.0",
    ComponentDependencies: { Other: { VersionRequirement: "^1.0.0" } },
    Manifests: [{ Lifecycle: { RUN: "true" }, Artifacts: [{ Uri: "docker:image", Permission: { Read: "ALL" } }] }],
  });
});

test("a Lambda function is not emulated", async () => {
  const lambdaArn = "arn:aws:lambda:eu-central-1:123456789012:function:f";
  await expect(one.client.createComponentVersion({ lambdaFunction: { lambdaArn } })).rejects.toMatchObject(
    refusal("NotImplemented", 501),
  );
});

test("a token is refused for another recipe", async () => {
  const clientToken = "one-token";
  await one.client.createComponentVersion({ inlineRecipe: recipe("tokens"), clientToken });
  await expect(
    one.client.createComponentVersion({ inlineRecipe: recipe("tokens", "2.0.0"), clientToken }),
  ).rejects.toMatchObject(refusal("ConflictException", 409, { resourceId: clientToken }));
});

test("of many that create one version at once, one does", async () => {
  const attempts = await Promise.allSettled(
    Array.from({ length: 20 }, () => one.client.createComponentVersion({ inlineRecipe: recipe("race") })),
  );
  const refused = attempts.filter((attempt) => attempt.status === "rejected");
  expect(refused).toHaveLength(19);
  for (const { reason } of refused) expect(reason).toMatchObject(refusal("ConflictException", 409));
});

test("versions come in pages, greatest first", async () => {
  for (const version of ["1.9.0", "1.10.0", "1.10.0-rc.1"]) await publish(one.client, "pages", version);
  const found: (string | undefined)[] = [];
  let nextToken: string | undefined;
  do {
    const page = await one.client.listComponentVersions({
      arn: componentArn("pages"),
      maxResults: 1,
      ...(nextToken !== undefined && { nextToken }),
    });
    found.push(...(page.componentVersions ?? []).map(({ componentVersion }) => componentVersion));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  expect(found).toEqual(["1.10.0", "1.10.0-rc.1", "1.9.0"]);
});

test("a device keeps the version that it has, if that will do", async () => {
  for (const version of ["1.0.0", "1.1.0", "2.0.0"]) await publish(one.client, "kept", version);
  const resolve = async (componentVersion: string) => {
    const { resolvedComponentVersions = [] } = await one.client.resolveComponentCandidates({
      platform: { attributes: { os: "linux" } },
      componentCandidates: [{ componentName: "kept", componentVersion, versionRequirements: { g: "^1.0.0" } }],
    });
    return resolvedComponentVersions.map((found) => found.componentVersion);
  };
  expect([await resolve("1.0.0"), await resolve("2.0.0"), await resolve("0.1.0")]).toEqual([
    ["1.0.0"],
    ["1.1.0"],
    ["1.1.0"],
  ]);
});

test("a component has at most 5,000 versions, and the account 5,000 components", async () => {
  await one.stop();
  const database = openDatabase(`${one.dir}/greengrass.db`, "");
  const fill = (name: string, arn: string) =>
    database.exec(`
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
      INSERT INTO component_versions
      SELECT ${arn}, ${name}, '0.0.' || i, '{"Manifests":[]}', 'DEPLOYABLE', 'NONE', '{}', 0 FROM n`);
  fill("'full'", "'full' || i");
  await one.start();
  const exceeded = refusal("ServiceQuotaExceededException", 402, { serviceCode: "greengrass" });
  await expect(one.client.createComponentVersion({ inlineRecipe: recipe("full") })).rejects.toMatchObject(exceeded);
  await one.client.createComponentVersion({ inlineRecipe: recipe("not-full") });
  await one.stop();
  fill("'many' || i", "'many' || i");
  database.close();
  await one.start();
  await expect(one.client.createComponentVersion({ inlineRecipe: recipe("one-more") })).rejects.toMatchObject(exceeded);
  await one.client.createComponentVersion({ inlineRecipe: recipe("not-full", "2.0.0") });
});

describe("a stand-in that refuses what it cannot read", () => {
  let strict: Stage;
  beforeAll(async () => {
    strict = await stage(() => ({ unreadableArtifacts: "refuse" }));
  });
  afterAll(() => strict.end());

  test("makes no version of it, so that the number is free", async () => {
    const create = (...uris: string[]) =>
      strict.client.createComponentVersion({ inlineRecipe: recipe("number", "1.0.0", ...uris) });
    await expect(create("s3://bucket/missing")).rejects.toMatchObject(refusal("ValidationException", 400));
    await create("s3://bucket/there");
    expect(await settled(strict.client, versionArn("number"))).toBe("DEPLOYABLE");
  });

  test("keeps a second request with the token out while it reads", async () => {
    strict.artifacts.hold();
    const request = { inlineRecipe: recipe("token", "1.0.0", "s3://bucket/there"), clientToken: "same" };
    const first = strict.client.createComponentVersion(request).catch((error: unknown) => error);
    const second = strict.client.createComponentVersion(request).catch((error: unknown) => error);
    const early = await Promise.race([first, second]);
    expect(early).toMatchObject(refusal("RequestAlreadyInProgressException", 400));
    strict.artifacts.release();
    expect([await first, await second]).toContainEqual(expect.objectContaining({ componentName: "token" }));
    expect(await strict.client.createComponentVersion(request)).toMatchObject({ componentName: "token" });
  });
});

test("at AWS's rates, most of many new versions at once are refused, and devices are not", async () => {
  const slow = await stage(() => ({ throttling: "aws" }));
  try {
    const requests = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        slow.client.createComponentVersion({ inlineRecipe: recipe(`r${index}`) }),
      ),
    );
    const refused = requests.filter((request) => request.status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(requests.length);
    for (const { reason } of refused) expect(reason).toMatchObject(refusal("ThrottlingException", 429));
    await slow.client.resolveComponentCandidates({ componentCandidates: [] });
  } finally {
    await slow.end();
  }
});
