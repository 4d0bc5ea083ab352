import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { permits } from "../../../local/iot/device-principals.ts";
import { until } from "../until.ts";
import { ACCOUNT, ACME, type Answer, type Device, LAG_MS, OTHER, REGION, startWorld, type World } from "./world.ts";

let world: World;
let device: Device;
beforeAll(async () => {
  world = await startWorld();
  device = await world.newDevice();
});
beforeEach(() => world.faults.disarm());
afterAll(() => world?.close());

const FORBIDDEN = {
  status: 403,
  code: "ForbiddenException",
  body: { message: "Forbidden", traceId: expect.any(String) },
};

const get = (path: string, { cert, key }: Device = device): Promise<Answer> =>
  world.ask("dataPlane", path, { cert, key });
const groupsOf = (thing: string, by: Device = device, query = ""): Promise<Answer> =>
  get(`/greengrass/v2/coreDevices/${thing}/thingGroups${query}`, by);

const greengrassArn = (resource: string, account = ACCOUNT) => `arn:aws:greengrass:${REGION}:${account}:${resource}`;
const groupArn = (name: string) => `arn:aws:iot:${REGION}:${ACCOUNT}:thinggroup/${name}`;
const allow = (action: string, Resource: string | string[]) => ({
  Effect: "Allow",
  Action: `greengrass:${action}`,
  Resource,
});

describe("the groups of a core device", () => {
  const join = async (thingName: string, ...path: string[]) => {
    let parentGroupName: string | undefined;
    for (const thingGroupName of path) {
      await world.iot.createThingGroup({ thingGroupName, ...(parentGroupName !== undefined && { parentGroupName }) });
      parentGroupName = thingGroupName;
    }
    await world.iot.addThingToThingGroup({ thingGroupName: String(parentGroupName), thingName });
  };

  test("are none for a thing in none", async () => {
    const alone = await world.newDevice();
    expect(await groupsOf(alone.thing, alone)).toEqual({ status: 200, code: undefined, body: { thingGroups: [] } });
  });

  test("have those above them, from the root, and are seen when the lag is over", async () => {
    const member = await world.newDevice();
    await join(member.thing, "flat");
    await join(member.thing, "root", "middle", "leaf");
    expect((await groupsOf(member.thing, member)).body).toEqual({ thingGroups: [] });
    world.clock.advance(LAG_MS);
    const named = (name: string) => ({ thingGroupName: name, thingGroupArn: groupArn(name) });
    expect((await groupsOf(member.thing, member)).body).toEqual({
      thingGroups: [
        { ...named("flat"), rootToParentThingGroups: [] },
        { ...named("leaf"), rootToParentThingGroups: [named("root"), named("middle")] },
      ],
    });
  });

  test("have no second page", async () => {
    expect(await groupsOf(device.thing, device, "?nextToken=more")).toMatchObject({
      status: 400,
      code: "ValidationException",
    });
    expect(await groupsOf(device.thing, device, "?maxResults=5")).toMatchObject({ status: 200 });
  });

  test.each<[what: string, ask: () => Promise<Answer>]>([
    ["another device of its workspace", async () => groupsOf((await world.newDevice()).thing)],
    ["another workspace's device", async () => groupsOf((await world.newDevice({ workspace: OTHER })).thing)],
    ["a thing that there is not", () => groupsOf("never-made")],
    ["a wildcard", () => groupsOf("*")],
    ["no name", () => groupsOf("")],
    ["its name behind dots", () => groupsOf(`x%2F..%2F${device.thing}`)],
    ["its name with a null behind", () => groupsOf(`${device.thing}%00`)],
    ["another with its own behind", async () => groupsOf(`${(await world.newDevice()).thing}%2F${device.thing}`)],
    [
      "another, though its policy allows all",
      async () => {
        const all = await world.newPolicy({ Effect: "Allow", Action: "greengrass:*", Resource: "*" });
        return groupsOf(device.thing, await world.newDevice({ policies: [all] }));
      },
    ],
    [
      "its own, when its policy is another workspace's",
      async () => {
        const { thing, ...certificate } = await world.newDevice({ workspace: OTHER });
        const strayed = await world.newDevice({ certificate, policies: [], workspace: ACME });
        return groupsOf(strayed.thing, strayed);
      },
    ],
    [
      "its own, by a variable that the data plane does not know",
      async () => {
        const Resource = greengrassArn("coreDevices:${iot:Connection.Thing.ThingName}");
        const varied = await world.newPolicy(allow("ListThingGroupsForCoreDevice", Resource));
        const one = await world.newDevice({ policies: [varied] });
        return groupsOf(one.thing, one);
      },
    ],
  ])("are not told of %s", async (_, ask) => {
    expect(await ask()).toEqual(FORBIDDEN);
  });

  test.each(["NotAction", "NotResource"])(
    "are not guessed of a policy with %s, which is not evaluated here",
    (element) => {
      const statement = { Effect: "Allow", Action: "*", Resource: "*", [element]: "*" };
      const policies = [JSON.stringify({ Version: "2012-10-17", Statement: statement })];
      const principal = {
        certificateId: "",
        status: "ACTIVE",
        validFrom: 0,
        validTo: 0,
        things: [],
        policies,
      } as const;
      expect(() => permits(principal, "greengrass:Any", "*")).toThrow("NotAction and NotResource");
    },
  );

  test("are InternalServerException with such a policy", async () => {
    const policyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", NotAction: "iot:Connect", Resource: "*" },
    });
    await world.iot.createPolicy({ policyName: "of-not-actions", policyDocument });
    const one = await world.newDevice({ policies: ["of-not-actions"] });
    expect(await groupsOf(one.thing, one)).toMatchObject({ status: 500, code: "InternalServerException" });
  });
});

