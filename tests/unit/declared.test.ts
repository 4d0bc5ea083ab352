import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { functionOfRoute, functions, NO_ROUTE } from "../../functions/declared.ts";
import { handlerName, type Route, type RouteName, routes } from "../../shared/declared/routes.ts";
import { tables } from "../../shared/declared/tables.ts";
import { rules, schedules, streams } from "../../shared/declared/triggers.ts";
import { ENVIRONMENT } from "../../shared/env.ts";
import { tasks } from "../../workflows/tasks.ts";

const ROOT = join(import.meta.dirname, "../..");
const declared = Object.entries(functions);
const operations = Object.entries<Route>(routes) as [RouteName, Route][];

/** The modules below a folder that export a handler, without `.ts`. */
const handlersBelow = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .filter((file) =>
      /^export (const|function|async function) handler\b/m.test(readFileSync(join(ROOT, folder, file), "utf8")),
    )
    .map((file) => `${folder}/${file.replace(/\.ts$/, "")}`)
    .sort();

const modulesBelow = (folder: string): string[] =>
  declared
    .map(([, { module }]) => module)
    .filter((module) => module.startsWith(`${folder}/`))
    .sort();

describe("every handler is declared, and every declared one is there:", () => {
  test.each(["api", "tasks", "streams", "events", "ota"])("functions/%s", (folder) => {
    const found = handlersBelow(`functions/${folder}`);
    expect(found.length).toBeGreaterThan(0);
    expect(modulesBelow(`functions/${folder}`)).toEqual(found);
  });

  test("nowhere else", () => {
    expect(declared.map(([, { module }]) => module).sort()).toEqual(handlersBelow("functions"));
  });

  test("the handler of a route by its name, and one for what no route matches", () => {
    for (const [name] of operations) {
      expect(functions[functionOfRoute(name)]?.module).toBe(`functions/api/${handlerName(name)}`);
      const source = readFileSync(join(ROOT, `functions/api/${handlerName(name)}.ts`), "utf8");
      expect(source).toMatch(new RegExp(`\\bendpoint\\(\\s*\\w+,\\s*"${name}"`));
    }
    expect(functions[NO_ROUTE]?.module).toBe("functions/api/no-such-route");
  });

  test("what ends an intent may record how, and so may what changes something for a caller", () => {
    for (const [name, { module, environment, permissions }] of declared) {
      const source = readFileSync(join(ROOT, `${module}.ts`), "utf8");
      if (!/\b(succeed|succeeding|activate|recordFailure|settle|auditOf)\(/.test(source)) continue;
      expect([name, environment, permissions]).toEqual([
        name,
        expect.arrayContaining(["AUDIT_DAYS"]),
        expect.arrayContaining(["control:PutItem"]),
      ]);
    }
    for (const [name, { method, oauth, readOnly }] of operations) {
      if (method === "GET" || oauth || readOnly) continue;
      expect([name, functions[functionOfRoute(name)]?.permissions]).toEqual([
        name,
        expect.arrayContaining(["control:PutItem"]),
      ]);
    }
  });

  test("operations write by their wrapper, with its record, but for counters, tries and leases", () => {
    const writing = ["functions/api", "functions/http"].flatMap((folder) =>
      readdirSync(join(ROOT, folder))
        .map((file) => `${folder}/${file}`)
        .filter((file) => /\b(transact|updated)\(/.test(readFileSync(join(ROOT, file), "utf8"))),
    );
    expect(writing.sort()).toEqual([
      "functions/api/create-report.ts", // what devices tell is counted
      "functions/api/create-token.ts", // when a credential was last used
      "functions/api/register.ts", // how often a token was shown
      "functions/http/endpoint.ts", // the wrapper
      "functions/http/files.ts", // leases on the former bytes of a file
      "functions/http/idempotency.ts", // claims of keys
    ]);
  });

  test("the handler of a task by its name", () => {
    for (const name of Object.keys(tasks)) {
      expect(functions[name]?.module).toBe(`functions/tasks/${name}`);
      const source = readFileSync(join(ROOT, `functions/tasks/${name}.ts`), "utf8");
      expect(source).toMatch(new RegExp(`\\b(task|cellTask|taskOf)\\(\\s*"${name}"`));
    }
  });
});

describe("the routes", () => {
  test("are each one method and path", () => {
    const shapes = operations.map(([, { method, path }]) => `${method} ${path.replace(/\{\w+\+?\}/g, "{}")}`);
    expect(new Set(shapes).size).toBe(shapes.length);
  });

  test("have ids that differ, in camel case", () => {
    const names = operations.map(([name]) => name);
    for (const name of names) expect(name).toMatch(/^[a-z]+([A-Z][a-z]+)*$/);
    expect(new Set(names.map(handlerName)).size).toBe(names.length);
  });

  test.each(operations.map(([name, route]) => ({ name, route })))("$name is consistent", ({ route }) => {
    expect(route.path).toMatch(/^\/v1(\/([a-z-]+(\.json|\.sh)?|\{[a-zA-Z]+\}))+(\/\{[a-zA-Z]+\+\})?$/);
    expect(route.summary).toMatch(/^[A-Z].*[^.]$/);
    expect(route.answer === undefined).toBe(route.status === 204);
    if (route.method === "GET") {
      expect(route.status).toBe(200);
      expect(route.body).toBeUndefined();
      expect(route.ifMatch).toBeUndefined();
    } else if (route.query !== undefined) {
      expect(route.readOnly).toBe(true);
    }
    if (route.readOnly) {
      expect([route.method, route.status, route.repeatable]).toEqual(["POST", 200, true]);
      for (const permission of route.permissions ?? []) expect(permission).toMatch(/:(Query|GenerateMac)$/);
    }
    if (route.access !== "anyone" && route.access !== "caller") expect(route.path).toContain("/{workspace}");
    if (route.status === 202) expect(route.tagged).toBeUndefined();
    if (route.query?.shape !== undefined && "cursor" in route.query.shape) {
      expect(route.problems).toContain("invalid-cursor");
    }
    expect(new Set(route.problems).size).toBe(route.problems.length);
    const parameters = [...route.path.matchAll(/\{(\w+)\+?\}/g)].map(([, parameter]) => parameter);
    expect(new Set(parameters).size).toBe(parameters.length);
  });
});

describe("the triggers", () => {
  const triggered = [
    ...Object.values(streams).map((stream) => stream.function),
    ...Object.values(rules("arn:", "123456789012")).map((rule) => rule.function),
    ...Object.values(schedules).map((schedule) => schedule.function),
  ];

  test("name declared functions", () => {
    for (const name of triggered) expect(Object.keys(functions)).toContain(name);
  });

  test("run every function of a stream or of an event, and each one by one trigger", () => {
    const waiting = declared
      .filter(([, { module }]) => /^functions\/(streams|events)\//.test(module))
      .map(([name]) => name);
    expect([...triggered].sort()).toEqual(waiting.sort());
  });

  test("let at most two functions read a table's stream, and only where there is one", () => {
    for (const [name, { stream }] of Object.entries(tables)) {
      const readers = Object.values(streams).filter(({ table }) => table === name);
      expect(readers.length).toBeLessThanOrEqual(stream ? 2 : 0);
    }
  });

  test("give up on a record at some time, with a batch that a function ends in time", () => {
    for (const { maximumRetryAttempts, maximumRecordAgeSeconds, batchSize } of Object.values(streams)) {
      expect(maximumRetryAttempts).toBeGreaterThan(0);
      expect(maximumRetryAttempts).toBeLessThanOrEqual(10_000);
      expect(maximumRecordAgeSeconds).toBeLessThanOrEqual(86_400);
      expect(batchSize).toBeLessThanOrEqual(1_000);
    }
  });

  test("run by the clock at an interval that EventBridge takes", () => {
    for (const { every } of Object.values(schedules)) {
      expect(every).toMatch(/^rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)$/);
    }
  });
});

describe("a function", () => {
  test.each(declared.map(([name, declaration]) => ({ name, ...declaration })))(
    "$name has limits that Lambda takes, and names each variable once",
    ({ timeoutSeconds, memoryMb, environment, module }) => {
      expect(timeoutSeconds).toBeGreaterThan(0);
      expect(timeoutSeconds).toBeLessThanOrEqual(900);
      if (module.startsWith("functions/api/")) expect(timeoutSeconds).toBeLessThan(30);
      expect(memoryMb).toBeGreaterThanOrEqual(128);
      expect(memoryMb).toBeLessThanOrEqual(10_240);
      expect(new Set(environment).size).toBe(environment.length);
      for (const variable of environment) expect(Object.keys(ENVIRONMENT)).toContain(variable);
    },
  );
});

/**
 * The variables that a module's code reads once what it does not use has been left out, as in its bundle: by `env("…")`,
 * and the names of the tables whose keys it makes.
 */
const variablesRead = async (module: string): Promise<string[]> => {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, `${module}.ts`)],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    packages: "external",
    treeShaking: true,
    logLevel: "error",
  });
  const code = outputFiles[0]?.text ?? "";
  const read = new Set([...code.matchAll(/\benv\("(\w+)"\)/g)].map(([, name = ""]) => name));
  const callsTables = /\btableName = /.test(code);
  if (callsTables && /^var (keys|partitions|indexes) = /m.test(code)) read.add("CONTROL_TABLE");
  if (callsTables && /^var (otaKeys|otaPartitions) = /m.test(code)) read.add("OTA_TABLE");
  return [...read].sort();
};

