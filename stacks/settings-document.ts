import * as z from "zod";
import { DEFAULT_REGION, schemaOf } from "./settings.ts";

/** What is used of JSON Schema. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
}

interface Row {
  readonly name: string;
  readonly is: string;
  readonly default: string;
  readonly description: string;
}

const grouped = (number: number): string => number.toString().replace(/\B(?=(\d{3})+$)/g, ",");
const code = (value: unknown): string => (value === "" ? "empty" : `\`${JSON.stringify(value).replaceAll('"', "")}\``);

const kindOf = (schema: Schema): string => {
  if (schema.enum !== undefined) return schema.enum.join(", ");
  if (schema.minimum !== undefined && schema.maximum !== undefined) {
    return `${grouped(schema.minimum)} to ${grouped(schema.maximum)}`;
  }
  if (schema.properties !== undefined) return Object.keys(schema.properties).join(" and ");
  return { boolean: "true, false", array: "a list", object: "names and values" }[schema.type ?? ""] ?? "text";
};

/** A setting is a member of the schema or of one of its groups: a group has no description of its own. */
const rowsOf = (schema: Schema, prefix = ""): Row[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    if (inner.description === undefined && inner.properties !== undefined) return rowsOf(inner, `${prefix}${name}.`);
    const absent = schema.required?.includes(name) ? "**needed**" : "none";
    return [
      {
        name: prefix + name,
        is: kindOf(inner),
        default: inner.default === undefined ? absent : code(inner.default),
        description: String(inner.description),
      },
    ];
  });

/** docs/SETTINGS.md: every setting of a stage with its default. */
export const settingsDocument = (): string => {
  const of = (kind: "personal" | "staging" | "production") =>
    rowsOf(z.toJSONSchema(schemaOf(kind, DEFAULT_REGION), { io: "input" }) as Schema);
  const [personal, staging, production] = [of("personal"), of("staging"), of("production")];
  const rows = personal.map((row, index) => {
    const defaults = [row, staging[index], production[index]].map((one) => one?.default);
    return `| \`${row.name}\` | ${row.is} | ${defaults.join(" | ")} | ${row.description} |`;
  });
  return `# Settings of a stage

\`stages/{stage}.json\`, or the same file in the folder that \`SLIPWAY_STAGES\` names, says what differs from these defaults.
The stages \`staging\` and \`production\` need a file: who is told of alarms is for nobody to guess. Any other stage is
somebody's own and needs none. A wrong file is refused with each field and its rule, before anything is deployed.

| setting | may be | personal | staging | production | what for |
|---|---|---|---|---|---|
${rows.join("\n")}
`;
};
