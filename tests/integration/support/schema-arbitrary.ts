import fc from "fast-check";

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Texts that have broken programs elsewhere. */
const NASTY = [
  ...[
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "\ud800",
    "💥",
    "é",
    "e\u0301",
    "İ",
    "ß",
    "../../etc/passwd",
    "%2e%2e%2f",
    "a/b",
    "a\\b",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "null",
    "undefined",
    "NaN",
    "-0",
    "1e999",
    "${jndi:x}",
    "{{7*7}}",
    "<script>",
  ],
  ...["' OR 1=1 --", '"', "\r\nx: y", "pk#sk", "#", "*", "?", "a".repeat(1_000), "9".repeat(40)],
];

export const nastyText = (): fc.Arbitrary<string> =>
  fc.oneof(fc.constantFrom(...NASTY), fc.string({ maxLength: 40 }), fc.string({ unit: "binary", maxLength: 20 }));

/** Any JSON, of which little fits anywhere. */
export const anyJson = (): fc.Arbitrary<unknown> =>
  fc.oneof(
    fc.constantFrom<unknown>(null, true, 0, -1, 0.5, 1e308, [], {}, [[]], [null], { a: null }),
    fc.constantFrom<unknown>(...NASTY),
    fc.jsonValue({ maxDepth: 3 }),
  );

/** A text that a pattern takes, where the generator understands the pattern. */
const matching = (pattern: string): fc.Arbitrary<string> => {
  try {
    return fc.stringMatching(new RegExp(pattern, "u"));
  } catch (error) {
    // Assertions and properties of characters are beyond it: some text, which mostly does not fit, is told apart by who asks.
    if (error instanceof Error) return fc.string({ minLength: 1, maxLength: 20 });
    throw error;
  }
};

const text = ({ minLength, maxLength, pattern, format }: Json): fc.Arbitrary<string> => {
  if (format === "date-time") return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  const least = Number(minLength ?? 0);
  const most = Number(maxLength ?? least + 100);
  if (typeof pattern === "string") return matching(pattern);
  const edge = (length: number) => fc.constant("x".repeat(Math.max(0, length)));
  return fc.oneof(
    { weight: 4, arbitrary: fc.string({ minLength: least, maxLength: Math.min(most, least + 50) }) },
    { weight: 1, arbitrary: edge(least) },
    { weight: 1, arbitrary: edge(Math.min(most, 5_000)) },
  );
};

const number = (schema: Json, isInteger: boolean): fc.Arbitrary<number> => {
  const min = Number(schema.minimum ?? schema.exclusiveMinimum ?? -1_000);
  const max = Number(schema.maximum ?? schema.exclusiveMaximum ?? min + 1_000_000);
  const edges = fc.constantFrom(min, max);
  const between = isInteger
    ? fc.integer({ min: Math.max(Math.ceil(min), -(2 ** 31)), max: Math.min(Math.floor(max), 2 ** 31 - 1) })
    : fc.double({ min, max, noNaN: true });
  return fc.oneof({ weight: 3, arbitrary: between }, { weight: 1, arbitrary: edges });
};

/**
 * Values that a JSON Schema takes, its boundaries often; where a rule is beyond the generator, some that it does not.
 * @param resolve what `$ref`s lead to
 */
export const valuesOf = (schema: Json, resolve: (reference: string) => Json, depth = 0): fc.Arbitrary<unknown> => {
  const inner = (one: unknown): fc.Arbitrary<unknown> =>
    isJson(one) && depth < 6 ? valuesOf(one, resolve, depth + 1) : fc.constant(null);
  if (typeof schema.$ref === "string") return valuesOf(resolve(schema.$ref), resolve, depth + 1);
  if ("const" in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]));
  for (const word of ["anyOf", "oneOf"] as const) {
    const options = schema[word];
    if (Array.isArray(options)) return fc.oneof(...options.map(inner));
  }
  if (Array.isArray(schema.allOf)) {
    const { allOf, ...rest } = schema;
    const all = (allOf as Json[]).map((one) => (typeof one.$ref === "string" ? resolve(one.$ref) : one));
    return valuesOf(Object.assign({}, rest, ...all) as Json, resolve, depth + 1);
  }
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case "string":
      return text(schema);
    case "integer":
      return number(schema, true);
    case "number":
      return number(schema, false);
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array": {
      const least = Number(schema.minItems ?? 0);
      const maxLength = Math.max(least, Math.min(Number(schema.maxItems ?? 3), least + 3));
      return fc.array(inner(schema.items ?? {}), { minLength: least, maxLength });
    }
    case "object":
      return objects(schema, inner);
    default:
      return fc.jsonValue({ maxDepth: 1 });
  }
};

const objects = (schema: Json, inner: (one: unknown) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => {
  const {
    properties = {},
    required = [],
    additionalProperties,
    propertyNames,
  } = schema as {
    readonly properties?: Json;
    readonly required?: string[];
    readonly additionalProperties?: unknown;
    readonly propertyNames?: unknown;
  };
  const members = Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, inner(one)]));
  const known = fc.record(members, { requiredKeys: required.filter((name) => name in members), noNullPrototype: true });
  if (!isJson(additionalProperties)) return known;
  const names = isJson(propertyNames) ? inner(propertyNames) : fc.string({ minLength: 1, maxLength: 20 });
  const more = fc.array(fc.tuple(names, inner(additionalProperties)), { maxLength: 3 });
  return fc.tuple(known, more).map(([one, others]) => ({
    ...(one as object),
    ...Object.fromEntries(others.map(([name, value]) => [String(name), value])),
  }));
};

/** The value with one thing in it wrong: a member gone, one too many, or one of another kind. */
export const spoilt = (value: unknown): fc.Arbitrary<unknown> => {
  if (Array.isArray(value) && value.length > 0) {
    return fc.nat(value.length - 1).chain((at) => spoilt(value[at]).map((bad) => value.with(at, bad)));
  }
  if (!isJson(value)) return anyJson();
  const names = Object.keys(value);
  const added = fc.tuple(fc.oneof(fc.constantFrom("unknown", "__proto__", "id"), fc.string()), anyJson());
  const more = added.map(([name, what]) => Object.fromEntries([...Object.entries(value), [name, what]]));
  if (names.length === 0) return more;
  const gone = fc.constantFrom(...names).map((name) => {
    const { [name]: _, ...rest } = value;
    return rest;
  });
  const other = fc
    .constantFrom(...names)
    .chain((name) => spoilt(value[name]).map((bad) => ({ ...value, [name]: bad })));
  return fc.oneof(gone, more, { weight: 3, arbitrary: other });
};
