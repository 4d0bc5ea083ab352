import { readFileSync } from "node:fs";
import {
  ListCertificatesCommand,
  ListThingGroupsForThingCommand,
  ListThingPrincipalsCommand,
  ListThingsCommand,
} from "@aws-sdk/client-iot";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { until } from "../local/until.ts";
import { type BoxIdentity, boxesOf } from "./support/box.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { registrationOf } from "./support/registration.ts";

/** Each thing that somebody might try, over the wires that devices have, and what comes of it: nothing. */
let cloud: TestCloud;
let api: ApiClient;
let box: ReturnType<typeof boxesOf>;
/** A workspace with a registered node, and another one with another. */
let mine: { path: string; bucket: string; node: string; identity: BoxIdentity & { template: string } };
let theirs: typeof mine;
let count = 0;

const aNode = async (workspace: string): Promise<{ path: string; token: string; thing: string }> => {
  count += 1;
  const { body } = await expecting(
    202,
    api.call<{ id: string; subject: { href: string }; registration: { token: string } }>("POST", `${workspace}/nodes`, {
      body: { name: `n${count}` },
    }),
  );
  expect((await api.ended(body.id)).status).toBe("succeeded");
  const { thing } = (await expecting(200, api.call<{ thing: string }>("GET", body.subject.href))).body;
  return { path: body.subject.href, token: body.registration.token, thing };
};

const registeredAt = async (path: string) =>
  (await expecting(200, api.call<{ registeredAt?: string }>("GET", path))).body.registeredAt;

const aTenant = async (name: string): Promise<typeof mine> => {
  const { path } = await aWorkspace(api, name);
  const { bucket } = (await expecting(200, api.call<{ bucket: string }>("GET", path))).body;
  const node = await aNode(path);
  const identity = await box.enrol(node.token);
  await until(() => registeredAt(node.path), { what: `the node of ${name} to be registered` });
  return { path, bucket, node: node.path, identity };
};

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  box = boxesOf(cloud, readFileSync(cloud.endpoints.caFile, "utf8"));
  [mine, theirs] = [await aTenant("mine"), await aTenant("theirs")];
});
afterAll(() => cloud?.remove());

/** What an attack could leave behind: things, certificates that work, and what is attached to things. */
const state = async () => {
  const { things = [] } = await cloud.iot.send(new ListThingsCommand({}));
  const { certificates = [] } = await cloud.iot.send(new ListCertificatesCommand({ pageSize: 250 }));
  const attached = await Promise.all(
    things.map(async ({ thingName = "" }) => {
      const { principals } = await cloud.iot.send(new ListThingPrincipalsCommand({ thingName }));
      const { thingGroups } = await cloud.iot.send(new ListThingGroupsForThingCommand({ thingName }));
      return [thingName, principals, thingGroups];
    }),
  );
  return {
    attached,
    working: certificates.filter(({ status }) => status === "ACTIVE").map(({ certificateId }) => certificateId),
  };
};

describe("at registration", () => {
  const attacks: readonly [string, () => Promise<() => Promise<unknown>>][] = [
    [
      "a token that is used",
      async () => {
        const { path, token } = await aNode(mine.path);
        await box.enrol(token);
        await until(() => registeredAt(path), { what: "the first device" });
        return async () => (await registrationOf(cloud).register(token)).status;
      },
    ],
    [
      "a claim without a token",
      async () => {
        const by = await box.claim((await aNode(mine.path)).token);
        return async () => (await box.provision(by, {})).answer.rejected;
      },
    ],
    [
      "a claim that names another node",
      async () => {
        const by = await box.claim((await aNode(mine.path)).token);
        return async () => (await box.provision(by, { ThingName: theirs.identity.thing })).answer.rejected;
      },
    ],
    [
      "a claim with another workspace's token",
      async () => {
        const by = await box.claim((await aNode(mine.path)).token);
        const { token } = await aNode(theirs.path);
        await box.claim(token);
        return async () => (await box.provision(by, { Token: token })).answer.rejected;
      },
    ],
    [
      "a second key with a token that is bound to one",
      async () => {
        const { token } = await aNode(mine.path);
        const by = await box.claim(token);
        expect((await box.provision(by, { Token: token })).answer).toHaveProperty("thingName");
        return async () => (await box.provision(by, { Token: token })).answer.rejected;
      },
    ],
    [
      "another node's name with one's own certificate",
      async () => async () =>
        (await box.provision(mine.identity, { ThingName: theirs.identity.thing }, { clientId: mine.identity.thing }))
          .answer.rejected,
    ],
    [
      "a template that there is not",
      async () => {
        const { token } = await aNode(mine.path);
        const by = await box.claim(token);
        return async () => {
          const client = await box.connected(by, "box");
          // Not allowed by the claim's own policy: the connection ends, or the message is refused.
          const reason = await client
            .publish("$aws/provisioning-templates/other/provision/json", { parameters: { Token: token } })
            .catch(() => "closed");
          await client.drop();
          return reason === 0 ? undefined : reason;
        };
      },
    ],
  ];

  test.each(attacks)("%s is refused, and leaves nothing", async (_, prepare) => {
    const attack = await prepare();
    const before = await state();
    expect(await attack()).toBeTruthy();
    expect(await state()).toEqual(before);
  });

  test("parameters choose neither thing nor group nor policy", async () => {
    const { path, token, thing } = await aNode(mine.path);
    const by = await box.claim(token);
    const wishes = {
      Token: token,
      ThingName: "mine-alone",
      PolicyName: `local-${theirs.path.split("/").at(-1)}-device`,
      ThingGroup: "all",
      "AWS::IoT::Certificate::Id": theirs.identity.certificateId,
    };
    const before = await state();
    const { answer, identity } = await box.provision(by, wishes);
    if (answer.rejected === undefined) expect(answer.thingName).toBe(thing);
    const after = await state();
    const others = ({ attached }: typeof after) => attached.filter(([name]) => name !== thing);
    expect(others(after)).toEqual(others(before));
    // Whatever the device is now, it is the node in its own workspace, and cannot speak for another.
    const client = await box.connect(identity, thing);
    if (client !== undefined && typeof client !== "number") {
      expect(await client.subscribe(`$aws/things/${theirs.identity.thing}/jobs/notify-next`)).not.toEqual([1]);
      await client.drop();
    }
    expect(path).toContain(mine.path);
  });
});

