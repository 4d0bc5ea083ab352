/** What AWS grants an account, as far as deployments use it. All of it is configuration: quotas are raised on request. */
export interface AwsRates {
  readonly createDeploymentPerSecond: number;
  readonly createThingGroupPerSecond: number;
  /** `AddThingToThingGroup` and `RemoveThingFromThingGroup`. */
  readonly membershipsPerSecond: number;
  /** Devices that a job tells in a minute, where its rollout sets no other pace. */
  readonly jobExecutionsPerMinute: number;
}

/**
 * https://docs.aws.amazon.com/general/latest/gr/iot-core.html for thing groups and jobs; that Greengrass takes about one
 * deployment a second is not in its list of quotas and to be seen.
 */
export const DEFAULT_RATES: AwsRates = {
  createDeploymentPerSecond: 1,
  createThingGroupPerSecond: 25,
  membershipsPerSecond: 100,
  jobExecutionsPerMinute: 1_000,
};

/** What AWS is asked to do. */
export interface Work {
  readonly thingGroups: number;
  readonly deliveries: number;
  readonly joins: number;
  readonly leaves: number;
  /** Devices that get a job. */
  readonly jobs: number;
  /** Minutes that the slowest rollout takes to tell all of its devices. */
  readonly rolloutMinutes: number;
}

/** Seconds until every device has been told, if one kind of call is made after the other at AWS's rates. */
export const secondsFor = (work: Work, rates: AwsRates): number =>
  Math.ceil(
    work.thingGroups / rates.createThingGroupPerSecond +
      work.deliveries / rates.createDeploymentPerSecond +
      (work.joins + work.leaves) / rates.membershipsPerSecond +
      work.rolloutMinutes * 60,
  );
