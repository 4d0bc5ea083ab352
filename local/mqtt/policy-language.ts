/**
 * AWS IoT's policies: https://docs.aws.amazon.com/iot/latest/developerguide/iot-policies.html. `*` and `?` are wildcards,
 * MQTT's `+` and `#` are text. A variable's value is text too, whatever is in it: a client that calls itself `*` is no
 * wildcard.
 */

type Token = string | { readonly variable: string } | typeof ANY | typeof ONE;
const ANY = Symbol("any text");
const ONE = Symbol("any character");
type Pattern = readonly Token[];

interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly Pattern[];
}

export interface Statement {
  readonly allows: boolean;
  readonly actions: { readonly patterns: readonly Pattern[]; readonly negated: boolean };
  readonly resources: { readonly patterns: readonly Pattern[]; readonly negated: boolean };
  readonly conditions: readonly Condition[];
}

/** The values of variables and condition keys; undefined for what the connection does not have. */
export type Values = (name: string) => string | readonly string[] | undefined;

const VARIABLE = /\$\{([^}]*)\}|[*?]|[^*?$]+|\$/g;

const parsePattern = (text: string): Pattern =>
  [...text.matchAll(VARIABLE)].map(([part, variable]): Token => {
    if (part === "*") return ANY;
    if (part === "?") return ONE;
    if (variable === undefined) return part;
    // `${*}`, `${?}` and `${$}` stand for the characters themselves.
    return /^[*?$]$/.test(variable) ? variable : { variable };
  });

/** The characters and wildcards of a pattern once its variables have their values; undefined if one has none. */
const substitute = (pattern: Pattern, values: Values): (string | typeof ANY | typeof ONE)[] | undefined => {
  const units: (string | typeof ANY | typeof ONE)[] = [];
  for (const token of pattern) {
    if (token === ANY || token === ONE) {
      units.push(token);
      continue;
    }
    const text = typeof token === "string" ? token : values(token.variable);
    if (typeof text !== "string") return undefined;
    units.push(...text);
  }
  return units;
};

/** Whether the whole text is matched: linear but for the last `*`, which gives way character by character. */
const matches = (pattern: Pattern, text: string, values: Values): boolean => {
  const units = substitute(pattern, values);
  if (units === undefined) return false;
  const characters = [...text];
  let [unit, character, star, from] = [0, 0, -1, 0];
  while (character < characters.length) {
    if (units[unit] === ANY) {
      star = unit;
      from = character;
      unit += 1;
    } else if (unit < units.length && (units[unit] === ONE || units[unit] === characters[character])) {
      unit += 1;
      character += 1;
    } else if (star >= 0) {
      from += 1;
      character = from;
      unit = star + 1;
    } else return false;
  }
  return units.slice(unit).every((rest) => rest === ANY);
};

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value : [value]).map(String);

const elementOf = (statement: Readonly<Record<string, unknown>>, name: string, lower: boolean) => {
  const negated = statement[name] === undefined;
  const texts = listOf(statement[negated ? `Not${name}` : name]);
  return { negated, patterns: texts.map((text) => parsePattern(lower ? text.toLowerCase() : text)) };
};

/** The statements of a document that the control plane has accepted. */
export const parsePolicy = (document: string): Statement[] => {
  const { Statement: given } = JSON.parse(document) as {
    Statement: Record<string, unknown> | Record<string, unknown>[];
  };
  return (Array.isArray(given) ? given : [given]).map((statement) => ({
    allows: statement.Effect === "Allow",
    actions: elementOf(statement, "Action", true),
    resources: elementOf(statement, "Resource", false),
    conditions: Object.entries((statement.Condition ?? {}) as Record<string, Record<string, unknown>>).flatMap(
      ([operator, keys]) =>
        Object.entries(keys).map(([key, wanted]) => ({ operator, key, values: listOf(wanted).map(parsePattern) })),
    ),
  }));
};

type Compare = (wanted: Pattern, found: string, values: Values) => boolean;

/** Equality takes wildcards for what they look like. */
const textOf = (pattern: Pattern, values: Values): string | undefined =>
  substitute(pattern, values)
    ?.map((unit) => (unit === ANY ? "*" : unit === ONE ? "?" : unit))
    .join("");

const equals: Compare = (wanted, found, values) => textOf(wanted, values) === found;
const like: Compare = (wanted, found, values) => matches(wanted, found, values);

const OPERATORS: Readonly<Record<string, { readonly compare: Compare; readonly negated?: true }>> = {
  Bool: { compare: (wanted, found, values) => textOf(wanted, values)?.toLowerCase() === found.toLowerCase() },
  StringEquals: { compare: equals },
  StringNotEquals: { compare: equals, negated: true },
  StringEqualsIgnoreCase: {
    compare: (wanted, found, values) => textOf(wanted, values)?.toLowerCase() === found.toLowerCase(),
  },
  StringLike: { compare: like },
  StringNotLike: { compare: like, negated: true },
  ArnEquals: { compare: like },
  ArnLike: { compare: like },
  ArnNotEquals: { compare: like, negated: true },
  ArnNotLike: { compare: like, negated: true },
};

/** Whether a condition holds; undefined for an operator that is not evaluated here. */
const holds = ({ operator: name, key, values: wanted }: Condition, values: Values): boolean | undefined => {
  const [, set, base = "", ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(name) ?? [];
  const operator = OPERATORS[base];
  if (operator === undefined) return undefined;
  const value = values(key);
  const all = value === undefined ? [] : typeof value === "string" ? [value] : value;
  const one = (found: string): boolean =>
    wanted.some((pattern) => operator.compare(pattern, found, values)) !== (operator.negated ?? false);
  if (set === "ForAllValues") return all.every(one);
  if (all.length === 0) return ifExists !== undefined || operator.negated === true;
  return set === "ForAnyValue" ? all.some(one) : all.every(one);
};

const fits = (element: Statement["actions"], text: string, values: Values): boolean =>
  element.patterns.some((pattern) => matches(pattern, text, values)) !== element.negated;

/** A condition that is not understood keeps an allowance from holding, and lets a denial hold. */
const applies = (statement: Statement, action: string, resource: string, values: Values): boolean =>
  fits(statement.actions, action.toLowerCase(), values) &&
  fits(statement.resources, resource, values) &&
  statement.conditions.every((condition) => holds(condition, values) ?? !statement.allows);

/** Whether a statement allows it and none denies it. */
export const permits = (
  statements: readonly Statement[],
  action: string,
  resource: string,
  values: Values,
): boolean => {
  const applying = statements.filter((statement) => applies(statement, action, resource, values));
  return applying.length > 0 && applying.every(({ allows }) => allows);
};
