import { Ajv2020, type AnySchema, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { documentedPath, openapi } from "../shared/api/openapi.ts";
import { type Route, type RouteName, routes } from "../shared/declared/routes.ts";
import type { ApiAnswer } from "./api-client.ts";

export interface DocumentedParameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Readonly<Record<string, unknown>>;
}

export interface Documented {
  readonly operationId: string;
  readonly parameters?: readonly DocumentedParameter[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Readonly<Record<string, unknown>> }> };
  readonly responses: Record<
    string,
    { readonly headers?: Record<string, { readonly required?: boolean }>; readonly content?: Record<string, unknown> }
  >;
  readonly security?: readonly unknown[];
}

export interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Documented>>;
  readonly components: { readonly schemas: Record<string, AnySchema> };
}

/** An operation, by where it is. */
type Place = Pick<Route, "method" | "path">;

/** Headers that belong to HTTP and its transport, not to an operation. */
const OF_THE_TRANSPORT = new Set([
  "apigw-requestid",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "date",
  "keep-alive",
  "pragma",
  "vary",
]);

const escaped = (part: string): string => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));

/** What in a value is not as the schema says. */
export const mistakes = (validate: ValidateFunction, value: unknown): string[] =>
  validate(value) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);

/** What the API is held against: its own document. */
export const contractOf = (document: OpenApi) => {
  const validators = new Ajv2020({ strict: false, allErrors: true });
  formats.default(validators);
  validators.addSchema({ $id: "document", ...document });

  const compiled = new Map<string, ValidateFunction>();

  /** @throws Error when the schema there is none, or leads nowhere */
  const schemaAt = (...parts: string[]): ValidateFunction => {
    const pointer = `/${parts.map(escaped).join("/")}`;
    const known = compiled.get(pointer);
    if (known !== undefined) return known;
    try {
      const validate = validators.compile({ $ref: `document#${pointer}` });
      compiled.set(pointer, validate);
      return validate;
    } catch (error) {
      // A schema that is nothing but a reference to itself takes the compiler's whole stack.
      throw new Error(`${pointer} does not compile: ${(error as Error).message}`, { cause: error });
    }
  };

  const documentedAt = ({ method, path }: Place): Documented => {
    const operation = document.paths[documentedPath(path)]?.[method.toLowerCase()];
    if (operation === undefined) throw new Error(`${method} ${path} is not documented`);
    return operation;
  };

  const operationOf = (name: RouteName): Documented => documentedAt(routes[name]);

  /** What an operation takes as its body. */
  const bodySchema = (name: RouteName): ValidateFunction => {
    const { method, path }: Route = routes[name];
    const [type = ""] = Object.keys(operationOf(name).requestBody?.content ?? {});
    const place = ["requestBody", "content", type, "schema"];
    return schemaAt("paths", documentedPath(path), method.toLowerCase(), ...place);
  };

  /** What in an answer is not as the document says. */
  const violations = (place: Place, { status, headers, body }: ApiAnswer<unknown>): string[] => {
    const { method, path } = place;
    const documented = documentedAt(place).responses[String(status)];
    if (documented === undefined) return [`${status} is not documented`];
    const found: string[] = [];
    const known = new Set(Object.keys(documented.headers ?? {}).map((header) => header.toLowerCase()));
    for (const header of headers.keys()) {
      if (!known.has(header) && !OF_THE_TRANSPORT.has(header)) found.push(`${status}: the header ${header}`);
    }
    for (const [header, { required }] of Object.entries(documented.headers ?? {})) {
      if (required !== false && !headers.has(header)) found.push(`${status}: no header ${header}`);
    }
    const mediaType = headers.get("content-type")?.split(";")[0];
    if (documented.content === undefined) return body === "" ? found : [...found, `${status}: a body`];
    if (mediaType === undefined || !(mediaType in documented.content))
      return [...found, `${status}: type ${mediaType}`];
    const where = ["responses", String(status), "content", mediaType, "schema"];
    try {
      const validate = schemaAt("paths", documentedPath(path), method.toLowerCase(), ...where);
      return [...found, ...mistakes(validate, body).map((mistake) => `${status}: ${mistake}`)];
    } catch (error) {
      return [...found, `${status}: ${(error as Error).message}`];
    }
  };

  return { document, schemaAt, operationOf, bodySchema, violations };
};

export type Contract = ReturnType<typeof contractOf>;

/** What in an answer of the API is not as its own document says. */
export const documentedAnswers = (): Contract["violations"] => contractOf(openapi() as unknown as OpenApi).violations;
