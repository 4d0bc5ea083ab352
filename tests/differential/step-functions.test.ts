import { afterAll, beforeAll } from "vitest";
import { emulation } from "../../local/step-functions/emulation.ts";
import { describeRows } from "./rows.ts";
import { distributedMapRows } from "./step-functions/distributed-map.rows.ts";
import { executionRows } from "./step-functions/executions.rows.ts";
import { historyRows } from "./step-functions/history.rows.ts";
import { languageRows } from "./step-functions/language.rows.ts";
import { listRows } from "./step-functions/lists.rows.ts";
import { mapRunRows } from "./step-functions/map-runs.rows.ts";
import { tokenRows } from "./step-functions/tokens.rows.ts";
import { openWorld, type World } from "./step-functions/world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.shut());

describeRows(
  "Step Functions",
  [...executionRows, ...listRows, ...languageRows, ...historyRows, ...tokenRows, ...distributedMapRows, ...mapRunRows],
  () => world,
  emulation.operations,
);
