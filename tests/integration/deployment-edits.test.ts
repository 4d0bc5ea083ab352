import { GetDeploymentCommand, ListDeploymentsCommand } from "@aws-sdk/client-greengrassv2";
import { DescribeThingGroupCommand, ListThingGroupsForThingCommand } from "@aws-sdk/client-iot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { until } from "../local/until.ts";
import { aPublishedComponent, aWorkspace, expecting, range, startTestCloud, type TestCloud } from "./support/cloud.ts";

let cloud: TestCloud;
let api: ApiClient;
let ws: string;

const A = "com.example.A";
const B = "com.example.B";
const APP = "com.example.App";

const publishMore = async (name: string, version: string, recipe: object = { run: "true" }) => {
  const versions = `${ws}/components/${name}/versions`;
  await expecting(201, api.call("POST", versions, { body: { version, recipe } }));
  await api.done("POST", `${versions}/${version}/publish`);
};

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client("ann");
  ({ path: ws } = await aWorkspace(api, "edits"));
  for (const name of [A, B]) await aPublishedComponent(api, ws, name, "1.0.0");
});
afterAll(() => cloud?.remove());

/** A group with nodes of its own, and where its deployment is. */
const aGroup = async (name: string, nodes = 0): Promise<string> => {
  await api.done("POST", `${ws}/node-groups`, { name });
  for (const at of range(nodes)) await api.done("POST", `${ws}/nodes`, { name: `${name}-${at}`, groups: [name] });
  return `${ws}/node-groups/${name}/deployment`;
};

interface Deployment {
  readonly revision: number;
  readonly components: Record<string, { readonly version: string; readonly catalogue: number }>;
  readonly autoUpdate?: boolean;
  readonly change?: { readonly kind: string };
}
const stored = async (path: string) => (await expecting(200, api.call<Deployment>("GET", path))).body;

const planOf = async (body: object) =>
  (await expecting(200, api.call<{ hash: string; summary: { removals: object } }>("POST", `${ws}/plans`, { body })))
    .body;

/** What Greengrass has for the thing groups that a node is in: for each of those with a deployment, its versions. */
const reaching = async (node: string): Promise<Record<string, string | undefined>[]> => {
  const { thing } = (await expecting(200, api.call<{ thing: string }>("GET", `${ws}/nodes/${node}`))).body;
  const { thingGroups = [] } = await cloud.iot.send(new ListThingGroupsForThingCommand({ thingName: thing }));
  const found: Record<string, string | undefined>[] = [];
  for (const { groupName } of thingGroups) {
    const { thingGroupArn } = await cloud.iot.send(new DescribeThingGroupCommand({ thingGroupName: groupName }));
    const { deployments = [] } = await cloud.greengrass.send(new ListDeploymentsCommand({ targetArn: thingGroupArn }));
    for (const { deploymentId } of deployments) {
      const { components = {} } = await cloud.greengrass.send(new GetDeploymentCommand({ deploymentId }));
      found.push(Object.fromEntries(Object.entries(components).map(([name, one]) => [name, one.componentVersion])));
    }
  }
  return found;
};

