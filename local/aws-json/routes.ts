import { NormalizedSchema } from "@smithy/core/schema";

type SchemaRef = Parameters<typeof NormalizedSchema.of>[0];

/** One operation of a service, as its v3 client describes it. */
export interface Route {
  readonly name: string;
  readonly method: string;
  readonly status: number;
  /** The path with its labels in braces. */
  readonly template: string;
  readonly path: RegExp;
  readonly labels: readonly string[];
  readonly input: NormalizedSchema;
  readonly output: NormalizedSchema;
}

/** What a service's client package exports: its operations, and its errors by code. */
export interface ServiceSchemas {
  readonly routes: readonly Route[];
  readonly errors: ReadonlyMap<string, NormalizedSchema>;
}

/** The first element of a schema tuple, for the two kinds that are of interest here. */
const OPERATION = 9;
const ERROR = -3;

const isHttp = (value: unknown): value is [string, string, number] =>
  Array.isArray(value) && typeof value[0] === "string" && typeof value[1] === "string" && typeof value[2] === "number";

const compilePath = (template: string): { path: RegExp; labels: string[] } => {
  const labels: string[] = [];
  const source = template.replace(/\{([^}+]+)(\+?)\}|[.*+?^${}()|[\]\\]/g, (all, label?: string, greedy?: string) => {
    if (label === undefined) return `\\${all}`;
    labels.push(label);
    return greedy === "+" ? "(.+)" : "([^/]+)";
  });
  return { path: new RegExp(`^${source}/?$`), labels };
};

/**
 * Reads the operations and errors out of a client package. No path of a service these clients are for fits two
 * operations, so that the order of the routes does not matter.
 *
 * @throws Error when an operation has no HTTP binding: the package's schema format is not the one this was written for.
 */
export const readSchemas = (module: object): ServiceSchemas => {
  const routes: Route[] = [];
  const errors = new Map<string, NormalizedSchema>();
  for (const [exported, schema] of Object.entries(module)) {
    if (!exported.endsWith("$") || !Array.isArray(schema)) continue;
    if (schema[0] === ERROR) errors.set(String(schema[2]), NormalizedSchema.of(schema as unknown as SchemaRef));
    if (schema[0] !== OPERATION) continue;
    const [, , name, traits, input, output] = schema as [
      number,
      string,
      string,
      { http?: unknown },
      SchemaRef,
      SchemaRef,
    ];
    if (!isHttp(traits.http)) throw new Error(`${name} has no HTTP binding in its client's schema`);
    const [method, template, status] = traits.http;
    if (template.includes("?")) throw new Error(`${name} is routed by its query, which is not supported: ${template}`);
    routes.push({
      name,
      method,
      status,
      template,
      ...compilePath(template),
      input: NormalizedSchema.of(input),
      output: NormalizedSchema.of(output),
    });
  }
  return { routes, errors };
};
