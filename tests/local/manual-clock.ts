import type { Clock } from "../../local/iot/clock.ts";

/** A clock that moves when it is told to, and does what falls due on its way, in order. */
export const manualClock = (start = Date.parse("2026-01-01T00:00:00Z")) => {
  let now = start;
  const due = new Set<{ readonly at: number; readonly act: () => void }>();
  const clock: Clock = {
    now: () => now,
    after: (milliseconds, act) => {
      const entry = { at: now + milliseconds, act };
      due.add(entry);
      return () => due.delete(entry);
    },
  };
  const advance = (milliseconds: number): void => {
    const end = now + milliseconds;
    for (;;) {
      const [next] = [...due].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      due.delete(next);
      now = Math.max(now, next.at);
      next.act();
    }
    now = end;
  };
  return { ...clock, advance };
};

export type ManualClock = ReturnType<typeof manualClock>;
