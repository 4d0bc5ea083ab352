import * as z from "zod";

const Seconds = z.int().min(0).max(86_400);

/** https://docs.aws.amazon.com/greengrass/v2/APIReference/API_DeploymentPolicies.html */
export const Policies = z
  .strictObject({
    failureHandling: z.enum(["rollback", "do-nothing"]).optional(),
    componentUpdate: z
      .strictObject({ action: z.enum(["notify", "skip-notify"]), timeoutSeconds: Seconds.optional() })
      .optional()
      .meta({ description: "Whether components are asked before an update, and how long they may defer it" }),
    validationSeconds: Seconds.optional().meta({
      description: "How long components may take to check a configuration",
    }),
  })
  .meta({ id: "DeploymentPolicies" });
export type Policies = z.infer<typeof Policies>;

const PerMinute = z.int().min(1).max(1_000);
const Things = z.int().min(1);

/** https://docs.aws.amazon.com/greengrass/v2/APIReference/API_DeploymentIoTJobConfiguration.html */
export const Rollout = z
  .strictObject({
    maximumPerMinute: PerMinute.optional().meta({ description: "Devices told in a minute" }),
    exponential: z
      .strictObject({
        baseRatePerMinute: PerMinute,
        incrementFactor: z.number().min(1).max(5),
        increaseAfter: z
          .union([z.strictObject({ notified: Things }), z.strictObject({ succeeded: Things })])
          .meta({ description: "Devices after which the rate grows by the factor" }),
      })
      .optional(),
    abort: z
      .array(
        z.strictObject({
          failure: z.enum(["failed", "rejected", "timed-out", "all"]),
          thresholdPercentage: z.number().gt(0).max(100),
          minimumExecuted: Things,
        }),
      )
      .min(1)
      .max(10)
      .optional()
      .meta({ description: "Shares of failures at which no more devices are told" }),
    timeoutMinutes: z.int().min(1).max(10_080).optional().meta({ description: "How long a device may be at it" }),
  })
  .meta({ id: "DeploymentRollout" });
export type Rollout = z.infer<typeof Rollout>;

export interface DeliverySettings {
  readonly policies?: Policies;
  readonly rollout?: Rollout;
}

/**
 * How a cell's next delivery is done: each member from the target of highest precedence that sets it. Settings are no
 * part of the content's hash, so that a change of them alone sends no device a job.
 *
 * @param deployments by precedence, highest first
 */
export const deliverySettings = (
  deployments: readonly { readonly policies?: Policies | undefined; readonly rollout?: Rollout | undefined }[],
): DeliverySettings => {
  const lowestFirst = [...deployments].reverse();
  const policies = Object.assign({}, ...lowestFirst.map((one) => one.policies ?? {})) as Policies;
  const rollout = Object.assign({}, ...lowestFirst.map((one) => one.rollout ?? {})) as Rollout;
  return {
    ...(Object.keys(policies).length > 0 && { policies }),
    ...(Object.keys(rollout).length > 0 && { rollout }),
  };
};

/** `CreateDeployment`'s form of the settings; what is not set is left to Greengrass's defaults. */
export const createDeploymentSettings = ({ policies, rollout }: DeliverySettings) => ({
  ...(policies !== undefined && {
    deploymentPolicies: {
      ...(policies.failureHandling !== undefined && {
        failureHandlingPolicy: FAILURE_HANDLING[policies.failureHandling],
      }),
      ...(policies.componentUpdate !== undefined && {
        componentUpdatePolicy: {
          action: UPDATE_ACTION[policies.componentUpdate.action],
          ...(policies.componentUpdate.timeoutSeconds !== undefined && {
            timeoutInSeconds: policies.componentUpdate.timeoutSeconds,
          }),
        },
      }),
      ...(policies.validationSeconds !== undefined && {
        configurationValidationPolicy: { timeoutInSeconds: policies.validationSeconds },
      }),
    },
  }),
  ...(rollout !== undefined && { iotJobConfiguration: jobConfiguration(rollout) }),
});

/** How many devices a rollout tells in a minute at least; undefined where it sets no pace. */
export const slowestPace = (rollout: Rollout | undefined): number | undefined => {
  const { maximumPerMinute, exponential } = rollout ?? {};
  const paces = [maximumPerMinute, exponential?.baseRatePerMinute].filter((pace) => pace !== undefined);
  return paces.length === 0 ? undefined : Math.min(...paces);
};

const FAILURE_HANDLING = { rollback: "ROLLBACK", "do-nothing": "DO_NOTHING" } as const;
const UPDATE_ACTION = { notify: "NOTIFY_COMPONENTS", "skip-notify": "SKIP_NOTIFY_COMPONENTS" } as const;
const FAILURE = { failed: "FAILED", rejected: "REJECTED", "timed-out": "TIMED_OUT", all: "ALL" } as const;

const jobConfiguration = ({ maximumPerMinute, exponential, abort, timeoutMinutes }: Rollout) => ({
  ...((maximumPerMinute !== undefined || exponential !== undefined) && {
    jobExecutionsRolloutConfig: {
      ...(maximumPerMinute !== undefined && { maximumPerMinute }),
      ...(exponential !== undefined && {
        exponentialRate: {
          baseRatePerMinute: exponential.baseRatePerMinute,
          incrementFactor: exponential.incrementFactor,
          rateIncreaseCriteria:
            "notified" in exponential.increaseAfter
              ? { numberOfNotifiedThings: exponential.increaseAfter.notified }
              : { numberOfSucceededThings: exponential.increaseAfter.succeeded },
        },
      }),
    },
  }),
  ...(abort !== undefined && {
    abortConfig: {
      criteriaList: abort.map(({ failure, thresholdPercentage, minimumExecuted }) => ({
        failureType: FAILURE[failure],
        action: "CANCEL" as const,
        thresholdPercentage,
        minNumberOfExecutedThings: minimumExecuted,
      })),
    },
  }),
  ...(timeoutMinutes !== undefined && { timeoutConfig: { inProgressTimeoutInMinutes: timeoutMinutes } }),
});
