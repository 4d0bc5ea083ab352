import { readFileSync } from "node:fs";
import { SHARED_RATES } from "../shared/aws/turns.ts";
import type { EnvironmentName } from "../shared/env.ts";
import { type Place, stageNames } from "../shared/names.ts";
import type { StartOptions } from "./arguments.ts";
import type { PortName } from "./endpoints.ts";
import { AUDIENCE } from "./issuer.ts";

/** Of the quotas that are there with `--throttling`: all that deployments may take. */
const THROTTLED_RATES =
  "SweepReads=20,CreateDeployment=10,CreateThingGroup=25,DeleteThingGroup=15,AddThingToThingGroup=50,RemoveThingFromThingGroup=50";
/** Aliases of the keys that sign releases. One key more rotates, as on AWS. */
export const signingKeysOf = (stage: Place): string[] =>
  Array.from({ length: Number(process.env.SLIPWAY_OTA_SIGNING_KEYS ?? 1) }, (_, index) =>
    stageNames(stage).signingKey(index + 1),
  );

/** What the stacks give functions on AWS, as it is here; each function is given those that it declares. */
export const functionVariables = ({
  stage,
  options: { throttling, webhooksHere },
  caFile,
  stateMachines,
  signingKeys,
  url,
  port,
}: {
  readonly stage: Place;
  readonly options: Pick<StartOptions, "throttling" | "webhooksHere">;
  /** The certificate that devices trust, as a PEM file. */
  readonly caFile: string;
  /** What each state machine's ARN begins with. */
  readonly stateMachines: string;
  readonly signingKeys: readonly string[];
  readonly url: (name: PortName) => string;
  readonly port: (name: PortName) => number;
}): Record<EnvironmentName, string> => {
  return {
    STAGE: stage.stage,
    CONTROL_TABLE: `${stage.stage}-control`,
    OTA_TABLE: `${stage.stage}-ota`,
    OTA_BUCKET: stageNames(stage).otaBucket,
    IMPORTS_BUCKET: stageNames(stage).importsBucket,
    // AWS's quotas bound an import where they are there.
    IMPORT_CALLS_PER_SECOND: throttling ? "50" : "1000000",
    AWS_RATES: throttling ? THROTTLED_RATES : SHARED_RATES.map((operation) => `${operation}=1000000`).join(),
    // Here memberships show at once.
    MEMBERSHIP_LAG_SECONDS: "1",
    JOB_WITHIN_SECONDS: "4",
    OTA_DEFAULT_WORKSPACE: process.env.SLIPWAY_OTA_DEFAULT_WORKSPACE ?? "",
    OTA_STREAMED_BYTES: process.env.SLIPWAY_OTA_STREAMED_BYTES ?? "200000000",
    OTA_ARCHIVES_PER_HOUR: "1000", // all devices of a test are of few workspaces
    OTA_SIGNING_KEYS: signingKeys.join(","),
    OTA_SNAPSHOT_HOURS: "72",
    STATE_MACHINE_PREFIX: stateMachines,
    EVENT_BUS: `${stage.stage}-slipway`,
    EVENT_SCHEMAS: `${url("api")}/v1/event-schemas/`,
    WEBHOOK_KEY: stageNames(stage).webhookKey,
    WEBHOOK_LOOPBACK: webhooksHere ? "allowed" : "refused",
    WEBHOOK_TRIES: process.env.SLIPWAY_WEBHOOK_TRIES ?? "13",
    WEBHOOK_RETRY_SECONDS: process.env.SLIPWAY_WEBHOOK_RETRY_SECONDS ?? "5",
    ACCOUNT_ID: stage.accountId,
    GREENGRASS_ENDPOINT: `localhost:${port("dataPlane")}`,
    DEVICE_ROOT_CA: readFileSync(caFile, "utf8"),
    REGISTRATIONS_PER_MINUTE: "100000", // all devices of a test come from one address
    AUDIT_DAYS: "400",
    TOKEN_ISSUER: url("issuer"),
    TOKEN_AUDIENCES: JSON.stringify([AUDIENCE]),
    TOKENS_PER_MINUTE: "30",
    UPLOAD_ORIGINS: "http://localhost:*,http://127.0.0.1:*",
  };
};
