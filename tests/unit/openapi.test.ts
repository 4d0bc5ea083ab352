import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { documentedPath, openapi, problemsOf } from "../../shared/api/openapi.ts";
import { type Route, type RouteName, routes } from "../../shared/declared/routes.ts";
import { PROBLEMS } from "../../shared/problems.ts";

type Json = Record<string, unknown>;
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Json;
}
interface Response {
  readonly description: string;
  readonly headers?: Json;
  readonly content?: Readonly<Record<string, { readonly schema: Json }>>;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security?: readonly unknown[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, { readonly schema: Json }>>;
  };
  readonly responses: Readonly<Record<string, Response>>;
}
interface Document {
  readonly openapi: string;
  readonly info: Json;
  readonly tags: readonly { readonly name: string }[];
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>>; readonly securitySchemes: Json };
}

const document = openapi() as unknown as Document;
const operations = (Object.entries(routes) as [RouteName, Route][]).map(([name, route]) => ({ name, route }));
const operationOf = ({ method, path }: Route): Operation => {
  const found = document.paths[documentedPath(path)]?.[method.toLowerCase()];
  if (found === undefined) throw new Error(`${method} ${path} is not in the document`);
  return found;
};

const eachObject = (value: unknown, visit: (object: Json) => void): void => {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) visit(value as Json);
  for (const inner of Object.values(value)) eachObject(inner, visit);
};

