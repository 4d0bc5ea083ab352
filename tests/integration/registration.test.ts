import {
  AttachThingPrincipalCommand,
  DescribeCertificateCommand,
  ListThingPrincipalsCommand,
} from "@aws-sdk/client-iot";
import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { keys } from "../../shared/keys.ts";
import { tokenHash } from "../../shared/registration/token.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { newKey } from "./support/device-key.ts";
import { certificateId, registrationOf } from "./support/registration.ts";

interface Shown {
  readonly token: string;
  readonly expiresAt: string;
  readonly command: string;
}

interface NodeBody {
  readonly id: string;
  readonly thing: string;
  readonly status: string;
  readonly tokenExpiresAt?: string;
  readonly registeredAt?: string;
  readonly connection?: { readonly connected: boolean };
}

let cloud: TestCloud;
let api: ApiClient;
let workspace: { id: string; path: string };
let device: ReturnType<typeof registrationOf>;
let count = 0;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  workspace = await aWorkspace(api, "register");
  device = registrationOf(cloud);
});
afterAll(() => cloud?.remove());

/** A node that is there, and its token. */
const aNode = async (body: object = {}): Promise<{ path: string; node: NodeBody; shown: Shown }> => {
  count += 1;
  const { body: intent } = await expecting(
    202,
    api.call<{ id: string; subject: { id: string }; registration: Shown }>("POST", `${workspace.path}/nodes`, {
      body: { name: `n${count}`, ...body },
    }),
  );
  expect((await api.ended(intent.id)).status).toBe("succeeded");
  const path = `${workspace.path}/nodes/${intent.subject.id}`;
  return { path, node: (await expecting(200, api.call<NodeBody>("GET", path))).body, shown: intent.registration };
};

const certificatesOf = async (path: string) =>
  (await expecting(200, api.call<{ items: { id: string; status: string }[] }>("GET", `${path}/certificates`))).body
    .items;

/** Registers a device, whose certificate is then the node's. */
const enrol = async (path: string, token: string) => {
  const certificate = await device.enrol(token);
  expect(await certificatesOf(path)).toContainEqual(
    expect.objectContaining({ id: certificate.certificateId, status: "active" }),
  );
  return certificate;
};