const LINUX = { name: "linux", attributes: { os: "linux", architecture: "amd64" } };
const LITE = { name: "linux", attributes: { ...LINUX.attributes, runtime: "aws_nucleus_lite" } };

describe("component versions", () => {
  const publish = async (name: string, version: string, platform: object = { os: "linux" }, ...uris: string[]) => {
    const recipe = {
      RecipeFormatVersion: "2020-01-25",
      ComponentName: name,
      ComponentVersion: version,
      Manifests: [{ Platform: platform, Artifacts: uris.map((Uri) => ({ Uri })) }],
    };
    const inlineRecipe = new TextEncoder().encode(JSON.stringify(recipe));
    const { arn = "" } = await world.greengrass.createComponentVersion({ inlineRecipe });
    await until(
      async () => (await world.greengrass.describeComponent({ arn })).status?.componentState === "DEPLOYABLE",
    );
    return arn;
  };

  beforeAll(async () => {
    await publish("com.example.app", "1.0.0");
    await publish("com.example.app", "1.2.0", { os: "linux", runtime: "*" });
    await publish("com.example.app", "1.3.0", { os: "windows" });
    await publish("com.example.app", "2.0.0");
  });

  const send = (body: string, { cert, key }: Device = device): Promise<Answer> =>
    world.ask("dataPlane", "/greengrass/v2/resolveComponentCandidates", { method: "POST", body, cert, key });
  const candidate = (versionRequirements: Record<string, string>, componentName = "com.example.app", more = {}) => ({
    componentName,
    versionRequirements,
    ...more,
  });
  const resolve = (componentCandidates: unknown, platform: object = LINUX, by?: Device) =>
    send(JSON.stringify({ platform, componentCandidates }), by);
  const versions = ({ body }: Answer) =>
    (body.resolvedComponentVersions as { componentVersion: string }[] | undefined)?.map((one) => one.componentVersion);

  test("come with their recipe, in base64", async () => {
    const { status, body } = await resolve([candidate({ "thinggroup/one": "1.0.0" })]);
    const [found] = body.resolvedComponentVersions as { recipe: string }[];
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        resolvedComponentVersions: [
          {
            arn: greengrassArn("components:com.example.app:versions:1.0.0"),
            componentName: "com.example.app",
            componentVersion: "1.0.0",
            recipe: expect.any(String),
            vendorGuidance: "ACTIVE",
          },
        ],
      },
    });
    expect(JSON.parse(Buffer.from(String(found?.recipe), "base64").toString())).toMatchObject({
      ComponentName: "com.example.app",
      ComponentVersion: "1.0.0",
    });
  });

  test.each<[what: string, candidates: unknown, platform: object, expected: string[]]>([
    ["the highest that all want", [candidate({ a: ">=1.0.0", b: "<2.0.0" })], LINUX, ["1.2.0"]],
    ["the highest for the platform", [candidate({ a: "^1.0.0" })], LINUX, ["1.2.0"]],
    ["the highest for the runtime", [candidate({ a: ">=1.0.0" })], LITE, ["1.2.0"]],
    ["what the device has", [candidate({ a: "^1.0.0" }, undefined, { componentVersion: "1.0.0" })], LINUX, ["1.0.0"]],
    [
      "a null for what is not given",
      [candidate({ a: "^1.0.0" }, undefined, { componentVersion: null })],
      LINUX,
      ["1.2.0"],
    ],
    ["nothing wanted", [candidate({})], LINUX, ["2.0.0"]],
    ["a public component", [candidate({ a: ">=2.0.0" }, "aws.greengrass.TokenExchangeService")], LITE, ["2.0.3"]],
    ["each candidate", [candidate({ a: "1.0.0" }), candidate({ a: "2.0.0" })], LINUX, ["1.0.0", "2.0.0"]],
    ["no candidates", [], LINUX, []],
    ["nulls alone", [null], LINUX, []],
  ])("are resolved: %s", async (_, candidates, platform, expected) => {
    const answer = await resolve(candidates, platform);
    expect([answer.status, versions(answer)]).toEqual([200, expected]);
  });

  const NONE = { status: 404, code: "ResourceNotFoundException" };
  test.each<[what: string, candidates: unknown, expected: object]>([
    ["requirements that conflict", [candidate({ a: "<2.0.0", b: ">=2.0.0" })], NONE],
    ["a component that there is not", [candidate({ a: "1.0.0" }, "com.example.none")], NONE],
    ["a public one that is not in the sample", [candidate({ a: "1.0.0" }, "aws.greengrass.None")], NONE],
    ["no manifest for the platform", [candidate({ a: "1.3.0" })], NONE],
    ["one that resolves and one that does not", [candidate({ a: "1.0.0" }), candidate({ a: "9.0.0" })], NONE],
    ["what is no range", [candidate({ a: "newest" })], { status: 400, code: "ValidationException" }],
    ["a candidate without a name", [{ versionRequirements: {} }], { status: 400, code: "ValidationException" }],
    ["no list", {}, { status: 400, code: "SerializationException" }],
    ["text for requirements", [candidate("1.0.0" as never)], { status: 400, code: "SerializationException" }],
  ])("are not: %s", async (_, candidates, expected) => {
    expect(await resolve(candidates)).toMatchObject(expected);
  });

  test.each(["", "{", '"text"', "[1]"])("are not of a body like %j", async (body) => {
    expect(await send(body)).toMatchObject({ status: 400, code: "SerializationException" });
  });

  test("are not of a body past the limit", async () => {
    const answer = await send(JSON.stringify("x".repeat(1024 ** 2)));
    expect(answer).toMatchObject({ status: 413, code: "RequestEntityTooLargeException" });
  });

  describe("of a device with a policy for one component alone", () => {
    let bound: Device;
    beforeAll(async () => {
      const Resource = greengrassArn("components:com.example.app:versions:*");
      const actions = ["ResolveComponentCandidates", "GetComponentVersionArtifact"];
      bound = await world.newDevice({
        policies: [await world.newPolicy(...actions.map((action) => allow(action, Resource)))],
      });
    });

    test.each<[what: string, candidates: unknown, status: number]>([
      ["that one", [candidate({ a: "1.0.0" })], 200],
      ["a version that it has not", [candidate({ a: "9.0.0" })], 404],
      ["another that there is not", [candidate({ a: "1.0.0" }, "com.example.none")], 403],
      ["a public one", [candidate({ a: ">=0.0.0" }, "aws.greengrass.Nucleus")], 403],
      ["that one and another", [candidate({ a: "1.0.0" }), candidate({ a: "1.0.0" }, "com.example.none")], 403],
    ])("%s", async (_, candidates, status) => {
      expect(await resolve(candidates, LINUX, bound)).toMatchObject({ status });
    });
  });

  describe("their artifacts", () => {
    let arn: string;
    beforeAll(async () => {
      arn = await publish("com.example.files", "1.0.0", { os: "linux" }, `s3://${ACME.bucket}/dist/hello.sh`);
    });
    const artifact = (componentVersion: string, name: string, by = device) =>
      get(`/greengrass/v2/components/${componentVersion}/artifacts/${name}`, by);
    const NO_ARTIFACT = { status: 404, code: "ResourceNotFoundException", body: { resourceType: "COMPONENT" } };

    test.each<[what: string, ask: () => Promise<Answer>, expected: object]>([
      ["in S3, by name", () => artifact(arn, "hello.sh"), NO_ARTIFACT],
      ["in S3, by place", () => artifact(arn, `${ACME.bucket}/dist/hello.sh`), NO_ARTIFACT],
      ["in S3, by an encoded place", () => artifact(arn, `${ACME.bucket}%2Fdist%2Fhello.sh`), NO_ARTIFACT],
      ["in S3, by an encoded ARN", () => artifact(encodeURIComponent(arn), "hello.sh"), NO_ARTIFACT],
      ["of another bucket", () => artifact(arn, `${OTHER.bucket}/dist/hello.sh`), NO_ARTIFACT],
      ["behind dots", () => artifact(arn, "../../../coreDevices/x/thingGroups"), NO_ARTIFACT],
      ["behind encoded dots", () => artifact(arn, "%2e%2e%2f%2e%2e%2fetc%2fpasswd"), NO_ARTIFACT],
      ["of no name", () => artifact(arn, ""), NO_ARTIFACT],
      ["of a version that there is not", () => artifact(`${arn}1`, "hello.sh"), NO_ARTIFACT],
      [
        "of a public component",
        () => artifact(greengrassArn("components:aws.greengrass.Nucleus:versions:2.16.0", "aws"), "nucleus.zip"),
        NO_ARTIFACT,
      ],
      ["of another account", () => artifact(arn.replace(ACCOUNT, "210987654321"), "hello.sh"), FORBIDDEN],
      ["of no ARN", () => artifact("*", "hello.sh"), FORBIDDEN],
      [
        "of a device without a policy",
        async () => artifact(arn, "x", await world.newDevice({ policies: [] })),
        FORBIDDEN,
      ],
    ])("%s", async (_, ask, expected) => {
      expect(await ask()).toMatchObject(expected);
    });
  });
});