describe("revisions", () => {
  test("tell who made them, when, why and what of the catalogue they saw, newest first and page by page", async () => {
    const path = await aGroup("told");
    const before = new Date().toISOString();
    await api.done("PATCH", path, { components: { [A]: { version: "^1.0.0" } }, reason: "the first one" });
    await api.done("PATCH", path, { rollout: { maximumPerMinute: 7 }, policies: { validationSeconds: 3 } });
    type Page = { items: Record<string, unknown>[]; nextCursor?: string };
    const page = (query: string) => expecting(200, api.call<Page>("GET", `${path}/revisions${query}`));
    const { body: first } = await page("?limit=2");
    expect(first.items.map(({ revision }) => revision)).toEqual([3, 2]);
    expect(first.items[1]).toMatchObject({
      requestedBy: "ann",
      change: { kind: "patch", reason: "the first one" },
      catalogue: expect.any(Number),
    });
    expect(String(first.items[1]?.at) >= before).toBe(true);
    expect(first.items[1]).not.toHaveProperty("components");
    const { body: last } = await page(`?limit=2&cursor=${first.nextCursor}`);
    expect(last.items.map(({ revision }) => revision)).toEqual([1]);
    expect(last.nextCursor).toBeUndefined();
    const { body: whole } = await expecting(200, api.call("GET", `${path}/revisions/3`));
    expect(whole).toMatchObject({ components: { [A]: { version: "^1.0.0" } }, rollout: { maximumPerMinute: 7 } });
  });

  test("differ by what the edits between them did", async () => {
    const path = await aGroup("differing");
    await api.done("PATCH", path, { components: { [A]: { version: "1.0.0" } } });
    await api.done("PATCH", path, { components: { [A]: null, [B]: { version: "1.0.0" } }, priority: 4 });
    const diff = async (query: string) => (await expecting(200, api.call("GET", `${path}/revisions/${query}`))).body;
    expect(await diff("3/diff")).toMatchObject({
      from: 2,
      to: 3,
      components: { [A]: { change: "removed" }, [B]: { change: "added", after: { version: "1.0.0" } } },
      priority: { before: 0, after: 4 },
      settings: {},
    });
    expect(await diff("1/diff")).toEqual({ from: 0, to: 1, components: {}, settings: {} });
    expect(await diff("1/diff?from=3")).toMatchObject({ components: { [B]: { change: "removed" } } });
  });
});

describe("a replacement", () => {
  test("is done as the plan showed, and removes what that said it removes", async () => {
    const path = await aGroup("replaced", 1);
    await api.done("PATCH", path, { components: { [A]: { version: "1.0.0" }, [B]: { version: "1.0.0" } } });
    const replacement = { components: { [B]: { version: "1.0.0" } }, priority: 2 };
    const plan = await planOf({ nodeGroups: { replaced: { deployment: { edit: "replace", ...replacement } } } });
    expect(plan.summary.removals).toEqual({ [A]: 1 });
    await api.done("PUT", path, { ...replacement, plan: plan.hash, reason: "why is no part of the plan" });
    expect(await reaching("replaced-0")).toEqual([{ [B]: "1.0.0" }]);
    expect(await stored(path)).toMatchObject({ priority: 2, change: { kind: "replace" } });
  });

  test("is refused once what the plan depended on has changed, whatever that was", async () => {
    const path = await aGroup("stale", 1);
    const body = { components: { [A]: { version: "^1.0.0" } } };
    const asked = { nodeGroups: { stale: { deployment: { edit: "replace", ...body } } } };
    const put = async (plan: string) => {
      const { status, body: answer } = await api.call("PUT", path, { body: { ...body, plan } });
      return [status, answer.code];
    };
    const changes: Record<string, () => Promise<unknown>> = {
      "another edit": () => api.done("PATCH", path, { priority: 1 }),
      "a node that came": () => api.done("POST", `${ws}/nodes`, { name: "stale-new", groups: ["stale"] }),
    };
    for (const [name, change] of Object.entries(changes)) {
      const plan = await planOf(asked);
      await change();
      expect([name, ...(await put(plan.hash))]).toEqual([name, 412, "precondition-failed"]);
    }
    const { hash } = await planOf(asked);
    const other = await planOf({ nodeGroups: { stale: { deployment: { edit: "replace", ...body, priority: 9 } } } });
    expect(await put(other.hash)).toEqual([412, "precondition-failed"]);
    expect((await put(hash))[0]).toBe(202);
    expect(await put(hash)).toEqual([412, "precondition-failed"]);
  });
});

