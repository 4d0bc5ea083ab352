import { type Rate, type Throttle, tokenBuckets } from "../throttle.ts";

/**
 * https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html : one request a second for CreateComponentVersion,
 * and 30 for all other control plane operations together.
 */
export const rates = {
  CreateComponentVersion: { perSecond: 1 },
  others: { perSecond: 30 },
} as const satisfies Readonly<Record<string, Rate>>;

/** Operations of the data plane, of which AWS gives no rate. */
const DATA_PLANE: ReadonlySet<string> = new Set(["ResolveComponentCandidates", "GetComponentVersionArtifact"]);

/** @param now a monotonic clock in milliseconds */
export const awsThrottle = (now?: () => number): Throttle => {
  const buckets = tokenBuckets(rates, now);
  return (operation) =>
    DATA_PLANE.has(operation) || buckets(operation === "CreateComponentVersion" ? operation : "others");
};
