/** A schedule that AWS would refuse, or one that is not done here. */
export class InvalidSchedule extends Error {
  constructor(expression: string, reason: string) {
    super(`${expression}: ${reason}`);
    this.name = "InvalidSchedule";
  }
}

/** The first time after `after` (both in milliseconds) at which the schedule is due. */
export type NextRun = (after: number) => number;

const UNIT_MS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

const parseRate = (expression: string, body: string): NextRun => {
  const [, count, unit = "", plural] = /^(\d+) (minute|hour|day)(s?)$/.exec(body) ?? [];
  const every = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (!(every > 0)) throw new InvalidSchedule(expression, "not a rate");
  // AWS insists on grammar: `1 minute`, `2 minutes`.
  if ((count === "1") === (plural === "s")) throw new InvalidSchedule(expression, "singular and plural do not agree");
  return (after) => after + every;
};

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const FIELDS = {
  minutes: { name: "minutes", min: 0, max: 59 },
  hours: { name: "hours", min: 0, max: 23 },
  dayOfMonth: { name: "day of month", min: 1, max: 31 },
  month: { name: "month", min: 1, max: 12, names: MONTHS },
  dayOfWeek: { name: "day of week", min: 1, max: 7, names: DAYS },
  year: { name: "year", min: 1970, max: 2199 },
} as const satisfies Record<string, Field>;

/** The values that a field of a cron expression lets through; undefined for all of them. */
const parseField = (expression: string, field: Field, text: string): ReadonlySet<number> | undefined => {
  if (text === "*" || text === "?") return undefined;
  const fail = (): never => {
    throw new InvalidSchedule(expression, `${field.name} is not understood: ${text}`);
  };
  const value = (word: string): number => {
    const named = field.names?.indexOf(word.toUpperCase()) ?? -1;
    const number = named >= 0 ? named + field.min : /^\d+$/.test(word) ? Number(word) : fail();
    return number >= field.min && number <= field.max ? number : fail();
  };
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const [range = "", step] = part.split("/");
    const every = step === undefined ? 1 : Number(step);
    if (!Number.isInteger(every) || every < 1) fail();
    const [low = "", high] = range.split("-");
    const from = low === "*" ? field.min : value(low);
    const to = high !== undefined ? value(high) : step !== undefined || low === "*" ? field.max : from;
    for (let one = from; one <= to; one += every) values.add(one);
  }
  return values;
};

/** A date that matches comes at the latest after this many years, because of 29 February. */
const HORIZON_DAYS = 366 * 9;
const DAY_MS = 86_400_000;

const parseCron = (expression: string, body: string): NextRun => {
  const parts = body.split(/\s+/);
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year] = parts;
  if (parts.length !== 6 || !minutes || !hours || !dayOfMonth || !month || !dayOfWeek || !year) {
    throw new InvalidSchedule(expression, "a cron expression has six fields");
  }
  if ((dayOfMonth === "?") === (dayOfWeek === "?")) {
    throw new InvalidSchedule(expression, "either the day of the month or the day of the week must be ?");
  }
  const inMinutes = parseField(expression, FIELDS.minutes, minutes);
  const inHours = parseField(expression, FIELDS.hours, hours);
  const inDays = parseField(expression, FIELDS.dayOfMonth, dayOfMonth);
  const inMonths = parseField(expression, FIELDS.month, month);
  const inWeek = parseField(expression, FIELDS.dayOfWeek, dayOfWeek);
  const inYears = parseField(expression, FIELDS.year, year);
  const allows = (set: ReadonlySet<number> | undefined, value: number) => set === undefined || set.has(value);
  const dayMatches = (date: Date) =>
    allows(inDays, date.getUTCDate()) &&
    allows(inMonths, date.getUTCMonth() + 1) &&
    allows(inWeek, date.getUTCDay() + 1) &&
    allows(inYears, date.getUTCFullYear());

  return (after) => {
    const first = Math.floor(after / 60_000) * 60_000 + 60_000;
    for (let day = 0; day < HORIZON_DAYS; day += 1) {
      const midnight = Math.floor(first / DAY_MS) * DAY_MS + day * DAY_MS;
      if (!dayMatches(new Date(midnight))) continue;
      for (let minute = 0; minute < 1_440; minute += 1) {
        const time = midnight + minute * 60_000;
        if (time >= first && allows(inHours, Math.floor(minute / 60)) && allows(inMinutes, minute % 60)) return time;
      }
    }
    return Number.POSITIVE_INFINITY;
  };
};

/**
 * Reads `rate(...)` or `cron(...)` (in UTC; without `L`, `W` and `#`).
 * @throws {@link InvalidSchedule}
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
export const parseSchedule = (expression: string): NextRun => {
  const [, kind, body] = /^(rate|cron)\((.*)\)$/.exec(expression) ?? [];
  if (body === undefined) throw new InvalidSchedule(expression, "neither rate(...) nor cron(...)");
  return kind === "rate" ? parseRate(expression, body) : parseCron(expression, body);
};