describe("refresh and rollback", () => {
  test("move to what was published since, and back to just what ran", async () => {
    await publishMore(B, "1.1.0");
    const path = await aGroup("moving", 1);
    const runs = async () => (await reaching("moving-0"))[0];
    await api.done("PATCH", path, { components: { [A]: { version: "^1.0.0" }, [B]: { version: "^1.0.0" } } });
    expect(await runs()).toEqual({ [A]: "1.0.0", [B]: "1.1.0" });
    await publishMore(A, "1.1.0");
    await publishMore(B, "1.2.0");
    await api.done("POST", `${path}/refresh`, { components: [A], reason: "only A" });
    expect(await runs()).toEqual({ [A]: "1.1.0", [B]: "1.1.0" });
    await api.done("POST", `${path}/refresh`, {});
    expect(await runs()).toEqual({ [A]: "1.1.0", [B]: "1.2.0" });
    await api.done("PATCH", path, { components: { [A]: null } });
    await api.done("POST", `${path}/rollback`, { revision: 2 });
    expect(await runs()).toEqual({ [A]: "1.0.0", [B]: "1.1.0" });
    expect(await stored(path)).toMatchObject({ revision: 6, change: { kind: "rollback", rolledBackTo: 2 } });
  });

  test("happen by themselves where a deployment follows publications, in the publisher's name", async () => {
    await aPublishedComponent(api, ws, APP, "1.0.0");
    const path = await aGroup("following", 1);
    await api.done("PATCH", path, { components: { [APP]: { version: "^1.0.0" } }, autoUpdate: true });
    const still = await aGroup("still", 1);
    await api.done("PATCH", still, { components: { [APP]: { version: "^1.0.0" } } });
    await publishMore(APP, "1.1.0");
    await until(async () => (await reaching("following-0"))[0]?.[APP] === "1.1.0", { what: "the new version" });
    expect(await stored(path)).toMatchObject({ revision: 3, change: { kind: "auto-update" } });
    const { body } = await expecting(200, api.call("GET", `${path}/revisions/3`));
    expect(body.requestedBy).toBe("ann");
    const { items } = (await expecting(200, api.call<{ items: { operation: string }[] }>("GET", `${ws}/audit`))).body;
    expect(items.filter(({ operation }) => operation === "deployment.updated")).toMatchObject([
      {
        actor: "system",
        object: { type: "deployment" },
        intent: expect.stringMatching(/^int_/),
        changes: [{ type: "deployment", before: { catalogue: expect.any(Number) }, after: {} }],
      },
    ]);
    expect(await reaching("still-0")).toEqual([{ [APP]: "1.0.0" }]);
    await publishMore(A, "7.0.0"); // what it does not have moves nothing
    await api.done("POST", `${path}/rollback`, { revision: 2 });
    expect(await stored(path)).toMatchObject({ revision: 4, autoUpdate: false });
    expect(await reaching("following-0")).toEqual([{ [APP]: "1.0.0" }]);
  });
});

