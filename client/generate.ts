import { readFileSync, writeFileSync } from "node:fs";
import openapiTypescript, { astToString } from "openapi-typescript";
import { openapi } from "../shared/api/openapi.ts";

type Json = Record<string, unknown>;

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** A field of a query or body, as the command line asks for it. */
const field = (document: Document, name: string, schema: Schema, required: boolean): Json => {
  const of = schema.$ref === undefined ? schema : { ...resolved(document, schema.$ref), ...schema };
  const simple = of.anyOf?.find(({ type }) => type !== "null") ?? of;
  return {
    name,
    type: typeOf(simple),
    ...(required && { required }),
    ...(of.description !== undefined && { description: of.description }),
    ...(choicesOf(simple) !== undefined && { choices: choicesOf(simple) }),
    ...(of.anyOf?.some(({ type }) => type === "null") && { nullable: true }),
    ...(of.default !== undefined && { default: of.default }),
  };
};

/** The texts that a field takes, or that may be in its list. */
const choicesOf = (schema: Schema): readonly string[] | undefined => schema.enum ?? schema.items?.enum;

const typeOf = ({ type = "object", items, format }: Schema): string => {
  if (format === "password") return "secret";
  if (format === "date-time") return "time";
  return type === "array" && items?.type === "string" ? "strings" : type;
};

const resolved = (document: Document, reference: string): Schema => {
  const schema = document.components.schemas[reference.split("/").at(-1) ?? ""];
  if (schema === undefined) throw new Error(`${reference} is not in the document`);
  return schema;
};

const fieldsOf = (document: Document, { requestBody }: Operation): Json[] | undefined => {
  const given = Object.values(requestBody?.content ?? {})[0]?.schema;
  if (given === undefined) return undefined;
  const body = given.$ref === undefined ? given : resolved(document, given.$ref);
  return Object.entries(body.properties ?? {}).map(([name, schema]) =>
    field(document, name, schema, body.required?.includes(name) ?? false),
  );
};

const operationsOf = (document: Document): [string, string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
      path,
      method.toUpperCase(),
      operation,
    ]),
  );

const GENERATED = "Generated from the OpenAPI document by `npm run client`: do not edit.";

const takesKey = ({ parameters = [] }: Operation): boolean => parameters.some(({ name }) => name === "Idempotency-Key");

/** What is read page by page changes nothing, also where the question does not fit into a URL, as a plan's does not. */
const isQuestion = ({ parameters = [] }: Operation): boolean =>
  parameters.some(({ name, in: place }) => name === "cursor" && place === "query");

/** What the client knows of each operation while it runs: the less, the smaller the bundle of a browser. */
const clientOperations = (document: Document): string => {
  const rows = operationsOf(document).map(([path, method, operation]) => {
    const { operationId, requestBody, responses } = operation;
    const text = Object.entries(responses).some(([status, answer]) => status < "300" && isText(answer));
    const entries = [
      `method: ${JSON.stringify(method)}`,
      `path: ${JSON.stringify(path)}`,
      ...(takesKey(operation) ? ["takesKey: true"] : []),
      ...(method === "POST" && isQuestion(operation) ? ["changesNothing: true"] : []),
      ...(text ? ["text: true"] : []),
      ...(FORM in (requestBody?.content ?? {}) ? ["form: true"] : []),
    ];
    return `  ${operationId}: { ${entries.join(", ")} },\n`;
  });
  return `// ${GENERATED}\n\nexport const OPERATIONS = {\n${rows.join("")}} as const;\n`;
};

const FORM = "application/x-www-form-urlencoded";

/** Lines of JSON are a text. */
const isText = (answer: unknown): boolean => {
  const { content = {} } = answer as { content?: Json };
  return Object.keys(content).some((media) => !/[/+]json$/.test(media));
};

/** What the command line makes its commands of. */
const commandOperations = (document: Document): string => {
  const rows = operationsOf(document).map(([path, method, operation]) => {
    const { operationId, summary, parameters = [] } = operation;
    const body = fieldsOf(document, operation);
    const ifMatch = parameters.find(({ name }) => name === "If-Match");
    const row = {
      operation: operationId,
      method,
      path,
      summary,
      status: Number(Object.keys(operation.responses).find((status) => status < "300")),
      query: parameters
        .filter((parameter) => parameter.in === "query")
        .map(({ name, schema, required, description }) =>
          field(document, name, { ...schema, ...(description !== undefined && { description }) }, required),
        ),
      ...(body !== undefined && { body }),
      ...(takesKey(operation) && { takesKey: true }),
      ...(ifMatch !== undefined && { ifMatch: ifMatch.required ? "required" : "optional" }),
    };
    return JSON.stringify(row);
  });
  return `[\n${rows.join(",\n")}\n]\n`;
};

/** Every generated file, by its path from the project's root. */
export const generate = async (): Promise<Record<string, string>> => {
  const document = openapi();
  const types = astToString(await openapiTypescript(structuredClone(document) as never, { defaultNonNullable: false }));
  return {
    "client/schema.ts": `// ${GENERATED}\n\n${types}`,
    "client/operations.ts": clientOperations(document as unknown as Document),
    "cli/operations.json": commandOperations(document as unknown as Document),
  };
};

const fileOf = (path: string) => new URL(`../${path}`, import.meta.url);

/** The generated files that are not what the document says now. */
export const outdated = async (): Promise<string[]> => {
  const files = await generate();
  return Object.keys(files).filter((path) => readFileSync(fileOf(path), "utf8") !== files[path]);
};

if (process.argv[1] === import.meta.filename) {
  for (const [path, text] of Object.entries(await generate())) writeFileSync(fileOf(path), text);
}
