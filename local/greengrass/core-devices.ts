import { afterToken, cut } from "../aws-json/paging.ts";
import { invalidToken, notFound } from "./errors.ts";
import { DEFAULT_PAGE, type Greengrass, type GreengrassHandlers } from "./state.ts";
import { dropTags, tagsOf } from "./tags.ts";

export const CORE_DEVICES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS core_devices (
    name TEXT PRIMARY KEY, core_version TEXT NOT NULL, platform TEXT NOT NULL, architecture TEXT NOT NULL,
    runtime TEXT NOT NULL, status TEXT NOT NULL, sequence INTEGER NOT NULL, reported_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS installed_components (
    thing TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL, details TEXT,
    codes TEXT NOT NULL, is_root INTEGER NOT NULL, changed_at INTEGER NOT NULL, reported_at INTEGER NOT NULL,
    source TEXT, PRIMARY KEY (thing, name)
  ) STRICT, WITHOUT ROWID;
`;

export interface CoreDeviceRow {
  readonly name: string;
  readonly core_version: string;
  readonly platform: string;
  readonly architecture: string;
  readonly runtime: string;
  readonly status: "HEALTHY" | "UNHEALTHY";
  /** Of the last message that counted; with its time, in milliseconds. */
  readonly sequence: number;
  readonly reported_at: number;
}

export interface InstalledRow {
  readonly thing: string;
  readonly name: string;
  readonly version: string;
  readonly state: "NEW" | "INSTALLED" | "STARTING" | "RUNNING" | "STOPPING" | "ERRORED" | "BROKEN" | "FINISHED";
  readonly details: string | null;
  /** A JSON list. */
  readonly codes: string;
  readonly is_root: number;
  readonly changed_at: number;
  readonly reported_at: number;
  readonly source: string | null;
}

export const findCoreDevice = (greengrass: Greengrass, name: string): CoreDeviceRow | undefined =>
  greengrass.store.get<CoreDeviceRow>("SELECT * FROM core_devices WHERE name = ?", name);

/** @throws ResourceNotFoundException (404) for a thing that has not reported as a core device yet */
export const requireCoreDevice = (greengrass: Greengrass, name: string): CoreDeviceRow => {
  const row = findCoreDevice(greengrass, name);
  if (row === undefined) throw notFound(`The core device ${name} does not exist`, name, "CORE_DEVICE");
  return row;
};

const deviceArn = (greengrass: Greengrass, name: string): string => greengrass.arn(`coreDevices:${name}`);

const summary = (row: CoreDeviceRow) => ({
  coreDeviceThingName: row.name,
  status: row.status,
  lastStatusUpdateTimestamp: new Date(row.reported_at),
  platform: row.platform,
  architecture: row.architecture,
  runtime: row.runtime,
});

export const coreDeviceHandlers: GreengrassHandlers = {
  /**
   * By a thing group: the devices that once deployed what was for the group, members of it still or not.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ListCoreDevices.html
   */
  ListCoreDevices: (input, greengrass) => {
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const where = ["name > ?"];
    const parameters = [after];
    if (input.status !== undefined) {
      where.push("status = ?");
      parameters.push(input.status);
    }
    if (input.runtime !== undefined) {
      where.push("runtime = ?");
      parameters.push(input.runtime);
    }
    if (input.thingGroupArn !== undefined) {
      where.push("name IN (SELECT thing FROM effective_deployments WHERE target = ? AND status = 'SUCCEEDED')");
      parameters.push(input.thingGroupArn);
    }
    const rows = greengrass.store.all<CoreDeviceRow>(
      `SELECT * FROM core_devices WHERE ${where.join(" AND ")} ORDER BY name LIMIT ?`,
      ...parameters,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.name]);
    return { coreDevices: page.items.map(summary), nextToken: page.next };
  },

  GetCoreDevice: (input, greengrass) => {
    const row = requireCoreDevice(greengrass, input.coreDeviceThingName);
    return {
      ...summary(row),
      coreVersion: row.core_version,
      tags: tagsOf(greengrass, deviceArn(greengrass, row.name)),
    };
  },

  /**
   * The thing stays, and is a core device again when it next reports.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_DeleteCoreDevice.html
   */
  DeleteCoreDevice: (input, greengrass) => {
    const { name } = requireCoreDevice(greengrass, input.coreDeviceThingName);
    greengrass.store.transact(() => {
      for (const sql of [
        "DELETE FROM core_devices WHERE name = ?",
        "DELETE FROM installed_components WHERE thing = ?",
        "DELETE FROM effective_deployments WHERE thing = ?",
        "DELETE FROM client_devices WHERE core_device = ?",
        "DELETE FROM connectivity WHERE thing = ?",
      ])
        greengrass.store.run(sql, name);
      dropTags(greengrass, deviceArn(greengrass, name));
    });
    return {};
  },

  /** https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ListInstalledComponents.html */
  ListInstalledComponents: (input, greengrass) => {
    requireCoreDevice(greengrass, input.coreDeviceThingName);
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const rows = greengrass.store.all<InstalledRow>(
      `SELECT * FROM installed_components WHERE thing = ? AND name > ? AND is_root >= ? ORDER BY name LIMIT ?`,
      input.coreDeviceThingName,
      after,
      input.topologyFilter === "ALL" ? 0 : 1,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.name]);
    return {
      installedComponents: page.items.map((row) => ({
        componentName: row.name,
        componentVersion: row.version,
        lifecycleState: row.state,
        lifecycleStateDetails: row.details ?? undefined,
        isRoot: row.is_root === 1,
        lastStatusChangeTimestamp: new Date(row.changed_at),
        lastReportedTimestamp: new Date(row.reported_at),
        lastInstallationSource: row.source ?? undefined,
        lifecycleStatusCodes: JSON.parse(row.codes) as string[],
      })),
      nextToken: page.next,
    };
  },
};