test.each([
  ["GET", "/greengrass/v2/deployments"],
  ["GET", "/greengrass/v2/coreDevices"],
  ["GET", "/greengrass/v2/coreDevices/thing/thingGroups/more"],
  ["POST", "/greengrass/v2/coreDevices/thing/thingGroups"],
  ["GET", "/greengrass/v2/resolveComponentCandidates"],
  ["GET", "/greengrass/discover/thing/thing"],
  ["POST", "/topics/some/topic"],
  ["GET", "/things/thing/shadow"],
  ["GET", "/"],
])("%s %s is not emulated, and says so", async (method, path) => {
  const answer = await world.ask("dataPlane", path, { method, cert: device.cert, key: device.key });
  expect(answer).toMatchObject({ status: 501, code: "NotImplemented" });
});

test("a path that cannot be decoded is refused", async () => {
  expect(await groupsOf("%")).toMatchObject({ status: 400, code: "SerializationException" });
});

describe("the test mode", () => {
  const operation = "greengrass:ListThingGroupsForCoreDevice";
  test.each([
    ["throttling", { status: 429, code: "ThrottlingException" }],
    ["server-error", { status: 500, code: "InternalServerException" }],
  ] as const)("makes it fail by %s", async (kind, expected) => {
    world.faults.arm({ operation, kind, times: 1 });
    expect(await groupsOf(device.thing)).toMatchObject(expected);
    expect(await groupsOf(device.thing)).toMatchObject({ status: 200 });
  });

  test("resets connections", async () => {
    world.faults.arm({ operation, kind: "reset", times: 1 });
    await expect(groupsOf(device.thing)).rejects.toMatchObject({ code: "ECONNRESET" });
  });
});
