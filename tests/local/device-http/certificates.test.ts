import { type ConnectionOptions, connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Device, ROLE_ALIAS, selfSigned, startWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.close());

type Shown = Partial<Pick<Device, "cert" | "key">>;
const DAY_MS = 86_400_000;

/** One request on a connection of its own, and the session of TLS that another one can resume. */
const exchange = (to: ConnectionOptions, path: string, more: ConnectionOptions) =>
  new Promise<{ status: number; resumed: boolean; session: Buffer | undefined }>((resolve, reject) => {
    let [text, session]: [string, Buffer | undefined] = ["", undefined];
    const socket = connect({ ...to, ...more }, () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: aws\r\nConnection: close\r\n\r\n`),
    );
    socket.on("session", (data) => {
      session = data;
    });
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("error", reject);
    socket.on("end", () => resolve({ status: Number(text.split(" ")[1]), resumed: socket.isSessionReused(), session }));
  });

/** Registers a certificate that says from when to when it is valid, for a device with all that a device needs. */
const registered = async (from: number, to: number): Promise<Device> => {
  const made = await selfSigned(new Date(from), new Date(to));
  const { certificateId, certificateArn } = await world.iot.registerCertificateWithoutCA({
    certificatePem: made.cert,
    status: "ACTIVE",
  });
  return world.newDevice({
    certificate: { ...made, certificateId: String(certificateId), certificateArn: String(certificateArn) },
  });
};

const withStatus = async (newStatus: "INACTIVE" | "REVOKED"): Promise<Device> => {
  const device = await world.newDevice();
  await world.iot.updateCertificate({ certificateId: device.certificateId, newStatus });
  return device;
};

const deleted = async (): Promise<Device> => {
  const { certificateId, certificateArn, thing, ...device } = await withStatus("INACTIVE");
  await world.iot.detachThingPrincipal({ thingName: thing, principal: certificateArn });
  await world.iot.deleteCertificate({ certificateId, forceDelete: true });
  return { certificateId, certificateArn, thing, ...device };
};

const ports = [
  {
    port: "dataPlane",
    path: ({ thing }: Device) => `/greengrass/v2/coreDevices/${thing}/thingGroups`,
    code: "ForbiddenException",
    body: { message: "Forbidden", traceId: expect.any(String) },
  },
  {
    port: "credentials",
    path: () => `/role-aliases/${ROLE_ALIAS}/credentials`,
    code: "AccessDeniedException",
    body: { message: "Certificate is invalid on this endpoint" },
  },
] as const;

describe.each(ports)("the $port port", ({ port, path, code, body }) => {
  const refused = { status: 403, code, body };
  const ask = (device: Device, shown: Shown = device) =>
    world.ask(port, path(device), { cert: shown.cert, key: shown.key });

  test.each<[what: string, make: () => Promise<Device>]>([
    ["that AWS IoT gave", () => world.newDevice()],
    ["of one's own that is registered", () => registered(world.clock.now() - DAY_MS, world.clock.now() + DAY_MS)],
    ["in its last millisecond", () => registered(world.clock.now() - DAY_MS, world.clock.now())],
  ])("takes a certificate %s", async (_, make) => {
    expect(await ask(await make())).toMatchObject({ status: 200 });
  });

  test.each<[what: string, make: () => Promise<Device>]>([
    ["that is inactive", () => withStatus("INACTIVE")],
    ["that is revoked", () => withStatus("REVOKED")],
    ["that is deleted", deleted],
    ["that is not active yet", async () => world.newDevice({ certificate: await world.newCertificate(false) })],
    ["that has expired", () => registered(world.clock.now() - DAY_MS, world.clock.now() - 1_000)],
    ["that is not valid yet", () => registered(world.clock.now() + 1_000, world.clock.now() + DAY_MS)],
  ])("refuses a certificate %s", async (_, make) => {
    expect(await ask(await make())).toEqual(refused);
  });

  test("refuses a certificate that nobody registered", async () => {
    const now = world.clock.now();
    expect(await ask(await world.newDevice(), await selfSigned(new Date(now), new Date(now + DAY_MS)))).toEqual(
      refused,
    );
  });

  test("refuses who shows none", async () => {
    expect(await ask(await world.newDevice(), {})).toEqual(refused);
  });

  test("looks at the certificate anew for each request of a connection", async () => {
    const device = await world.newDevice();
    const agent = world.oneConnection();
    const again = () => world.ask(port, path(device), { cert: device.cert, key: device.key, agent });
    expect(await again()).toMatchObject({ status: 200 });
    await world.iot.updateCertificate({ certificateId: device.certificateId, newStatus: "INACTIVE" });
    expect(await again()).toEqual(refused);
    await world.iot.updateCertificate({ certificateId: device.certificateId, newStatus: "ACTIVE" });
    expect(await again()).toMatchObject({ status: 200 });
  });

  test("knows a device by its certificate when it resumes a session of TLS, and when that is revoked", async () => {
    const device = await world.newDevice();
    const { session, ...first } = await exchange(world.tls(port), path(device), { cert: device.cert, key: device.key });
    expect(first).toEqual({ resumed: false, status: 200 });
    expect(await exchange(world.tls(port), path(device), { session })).toMatchObject({ resumed: true, status: 200 });
    await world.iot.updateCertificate({ certificateId: device.certificateId, newStatus: "REVOKED" });
    expect(await exchange(world.tls(port), path(device), { session })).toMatchObject({ resumed: true, status: 403 });
  });

  test("refuses before it reads what is sent", async () => {
    const body = "x".repeat(4 * 1024 ** 2);
    expect(await world.ask(port, path(await world.newDevice()), { method: "POST", body })).toEqual(refused);
  });
});
