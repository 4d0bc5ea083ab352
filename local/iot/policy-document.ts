import { malformedPolicy } from "./errors.ts";

/**
 * A policy's size is counted without white space: https://docs.aws.amazon.com/general/latest/gr/iot-core.html
 * The SDK's model allows far more.
 */
const MAX_CHARACTERS = 2048;

const VERSIONS: readonly unknown[] = ["2012-10-17", "2008-10-17"];

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isTextOrTexts = (value: unknown): boolean =>
  typeof value === "string" ||
  (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string"));

/** Exactly one of the element and its negation, as text or texts. */
const hasOneOf = (statement: Record<string, unknown>, element: string): boolean => {
  const values = [statement[element], statement[`Not${element}`]].filter((value) => value !== undefined);
  return values.length === 1 && isTextOrTexts(values[0]);
};

/**
 * @throws MalformedPolicyException (400) for a document that is not JSON, that is too long, or whose statements lack an
 * effect, actions or resources.
 */
export const checkPolicyDocument = (document: string): void => {
  const characters = document.replace(/\s/g, "").length;
  if (characters > MAX_CHARACTERS)
    throw malformedPolicy(`The policy document has ${characters} characters; at most ${MAX_CHARACTERS} are allowed`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(document);
  } catch (error) {
    throw malformedPolicy(`The policy document is not JSON: ${String(error)}`);
  }
  if (!isRecord(parsed)) throw malformedPolicy("The policy document must be a JSON object");
  if (!VERSIONS.includes(parsed.Version)) throw malformedPolicy("The policy document needs a Version it knows");
  const statements = Array.isArray(parsed.Statement) ? parsed.Statement : [parsed.Statement];
  if (statements.length === 0) throw malformedPolicy("The policy document has no Statement");
  for (const statement of statements) {
    if (!isRecord(statement)) throw malformedPolicy("A Statement must be a JSON object");
    if (statement.Effect !== "Allow" && statement.Effect !== "Deny")
      throw malformedPolicy("A Statement's Effect must be Allow or Deny");
    if (!hasOneOf(statement, "Action")) throw malformedPolicy("A Statement needs an Action");
    if (!hasOneOf(statement, "Resource")) throw malformedPolicy("A Statement needs a Resource");
  }
};
