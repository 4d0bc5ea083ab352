import { listedEventTypes } from "../shared/event/schema.ts";

const TABLE = /(<!-- types: .* -->\n).*(<!-- \/types -->)/s;

/**
 * docs/EVENTS.md with the table of the types as they are declared.
 * @throws Error when the document has no place for it
 */
export const withEventTypes = (document: string): string => {
  if (!TABLE.test(document)) throw new Error("docs/EVENTS.md has no place for the table of types");
  const rows = listedEventTypes().map(
    ({ type, version, description }) => `| \`${type}\` | ${version} | ${description} |`,
  );
  const table = ["", "| type | version | told when |", "|---|---|---|", ...rows, ""].join("\n");
  return document.replace(TABLE, (_, before: string, after: string) => `${before}${table}\n${after}`);
};
