import { afterAll, beforeAll } from "vitest";
import { emulation } from "../../local/iot/emulation.ts";
import { certificateRows } from "./iot/certificates.rows.ts";
import { groupRows } from "./iot/groups.rows.ts";
import { jobChangeRows } from "./iot/job-changes.rows.ts";
import { jobExecutionRows } from "./iot/job-executions.rows.ts";
import { jobRows } from "./iot/jobs.rows.ts";
import { membershipRows } from "./iot/memberships.rows.ts";
import { policyRows } from "./iot/policies.rows.ts";
import { principalRows } from "./iot/principals.rows.ts";
import { provisioningRows } from "./iot/provisioning.rows.ts";
import { tagRows } from "./iot/tags.rows.ts";
import { thingRows } from "./iot/things.rows.ts";
import { openWorld, type World } from "./iot/world.ts";
import { describeRows } from "./rows.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

describeRows(
  "AWS IoT",
  [
    ...thingRows,
    ...groupRows,
    ...membershipRows,
    ...tagRows,
    ...policyRows,
    ...certificateRows,
    ...principalRows,
    ...provisioningRows,
    ...jobRows,
    ...jobChangeRows,
    ...jobExecutionRows,
  ],
  () => world,
  emulation.operations,
);
