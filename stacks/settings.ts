import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";

/** Staging and production are named so; any other stage is somebody's own, and may be thrown away. */
export type StageKind = "personal" | "staging" | "production";

export const kindOf = (stage: string): StageKind =>
  stage === "staging" || stage === "production" ? stage : "personal";

/** The value of a setting that only who deploys can know. A stage is refused as long as one is left. */
export const FILL_IN = "FILL-IN";

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html, in days */
const LOG_RETENTIONS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922];

const Email = z.email();
const HostName = z
  .string()
  .regex(/^(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/, "a host name in lower case, such as api.example.com");
const Origin = z
  .string()
  .regex(/^https?:\/\/[^/\s,*]*\*?[^/\s,*]*$/, "an origin such as https://console.example.com, with at most one *");
const certificate = (region: string) =>
  z
    .string()
    .regex(
      new RegExp(`^arn:aws[a-z-]*:acm:${region}:\\d{12}:certificate/[0-9a-f-]+$`),
      `the ARN of a certificate of ACM in ${region}`,
    );
const domain = (region: string) => z.strictObject({ name: HostName, certificateArn: certificate(region) }).optional();
const whole = (least: number, most: number) => z.int().min(least).max(most);
const LogRetention = z.literal(LOG_RETENTIONS);

/**
 * Every setting of a stage: what it may be, what it is if the stage's file does not say, and what for. Settings without a
 * default must be in the file, or are optional. `of` picks the default of a kind of stage.
 */
export const schemaOf = (kind: StageKind, region: string) => {
  const of = <T>(personal: T, staging: T, production: T): T => ({ personal, staging, production })[kind];
  return z.strictObject({
    region: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "a region such as eu-west-1")
      .default(region)
      .describe("The region of everything but what CloudFront needs in us-east-1"),
    protect: z
      .boolean()
      .default(of(false, false, true))
      .describe("Refuse `sst remove`"),
    retain: z
      .boolean()
      .default(of(false, true, true))
      .describe("Keep tables and buckets when they leave the stage, and refuse to delete tables"),
    tags: z
      .record(z.string().min(1).max(128), z.string().max(256))
      .default({})
      .describe("Tags of every resource beside `slipway:stage`, such as a cost centre"),
    api: z
      .strictObject({
        requestsPerSecond: whole(1, 10_000)
          .default(of(50, 500, 2_000))
          .describe("Over all clients; more are answered 429. The account's own limit is 10,000"),
        burst: whole(1, 5_000)
          .default(of(100, 1_000, 4_000))
          .describe("Requests at once above that rate"),
        domain: domain(region).describe(
          "Own name of the API; its DNS record is yours to make. None: the name AWS gives",
        ),
      })
      .prefault({}),
    identity: z
      .strictObject({
        issuer: z
          .url({ protocol: /^https$/ })
          .refine((url) => !url.endsWith("/.well-known/openid-configuration"), "the issuer, not its configuration")
          .optional()
          .describe("OIDC issuer of the API's bearer tokens. None: the stage gets a Cognito user pool"),
        audience: z
          .array(z.string().min(1))
          .min(1)
          .optional()
          .describe("Values of `aud` or `client_id` that are let in; goes with the issuer"),
        tokensPerMinute: whole(1, 10_000)
          .default(30)
          .describe(
            "How often a minute a machine's credential is exchanged for an access token from one address, which works for a quarter of an hour",
          ),
      })
      .refine(({ issuer, audience }) => (issuer === undefined) === (audience === undefined), {
        path: ["audience"],
        error: "issuer and audience go together",
      })
      .prefault({}),
    uploads: z
      .strictObject({
        origins: (kind === "personal"
          ? z.array(Origin).min(1).default(["http://localhost:*", "http://127.0.0.1:*"])
          : z.array(Origin).min(1)
        ).describe("Origins of web pages that may upload with a presigned URL"),
      })
      .prefault({} as never),
    imports: z
      .strictObject({
        callsPerSecond: whole(25, 100)
          .default(of(25, 50, 50))
          .describe(
            "How often a second an import of nodes calls AWS IoT's AddThingToThingGroup, of 100 that an account has: once for each node group of a node, and once more. 100,000 nodes in a group each take an hour at 50",
          ),
      })
      .prefault({}),
    deployments: z
      .strictObject({
        callsPerSecond: z
          .strictObject({
            SweepReads: whole(1, 1_000).default(10),
            CreateDeployment: whole(1, 100).default(1),
            CreateThingGroup: whole(1, 1_000).default(25),
            DeleteThingGroup: whole(1, 1_000).default(15),
            AddThingToThingGroup: whole(1, 10_000).default(100),
            RemoveThingFromThingGroup: whole(1, 10_000).default(100),
          })
          .prefault({})
          .describe(
            "How often a second all functions together call these: the account's quotas, less what else it does; `SweepReads` is what the sweep of fleets asks of AWS, of Greengrass's 30 a second",
          ),
        membershipLagSeconds: whole(1, 600)
          .default(30)
          .describe(
            "How long AWS IoT may take to show that a node has left a thing group; a node that moves joins its next cell only then",
          ),
        jobWithinSeconds: whole(10, 3_600)
          .default(300)
          .describe(
            "How long after a node has joined its cell AWS IoT may take to make its job; then it gets another cell",
          ),
      })
      .prefault({}),
    data: z
      .strictObject({
        recoveryDays: whole(1, 35)
          .default(of(1, 7, 35))
          .describe("How far back tables can be restored to any second"),
        noncurrentVersionDays: whole(1, 3_650)
          .default(of(1, 30, 90))
          .describe("How long an overwritten or deleted object can be brought back"),
        auditDays: whole(1, 3_650)
          .default(of(30, 400, 400))
          .describe("How long audit records are kept. A change counts for records made from then on"),
      })
      .prefault({}),
    logs: z
      .strictObject({
        retentionDays: LogRetention.default(of(7, 30, 90)).describe("Logs of functions, workflows and the API"),
        accessLogDays: whole(1, 3_650)
          .default(of(7, 30, 365))
          .describe("Access logs of buckets and distributions, in the log bucket"),
        level: z
          .enum(["DEBUG", "INFO"])
          .default("INFO")
          .describe(
            "What functions log, from here up. Metrics are lines of level INFO: no higher one would let them through",
          ),
        workflows: z
          .enum(["ALL", "ERROR", "FATAL"])
          .default(of("ALL", "ALL", "ERROR"))
          .describe("Which events of an execution are logged"),
      })
      .prefault({}),
    streams: z
      .strictObject({
        parallelBatches: whole(1, 10)
          .default(of(1, 1, 4))
          .describe("Batches of one shard that a reader works on at once; the order of each item's changes is kept"),
      })
      .prefault({}),
    ota: z
      .strictObject({
        domain: domain("us-east-1").describe("Own name of the OTA distribution. None: the name CloudFront gives"),
        defaultWorkspace: z
          .string()
          .regex(/^[a-z0-9-]{0,41}$/, "a workspace's name, or empty")
          .default("")
          .describe("The workspace that `/package` means; empty for none"),
        requestsPerFiveMinutes: whole(10, 2_000_000_000)
          .default(of(2_000, 2_000, 10_000))
          .describe(
            "Of one IP address, beside requests for ranges, of which 20 times as many are let through; more are blocked. Devices behind one NAT share an address",
          ),
        streamedMegabytes: whole(0, 200)
          .default(200)
          .describe(
            "Archives up to this size are streamed by the function, at 2 MB/s past the first 6 MB; larger ones are stored, and devices are redirected to them. Lambda streams 200 MB at most",
          ),
        archivesPerHour: whole(0, 100_000)
          .default(of(20, 20, 100))
          .describe("New archives that a workspace's devices may have stored in an hour; each is kept for 30 days"),
        signingKeys: whole(1, 20)
          .default(1)
          .describe(
            "How many keys for signatures the stage has had. One more rotates: the last one signs, and each has signed its successor, so that devices follow. Never lower it",
          ),
        snapshotHours: whole(1, 720)
          .default(72)
          .describe(
            "How long devices believe a snapshot, and so how long somebody in between can keep a release from them. Renewed when a third is over",
          ),
        reservedConcurrency: whole(1, 100_000)
          .optional()
          .describe("At most so many packages are made at once, out of the account's concurrency. None: no bound"),
        priceClass: z
          .enum(["PriceClass_100", "PriceClass_200", "PriceClass_All"])
          .default(of("PriceClass_100", "PriceClass_100", "PriceClass_All"))
          .describe("From which of CloudFront's locations devices are served"),
      })
      .prefault({}),
    devices: z
      .strictObject({
        registrationsPerMinute: whole(1, 1_000_000)
          .default(600)
          .describe("Tries to register from one IP address, above which they are refused. Sites share an address"),
        logLevel: z
          .enum(["DEBUG", "INFO", "WARN", "ERROR", "DISABLED"])
          .default(of("INFO", "WARN", "ERROR"))
          .describe("What AWS IoT logs. It is the account's, and taken from the stage that sets it"),
        setIotLogging: z
          .boolean()
          .default(of(false, false, true))
          .describe(
            "Set what is the account's: IoT logging options, and how long core devices' own log is kept. One stage of an account may",
          ),
      })
      .prefault({}),
    alarms: z
      .strictObject({
        email: (kind === "personal" ? Email.optional() : Email).describe(
          "Who is told of alarms and of the budget. None: alarms are only seen",
        ),
        monthlyBudgetUsd: whole(1, 10_000_000)
          .default(of(20, 100, 1_000))
          .describe(
            "A mail goes out when the stage's cost in a month is at 80% of this, or will be above it. Needs the tag `slipway:stage` to be a cost allocation tag of the account",
          ),
      })
      .prefault({} as never),
  });
};

