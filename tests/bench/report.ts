/** One figure of a benchmark. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: "ms" | "/s" | "KB" | "MB" | "MB/s" | "%" | "requests" | "calls" | "";
}

/** The value at or below which `share` (0 to 1) of the samples lie. */
export const percentile = (samples: readonly number[], share: number): number => {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
};

export const table = (rows: readonly Row[]): string => {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .map(({ name, value, unit }) => `${name.padEnd(width)}  ${value.toFixed(1).padStart(10)} ${unit}\n`)
    .join("");
};
