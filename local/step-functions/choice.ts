import { runtimeError } from "./errors.ts";
import { type Fields, find, isFields, MISSING } from "./paths.ts";

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const isTimestamp = (value: unknown): value is string =>
  typeof value === "string" && TIMESTAMP.test(value) && !Number.isNaN(Date.parse(value));

type Comparison = "Equals" | "LessThan" | "LessThanEquals" | "GreaterThan" | "GreaterThanEquals";
const holds = (comparison: string, order: number): boolean => {
  switch (comparison as Comparison) {
    case "Equals":
      return order === 0;
    case "LessThan":
      return order < 0;
    case "LessThanEquals":
      return order <= 0;
    case "GreaterThan":
      return order > 0;
    case "GreaterThanEquals":
      return order >= 0;
  }
};
const order = <T extends string | number>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** Values of another type than the operator's are never equal, smaller or greater. */
const compare = (type: string, comparison: string, value: unknown, other: unknown): boolean => {
  switch (type) {
    case "String":
      return typeof value === "string" && typeof other === "string" && holds(comparison, order(value, other));
    case "Numeric":
      return typeof value === "number" && typeof other === "number" && holds(comparison, order(value, other));
    case "Boolean":
      return typeof value === "boolean" && value === other;
    default:
      return isTimestamp(value) && isTimestamp(other) && holds(comparison, order(Date.parse(value), Date.parse(other)));
  }
};

const TESTS: Readonly<Record<string, (value: unknown) => boolean>> = {
  IsPresent: (value) => value !== MISSING,
  IsNull: (value) => value === null,
  IsNumeric: (value) => typeof value === "number",
  IsString: (value) => typeof value === "string",
  IsBoolean: (value) => typeof value === "boolean",
  IsTimestamp: isTimestamp,
};

/** `*` stands for any characters, `\*` for an asterisk. */
const like = (value: unknown, pattern: string): boolean => {
  if (typeof value !== "string") return false;
  const parts = pattern.match(/\\[*\\]|\*|[^*\\]+|\\/g) ?? [];
  const source = parts.map((part) => {
    if (part === "*") return ".*";
    const literal = part.length === 2 && part.startsWith("\\") ? part.slice(1) : part;
    return literal.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`, "s").test(value);
};

const OPERATOR =
  /^(String|Numeric|Boolean|Timestamp)(Equals|LessThan|LessThanEquals|GreaterThan|GreaterThanEquals)(Path)?$/;
const rulesOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);

/**
 * Whether a rule of a Choice state holds.
 * @throws StateError States.Runtime for a variable that is not there, except under IsPresent
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
 */
export const ruleHolds = (rule: Fields, data: unknown, context: unknown): boolean => {
  if (rule.And !== undefined) return rulesOf(rule.And).every((one) => ruleHolds(one, data, context));
  if (rule.Or !== undefined) return rulesOf(rule.Or).some((one) => ruleHolds(one, data, context));
  if (isFields(rule.Not)) return !ruleHolds(rule.Not, data, context);
  const read = (path: unknown, absent = false): unknown => {
    const value = find(String(path), data, context);
    if (value === MISSING && !absent) {
      throw runtimeError(`Invalid path '${path}': The choice state's condition path references an invalid value.`);
    }
    return value;
  };
  for (const [name, operand] of Object.entries(rule)) {
    const test = TESTS[name];
    if (test !== undefined) return test(read(rule.Variable, name === "IsPresent")) === operand;
    if (name === "StringMatches") return like(read(rule.Variable), String(operand));
    const [, type, comparison, path] = OPERATOR.exec(name) ?? [];
    if (type === undefined || comparison === undefined) continue;
    return compare(type, comparison, read(rule.Variable), path === undefined ? operand : read(operand));
  }
  throw runtimeError("The choice rule has no operator");
};