describe("a token", () => {
  test("comes with the node, is shown once, and with the command to run", async () => {
    const { path, node, shown } = await aNode({ tokenExpiresInSeconds: 600 });
    expect(shown.token).toMatch(/^slw_[0-9a-z]{38}$/);
    expect(shown.command).toBe(
      `curl -fsSL ${cloud.endpoints.api}/v1/install.sh | sh -s -- --api ${cloud.endpoints.api} --token ${shown.token}`,
    );
    expect(node.tokenExpiresAt).toBe(shown.expiresAt);
    expect(Date.parse(shown.expiresAt) - Date.now()).toBeLessThanOrEqual(600_000);
    const { body } = await api.call("GET", path);
    expect(JSON.stringify([body, await cloud.items()])).not.toContain(shown.token.slice(4, 20));
  });

  test("is told of by whom and until when, while it may be used, and never shown", async () => {
    const { path, shown } = await aNode({ tokenExpiresInSeconds: 600 });
    const read = () => api.call<Record<string, unknown>>("GET", `${path}/registration-tokens`);
    const { body: first } = await expecting(200, read());
    const known = {
      status: "issued",
      createdBy: "developer",
      createdAt: expect.any(String),
      expiresAt: shown.expiresAt,
    };
    expect(first).toEqual(known);
    expect(Date.parse(shown.expiresAt) - Date.parse(String(first.createdAt))).toBe(600_000);
    const issued = api.call<{ token: string; expiresAt: string }>("POST", `${path}/registration-tokens`, { body: {} });
    const { token, expiresAt } = (await expecting(201, issued)).body;
    await device.registered(token);
    expect((await expecting(200, read())).body).toEqual({ ...known, status: "pending", expiresAt });

    const none = async () => {
      const { status, body } = await read();
      expect([status, body.code]).toEqual([404, "not-found"]);
    };
    const end = (attribute: string, value: string | number) =>
      cloud.documents.send(
        new UpdateCommand({
          TableName: cloud.tables.control,
          Key: keys.registrationToken(tokenHash(token)),
          UpdateExpression: "SET #of = :value",
          ExpressionAttributeNames: { "#of": attribute },
          ExpressionAttributeValues: { ":value": value },
        }),
      );
    await end("validUntil", new Date().toISOString());
    await none();
    await end("validUntil", expiresAt);
    await expecting(200, read());
    await end("attempts", 50);
    await none();
    await end("attempts", 1);
    await enrol(path, token);
    await none();
    await expecting(201, api.call("POST", `${path}/re-register`, { body: {} }));
    expect((await expecting(200, read())).body).toMatchObject({ status: "issued" });
    await expecting(204, api.call("DELETE", `${path}/registration-tokens`));
    await none();
  });

  test("is not told again to the same Idempotency-Key", async () => {
    const ask = () =>
      api.call<Record<string, unknown>>("POST", `${workspace.path}/nodes`, {
        body: { name: "once" },
        headers: { "idempotency-key": "one" },
      });
    const [first, again] = [await ask(), await ask()];
    expect(first.body.registration).toBeDefined();
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    const { registration: _shown, ...intent } = first.body;
    expect(again.body).toEqual(intent);
    await api.ended(String(first.body.id));
  });

  test("is exchanged for a claim, the endpoints and what to trust them by", async () => {
    const { node, shown } = await aNode();
    const body = await device.registered(shown.token);
    expect(body).toEqual({
      thing: node.thing,
      region: cloud.endpoints.region,
      runtime: "nucleus",
      claim: {
        certificatePem: expect.stringContaining("BEGIN CERTIFICATE"),
        privateKey: expect.stringContaining("PRIVATE KEY"),
        expiresAt: expect.any(String),
      },
      template: "local-slipway-node",
      roleAlias: "local-slipway-device",
      endpoints: { mqtt: expect.any(String), credentials: expect.any(String), greengrass: expect.any(String) },
      rootCa: expect.stringContaining("BEGIN CERTIFICATE"),
    });
  });

  test("that is mistyped is told at once, and counts as no try", async () => {
    const { shown } = await aNode();
    const typo = `${shown.token.slice(0, -1)}${shown.token.endsWith("0") ? "1" : "0"}`;
    const answer = await device.register(typo);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ errors: [{ pointer: "/token", rule: "token-checksum" }] });
  });

  test("of each wrong kind gets one and the same answer", async () => {
    const replaced = await aNode();
    await expecting(201, api.call("POST", `${replaced.path}/registration-tokens`, { body: {} }));
    const revoked = await aNode();
    await expecting(204, api.call("DELETE", `${revoked.path}/registration-tokens`));
    const used = await aNode();
    await enrol(used.path, used.shown.token);
    const gone = await aNode();
    await api.done("DELETE", gone.path);
    const never = (await aNode()).shown.token;
    await expecting(204, api.call("DELETE", `${workspace.path}/nodes/n${count}/registration-tokens`));
    const answers = await Promise.all(
      [replaced.shown.token, revoked.shown.token, used.shown.token, gone.shown.token, never].map(async (token) => {
        const answer = await device.register(token);
        return [answer.status, await answer.text()];
      }),
    );
    expect(new Set(answers.map(String)).size).toBe(1);
    expect(answers[0]?.[0]).toBe(401);
  });

  test("is tried 20 times a minute at most", async () => {
    const { shown } = await aNode();
    const statuses: number[] = [];
    for (let i = 0; i < 25; i += 1) statuses.push((await device.register(shown.token)).status);
    expect(statuses).toContain(429);
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(40);
  });

  test.each([
    { body: { expiresInSeconds: 299 }, pointer: "/expiresInSeconds" },
    { body: { expiresInSeconds: 2_592_001 }, pointer: "/expiresInSeconds" },
    { body: { lifetime: 600 }, pointer: "/lifetime" },
  ])("with a life of $body is refused", async ({ body, pointer }) => {
    const { path } = await aNode();
    const answer = await api.call("POST", `${path}/registration-tokens`, { body });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
  });
});

