import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { functions } from "../../functions/declared.ts";
import { cellKey } from "../../shared/deployment/cell.ts";
import { ENVIRONMENT } from "../../shared/env.ts";
import { makeId } from "../../shared/ids.ts";
import { awsNames, ComponentName, ResourceName, WorkspaceName } from "../../shared/names.ts";
import { workflows } from "../../workflows/workflows.ts";

const LONGEST_STAGE = "s".repeat(16);
const LONGEST_WORKSPACE = "w".repeat(41);
const id = (kind: "workspace" | "node" | "node-group") => makeId(kind, new Date(), new Uint8Array(8));
const workspaceId = id("workspace");

test("the longest stage is 16 characters", () => {
  expect(ENVIRONMENT.STAGE.safeParse(LONGEST_STAGE).success).toBe(true);
  expect(ENVIRONMENT.STAGE.safeParse(`${LONGEST_STAGE}s`).success).toBe(false);
});

describe("AWS takes the names of the longest stage:", () => {
  const stage = LONGEST_STAGE;
  test.each([
    // AWS IoT API reference: CreateThing, CreateThingGroup, CreatePolicy, CreateRoleAlias, CreateProvisioningTemplate.
    { what: "thing", name: awsNames.thing(stage, workspaceId, id("node")), rule: /^[a-zA-Z0-9:_-]{1,128}$/ },
    {
      what: "node group",
      name: awsNames.nodeGroup(stage, workspaceId, id("node-group")),
      rule: /^[a-zA-Z0-9:_-]{1,128}$/,
    },
    {
      what: "cell",
      name: awsNames.cell(stage, workspaceId, cellKey([], "nucleus"), 999_999),
      rule: /^[a-zA-Z0-9:_-]{1,128}$/,
    },
    { what: "device policy", name: awsNames.devicePolicy(stage, workspaceId), rule: /^[\w+=,.@-]{1,128}$/ },
    { what: "role alias", name: awsNames.roleAlias(stage), rule: /^[\w=,@-]{1,128}$/ },
    { what: "provisioning template", name: awsNames.provisioningTemplate(stage), rule: /^[0-9A-Za-z_-]{1,36}$/ },
    // IAM: CreateRole.
    { what: "IoT logging role", name: awsNames.iotLoggingRole(stage), rule: /^[\w+=,.@-]{1,64}$/ },
    { what: "device role", name: awsNames.deviceRole(stage), rule: /^[\w+=,.@-]{1,64}$/ },
    { what: "provisioning role", name: awsNames.provisioningRole(stage), rule: /^[\w+=,.@-]{1,64}$/ },
  ])("$what", ({ name, rule }) => {
    expect(name).toMatch(rule);
    expect(name.startsWith(`${stage}-`)).toBe(true);
  });

  test("functions and state machines", () => {
    for (const name of Object.keys(functions)) expect(`${stage}-${name}`).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    for (const { name } of workflows) expect(`${stage}-${name}`).toMatch(/^[a-zA-Z0-9_-]{1,80}$/);
  });
});

test("two workspaces, nodes, groups, cells or generations never share a name", () => {
  const [one, other] = ["ws_00000000000000000001", "ws_00000000000000000002"];
  const names = [one, other].flatMap((workspace) => [
    awsNames.devicePolicy("dev", workspace),
    awsNames.thing("dev", workspace, "nod_00000000000000000001"),
    awsNames.thing("dev", workspace, "nod_00000000000000000002"),
    awsNames.nodeGroup("dev", workspace, "grp_00000000000000000001"),
    awsNames.cell("dev", workspace, "0000000000000001", 1),
    awsNames.cell("dev", workspace, "0000000000000001", 11),
    awsNames.cell("dev", workspace, "0000000000000011", 1),
  ]);
  expect(new Set(names).size).toBe(names.length);
});

describe("a bucket's name", () => {
  /** Amazon S3 user guide, "General purpose bucket naming rules". */
  const isBucketName = (name: string) =>
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes("..") &&
    !/^(xn--|sthree-|amzn-s3-demo-)/.test(name) &&
    !/(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name);

  test("has 63 characters for the longest workspace name", () => {
    expect(awsNames.bucket("abc", LONGEST_WORKSPACE)).toHaveLength(63);
  });

  test("is valid for every workspace name, and for a thing type too, which has the same", () => {
    const lawful = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,39}[a-z0-9])?$/);
    fc.assert(
      fc.property(lawful, fc.stringMatching(/^[a-z0-9]{3}$/), (name, random) => {
        expect(WorkspaceName.safeParse(name).success).toBe(true);
        const bucket = awsNames.bucket(random, name);
        expect(isBucketName(bucket)).toBe(true);
        expect(bucket).toMatch(/^[a-zA-Z0-9:_-]{1,128}$/);
      }),
    );
  });
});

describe("a workspace's name", () => {
  test.each(["a", "7", "acme", "a-b", "a--b", LONGEST_WORKSPACE])("may be %j", (name) => {
    expect(WorkspaceName.safeParse(name).success).toBe(true);
  });
  test.each(["", "-a", "a-", "A", "a_b", "a.b", "a b", "ä", "a\n", `${LONGEST_WORKSPACE}w`])(
    "may not be %j",
    (name) => {
      expect(WorkspaceName.safeParse(name).success).toBe(false);
    },
  );
});

describe("a resource's name", () => {
  test.each(["a", "Press 1".replace(" ", "-"), "a.b_c-d", "9", "x".repeat(64), "nod_1"])("may be %j", (name) => {
    expect(ResourceName.safeParse(name).success).toBe(true);
  });
  test.each(["", "-a", ".a", "_a", "a b", "a/b", "a#b", "ä", "a\n", "x".repeat(65)])("may not be %j", (name) => {
    expect(ResourceName.safeParse(name).success).toBe(false);
  });
  test("may not look like an id, of whatever kind: things are called by either", () => {
    for (const kind of ["workspace", "node", "node-group"] as const) {
      expect(ResourceName.safeParse(id(kind)).success).toBe(false);
      expect(ComponentName.safeParse(id(kind)).success).toBe(false);
    }
  });
});

describe("a component's name", () => {
  test.each(["com.example.Hello", "a", "-", "A_b-c.9", "constructor", "x".repeat(128)])("may be %j", (name) => {
    expect(ComponentName.safeParse(name).success).toBe(true);
  });
  test.each(["", "a b", "a/b", "a:b", "ä", "a\n", "__proto__", "x".repeat(129)])("may not be %j", (name) => {
    expect(ComponentName.safeParse(name).success).toBe(false);
  });
});