describe("a registered device", () => {
  const own = (what: string) => `$aws/things/${mine.identity.thing}/${what}`;
  const foreign = (what: string) => `$aws/things/${theirs.identity.thing}/${what}`;

  test("cannot connect as another, or as nobody's thing", async () => {
    for (const clientId of [theirs.identity.thing, "anything", `x${mine.identity.thing}`]) {
      const client = await box.connect(mine.identity, clientId);
      expect(client === undefined || typeof client === "number", clientId).toBe(true);
    }
  });

  test.each([
    ["publish", "jobs/$next/namespace-aws-gg-deployment/get"],
    ["publish", "shadow/name/AWSManagedGreengrassV2Deployment/update"],
    ["publish", "greengrassv2/health/json"],
    ["subscribe", "jobs/notify-next-namespace-aws-gg-deployment"],
    ["subscribe", "#"],
  ] as const)("cannot %s on another's %s", async (kind, what) => {
    const client = await box.connected(mine.identity, mine.identity.thing);
    const outcome =
      kind === "publish"
        ? await client.publish(foreign(what), {}).catch(() => "closed")
        : (await client.subscribe(foreign(what)).catch(() => ["closed"]))[0];
    expect(outcome).not.toBe(kind === "publish" ? 0 : 1);
    await client.drop();
  });

  test("can do on its own topics what it cannot on another's", async () => {
    const client = await box.connected(mine.identity, mine.identity.thing);
    expect(await client.subscribe(own("jobs/notify-next-namespace-aws-gg-deployment"))).toEqual([1]);
    expect(await client.ask(own("jobs/$next/namespace-aws-gg-deployment/get"), {})).not.toHaveProperty("rejected");
    await client.drop();
  });

  const credentialsOf = async (identity: BoxIdentity, alias = "local-slipway-device", thing = identity.thing) =>
    box.https(identity, `${cloud.endpoints.credentials}/role-aliases/${alias}/credentials`, {
      "x-amzn-iot-thingname": thing,
    });

  test("gets credentials for its own role alias and thing alone", async () => {
    expect((await credentialsOf(mine.identity)).status).toBe(200);
    expect((await credentialsOf(mine.identity, "admin")).status).toBeGreaterThanOrEqual(400);
    expect((await credentialsOf(mine.identity, "local-slipway-device", theirs.identity.thing)).status).toBe(403);
  });

  test("reads its own workspace's bucket, and no other, and writes none", async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = (
      JSON.parse((await credentialsOf(mine.identity)).body) as {
        credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string };
      }
    ).credentials;
    for (const Bucket of [mine.bucket, theirs.bucket]) {
      await cloud.s3.send(new PutObjectCommand({ Bucket, Key: "components/x", Body: Bucket }));
    }
    const { region, s3: endpoint } = cloud.endpoints;
    const credentials = { accessKeyId, secretAccessKey, sessionToken };
    const s3 = new S3Client({ region, endpoint, credentials, forcePathStyle: true });
    const read = (Bucket: string) => s3.send(new GetObjectCommand({ Bucket, Key: "components/x" }));
    expect(await (await read(mine.bucket)).Body?.transformToString()).toBe(mine.bucket);
    await expect(read(theirs.bucket)).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(
      s3.send(new PutObjectCommand({ Bucket: mine.bucket, Key: "components/y", Body: "y" })),
    ).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(read(cloud.otaBucket)).rejects.toMatchObject({ name: "AccessDenied" });
    s3.destroy();
  });

  test("sees no other core device's groups", async () => {
    const groups = (thing: string) =>
      box.https(mine.identity, `${cloud.endpoints.dataPlane}/greengrass/v2/coreDevices/${thing}/thingGroups`);
    expect((await groups(mine.identity.thing)).status).toBe(200);
    expect((await groups(theirs.identity.thing)).status).toBe(403);
  });

  test("is thrown out when its certificate is revoked, and comes in no more by any door", async () => {
    const { path, token } = await aNode(mine.path);
    const identity = await box.enrol(token);
    await until(() => registeredAt(path), { what: "the node to be registered" });
    const client = await box.connected(identity, identity.thing);
    await api.done("DELETE", `${path}/certificates/${identity.certificateId}`);
    await client.end();
    const again = await box.connect(identity, identity.thing);
    expect(again === undefined || typeof again === "number").toBe(true);
    expect((await credentialsOf(identity)).status).toBe(403);
    const groups = `${cloud.endpoints.dataPlane}/greengrass/v2/coreDevices/${identity.thing}/thingGroups`;
    expect((await box.https(identity, groups)).status).toBe(403);
  });

  test("that is deleted leaves nothing, and its certificate opens no door", async () => {
    const before = await state();
    const { path, token } = await aNode(mine.path);
    const identity = await box.enrol(token);
    await until(() => registeredAt(path), { what: "the node to be registered" });
    await api.done("DELETE", path);
    expect(await state()).toEqual(before);
    const again = await box.connect(identity, identity.thing);
    expect(again === undefined || typeof again === "number").toBe(true);
  });
});