describe("the hook", () => {
  const attacks: readonly [string, () => Promise<unknown>][] = [
    [
      "a claim without a token",
      async () => {
        const { shown } = await aNode();
        const { claim } = await device.registered(shown.token);
        return device.hook(certificateId(claim.certificatePem), await device.aCertificate(), {});
      },
    ],
    [
      "a claim with the token of another node",
      async () => {
        const [one, other] = [await aNode(), await aNode()];
        const { claim } = await device.registered(one.shown.token);
        await device.registered(other.shown.token);
        return device.hook(certificateId(claim.certificatePem), await device.aCertificate(), {
          Token: other.shown.token,
        });
      },
    ],
    [
      "a claim that names another node",
      async () => {
        const [one, other] = [await aNode(), await aNode()];
        const { claim } = await device.registered(one.shown.token);
        return device.hook(certificateId(claim.certificatePem), await device.aCertificate(), {
          ThingName: other.node.thing,
        });
      },
    ],
    [
      "a token that was never shown",
      async () => {
        const { shown } = await aNode();
        return device.hook("0".repeat(64), await device.aCertificate(), { Token: shown.token });
      },
    ],
    [
      "a token that is bound to another key",
      async () => {
        const { shown } = await aNode();
        const { claim } = await device.registered(shown.token);
        const id = certificateId(claim.certificatePem);
        expect(await device.hook(id, await device.aCertificate(), { Token: shown.token })).toMatchObject({
          allowProvisioning: true,
        });
        return device.hook(id, await device.aCertificate(), { Token: shown.token });
      },
    ],
    [
      "a token that is used",
      async () => {
        const { path, node, shown } = await aNode();
        const { claim } = await device.registered(shown.token);
        const key = newKey();
        const id = certificateId(claim.certificatePem);
        const certificate = await device.aCertificate(key);
        await device.hook(id, certificate, { Token: shown.token });
        await device.connect(node.thing, certificate.certificateId);
        expect(await certificatesOf(path)).toHaveLength(1);
        return device.hook(id, await device.aCertificate(key), { Token: shown.token });
      },
    ],
    [
      "a node's name with another node's certificate",
      async () => {
        const [one, other] = [await aNode(), await aNode()];
        const { certificateId: own } = await enrol(one.path, one.shown.token);
        return device.hook(own, await device.aCertificate(), { ThingName: other.node.thing });
      },
    ],
    [
      "parameters without any sense",
      async () => device.hook("x", await device.aCertificate(), { Token: "x", ThingName: "y" }),
    ],
    [
      "a certificate that is none",
      async () => {
        const { shown } = await aNode();
        const { claim } = await device.registered(shown.token);
        const certificate = { certificateId: "1", certificatePem: "nonsense" };
        return device.hook(certificateId(claim.certificatePem), certificate, { Token: shown.token });
      },
    ],
  ];

  test.each(attacks)("refuses %s", async (_, attack) => {
    const answer = await attack();
    expect(answer).toEqual({ allowProvisioning: false });
  });

  test("forces the thing and the policy, whatever else the device says", async () => {
    const { node, shown } = await aNode();
    const { claim } = await device.registered(shown.token);
    const parameters = { Token: shown.token, ThingName: "mine", PolicyName: "admin", ThingGroup: "all" };
    expect(await device.hook(certificateId(claim.certificatePem), await device.aCertificate(), parameters)).toEqual({
      allowProvisioning: true,
      parameterOverrides: { ThingName: node.thing, PolicyName: `local-${workspace.id}-device` },
    });
  });

  test("lets the same key come again, and the first connection revokes the certificate that got lost", async () => {
    const { path, node, shown } = await aNode();
    const { claim } = await device.registered(shown.token);
    const key = newKey();
    const id = certificateId(claim.certificatePem);
    const lost = await device.aCertificate(key);
    await device.hook(id, lost, { Token: shown.token });
    const kept = await device.aCertificate(key);
    expect(await device.hook(id, kept, { Token: shown.token })).toMatchObject({
      parameterOverrides: { ThingName: node.thing },
    });
    await device.connect(node.thing, kept.certificateId);
    await until(async () => (await certificatesOf(path)).some(({ status }) => status === "revoked"), {
      what: "the certificate that got lost to be revoked",
    });
    expect((await certificatesOf(path)).map(({ status }) => status).sort()).toEqual(["active", "revoked"]);
    await expect(cloud.iot.send(new DescribeCertificateCommand({ certificateId: lost.certificateId }))).rejects.toThrow(
      /does not exist/,
    );
    expect((await device.register(shown.token)).status).toBe(401);
  });
});

