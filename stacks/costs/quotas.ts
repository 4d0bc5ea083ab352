import { functionRoles, workflowRoles } from "../../functions/roles.ts";
import { happyPath } from "./path.ts";
import { ASSUMED, missesOf } from "./usage.ts";

/**
 * A limit of an AWS account in a region, and how much of it so many devices need. Defaults of IoT and Greengrass are those
 * of `local/iot/rates.ts` and `local/greengrass/rates.ts`; the others were read in copies of the named pages.
 */
export interface Quota {
  readonly what: string;
  readonly limit: number;
  readonly url: string;
  readonly need: (devices: number) => number;
  /** When so much is needed. */
  readonly when: string;
}

/** In which a fleet comes back after an outage, if its devices spread their tries. */
const RECONNECT_SECONDS = 900;
/** In which a new fleet is put in. */
const IMPORT_SECONDS = 86_400;
/** In which a release to the whole fleet is handed to Greengrass. */
const ROLLOUT_SECONDS = 3_600;
/** Polls are not spread evenly. */
const PEAK = 3;

const { nodesPerGroup, nodesPerWorkspace, cellsPerGroup, pollsPerDay, quickSeconds, writesPerTask } = ASSUMED;
const imported = (devices: number): number => devices / IMPORT_SECONDS;
const creation = happyPath("node.create", cellsPerGroup.value);
const cells = (devices: number): number => (devices / nodesPerGroup.value) * cellsPerGroup.value;
const pollsPerSecond = (devices: number): number => (devices * pollsPerDay.value * PEAK) / 86_400;

/** Misses a second when polls come at their peak all the time. */
const missesPerSecond = (devices: number): number => {
  const seconds = (365 / 12) * 86_400;
  return missesOf(pollsPerSecond(devices) * seconds) / seconds;
};

const ANY_PLACE = { partition: "aws", region: "us-east-1", accountId: "000000000000", stage: "any" };
const ROLES = Object.keys(functionRoles(ANY_PLACE)).length + Object.keys(workflowRoles(ANY_PLACE)).length + 3;

const IOT = "https://docs.aws.amazon.com/general/latest/gr/iot-core.html";
const GREENGRASS = "https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html";
const STEP_FUNCTIONS = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html";

const importing = "a new fleet is put in within a day";
const peak = `polls at ${PEAK} times their mean`;

export const quotas: readonly Quota[] = [
  {
    what: "IoT Core: connections at once",
    limit: 500_000,
    url: IOT,
    need: (devices) => devices,
    when: "always: managed devices stay connected",
  },
  {
    what: "IoT Core: CONNECT requests a second",
    limit: 500,
    url: IOT,
    need: (devices) => devices / RECONNECT_SECONDS,
    when: `all come back within ${RECONNECT_SECONDS / 60} minutes`,
  },
  {
    what: "IoT Core: messages to AWS a second",
    limit: 20_000,
    url: IOT,
    need: (devices) => (devices * 4) / RECONNECT_SECONDS,
    when: "the same, four messages each",
  },
  { what: "IoT: CreateThing a second", limit: 100, url: IOT, need: imported, when: importing },
  {
    what: "IoT: AddThingToThingGroup a second",
    limit: 100,
    url: IOT,
    need: (devices) => imported(devices) * 2,
    when: importing,
  },
  {
    what: "IoT: CreateThingGroup a second",
    limit: 25,
    url: IOT,
    need: (devices) => (cells(devices) + devices / nodesPerGroup.value) / IMPORT_SECONDS,
    when: importing,
  },
  {
    what: "IoT Jobs: continuous jobs at once",
    limit: 100_000,
    url: "https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html",
    need: cells,
    when: "always: a cell's deployment is one. An older copy of AWS's page says 100: look at the account's value first",
  },
  {
    what: "Greengrass: other control plane requests a second",
    limit: 30,
    url: GREENGRASS,
    need: (devices) => cells(devices) / ROLLOUT_SECONDS,
    when: `a release goes to every group within ${ROLLOUT_SECONDS / 60} minutes`,
  },
  {
    what: "Greengrass: CreateComponentVersion a second",
    limit: 1,
    url: GREENGRASS,
    need: (devices) => devices / nodesPerWorkspace.value / ROLLOUT_SECONDS,
    when: "every workspace publishes a version within the hour",
  },
  {
    what: "Step Functions: StartExecution a second, after a burst of 1,300",
    limit: 300,
    url: STEP_FUNCTIONS,
    need: imported,
    when: importing,
  },
  {
    what: "Step Functions: state transitions a second, after a burst of 5,000",
    limit: 1_500,
    url: STEP_FUNCTIONS,
    need: (devices) => imported(devices) * creation.transitions,
    when: importing,
  },
  {
    what: "DynamoDB: write units a second of a table",
    limit: 40_000,
    url: "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html",
    need: (devices) => imported(devices) * creation.tasks.length * writesPerTask.value,
    when: importing,
  },
  {
    what: "API Gateway: requests a second of the account",
    limit: 10_000,
    url: "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html",
    need: (devices) => imported(devices) * (1 + ASSUMED.pollsOfIntent.value),
    when: importing,
  },
  {
    what: "Lambda: calls at once",
    limit: 1_000,
    url: "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    need: (devices) =>
      (missesPerSecond(devices) + imported(devices) * (creation.tasks.length + 3)) * quickSeconds.value,
    when: `${peak}, while a fleet is put in`,
  },
  {
    what: "CloudFront: requests a second of a distribution",
    limit: 250_000,
    url: "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html",
    need: pollsPerSecond,
    when: peak,
  },
  {
    what: "S3: buckets",
    limit: 10_000,
    url: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html",
    need: (devices) => devices / nodesPerWorkspace.value + 3,
    when: "always: one for each workspace, three for the stage",
  },
  {
    what: "IAM: roles of the account",
    limit: 1_000,
    url: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
    need: () => ROLES,
    when: "always: for each stage, one for each function and workflow",
  },
];
