import { randomUUID } from "node:crypto";
import { afterToken, cut } from "../aws-json/paging.ts";
import { invalidToken, notFound } from "./errors.ts";
import { DEFAULT_PAGE, type Greengrass, type GreengrassHandlers } from "./state.ts";

export const CLIENT_DEVICES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS client_devices (
    core_device TEXT NOT NULL, thing TEXT NOT NULL, associated_at INTEGER NOT NULL, PRIMARY KEY (core_device, thing)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS connectivity (
    thing TEXT PRIMARY KEY, information TEXT NOT NULL, version TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

type ConnectivityInfo = Parameters<
  NonNullable<GreengrassHandlers["UpdateConnectivityInfo"]>
>[0]["connectivityInfo"][number];

const isThing = (greengrass: Greengrass, name: string): boolean =>
  greengrass.targetExists(`arn:aws:iot:${greengrass.region}:${greengrass.accountId}:thing/${name}`);

/** @throws ResourceNotFoundException (404) */
const requireThing = (greengrass: Greengrass, name: string): void => {
  if (!isThing(greengrass, name)) throw notFound(`The core device ${name} does not exist`, name, "CORE_DEVICE");
};

export const clientDeviceHandlers: GreengrassHandlers = {
  /**
   * Names the things that it could not associate. One that is associated already keeps its time.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_BatchAssociateClientDeviceWithCoreDevice.html
   */
  BatchAssociateClientDeviceWithCoreDevice: (input, greengrass) => {
    requireThing(greengrass, input.coreDeviceThingName);
    const names = (input.entries ?? []).map(({ thingName = "" }) => thingName);
    const known = names.filter((name) => isThing(greengrass, name));
    greengrass.store.transact(() => {
      for (const name of known)
        greengrass.store.run(
          "INSERT OR IGNORE INTO client_devices VALUES (?, ?, ?)",
          input.coreDeviceThingName,
          name,
          Date.now(),
        );
    });
    return {
      errorEntries: names
        .filter((name) => !known.includes(name))
        .map((thingName) => ({
          thingName,
          code: "ResourceNotFoundException",
          message: `The thing ${thingName} does not exist`,
        })),
    };
  },

  /**
   * Succeeds for a thing that is not associated.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_BatchDisassociateClientDeviceFromCoreDevice.html
   */
  BatchDisassociateClientDeviceFromCoreDevice: (input, greengrass) => {
    requireThing(greengrass, input.coreDeviceThingName);
    greengrass.store.transact(() => {
      for (const { thingName = "" } of input.entries ?? [])
        greengrass.store.run(
          "DELETE FROM client_devices WHERE core_device = ? AND thing = ?",
          input.coreDeviceThingName,
          thingName,
        );
    });
    return { errorEntries: [] };
  },

  ListClientDevicesAssociatedWithCoreDevice: (input, greengrass) => {
    requireThing(greengrass, input.coreDeviceThingName);
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const rows = greengrass.store.all<{ thing: string; associated_at: number }>(
      "SELECT thing, associated_at FROM client_devices WHERE core_device = ? AND thing > ? ORDER BY thing LIMIT ?",
      input.coreDeviceThingName,
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.thing]);
    return {
      associatedClientDevices: page.items.map((row) => ({
        thingName: row.thing,
        associationTimestamp: new Date(row.associated_at),
      })),
      nextToken: page.next,
    };
  },

  GetConnectivityInfo: (input, greengrass) => {
    const row = greengrass.store.get<{ information: string }>(
      "SELECT information FROM connectivity WHERE thing = ?",
      input.thingName,
    );
    return { connectivityInfo: row === undefined ? [] : (JSON.parse(row.information) as ConnectivityInfo[]) };
  },

  /**
   * Takes the place of what was there.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_UpdateConnectivityInfo.html
   */
  UpdateConnectivityInfo: (input, greengrass) => {
    const version = randomUUID();
    greengrass.store.run(
      "INSERT OR REPLACE INTO connectivity VALUES (?, ?, ?)",
      input.thingName,
      JSON.stringify(input.connectivityInfo),
      version,
    );
    return { version };
  },
};
