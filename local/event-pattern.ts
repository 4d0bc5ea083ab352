/** A pattern that AWS would refuse too: an unknown operator, or an operand of the wrong kind. */
export class InvalidEventPattern extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvalidEventPatternException";
  }
}

type Matcher = (value: unknown) => boolean;
/** Tests the values found at one field: none when it is absent, several when the event has an array there. */
type LeafMatcher = (values: readonly unknown[]) => boolean;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const text = (operator: string, operand: unknown): string => {
  if (typeof operand !== "string") throw new InvalidEventPattern(`${operator} must be a string`);
  return operand;
};

const onText =
  (test: (value: string) => boolean): Matcher =>
  (value) =>
    typeof value === "string" && test(value);

const ignoringCase = (operand: unknown): Matcher => {
  const wanted = text("equals-ignore-case", operand).toLowerCase();
  return onText((value) => value.toLowerCase() === wanted);
};

/** `prefix` and `suffix` take a string, or `{"equals-ignore-case": string}`. */
const affix = (operator: "prefix" | "suffix", operand: unknown): Matcher => {
  const has = (value: string, part: string) => (operator === "prefix" ? value.startsWith(part) : value.endsWith(part));
  if (isObject(operand)) {
    const part = text(operator, operand["equals-ignore-case"]).toLowerCase();
    return onText((value) => has(value.toLowerCase(), part));
  }
  const part = text(operator, operand);
  return onText((value) => has(value, part));
};

/** `*` stands for any characters; `\*` and `\\` for themselves. */
const wildcard = (operand: unknown): Matcher => {
  const source = text("wildcard", operand).replace(
    /\\([*\\])|([*])|([.+?^${}()|[\]\\])/g,
    (_, escaped, star, special) => (star ? "[^]*" : `\\${escaped ?? special}`),
  );
  const expression = new RegExp(`^${source}$`);
  return onText((value) => expression.test(value));
};

const COMPARE: Record<string, (a: number, b: number) => boolean> = {
  "=": (a, b) => a === b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

const numeric = (operand: unknown): Matcher => {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4)) {
    throw new InvalidEventPattern("numeric takes one or two comparisons");
  }
  const tests: ((value: number) => boolean)[] = [];
  for (let i = 0; i < operand.length; i += 2) {
    const compare = COMPARE[String(operand[i])];
    const bound: unknown = operand[i + 1];
    if (compare === undefined || typeof bound !== "number") throw new InvalidEventPattern("numeric is malformed");
    tests.push((value) => compare(value, bound));
  }
  return (value) => typeof value === "number" && tests.every((test) => test(value));
};

const anythingBut = (operand: unknown): Matcher => {
  if (isObject(operand)) {
    const [operator, inner] = only(operand);
    const refused = (Array.isArray(inner) ? inner : [inner]).map((one) => matcher(operator, one));
    return (value) => !refused.some((test) => test(value));
  }
  const refused: unknown[] = Array.isArray(operand) ? operand : [operand];
  if (refused.some(isObject)) throw new InvalidEventPattern("anything-but takes a list of plain values");
  return (value) => !refused.includes(value);
};

const only = (operation: Record<string, unknown>): [string, unknown] => {
  const [entry, ...others] = Object.entries(operation);
  if (entry === undefined || others.length > 0) throw new InvalidEventPattern("one operator for each match expression");
  return entry;
};

const matcher = (operator: string, operand: unknown): Matcher => {
  switch (operator) {
    case "prefix":
    case "suffix":
      return affix(operator, operand);
    case "equals-ignore-case":
      return ignoringCase(operand);
    case "wildcard":
      return wildcard(operand);
    case "numeric":
      return numeric(operand);
    case "anything-but":
      return anythingBut(operand);
    default:
      throw new InvalidEventPattern(`unrecognized match type ${operator}`);
  }
};

const alternative = (one: unknown): LeafMatcher => {
  if (Array.isArray(one)) throw new InvalidEventPattern("an alternative cannot be a list");
  if (!isObject(one)) return (values) => values.includes(one);
  const [operator, operand] = only(one);
  if (operator === "exists") {
    if (typeof operand !== "boolean") throw new InvalidEventPattern("exists must be true or false");
    return (values) => values.length > 0 === operand;
  }
  const test = matcher(operator, operand);
  return (values) => values.some(test);
};

const leaves = (value: unknown): unknown[] => {
  if (Array.isArray(value)) return value.flatMap(leaves);
  // Only leaves have values: an object at this place is, to a pattern that expects a leaf, an absent field.
  return value === undefined || isObject(value) ? [] : [value];
};

const compileField = (name: string, expected: unknown): ((event: Record<string, unknown>) => boolean) => {
  if (Array.isArray(expected)) {
    if (expected.length === 0) throw new InvalidEventPattern(`${name} has no alternatives`);
    const tests = expected.map(alternative);
    return (event) => {
      const values = leaves(event[name]);
      return tests.some((test) => test(values));
    };
  }
  if (!isObject(expected)) throw new InvalidEventPattern(`${name} must be an object or an array`);
  const nested = compilePattern(expected);
  return (event) => {
    const value = event[name];
    return Array.isArray(value) ? value.some(nested) : nested(value);
  };
};

const compileOr = (branches: unknown): ((event: Record<string, unknown>) => boolean) => {
  if (!Array.isArray(branches) || branches.length < 2 || !branches.every(isObject)) {
    throw new InvalidEventPattern("$or takes two patterns or more");
  }
  const tests = branches.map(compilePattern);
  return (event) => tests.some((test) => test(event));
};

/**
 * Compiles an EventBridge event pattern, which is also what a filter of a Lambda event source mapping is.
 * Every field of the pattern must match; an array in the event matches if any of its elements does.
 *
 * @throws {@link InvalidEventPattern}
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export const compilePattern = (pattern: object): ((event: unknown) => boolean) => {
  const tests = Object.entries(pattern).map(([name, expected]) =>
    name === "$or" ? compileOr(expected) : compileField(name, expected),
  );
  // An absent object is walked as an empty one, so that `exists: false` holds for the fields within.
  return (event) => {
    const object = isObject(event) ? event : {};
    return tests.every((test) => test(object));
  };
};

/** Whether `event` matches `pattern`; see {@link compilePattern}. */
export const matchesPattern = (pattern: object, event: unknown): boolean => compilePattern(pattern)(event);
