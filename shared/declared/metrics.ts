/** The namespace of every metric of ours in CloudWatch. */
export const METRIC_NAMESPACE = "Slipway";

interface MetricDeclaration {
  readonly unit: "Count" | "Seconds";
  /** Each is a dimension by which the metric is told apart, beside its sum over all. Few values: each is paid for. */
  readonly by: readonly string[];
}

/** Whose fault it is that an intent failed: the client's where the problem is a 4xx, such as a file that was not uploaded. */
export const INTENT_FAULTS = ["client", "service"] as const;

/**
 * What an anonymous device was told: nothing new, what there is, the binaries themselves, where they are or that they are
 * being put there, what is current by signature, or a problem of either side's.
 */
export const OTA_ANSWERS = [
  "not-modified",
  "metadata",
  "archive",
  "redirect",
  "preparing",
  "snapshot",
  "stopped",
  "refused",
  "failed",
] as const;

/** What AWS IoT was told of a device that would register. */
export const HOOK_VERDICTS = ["allowed", "refused", "failed"] as const;

/**
 * What functions count, by embedded metric format. Alarms and dashboard read these names; the dimensions `service` and
 * `stage` are on all of them.
 */
export const metrics = {
  /** The API wrote an intent. */
  IntentsAccepted: { unit: "Count", by: ["kind"] },
  IntentsSucceeded: { unit: "Count", by: ["kind"] },
  /** `fault` is one of {@link INTENT_FAULTS}. */
  IntentsFailed: { unit: "Count", by: ["kind", "fault"] },
  /** From request to end, of intents that succeeded. */
  IntentSeconds: { unit: "Seconds", by: ["kind"] },
  /** The sweep started an intent's workflow again, or ended an intent whose workflow had not. */
  IntentsSwept: { unit: "Count", by: [] },
  /** How long the open intent that has stood still the longest has done so; 0 for none. Told by each sweep. */
  OldestOpenIntentSeconds: { unit: "Seconds", by: [] },
  /** A caller was refused for its role, or for what its machine credential is for. */
  Refusals: { unit: "Count", by: [] },
  /** AWS IoT asked whether a device may register; `verdict` is one of {@link HOOK_VERDICTS}. */
  HookAnswers: { unit: "Count", by: ["verdict"] },
  /** How old the oldest snapshot of a workspace is; 0 for none. Told by each run of the schedule that renews them. */
  OldestSnapshotSeconds: { unit: "Seconds", by: [] },
  /** A device's question that no cache had the answer to; `answer` is one of {@link OTA_ANSWERS}. */
  OtaPolls: { unit: "Count", by: ["answer"] },
} as const satisfies Record<string, MetricDeclaration>;

export type MetricName = keyof typeof metrics;

/** The dimensions of a metric, as functions give them: one value for each that it is told apart by. */
export type MetricDimensions<Name extends MetricName> = Readonly<Record<(typeof metrics)[Name]["by"][number], string>>;

/** On every metric. */
export const commonDimensions = (stage: string) => ({ service: "slipway", stage }) as const;

/** The sets of dimension names under which CloudWatch has a metric, each set a metric of its own. */
export const dimensionSets = (name: MetricName): string[][] => {
  const common = Object.keys(commonDimensions(""));
  return [common, ...metrics[name].by.map((dimension) => [...common, dimension])];
};
