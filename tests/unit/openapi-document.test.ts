import { describe, expect, test } from "vitest";
import { contractOf, mistakes, type OpenApi } from "../../local/contract.ts";
import { documentedPath, openapi } from "../../shared/api/openapi.ts";
import { SCHEMAS } from "../integration/support/example.ts";
import { bodyFor, operations } from "../integration/support/operations.ts";

const contract = contractOf(openapi() as unknown as OpenApi);

describe("the document", () => {
  test("has an example of each request and answer in JSON, and of each text that can be chosen, which its schemas take", () => {
    const faults = operations.flatMap(([name, { method, path, body, status, media, texts, answer }]) => {
      const { requestBody, responses } = contract.operationOf(name);
      const place = ["paths", documentedPath(path), method.toLowerCase()];
      const told = (where: readonly string[], content: Record<string, unknown> | undefined) =>
        Object.entries((content ?? {}) as Record<string, { example?: unknown }>).flatMap(([type, { example }]) => {
          if (example === undefined) return [`${name}: ${where[0]} ${type} has none`];
          const validate = contract.schemaAt(...place, ...where, "content", type, "schema");
          return mistakes(validate, example).map((mistake) => `${name}: ${where[0]} ${mistake}`);
        });
      const isJson = answer !== undefined && media === undefined && !SCHEMAS.has(name);
      return [
        ...(body === undefined ? [] : told(["requestBody"], requestBody?.content)),
        ...(isJson || texts ? told(["responses", String(status)], responses[status]?.content) : []),
      ];
    });
    expect(faults).toEqual([]);
  });

  test("is OpenAPI 3.1 with every declared operation and no other", () => {
    const { document } = contract;
    expect(document.openapi).toBe("3.1.0");
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${operationId}: ${method.toUpperCase()} ${path}`),
    );
    const declared = operations.map(([name, { method, path }]) => `${name}: ${method} ${documentedPath(path)}`);
    expect(documented.sort()).toEqual(declared.sort());
  });

  test("has only references that lead somewhere, and schemas that compile", () => {
    const { document } = contract;
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    expect(references.length).toBeGreaterThan(50);
    for (const name of new Set(references)) expect(document.components.schemas).toHaveProperty([name ?? ""]);
    for (const name of Object.keys(document.components.schemas)) {
      expect(contract.schemaAt("components", "schemas", name)).toBeTypeOf("function");
    }
  });

  test.each(operations.filter(([, { body }]) => body !== undefined))(
    "has a schema that takes what the operation takes: %s",
    (name) => {
      const validate = contract.bodySchema(name);
      const body = bodyFor(name, "x");
      // A form is described by its parameters.
      const described = typeof body === "string" ? Object.fromEntries(new URLSearchParams(body)) : body;
      expect(mistakes(validate, described)).toEqual([]);
      expect(mistakes(validate, { unknown: "member" })).not.toEqual([]);
    },
  );

  test.each(operations)("names the parameters of the path, the query and the headers: %s", (name, route) => {
    const { parameters = [] } = contract.operationOf(name);
    const of = (place: string) =>
      parameters.filter((parameter) => parameter.in === place).map((parameter) => parameter.name);
    expect(of("path")).toEqual([...route.path.matchAll(/\{(\w+)\+?\}/g)].map(([, parameter]) => parameter));
    expect(of("query")).toEqual(Object.keys(route.query?.shape ?? {}));
    const headers = [
      ...(route.method === "POST" && !route.repeatable ? ["Idempotency-Key"] : []),
      ...(route.ifMatch === undefined ? [] : ["If-Match"]),
    ];
    expect(of("header")).toEqual(headers);
    const taken = route.oauth ? "application/x-www-form-urlencoded" : "application/json";
    const { content = {} } = contract.operationOf(name).requestBody ?? {};
    expect(taken in content).toBe(route.body !== undefined);
  });
});