describe("a node's own deployment", () => {
  test("overrides its groups' for this node alone, until it is lifted; its revisions stay", async () => {
    const group = await aGroup("fleet", 2);
    await api.done("PATCH", group, { components: { [A]: { version: "1.0.0" }, [B]: { version: "1.0.0" } } });
    const own = `${ws}/nodes/fleet-0/deployment`;
    await api.done("PATCH", own, { components: { [A]: { version: "1.1.0" } }, reason: "try it here" });
    expect(await reaching("fleet-0")).toEqual([{ [A]: "1.1.0", [B]: "1.0.0" }]);
    expect(await reaching("fleet-1")).toEqual([{ [A]: "1.0.0", [B]: "1.0.0" }]);
    await api.done("PATCH", group, { components: { [B]: { version: "1.1.0" } } });
    expect(await reaching("fleet-0")).toEqual([{ [A]: "1.1.0", [B]: "1.1.0" }]);
    await api.done("DELETE", own);
    expect(await reaching("fleet-0")).toEqual([{ [A]: "1.0.0", [B]: "1.1.0" }]);
    expect((await api.call("GET", own)).status).toBe(404);
    await api.done("POST", `${own}/rollback`, { revision: 1 });
    expect(await reaching("fleet-0")).toEqual([{ [A]: "1.1.0", [B]: "1.1.0" }]);
    const { body } = await api.call<{ items: { revision: number; change: { kind: string } }[] }>(
      "GET",
      `${own}/revisions`,
    );
    expect(body.items.map(({ revision, change: { kind } }) => [revision, kind])).toEqual([
      [3, "rollback"],
      [2, "delete"],
      [1, "patch"],
    ]);
    const { id } = (await api.call<{ id: string }>("GET", `${ws}/nodes/fleet-0`)).body;
    const cells = Object.values(await cloud.items()).filter(
      ({ type, targets }) => type === "cell" && (targets as string[]).includes(id),
    );
    expect(cells.map(({ nodes }) => nodes)).toEqual([1]);
  });

  test("keeps every one of many edits at once, also of those that would make it", async () => {
    const names = range(8).map((at) => `com.example.own.C${at}`);
    for (const name of names) await aPublishedComponent(api, ws, name);
    await api.done("POST", `${ws}/nodes`, { name: "busy" });
    const own = `${ws}/nodes/busy/deployment`;
    const answers = await Promise.all(
      names.map((name) =>
        api.call<IntentBody>("PATCH", own, { body: { components: { [name]: { version: "1.0.0" } } } }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 202));
    for (const { body } of answers) expect((await api.ended(body.id)).status).toBe("succeeded");
    expect(Object.keys((await stored(own)).components)).toEqual(names);
    expect((await stored(own)).revision).toBe(names.length);
    expect(await reaching("busy")).toEqual([Object.fromEntries(names.map((name) => [name, "1.0.0"]))]);
  });

  test("goes with its node, and all of its revisions", async () => {
    const { subject } = await api.done("POST", `${ws}/nodes`, { name: "going" });
    await api.done("PATCH", `${ws}/nodes/going/deployment`, { priority: 1 });
    await api.done("DELETE", `${ws}/nodes/going`);
    const left = Object.values(await cloud.items()).filter(
      ({ pk, sk, type }) => type !== "intent" && type !== "cell" && `${pk} ${sk}`.includes(subject.id),
    );
    expect(left).toEqual([]);
  });
});

describe("an edit is refused, with every party and what would help, when it would", () => {
  const refused = async (path: string, body: object) => {
    const answer = await api.call<{ code: string; errors: { rule: string; detail: string; hint: string }[] }>(
      "PATCH",
      path,
      { body },
    );
    return { status: answer.status, code: answer.body.code, errors: answer.body.errors };
  };

  test("leave two groups of equal priority in disagreement on a node", async () => {
    const [east, west] = [await aGroup("east"), await aGroup("west")];
    await api.done("POST", `${ws}/nodes`, { name: "in-both", groups: ["east", "west"] });
    await api.done("PATCH", east, { components: { [A]: { version: "1.0.0" } } });
    const wish = { components: { [A]: { version: "1.1.0" } } };
    const { status, code, errors } = await refused(west, wish);
    expect([status, code, errors[0]?.rule]).toEqual([409, "ambiguous", "ambiguous"]);
    expect(errors[0]?.detail).toMatch(/node group east \(1\.0\.0\).*node group west \(1\.1\.0\)/);
    expect(errors[0]?.hint).toMatch(/priority/);
    await api.done("PATCH", west, { ...wish, priority: 1 });
    expect(await reaching("in-both")).toEqual([{ [A]: "1.1.0" }]);
    expect((await refused(west, { priority: 0 })).code).toBe("ambiguous");
  });

  test("leave a dependency unmet, and what is met is pinned", async () => {
    await publishMore(APP, "2.0.0", { run: "true", dependencies: { [B]: ">=1.1.0" } });
    const path = await aGroup("needing", 1);
    const wish = (b: string) => ({ components: { [APP]: { version: "2.0.0" }, [B]: { version: b } } });
    const { status, code, errors } = await refused(path, wish("1.0.0"));
    expect([status, code, errors[0]?.rule]).toEqual([422, "unmet-dependency", "unmet-dependency"]);
    expect(errors[0]?.detail).toContain(`${APP} 2.0.0 (>=1.1.0)`);
    await api.done("PATCH", path, { components: { [APP]: { version: "2.0.0" } } });
    expect(await reaching("needing-0")).toEqual([{ [APP]: "2.0.0", [B]: "1.2.0" }]);
  });
});