const pointed = (reference: string): unknown =>
  reference
    .replace(/^#\//, "")
    .split("/")
    .reduce<unknown>((at, part) => (typeof at === "object" && at !== null ? (at as Json)[part] : undefined), document);

describe("the document", () => {
  test("is OpenAPI 3.1 with the members that it requires", () => {
    expect(document.openapi).toMatch(/^3\.1\.\d$/);
    expect(document.info).toMatchObject({ title: "Slipway", version: expect.any(String) });
    expect(Object.keys(document).sort()).toEqual([
      "components",
      "info",
      "openapi",
      "paths",
      "security",
      "servers",
      "tags",
      "webhooks",
    ]);
    for (const scheme of document.security.flatMap((one) => Object.keys(one))) {
      expect(Object.keys(document.components.securitySchemes)).toContain(scheme);
    }
  });

  test("is JSON as it stands", () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  test("is the same each time, in another process too", async () => {
    vi.resetModules();
    const again = await import("../../shared/api/openapi.ts");
    expect(again.openapi).not.toBe(openapi);
    expect(JSON.stringify(again.openapi())).toBe(JSON.stringify(openapi()));
  });

  test("refers to nothing that it does not have, and has no schema that nothing refers to", () => {
    const references = new Set<string>();
    eachObject(document, ({ $ref }) => {
      if (typeof $ref === "string") references.add($ref);
    });
    for (const reference of references) {
      expect(reference).toMatch(/^#\/components\/schemas\/\w+$/);
      expect(pointed(reference), reference).toBeDefined();
    }
    const schemas = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect([...references].sort()).toEqual(schemas.sort());
  });

  test("names its schemas as OpenAPI allows, and leaves no trace of how they were made", () => {
    for (const name of Object.keys(document.components.schemas)) expect(name).toMatch(/^[a-zA-Z0-9._-]+$/);
    eachObject(document, (object) => {
      for (const key of ["$defs", "$schema", "~standard"]) expect(object).not.toHaveProperty(key);
    });
    expect(Object.keys(document.components.schemas).filter((name) => name.startsWith("_"))).toEqual([]);
  });

  test("has every route, and no other operation", () => {
    const found = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method.toUpperCase()} ${path}`),
    );
    expect(found.sort()).toEqual(
      operations.map(({ name, route }) => `${name} ${route.method} ${documentedPath(route.path)}`).sort(),
    );
  });

  test("has operation ids that differ, and tags that are declared", () => {
    const all = operations.map(({ route }) => operationOf(route));
    expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length);
    const tags = document.tags.map(({ name }) => name);
    expect(new Set(tags).size).toBe(tags.length);
    expect([...new Set(all.flatMap((one) => one.tags))].sort()).toEqual(tags.sort());
  });

  test("has patterns that are regular expressions, and examples that their schemas' patterns match", () => {
    eachObject(document, ({ pattern, examples }) => {
      if (typeof pattern !== "string") return;
      const expression = new RegExp(pattern, "u");
      for (const example of Array.isArray(examples) ? examples : []) expect(example).toMatch(expression);
    });
  });
});

/** A schema with every reference replaced by what it refers to; one that refers to itself is cut off. */
const expanded = (value: unknown, find: (reference: string) => unknown, within: readonly string[] = []): unknown => {
  if (Array.isArray(value)) return value.map((inner) => expanded(inner, find, within));
  if (typeof value !== "object" || value === null) return value;
  const { $ref, id: _id, $schema: _dialect, $defs: _defs, ...rest } = value as Json;
  if (typeof $ref === "string") {
    if (within.includes($ref)) return "again";
    const found = expanded(find($ref), find, [...within, $ref]);
    return typeof found === "object" ? { ...found, ...rest } : found;
  }
  return Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, expanded(inner, find, within)]));
};

const documented = (schema: unknown): unknown => expanded(schema, pointed);
const validated = (schema: z.ZodType, io: "input" | "output"): unknown => {
  const whole = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json;
  return expanded(whole, (reference) => (whole.$defs as Json)[reference.replace("#/$defs/", "")]);
};

describe.each(operations)("$name", ({ name, route }) => {
  const operation = operationOf(route);

  test("is told by its id and summary", () => {
    expect(operation).toMatchObject({ operationId: name, summary: route.summary });
    expect(operation.tags).toHaveLength(1);
  });

  test("declares each parameter of its path and query once", () => {
    const parameters = operation.parameters ?? [];
    const inPath = [...route.path.matchAll(/\{(\w+)\+?\}/g)].map(([, parameter]) => parameter);
    expect(parameters.filter((one) => one.in === "path").map((one) => one.name)).toEqual(inPath);
    for (const one of parameters.filter((parameter) => parameter.in === "path")) expect(one.required).toBe(true);
    expect(parameters.filter((one) => one.in === "query").map((one) => one.name)).toEqual(
      Object.keys(route.query?.shape ?? {}),
    );
    const places = parameters.map((one) => `${one.in} ${one.name.toLowerCase()}`);
    expect(new Set(places).size).toBe(places.length);
  });

  test("says whether If-Match and Idempotency-Key are taken", () => {
    const header = (of: string) => operation.parameters?.find((one) => one.in === "header" && one.name === of);
    expect(header("If-Match")?.required).toBe(route.ifMatch === undefined ? undefined : route.ifMatch === "required");
    expect(header("Idempotency-Key") !== undefined).toBe(route.method === "POST" && !route.repeatable);
  });

  test("says whether a token is needed", () => {
    const open = route.oauth ? [{ client: [] }, {}] : [];
    expect(operation.security).toEqual(route.access === "anyone" ? open : undefined);
  });

  test("answers its status, with the headers of an intent, of a creation, of a revision and of a replay", () => {
    const answer = operation.responses[String(route.status)];
    expect(answer?.description).toMatch(/\w/);
    expect(Object.keys(answer?.headers ?? {}).sort()).toEqual([
      ...(route.media === "text/html" ? ["Content-Security-Policy"] : []),
      ...(route.tagged ? ["ETag"] : []),
      ...(route.method === "POST" && !route.repeatable ? ["Idempotent-Replayed"] : []),
      ...(route.linked ? ["Link"] : []),
      ...(route.status === 202 || route.located ? ["Location"] : []),
    ]);
    expect(Object.keys(answer?.content ?? {})).toEqual(
      route.answer === undefined ? [] : Object.keys(route.texts ?? { [route.media ?? "application/json"]: "" }),
    );
  });

  test("answers every problem that it declares, under its status, and no other error", () => {
    const statuses = new Set([route.status, ...problemsOf(route).map((code) => PROBLEMS[code].status)]);
    expect(Object.keys(operation.responses).map(Number).sort()).toEqual([...statuses].sort());
    expect(problemsOf(route)).toEqual(
      expect.arrayContaining([...route.problems, "internal", "unavailable", "throttled"]),
    );
    for (const code of problemsOf(route)) {
      const response = operation.responses[String(PROBLEMS[code].status)];
      expect(response?.description).toContain(`\`${code}\``);
      const { schema } = response?.content?.[route.oauth ? "application/json" : "application/problem+json"] ?? {};
      const oauth = { required: ["error", "error_description"] };
      // What API Gateway itself may refuse has its form too.
      const forms = (schema as { anyOf?: object[] } | undefined)?.anyOf ?? [schema];
      if (route.oauth) expect(forms[0]).toMatchObject(oauth);
      else expect(schema).toEqual({ $ref: "#/components/schemas/Problem" });
    }
  });

  test("takes just what the request's schema takes", () => {
    const { body } = route;
    const content = operation.requestBody?.content ?? {};
    const json = route.method === "PATCH" ? ["application/json", "application/merge-patch+json"] : ["application/json"];
    const types = route.oauth ? ["application/x-www-form-urlencoded"] : json;
    expect(Object.keys(content).sort()).toEqual(body === undefined ? [] : types);
    if (body === undefined) return;
    expect(operation.requestBody?.required).toBe(true);
    for (const { schema } of Object.values(content)) expect(documented(schema)).toEqual(validated(body, "input"));
  });

  test("answers just what the answer's schema says", () => {
    if (route.answer === undefined) return;
    const schema = operation.responses[String(route.status)]?.content?.[route.media ?? "application/json"]?.schema;
    expect(documented(schema)).toEqual(validated(route.answer, "output"));
  });
});
