/** What is asked of AWS: an action on a resource, with the context keys that conditions may look at. */
export interface AccessRequest {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

/** A statement as AWS reads it: one value or a list of them. */
interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export interface Document {
  readonly Statement: readonly Statement[];
}

const listOf = (value: string | readonly string[]): readonly string[] => (typeof value === "string" ? [value] : value);

const patterns = new Map<string, RegExp>();

/** `*` is any text and `?` any one character, across `/` and `:` as well; all else is itself. */
const matches = (pattern: string, text: string, ignoreCase = false): boolean => {
  const key = `${ignoreCase} ${pattern}`;
  let known = patterns.get(key);
  if (known === undefined) {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".");
    known = new RegExp(`^${source}$`, ignoreCase ? "is" : "s");
    patterns.set(key, known);
  }
  return known.test(text);
};

/** The operators that policies of ours use. Another one is a fault in the policy, not a denial. */
const operators: Readonly<Record<string, (wanted: string, found: string) => boolean>> = {
  StringEquals: (wanted, found) => wanted === found,
  StringLike: (wanted, found) => matches(wanted, found),
  ArnLike: (wanted, found) => matches(wanted, found),
  ArnEquals: (wanted, found) => matches(wanted, found),
};

/** Every operator and key must hold; one of a key's values is enough; a key that the request has not does not hold. */
const holds = (condition: NonNullable<Statement["Condition"]>, context: Readonly<Record<string, string>>): boolean =>
  Object.entries(condition).every(([operator, keys]) => {
    const compare = operators[operator];
    if (compare === undefined) throw new Error(`the condition operator ${operator} is not evaluated here`);
    return Object.entries(keys).every(([key, wanted]) => {
      const found = context[key];
      return found !== undefined && listOf(wanted).some((value) => compare(value, found));
    });
  });

const applies = (statement: Statement, { action, resource, context = {} }: AccessRequest): boolean =>
  listOf(statement.Action).some((pattern) => matches(pattern, action, true)) &&
  listOf(statement.Resource).some((pattern) => matches(pattern, resource)) &&
  (statement.Condition === undefined || holds(statement.Condition, context));

/**
 * Whether an identity's policy allows a request within its own account: a statement allows it and none denies it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 * @throws Error for a condition operator that is not known here
 */
export const isAllowed = ({ Statement }: Document, request: AccessRequest): boolean => {
  const applying = Statement.filter((statement) => applies(statement, request));
  return applying.length > 0 && applying.every(({ Effect }) => Effect === "Allow");
};
