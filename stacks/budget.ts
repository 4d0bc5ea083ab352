/** The recorded figures of `bundles.json`. */
export interface Budget {
  /** Bytes of each function's bundle when its figure was last recorded. */
  readonly bytes: Readonly<Record<string, number>>;
  /** Why a function may be larger than {@link MAX_BYTES}. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** More than this is loaded slowly at a cold start, and is most often something that came along unnoticed. */
export const MAX_BYTES = 500_000;

/** By how much of its recorded figure a bundle may grow unnoticed. */
const GROWTH = 0.25;

export const kb = (bytes: number): string => `${(bytes / 1_000).toFixed(1)} KB`;

const RENEW = "if it must be so, renew the figures by npm run build -- --record";

/**
 * What is wrong with the bundles, a line each; nothing when they keep to the budget.
 * @param measured bytes by the function's name
 */
export const overBudget = (budget: Budget, measured: Readonly<Record<string, number>>): string[] => [
  ...Object.entries(measured).flatMap(([name, now]) => {
    const recorded = budget.bytes[name];
    if (recorded === undefined) return [`${name}: ${kb(now)}, and no figure recorded: npm run build -- --record`];
    const percent = Math.round((now / recorded - 1) * 100);
    return [
      ...(now > recorded * (1 + GROWTH)
        ? [`${name}: ${kb(recorded)} recorded, ${kb(now)} now, ${percent}% more; ${RENEW}`]
        : []),
      ...(now > MAX_BYTES && budget.reasons[name] === undefined
        ? [`${name}: ${kb(now)} is over ${kb(MAX_BYTES)}; if it must be so, say why in stacks/bundles.json, "reasons"`]
        : []),
    ];
  }),
  ...Object.keys({ ...budget.bytes, ...budget.reasons })
    .filter((name) => !(name in measured))
    .map((name) => `${name}: recorded, and no function: npm run build -- --record`),
];

/** The budget with the figures of now, and the reasons that are still needed. */
export const recorded = (budget: Budget, measured: Readonly<Record<string, number>>): Budget => ({
  bytes: measured,
  reasons: Object.fromEntries(Object.entries(budget.reasons).filter(([name]) => (measured[name] ?? 0) > MAX_BYTES)),
});
