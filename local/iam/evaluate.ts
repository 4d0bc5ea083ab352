/** What is asked of AWS: an action on a resource, with the context keys that conditions and variables may look at. */
export interface AccessRequest {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

/** What a policy says of a request, in the words of AWS's simulator: what nothing allows is denied implicitly. */
export type Verdict = "allowed" | "explicitDeny" | "implicitDeny";

/** One value or a list of them. */
type Values = string | readonly string[];

export interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action: Values;
  readonly Resource: Values;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, Values>>>>;
}

export interface Document {
  readonly Version: "2012-10-17";
  readonly Statement: readonly Statement[];
}

/** A request's context: names of keys are the same in upper and lower case, so here they are lower. */
type Context = ReadonlyMap<string, string>;

const listOf = (value: Values): readonly string[] => (typeof value === "string" ? [value] : value);

/** Where wildcards end: nowhere, or at colons of an ARN's first five segments. */
type Style = "text" | "resource" | "arn";

/** `${*}`, `${?}` and `${$}` stand for the character itself. */
const LITERAL = /\$\{([*?$])\}/g;
const VARIABLE = /\$\{([^}]+)\}/g;

/**
 * `*` is any text and `?` any one character; all else is itself. In an ARN neither goes beyond its segment, of which the
 * last is the whole rest; but a `*` that ends a segment of a Resource does.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
 */
const expressionOf = (pattern: string, style: Style, ignoreCase = false): RegExp => {
  let colons = 0;
  const source = pattern.replace(/\$\{([*?$])\}|./gsu, (part: string, literal: string | undefined, offset: number) => {
    const isWildcard = part === "*" || part === "?";
    if (!isWildcard) {
      colons += part === ":" ? 1 : 0;
      return (literal ?? part).replace(/[.*+?^${}()|[\]\\/]/, "\\$&");
    }
    const endsSegment = part === "*" && [":", undefined].includes(pattern[offset + 1]);
    const free = style === "text" || colons >= 5 || (style === "resource" && endsSegment);
    return `${free ? "." : "[^:]"}${part === "*" ? "*" : ""}`;
  });
  return new RegExp(`^${source}$`, ignoreCase ? "isu" : "su");
};

/**
 * The pattern with the request's values in place of variables, in which nothing is a wildcard; undefined if one has none.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */
const resolve = (pattern: string, context: Context): string | undefined => {
  let complete = true;
  const resolved = pattern.replace(VARIABLE, (variable, name: string) => {
    if (variable.match(LITERAL) !== null) return variable;
    const value = context.get(name.toLowerCase());
    complete &&= value !== undefined;
    return (value ?? "").replace(/[*?$]/g, (character) => `\${${character}}`);
  });
  return complete ? resolved : undefined;
};

type Matches = (found: string, context: Context) => boolean;

const like =
  (style: Style) =>
  (pattern: string): Matches => {
    if (pattern.replace(LITERAL, "").match(VARIABLE) === null) {
      const expression = expressionOf(pattern, style);
      return (found) => expression.test(found);
    }
    return (found, context) => {
      const resolved = resolve(pattern, context);
      return resolved !== undefined && expressionOf(resolved, style).test(found);
    };
  };

const equal =
  (value: string): Matches =>
  (found, context) =>
    resolve(value, context)?.replace(LITERAL, "$1") === found;

/**
 * The operators that policies of ours use. Another one is a fault in the policy, not a denial.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
const OPERATORS: ReadonlyMap<string, (value: string) => Matches> = new Map([
  ["StringEquals", equal],
  ["StringLike", like("text")],
  ["ArnLike", like("arn")],
  ["ArnEquals", like("arn")],
]);
const ELEMENTS = new Set(["Sid", "Effect", "Action", "Resource", "Condition"]);

/** @throws Error for a variable with a default value, which is not evaluated here */
const compileValues = (values: Values, compile: (value: string) => Matches): Matches => {
  const unknown = listOf(values).find((value) => /\$\{[^}]*,/.test(value));
  if (unknown !== undefined) throw new Error(`a policy has ${unknown}: defaults of variables are not evaluated here`);
  const alternatives = listOf(values).map(compile);
  return (found, context) => alternatives.some((matches) => matches(found, context));
};

/** Every operator and key must hold; one of a key's values is enough; a key that the request has not does not hold. */
const compileCondition = (condition: NonNullable<Statement["Condition"]>): ((context: Context) => boolean) => {
  const tests = Object.entries(condition).flatMap(([operator, keys]) => {
    const compile = OPERATORS.get(operator);
    if (compile === undefined) throw new Error(`the condition operator ${operator} is not evaluated here`);
    return Object.entries(keys).map(([key, values]) => {
      const matches = compileValues(values, compile);
      return (context: Context) => {
        const found = context.get(key.toLowerCase());
        return found !== undefined && matches(found, context);
      };
    });
  });
  return (context) => tests.every((holds) => holds(context));
};

const compileStatement = (statement: Statement) => {
  const unknown = Object.keys(statement).find((element) => !ELEMENTS.has(element));
  if (unknown !== undefined) throw new Error(`the policy element ${unknown} is not evaluated here`);
  const { Effect, Action, Resource, Condition = {} } = statement;
  if (Effect !== "Allow" && Effect !== "Deny") throw new Error(`a statement's effect is Allow or Deny, not ${Effect}`);
  // Names of actions are the same in upper and lower case, and have no variables.
  const actions = listOf(Action).map((pattern) => expressionOf(pattern, "text", true));
  const reaches = compileValues(Resource, like("resource"));
  const holds = compileCondition(Condition);
  const applies = (action: string, resource: string, context: Context): boolean =>
    actions.some((expression) => expression.test(action)) && reaches(resource, context) && holds(context);
  return { Effect, applies };
};

/**
 * Reads an identity's policy once, and then says what it makes of requests within its own account: a statement that
 * denies wins over all that allow.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 *
 * @throws Error for an element, a condition operator or a variable that is not evaluated here: to read over it could
 *   allow what AWS denies
 */
export const compilePolicy = ({ Version, Statement }: Document): ((request: AccessRequest) => Verdict) => {
  // Without this version AWS takes variables for plain text.
  if (Version !== "2012-10-17") throw new Error(`policies of version ${Version} are not evaluated here`);
  const statements = Statement.map(compileStatement);
  return ({ action, resource, context = {} }) => {
    const keys = new Map(Object.entries(context).map(([key, value]) => [key.toLowerCase(), value]));
    const effects = new Set(
      statements.filter(({ applies }) => applies(action, resource, keys)).map(({ Effect }) => Effect),
    );
    return effects.has("Deny") ? "explicitDeny" : effects.has("Allow") ? "allowed" : "implicitDeny";
  };
};