/** The settings of a stage. */
export type Settings = z.infer<ReturnType<typeof schemaOf>> & { readonly kind: StageKind };

export const DEFAULT_REGION = "eu-west-1";

/** Whether SST and every name made of it take a stage's name: `STAGE` of `shared/env.ts`. */
const STAGE_NAME = /^[a-z][a-z0-9-]{0,15}$/;

const placesOf = (value: unknown, path: string): string[] => {
  if (value === FILL_IN) return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => placesOf(inner, path === "" ? name : `${path}.${name}`));
};

/**
 * What a stage's file says, with defaults for the rest.
 * @param said the file's content; `{}` where a personal stage has none
 * @throws Error whose message names each wrong field and its rule
 */
export const settingsFrom = (stage: string, said: unknown): Settings => {
  if (!STAGE_NAME.test(stage)) throw new Error(`stage ${stage}: 1 to 16 of a-z, 0-9 and hyphens, a letter first`);
  const open = placesOf(said, "");
  if (open.length > 0) throw new Error(`stages/${stage}.json: fill in ${open.join(", ")}`);
  const kind = kindOf(stage);
  const region = (said as { region?: unknown } | null)?.region ?? DEFAULT_REGION;
  const parsed = schemaOf(kind, String(region)).safeParse(said);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `  ${path.join(".") || "(all)"}: ${message}`);
    throw new Error(`stages/${stage}.json:\n${faults.join("\n")}`);
  }
  return { kind, ...parsed.data };
};

/**
 * The settings of a stage, from `{stage}.json` in the folder that `SLIPWAY_STAGES` names, or in `stages`. SST evaluates
 * its configuration in the project's folder.
 * @throws Error when staging or production has no file, or a setting is wrong
 */
export const readSettings = (stage: string): Settings => {
  const file = join(process.env.SLIPWAY_STAGES ?? "stages", `${stage}.json`);
  let text: string | undefined;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  if (text === undefined && kindOf(stage) !== "personal")
    throw new Error(`${file} is not there, and ${stage} needs it`);
  let said: unknown;
  try {
    said = JSON.parse(text ?? "{}");
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`);
  }
  return settingsFrom(stage, said);
};