describe("a registered node", () => {
  test("gets another certificate over its own connection, and keeps the first until that connects", async () => {
    const { path, node, shown } = await aNode();
    const first = await enrol(path, shown.token);
    const second = await device.aCertificate();
    expect(await device.hook(first.certificateId, second, { ThingName: node.thing })).toMatchObject({
      allowProvisioning: true,
      parameterOverrides: { ThingName: node.thing },
    });
    expect((await certificatesOf(path)).find(({ id }) => id === first.certificateId)?.status).toBe("active");
    await device.connect(node.thing, second.certificateId);
    await until(
      async () => (await certificatesOf(path)).find(({ id }) => id === first.certificateId)?.status === "revoked",
      { what: "the first certificate to be revoked" },
    );
    expect(await device.hook(first.certificateId, await device.aCertificate(), { ThingName: node.thing })).toEqual({
      allowProvisioning: false,
    });
  });

  test("is replaced by another device that has a token for it, and keeps its name", async () => {
    const { path, node, shown } = await aNode();
    await enrol(path, shown.token);
    expect((await api.call("POST", `${path}/registration-tokens`, { body: {} })).status).toBe(409);
    const { body } = await expecting(201, api.call<Shown>("POST", `${path}/re-register`, { body: {} }));
    const second = await enrol(path, body.token);
    const after = (await expecting(200, api.call<NodeBody>("GET", path))).body;
    expect(after).toMatchObject({ id: node.id, thing: node.thing });
    await until(async () => (await certificatesOf(path)).filter(({ status }) => status === "revoked").length === 1, {
      what: "the old device's certificate to be revoked",
    });
    const { principals } = await cloud.iot.send(new ListThingPrincipalsCommand({ thingName: node.thing }));
    expect(principals).toEqual([second.certificateArn]);
  });

  test("may be replaced though its device renews its certificate while the other one registers", async () => {
    const { path, node, shown } = await aNode();
    const first = await enrol(path, shown.token);
    const { body } = await expecting(201, api.call<Shown>("POST", `${path}/re-register`, { body: {} }));
    const { claim } = await device.registered(body.token);
    const replacement = await device.aCertificate();
    await device.hook(certificateId(claim.certificatePem), replacement, { Token: body.token });
    const renewed = await device.aCertificate();
    await device.hook(first.certificateId, renewed, { ThingName: node.thing });
    await device.connect(node.thing, renewed.certificateId);
    const statusOf = async ({ certificateId: id }: { certificateId: string }) =>
      (await certificatesOf(path)).find((one) => one.id === id)?.status;
    await until(async () => (await statusOf(first)) === "revoked", { what: "the former certificate to be revoked" });
    expect([await statusOf(renewed), await statusOf(replacement)]).toEqual(["active", "pending"]);
    // As after an answer that got lost.
    expect((await device.register(body.token)).status).toBe(200);
    await device.connect(node.thing, replacement.certificateId);
    await until(async () => (await statusOf(renewed)) === "revoked", { what: "the old device's to be revoked" });
    expect(await statusOf(replacement)).toBe("active");
    expect((await device.register(body.token)).status).toBe(401);
    const stored = Object.values(await cloud.items()).find(({ type, id }) => type === "node" && id === node.id);
    expect(stored).toMatchObject({ registrations: 1 });
  });

  test("tells when it is connected", async () => {
    const { path, node, shown } = await aNode();
    const { certificateId: id } = await enrol(path, shown.token);
    const connection = async () => (await api.call<NodeBody>("GET", path)).body.connection?.connected;
    expect(await connection()).toBe(true);
    await device.connect(`${node.thing}#2`, id, "disconnected"); // another client of the same device
    expect(await connection()).toBe(true);
    await device.connect(node.thing, id, "disconnected");
    expect(await connection()).toBe(false);
  });

  test("is connected if the last event says so, though an earlier one is noted in between", async () => {
    const { path, node } = await aNode();
    const control = controlOf(cloud.endpoints);
    const event = (eventType: string, timestamp: number) =>
      control.invoke("presence", { clientId: node.thing, timestamp, eventType, principalIdentifier: "unknown" });
    // The later event has read the node, and writes after the earlier one.
    await control.fault({ operation: "dynamodb:UpdateItem", kind: "latency", milliseconds: 2_000 });
    const later = event("connected", 2_000);
    await until(async () => (await control.faults()).some(({ struck }) => struck > 0), { what: "the write" });
    await control.disarm();
    await event("disconnected", 1_000);
    await later;
    const { connection } = (await expecting(200, api.call<NodeBody>("GET", path))).body;
    expect(connection).toEqual({ connected: true, since: new Date(2_000).toISOString() });
  });

  test("loses a certificate that is revoked by hand", async () => {
    const { path, shown } = await aNode();
    const { certificateId: id } = await enrol(path, shown.token);
    await api.done("DELETE", `${path}/certificates/${id}`);
    expect(await certificatesOf(path)).toMatchObject([{ id, status: "revoked" }]);
    expect((await api.call("DELETE", `${path}/certificates/${id}`)).status).toBe(409);
    expect((await api.call("DELETE", `${path}/certificates/${"0".repeat(64)}`)).status).toBe(404);
  });

  test.each(["shown", "bound", "attached"])(
    "is deleted whole while a device registers as it: its token is %s",
    async (how) => {
      const { path, node, shown } = await aNode();
      const { claim } = await device.registered(shown.token);
      const certificate = await device.aCertificate();
      if (how !== "shown") {
        const answer = await device.hook(certificateId(claim.certificatePem), certificate, { Token: shown.token });
        expect(answer).toMatchObject({ allowProvisioning: true });
      }
      if (how === "attached") {
        const { certificateArn: principal } = certificate;
        await cloud.iot.send(new AttachThingPrincipalCommand({ thingName: node.thing, principal }));
      }
      await api.done("DELETE", path);
      expect((await device.register(shown.token)).status).toBe(401);
      expect(await device.hook(certificateId(claim.certificatePem), certificate, { Token: shown.token })).toEqual({
        allowProvisioning: false,
      });
      const kept = cloud.iot.send(new DescribeCertificateCommand({ certificateId: certificate.certificateId }));
      if (how === "shown")
        await kept; // nobody knows yet whose it would be
      else await expect(kept).rejects.toThrow(/does not exist/);
    },
  );

  test("takes its certificates with it when it is deleted", async () => {
    const { path, node, shown } = await aNode();
    const { certificateId: id } = await enrol(path, shown.token);
    const { claim } = await device.registered(
      (await api.call<Shown>("POST", `${path}/re-register`, { body: {} })).body.token,
    );
    expect(claim).toBeDefined();
    await api.done("DELETE", path);
    await expect(cloud.iot.send(new DescribeCertificateCommand({ certificateId: id }))).rejects.toThrow();
    const left = Object.keys(await cloud.items()).filter((key) => key.includes(node.id) && !key.includes("int_"));
    expect(left).toEqual([]);
  });
});
