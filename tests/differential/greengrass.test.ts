import { afterAll, beforeAll } from "vitest";
import { emulation } from "../../local/greengrass/emulation.ts";
import { clientDeviceRows } from "./greengrass/client-devices.rows.ts";
import { componentListingRows } from "./greengrass/component-listings.rows.ts";
import { componentRows } from "./greengrass/components.rows.ts";
import { coreDeviceRows } from "./greengrass/core-devices.rows.ts";
import { deploymentRows } from "./greengrass/deployments.rows.ts";
import { resolveRows } from "./greengrass/resolve.rows.ts";
import { tagRows } from "./greengrass/tags.rows.ts";
import { startWorld, type World } from "./greengrass/world.ts";
import { describeRows } from "./rows.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const rows = [
  ...componentRows,
  ...componentListingRows,
  ...deploymentRows,
  ...tagRows,
  ...coreDeviceRows,
  ...clientDeviceRows,
  ...resolveRows,
];

describeRows(emulation.service, rows, () => world, emulation.operations);
