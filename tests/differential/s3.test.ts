import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { Faults } from "../../local/faults.ts";
import { emulation } from "../../local/s3/emulation.ts";
import { startS3 } from "../../local/s3/server.ts";
import { describeRows } from "./rows.ts";
import { bucketRows } from "./s3/buckets.rows.ts";
import { checksumRows } from "./s3/checksums.rows.ts";
import { completionRows } from "./s3/completions.rows.ts";
import { conditionRows } from "./s3/conditions.rows.ts";
import { copyDeleteRows } from "./s3/copies-deletes.rows.ts";
import { lifecycleRows } from "./s3/lifecycle.rows.ts";
import { listingRows } from "./s3/listing.rows.ts";
import { objectRows } from "./s3/objects.rows.ts";
import { partRows } from "./s3/parts.rows.ts";
import { settingRows } from "./s3/settings.rows.ts";
import { signatureRows } from "./s3/signatures.rows.ts";
import { taggingRows } from "./s3/tagging.rows.ts";
import { uploadListingRows } from "./s3/upload-listings.rows.ts";
import { ACCOUNT, CREDENTIALS, FOREIGN, REGION, type World, worldOf } from "./s3/world.ts";

let dir: string;
let world: World;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "s3-rows-"));
  const server = await startS3({
    dir,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    secretOf: (id) => (id === CREDENTIALS.accessKeyId ? CREDENTIALS.secretAccessKey : undefined),
    faults: new Faults(),
    publish: () => undefined,
  });
  server.addForeignBucket(FOREIGN, "999999999999");
  world = worldOf(server);
});

afterAll(async () => {
  world.close();
  await world.server.close();
  await rm(dir, { recursive: true });
});

describeRows(
  "S3",
  [
    ...bucketRows,
    ...settingRows,
    ...lifecycleRows,
    ...objectRows,
    ...copyDeleteRows,
    ...conditionRows,
    ...checksumRows,
    ...taggingRows,
    ...listingRows,
    ...completionRows,
    ...partRows,
    ...uploadListingRows,
    ...signatureRows,
  ],
  () => world,
  emulation.operations,
);
