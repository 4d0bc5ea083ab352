import { createHash, X509Certificate } from "node:crypto";
import {
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  DescribeCertificateCommand,
  ListThingPrincipalsCommand,
} from "@aws-sdk/client-iot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { newKey } from "./support/device-key.ts";

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
let count = 0;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  workspace = await aWorkspace(api, "register");
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

const register = (token: unknown) =>
  fetch(`${cloud.endpoints.api}/v1/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });

const registered = async (token: string) => {
  const answer = await register(token);
  const body = (await answer.json()) as { claim: { certificatePem: string }; template: string; thing: string };
  expect(answer.status, JSON.stringify(body)).toBe(200);
  return body;
};

const certificateId = (pem: string) => createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");

/** A certificate that AWS IoT made for a key, and has not yet activated. */
const aCertificate = async (key = newKey()) => {
  const {
    certificateId: id = "",
    certificatePem = "",
    certificateArn = "",
  } = await cloud.iot.send(new CreateCertificateFromCsrCommand({ certificateSigningRequest: await (await key).csr() }));
  return { certificateId: id, certificatePem, certificateArn };
};

/** Asks the hook as AWS IoT does. */
const hook = async (
  claim: string,
  certificate: { certificateId: string; certificatePem: string },
  parameters: object,
) => {
  const answer = await controlOf(cloud.endpoints).invoke("pre-provisioning", {
    claimCertificateId: claim,
    ...certificate,
    templateArn: "arn:aws:iot:eu-west-1:123456789012:provisioningtemplate/local-slipway-node",
    clientId: "box",
    parameters,
  });
  return (answer as { payload: unknown }).payload;
};

const connect = (node: NodeBody, certificate: string, eventType = "connected", clientId = node.thing) =>
  controlOf(cloud.endpoints).invoke("presence", {
    clientId,
    timestamp: Date.now(),
    eventType,
    sessionIdentifier: "s",
    principalIdentifier: certificate,
    versionNumber: 1,
  });

const certificatesOf = async (path: string) =>
  (await expecting(200, api.call<{ items: { id: string; status: string }[] }>("GET", `${path}/certificates`))).body
    .items;

/** Registers a device up to its first connection. */
const enrol = async (path: string, node: NodeBody, token: string) => {
  const { claim } = await registered(token);
  const certificate = await aCertificate();
  expect(await hook(certificateId(claim.certificatePem), certificate, { Token: token })).toMatchObject({
    allowProvisioning: true,
  });
  // What the template does once the hook has allowed it.
  await cloud.iot.send(
    new AttachThingPrincipalCommand({ thingName: node.thing, principal: certificate.certificateArn }),
  );
  await connect(node, certificate.certificateId);
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
    const body = await registered(shown.token);
    expect(body).toEqual({
      thing: node.thing,
      region: cloud.endpoints.region,
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
    const answer = await register(typo);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ errors: [{ pointer: "/token", rule: "token-checksum" }] });
  });

  test("of each wrong kind gets one and the same answer", async () => {
    const replaced = await aNode();
    await expecting(201, api.call("POST", `${replaced.path}/registration-tokens`, { body: {} }));
    const revoked = await aNode();
    await expecting(204, api.call("DELETE", `${revoked.path}/registration-tokens`));
    const used = await aNode();
    await enrol(used.path, used.node, used.shown.token);
    const gone = await aNode();
    await api.done("DELETE", gone.path);
    const never = (await aNode()).shown.token;
    await expecting(204, api.call("DELETE", `${workspace.path}/nodes/n${count}/registration-tokens`));
    const answers = await Promise.all(
      [replaced.shown.token, revoked.shown.token, used.shown.token, gone.shown.token, never].map(async (token) => {
        const answer = await register(token);
        return [answer.status, await answer.text()];
      }),
    );
    expect(new Set(answers.map(String)).size).toBe(1);
    expect(answers[0]?.[0]).toBe(401);
  });

  test("is tried 20 times a minute at most", async () => {
    const { shown } = await aNode();
    const statuses: number[] = [];
    for (let i = 0; i < 25; i += 1) statuses.push((await register(shown.token)).status);
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
        const { claim } = await registered(shown.token);
        return hook(certificateId(claim.certificatePem), await aCertificate(), {});
      },
    ],
    [
      "a claim with the token of another node",
      async () => {
        const [one, other] = [await aNode(), await aNode()];
        const { claim } = await registered(one.shown.token);
        await registered(other.shown.token);
        return hook(certificateId(claim.certificatePem), await aCertificate(), { Token: other.shown.token });
      },
    ],
    [
      "a claim that names another node",
      async () => {
        const [one, other] = [await aNode(), await aNode()];
        const { claim } = await registered(one.shown.token);
        return hook(certificateId(claim.certificatePem), await aCertificate(), { ThingName: other.node.thing });
      },
    ],
    [
      "a token that was never shown",
      async () => {
        const { shown } = await aNode();
        return hook("0".repeat(64), await aCertificate(), { Token: shown.token });
      },
    ],
    [
      "a token that is bound to another key",
      async () => {
        const { shown } = await aNode();
        const { claim } = await registered(shown.token);
        const id = certificateId(claim.certificatePem);
        expect(await hook(id, await aCertificate(), { Token: shown.token })).toMatchObject({ allowProvisioning: true });
        return hook(id, await aCertificate(), { Token: shown.token });
      },
    ],
    [
      "a token that is used",
      async () => {
        const { path, node, shown } = await aNode();
        const { claim } = await registered(shown.token);
        const key = newKey();
        const id = certificateId(claim.certificatePem);
        const certificate = await aCertificate(key);
        await hook(id, certificate, { Token: shown.token });
        await connect(node, certificate.certificateId);
        expect(await certificatesOf(path)).toHaveLength(1);
        return hook(id, await aCertificate(key), { Token: shown.token });
      },
    ],
    [
      "a node's name with another node's certificate",
      async () => {
        const [one, other] = [await aNode(), await aNode()];
        const { certificateId: own } = await enrol(one.path, one.node, one.shown.token);
        return hook(own, await aCertificate(), { ThingName: other.node.thing });
      },
    ],
    ["parameters without any sense", async () => hook("x", await aCertificate(), { Token: "x", ThingName: "y" })],
    [
      "a certificate that is none",
      async () => {
        const { shown } = await aNode();
        const { claim } = await registered(shown.token);
        const certificate = { certificateId: "1", certificatePem: "nonsense" };
        return hook(certificateId(claim.certificatePem), certificate, { Token: shown.token });
      },
    ],
  ];

  test.each(attacks)("refuses %s", async (_, attack) => {
    const answer = await attack();
    expect(answer).toEqual({ allowProvisioning: false });
  });

  test("forces the thing and the policy, whatever else the device says", async () => {
    const { node, shown } = await aNode();
    const { claim } = await registered(shown.token);
    const parameters = { Token: shown.token, ThingName: "mine", PolicyName: "admin", ThingGroup: "all" };
    expect(await hook(certificateId(claim.certificatePem), await aCertificate(), parameters)).toEqual({
      allowProvisioning: true,
      parameterOverrides: { ThingName: node.thing, PolicyName: `local-${workspace.id}-device` },
    });
  });

  test("lets the same key come again, and the first connection revokes the certificate that got lost", async () => {
    const { path, node, shown } = await aNode();
    const { claim } = await registered(shown.token);
    const key = newKey();
    const id = certificateId(claim.certificatePem);
    const lost = await aCertificate(key);
    await hook(id, lost, { Token: shown.token });
    const kept = await aCertificate(key);
    expect(await hook(id, kept, { Token: shown.token })).toMatchObject({
      parameterOverrides: { ThingName: node.thing },
    });
    await connect(node, kept.certificateId);
    await until(async () => (await certificatesOf(path)).some(({ status }) => status === "revoked"), {
      what: "the certificate that got lost to be revoked",
    });
    expect((await certificatesOf(path)).map(({ status }) => status).sort()).toEqual(["active", "revoked"]);
    await expect(cloud.iot.send(new DescribeCertificateCommand({ certificateId: lost.certificateId }))).rejects.toThrow(
      /does not exist/,
    );
    expect((await register(shown.token)).status).toBe(401);
  });
});

describe("a registered node", () => {
  test("gets another certificate over its own connection, and keeps the first until that connects", async () => {
    const { path, node, shown } = await aNode();
    const first = await enrol(path, node, shown.token);
    const second = await aCertificate();
    expect(await hook(first.certificateId, second, { ThingName: node.thing })).toMatchObject({
      allowProvisioning: true,
      parameterOverrides: { ThingName: node.thing },
    });
    expect((await certificatesOf(path)).find(({ id }) => id === first.certificateId)?.status).toBe("active");
    await connect(node, second.certificateId);
    await until(
      async () => (await certificatesOf(path)).find(({ id }) => id === first.certificateId)?.status === "revoked",
      { what: "the first certificate to be revoked" },
    );
    expect(await hook(first.certificateId, await aCertificate(), { ThingName: node.thing })).toEqual({
      allowProvisioning: false,
    });
  });

  test("is replaced by another device that has a token for it, and keeps its name", async () => {
    const { path, node, shown } = await aNode();
    await enrol(path, node, shown.token);
    expect((await api.call("POST", `${path}/registration-tokens`, { body: {} })).status).toBe(409);
    const { body } = await expecting(201, api.call<Shown>("POST", `${path}/re-register`, { body: {} }));
    const second = await enrol(path, node, body.token);
    const after = (await expecting(200, api.call<NodeBody>("GET", path))).body;
    expect(after).toMatchObject({ id: node.id, thing: node.thing });
    await until(async () => (await certificatesOf(path)).filter(({ status }) => status === "revoked").length === 1, {
      what: "the old device's certificate to be revoked",
    });
    const { principals } = await cloud.iot.send(new ListThingPrincipalsCommand({ thingName: node.thing }));
    expect(principals).toEqual([second.certificateArn]);
  });

  test("tells when it is connected", async () => {
    const { path, node, shown } = await aNode();
    const { certificateId: id } = await enrol(path, node, shown.token);
    const connection = async () => (await api.call<NodeBody>("GET", path)).body.connection?.connected;
    expect(await connection()).toBe(true);
    await connect(node, id, "disconnected", `${node.thing}#2`); // another client of the same device
    expect(await connection()).toBe(true);
    await connect(node, id, "disconnected");
    expect(await connection()).toBe(false);
  });

  test("loses a certificate that is revoked by hand", async () => {
    const { path, node, shown } = await aNode();
    const { certificateId: id } = await enrol(path, node, shown.token);
    await api.done("DELETE", `${path}/certificates/${id}`);
    expect(await certificatesOf(path)).toMatchObject([{ id, status: "revoked" }]);
    expect((await api.call("DELETE", `${path}/certificates/${id}`)).status).toBe(409);
    expect((await api.call("DELETE", `${path}/certificates/${"0".repeat(64)}`)).status).toBe(404);
  });

  test("takes its certificates with it when it is deleted", async () => {
    const { path, node, shown } = await aNode();
    const { certificateId: id } = await enrol(path, node, shown.token);
    const { claim } = await registered((await api.call<Shown>("POST", `${path}/re-register`, { body: {} })).body.token);
    expect(claim).toBeDefined();
    await api.done("DELETE", path);
    await expect(cloud.iot.send(new DescribeCertificateCommand({ certificateId: id }))).rejects.toThrow();
    const left = Object.keys(await cloud.items()).filter((key) => key.includes(node.id) && !key.includes("int_"));
    expect(left).toEqual([]);
  });
});
