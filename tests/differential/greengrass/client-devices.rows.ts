import { expect } from "vitest";
import type { Row } from "../rows.ts";
import { ACCOUNT, api, core, guide, unique, type World } from "./world.ts";

const CLI = "https://docs.aws.amazon.com/cli/latest/reference/greengrassv2";

const clientRows: readonly Row<World>[] = [
  {
    operation: "BatchAssociateClientDeviceWithCoreDevice",
    when: "two things",
    send: (world) =>
      world.client.batchAssociateClientDeviceWithCoreDevice({
        coreDeviceThingName: core(world),
        entries: [{ thingName: "one" }, { thingName: "two" }],
      }),
    expect: { status: 200, fields: { errorEntries: [] } },
    source: `${CLI}/batch-associate-client-device-with-core-device.html`,
  },
  {
    operation: "BatchAssociateClientDeviceWithCoreDevice",
    when: "101 things",
    send: (world) =>
      world.client.batchAssociateClientDeviceWithCoreDevice({
        coreDeviceThingName: core(world),
        entries: Array.from({ length: 101 }, (_, index) => ({ thingName: `thing-${index}` })),
      }),
    expect: { status: 400, code: "ValidationException", fields: { reason: "FIELD_VALIDATION_FAILED" } },
    source: "model:AssociateClientDeviceWithCoreDeviceEntryList",
  },
  {
    operation: "ListClientDevicesAssociatedWithCoreDevice",
    when: "with the time of the association",
    send: async (world) => {
      const coreDeviceThingName = core(world);
      await world.client.batchAssociateClientDeviceWithCoreDevice({
        coreDeviceThingName,
        entries: [{ thingName: "one" }],
      });
      return world.client.listClientDevicesAssociatedWithCoreDevice({ coreDeviceThingName });
    },
    expect: {
      status: 200,
      fields: { associatedClientDevices: [{ thingName: "one", associationTimestamp: expect.any(Date) }] },
    },
    source: `${CLI}/list-client-devices-associated-with-core-device.html`,
  },
  {
    operation: "BatchDisassociateClientDeviceFromCoreDevice",
    when: "one of two",
    send: async (world) => {
      const coreDeviceThingName = core(world);
      await world.client.batchAssociateClientDeviceWithCoreDevice({
        coreDeviceThingName,
        entries: [{ thingName: "one" }, { thingName: "two" }],
      });
      const answer = await world.client.batchDisassociateClientDeviceFromCoreDevice({
        coreDeviceThingName,
        entries: [{ thingName: "one" }],
      });
      const { associatedClientDevices = [] } = await world.client.listClientDevicesAssociatedWithCoreDevice({
        coreDeviceThingName,
      });
      return { ...answer, left: associatedClientDevices.map(({ thingName }) => thingName) };
    },
    expect: { status: 200, fields: { errorEntries: [], left: ["two"] } },
    source: api("BatchDisassociateClientDeviceFromCoreDevice"),
  },
  {
    operation: "UpdateConnectivityInfo",
    when: "an address",
    send: (world) =>
      world.client.updateConnectivityInfo({
        thingName: core(world),
        connectivityInfo: [{ id: "localIP_192.0.2.0", hostAddress: "192.0.2.0", portNumber: 8883 }],
      }),
    expect: { status: 200, fields: { version: expect.any(String) } },
    source: `${CLI}/update-connectivity-info.html`,
  },
  {
    operation: "UpdateConnectivityInfo",
    when: "port 65,536",
    send: ({ client }) =>
      client.updateConnectivityInfo({ thingName: unique("core"), connectivityInfo: [{ portNumber: 65_536 }] }),
    expect: { status: 400, code: "ValidationException", fields: { reason: "FIELD_VALIDATION_FAILED" } },
    source: "model:PortNumberInt",
  },
  {
    operation: "GetConnectivityInfo",
    when: "what took the place of an earlier one",
    send: async (world) => {
      const thingName = core(world);
      for (const hostAddress of ["192.0.2.0", "192.0.2.1"])
        await world.client.updateConnectivityInfo({
          thingName,
          connectivityInfo: [{ id: "one", hostAddress, portNumber: 8883 }],
        });
      return world.client.getConnectivityInfo({ thingName });
    },
    expect: {
      status: 200,
      fields: { connectivityInfo: [{ id: "one", hostAddress: "192.0.2.1", portNumber: 8883 }] },
    },
    source: guide("manage-core-device-endpoints"),
  },
];

const ROLE = `arn:aws:iam::${ACCOUNT}:role/service-role/Greengrass_ServiceRole`;
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

const roleRows: readonly Row<World>[] = [
  {
    operation: "AssociateServiceRoleToAccount",
    when: "a role",
    send: ({ client }) => client.associateServiceRoleToAccount({ roleArn: ROLE }),
    expect: { status: 200, fields: { associatedAt: expect.stringMatching(SECONDS) } },
    source: `${CLI}/associate-service-role-to-account.html`,
  },
  {
    operation: "AssociateServiceRoleToAccount",
    when: "no role",
    send: ({ client }) => client.associateServiceRoleToAccount({ roleArn: undefined }),
    expect: { status: 400, code: "ValidationException" },
    source: api("AssociateServiceRoleToAccount"),
  },
  {
    operation: "GetServiceRoleForAccount",
    when: "after it was associated",
    send: async ({ client }) => {
      await client.associateServiceRoleToAccount({ roleArn: ROLE });
      return client.getServiceRoleForAccount({});
    },
    expect: { status: 200, fields: { roleArn: ROLE, associatedAt: expect.stringMatching(SECONDS) } },
    source: `${CLI}/get-service-role-for-account.html`,
  },
  {
    operation: "DisassociateServiceRoleFromAccount",
    when: "after it was associated",
    send: async ({ client }) => {
      await client.associateServiceRoleToAccount({ roleArn: ROLE });
      const answer = await client.disassociateServiceRoleFromAccount({});
      return { ...answer, left: (await client.getServiceRoleForAccount({})).roleArn };
    },
    expect: { status: 200, fields: { disassociatedAt: expect.stringMatching(SECONDS), left: undefined } },
    source: `${CLI}/disassociate-service-role-from-account.html`,
  },
];

export const clientDeviceRows: readonly Row<World>[] = [...clientRows, ...roleRows];
