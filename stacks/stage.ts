/// <reference path="../.sst/platform/config.d.ts" />
import { type Place, stageNames } from "../shared/names.ts";
import { readSettings, type Settings } from "./settings.ts";

/*
 * The stacks, in the order of sst.config.ts. Each is a function of the stage and of what earlier ones made.
 *
 *   encryption.ts     encryption(stage): Key                                   one KMS key: log groups, alarms' topic
 *   storage.ts        storage(stage): Storage                                  { tables, otaBucket, logBucket }
 *   identity.ts       identityOf(stage): Identity                              who issues people's tokens
 *   functions.ts      makeFunctions(stage, key, identity): Functions           aws.lambda.Function by its declared name
 *   workflows.ts      stateMachines(stage, key, functions): StateMachines      aws.sfn.StateMachine by workflow
 *   streams.ts        streamReaders(stage, storage, functions): DeadLetters    aws.sqs.Queue by trigger
 *   events.ts         events(stage, functions): { bus, deadLetters }           aws.sqs.Queue by trigger
 *   api.ts            api(stage, { key, functions, identity }): { api, url, … }
 *   ota.ts            ota(stage, { functions, storage }): Ota                  also the OTA bucket's `bucketPolicy`
 *   devices.ts        devices(stage, { key }): void
 *   observability.ts  observability(stage, { key, api, stateMachines, deadLetters, ota }): void
 *
 * What CloudFront needs in us-east-1 (a web ACL, the delivery of its logs) has `region: "us-east-1"` among its arguments.
 */

/** The stage that is being deployed, as every stack sees it. */
export interface Stage {
  readonly place: Place;
  readonly names: ReturnType<typeof stageNames>;
  readonly settings: Settings;
  /** An ARN in the stage's account and region. */
  readonly arn: (service: string, resource: string) => string;
}

/** The aliases of the stage's signing keys, the eldest first. */
export const signingKeysOf = ({ names, settings }: Pick<Stage, "names" | "settings">): string[] =>
  Array.from({ length: settings.ota.signingKeys }, (_, index) => names.signingKey(index + 1));

/** Looks up where the stage is, before anything is made, so that names and ARNs are plain texts everywhere else. */
export const stageOf = async (name: string): Promise<Stage> => {
  const [{ accountId }, { partition }, { region }] = await Promise.all([
    aws.getCallerIdentity(),
    aws.getPartition(),
    aws.getRegion(),
  ]);
  const place = { partition, region, accountId, stage: name };
  return {
    place,
    names: stageNames(place),
    settings: readSettings(name),
    arn: (service, resource) => `arn:${partition}:${service}:${region}:${accountId}:${resource}`,
  };
};
