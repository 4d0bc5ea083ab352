import { styled } from "./output.ts";

const WIDTH = 28;
const EVERY_MS = 80;
const UNITS = ["B", "KB", "MB", "GB"];

export const bytesText = (bytes: number): string => {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${power === 0 ? bytes : (bytes / 1_000 ** power).toFixed(1)} ${UNITS[power]}`;
};

/** The bar itself. @param share 0 to 1 */
export const bar = (share: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, share)) * WIDTH);
  return `${"█".repeat(full)}${"░".repeat(WIDTH - full)} ${String(Math.floor(share * 100)).padStart(3)} %`;
};

export interface Progress {
  readonly add: (bytes: number) => void;
  readonly end: () => void;
}

/** A bar on the standard error, where that is a terminal and the result is for people; nothing elsewhere. */
export const progress = (label: string, total: number, silent: boolean): Progress => {
  const { stderr } = process;
  if (silent || !stderr.isTTY) return { add: () => {}, end: () => {} };
  let done = 0;
  let drawnAt = 0;
  const draw = () => {
    const share = total === 0 ? 1 : done / total;
    const text = `${label} ${bar(share)}  ${bytesText(done)} of ${bytesText(total)}`;
    stderr.write(`\r\u001b[K${styled("cyan", text.slice(0, Math.max(20, (stderr.columns ?? 80) - 1)), stderr)}`);
  };
  return {
    add: (bytes) => {
      done += bytes;
      if (Date.now() - drawnAt < EVERY_MS) return;
      drawnAt = Date.now();
      draw();
    },
    end: () => {
      draw();
      stderr.write("\n");
    },
  };
};