describe("the environment of a function", () => {
  const read: Record<string, readonly string[]> = {};
  beforeAll(async () => {
    for (const [name, { module }] of declared) read[name] = await variablesRead(module);
  });
  /** By function, what one has and the other lacks. */
  const lacking = (has: (name: string) => readonly string[], lacks: (name: string) => readonly string[]) =>
    Object.fromEntries(
      declared.flatMap(([name]) => {
        const missing = has(name).filter((variable) => !lacks(name).includes(variable));
        return missing.length === 0 ? [] : [[name, missing]];
      }),
    );
  const given = (name: string): readonly string[] => functions[name]?.environment ?? [];
  const needed = (name: string): readonly string[] => read[name] ?? [];

  test("has everything that its code reads", () => {
    expect(lacking(needed, given)).toEqual({});
  });

  test("has nothing that its code does not read", () => {
    expect(lacking(given, needed)).toEqual({});
  });

  test("is found by reading code: some functions read variables, and all that there are", () => {
    expect(read["create-device-policy"]).toEqual(["ACCOUNT_ID", "STAGE"]);
    expect(read["ota-package"]).toEqual([
      "OTA_ARCHIVES_PER_HOUR",
      "OTA_BUCKET",
      "OTA_DEFAULT_WORKSPACE",
      "OTA_STREAMED_BYTES",
      "OTA_TABLE",
      "STAGE",
    ]);
    expect(new Set(Object.values(read).flat())).toEqual(new Set(Object.keys(ENVIRONMENT)));
  });
});
