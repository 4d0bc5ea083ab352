import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import * as z from "zod";
import { type DeviceOptions, type End, startDevice } from "./device.ts";
import { openFolder } from "./folder.ts";

const USAGE = `Usage: npm run device -- [options]
A Greengrass core device in software. Its first start takes a registration token; what it is from then on is in its folder.
  --token T      the registration token of a node
  --api URL      the API (default: that of the embedded cloud on --data)
  --data DIR     the data folder of an embedded cloud (default .slipway)
  --s3 URL       where S3 is (default: AWS_ENDPOINT_URL_S3, that of the embedded cloud, or AWS's)
  --dir DIR      the device's folder (default .slipway-device)
  --force        take the token although the folder has a device: that one is forgotten
  --run          run the components' scripts; without it they are fetched and installed only
  --rotate       replace the certificate, then go on
  --once         end when no deployment waits
Exits with 0; 1 when it fails; 2 for wrong options; 3 when the token is refused; 4 when the certificate is refused;
5 with --once when the last deployment did not succeed.`;

class UsageError extends Error {}

const EXIT_CODES = {
  stopped: 0,
  failed: 1,
  "registration-refused": 3,
  "certificate-refused": 4,
} as const satisfies Record<End["reason"], number>;
const DEPLOYMENT_FAILED = 5;

const Endpoints = z.object({ api: z.string(), s3: z.string() });

/** Where an embedded cloud says that it listens. @throws UsageError */
const endpointsOf = (data: string): z.infer<typeof Endpoints> => {
  try {
    return Endpoints.parse(JSON.parse(readFileSync(join(data, "endpoints.json"), "utf8")));
  } catch (error) {
    throw new UsageError(`no embedded cloud runs on ${data} (${String(error)}): name the API with --api`);
  }
};

const readOptions = () => {
  try {
    return parseArgs({
      options: {
        token: { type: "string" },
        api: { type: "string" },
        data: { type: "string", default: process.env.SLIPWAY_DATA ?? ".slipway" },
        s3: { type: "string" },
        dir: { type: "string", default: ".slipway-device" },
        force: { type: "boolean", default: false },
        run: { type: "boolean", default: false },
        rotate: { type: "boolean", default: false },
        once: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
};

/** One process a folder: the lock goes with the process, however that ends. */
const lock = (dir: string): DatabaseSync => {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(dir, "device.lock"));
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw new Error(`another device runs on ${dir}`, { cause: error });
  }
  return database;
};

const print = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), message, ...fields })}\n`);
};

const main = async (): Promise<number> => {
  const values = readOptions();
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const dir = resolve(values.dir);
  const held = lock(dir);
  const isRegistered = openFolder(dir).identity.read() !== undefined;
  if (isRegistered && values.token !== undefined && !values.force)
    throw new UsageError(`${dir} has a device already: leave the token out, or say --force`);
  if (!isRegistered && values.token === undefined) throw new UsageError(`${dir} has no device yet: give a --token`);

  let s3 = values.s3 ?? process.env.AWS_ENDPOINT_URL_S3;
  let registration: DeviceOptions["registration"];
  if (values.token !== undefined) {
    const local = values.api === undefined ? endpointsOf(values.data) : undefined;
    registration = { api: values.api ?? local?.api ?? "", token: values.token, replace: values.force };
    s3 ??= local?.s3;
  }
  let failed = false;
  const device = startDevice({
    dir,
    registration,
    s3,
    run: values.run,
    log: print,
    onDeployment: ({ status }) => {
      failed = status !== "SUCCEEDED";
    },
  });
  let interrupted = false;
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => {
      interrupted = true;
      void device.stop();
    });
  let problem: unknown;
  try {
    await device.connected;
    if (values.rotate) await device.rotate();
    if (values.once) {
      await device.idle();
      await device.stop();
    }
  } catch (error) {
    if (!interrupted) problem = error;
    await device.stop();
  }
  const { reason, message } = await device.ended;
  held.close();
  if (reason !== "stopped") {
    process.stderr.write(`${message}\n`);
    return EXIT_CODES[reason];
  }
  if (problem !== undefined) throw problem;
  return values.once && failed ? DEPLOYMENT_FAILED : 0;
};

main()
  .then((code) => process.exit(code))
  .catch((error: unknown) => {
    const isUsage = error instanceof UsageError;
    process.stderr.write(`${isUsage ? `${error.message}\n\n${USAGE}` : String(error)}\n`);
    process.exit(isUsage ? 2 : 1);
  });
