import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { functions } from "../../functions/declared.ts";
import { installer } from "../../functions/device/installer.ts";
import type { Permission } from "../../shared/declared/permissions.ts";
import { type Budget, MAX_BYTES, overBudget, recorded } from "../../stacks/budget.ts";
import { type Bundle, bundle } from "../../stacks/bundle.ts";
import budget from "../../stacks/bundles.json" with { type: "json" };

const names = Object.keys(functions);
let dir: string;
let bundles: Record<string, Bundle>;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "slipway-bundles-"));
  bundles = await bundle(dir);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("the bundles of this tree", () => {
  test("are one for each declared function, within their budget", () => {
    expect(Object.keys(bundles).sort()).toEqual([...names].sort());
    const measured = Object.fromEntries(Object.entries(bundles).map(([name, { bytes }]) => [name, bytes]));
    expect(overBudget(budget, measured)).toEqual([]);
  });

  test("are minified, with a source map each that names our sources", () => {
    for (const name of names) {
      const code = readFileSync(join(dir, name, "index.mjs"), "utf8");
      expect(code).toMatch(/\n\/\/# sourceMappingURL=index\.mjs\.map\n$/);
      expect(code.split("\n").length, `lines of ${name}`).toBeLessThan(code.length / 250);
      const { sources } = JSON.parse(readFileSync(join(dir, name, "index.mjs.map"), "utf8")) as { sources: string[] };
      const module = `${functions[name]?.module}.ts`;
      expect(sources.some((source) => source.endsWith(module))).toBe(true);
    }
  });

  test("load with nothing but what Lambda gives, and export a handler", () => {
    const load = `
      globalThis.awslambda = { streamifyResponse: (handler) => handler };
      const lacking = [];
      for (const name of ${JSON.stringify(names)}) {
        const { handler } = await import(new URL(name + "/index.mjs", process.argv[1]));
        if (typeof handler !== "function") lacking.push(name);
      }
      console.log(JSON.stringify(lacking));
    `;
    const args = ["--input-type=module", "--eval", load, `file://${dir}/`];
    const printed = execFileSync(process.execPath, args, { env: { AWS_REGION: "eu-west-1" }, encoding: "utf8" });
    expect(JSON.parse(printed)).toEqual([]);
  });

  test("have the installer's text in them, which then is no file", async () => {
    const { handler } = (await import(join(dir, "api-get-installer/index.mjs"))) as {
      handler: (event: object, context: object) => Promise<{ statusCode: number; body: string }>;
    };
    const http = { method: "GET", path: "/v1/install.sh", sourceIp: "127.0.0.1" };
    const event = { rawPath: http.path, headers: {}, requestContext: { http, requestId: "1" } };
    expect(await handler(event, { awsRequestId: "1" })).toMatchObject({ statusCode: 200, body: installer });
  });

  /** The commands of a client that are in a function's bundle, by their operation. */
  const operations = (name: string, client: string): string[] =>
    (bundles[name]?.modules ?? []).flatMap(
      (module) => module.match(`/client-${client}/[\\w-]+/commands/(\\w+)Command\\.js$`)?.[1] ?? [],
    );
  /** The operations of a service that a function is permitted. */
  const permitted = (name: string, prefix: string): string[] =>
    (functions[name]?.permissions ?? []).flatMap((permission: Permission) =>
      // One that is permitted of anybody's has a name of its own, and is the same operation.
      permission.startsWith(`${prefix}:`) ? permission.slice(prefix.length + 1).replace(/^GetAny/, "Get") : [],
    );

  test.each([
    ["iot", "iot"],
    ["greengrassv2", "greengrass"],
    ["sfn", "states"],
    ["eventbridge", "events"],
  ])("have of the client %s just the commands that the function is permitted", (client, prefix) => {
    const used = names.map((name) => [name, operations(name, client).sort()]);
    const allowed = names.map((name) => [name, permitted(name, prefix).sort()]);
    expect(used.flatMap(([, commands]) => commands)).not.toEqual([]);
    expect(used).toEqual(allowed);
  });

  test.each(["Query", "BatchGetItem"])("have %s of tables in them where it is permitted", (operation) => {
    const allowed = names.filter((name) =>
      ["control", "ota"].some((table) => permitted(name, table).includes(operation)),
    );
    const using = names.filter((name) => operations(name, "dynamodb").includes(operation));
    expect(allowed).not.toEqual([]);
    expect(allowed.filter((name) => !using.includes(name))).toEqual([]);
  });

  test("have nothing of the AWS SDK that does nothing on Lambda", () => {
    const needless =
      /\/(credential-provider-(ini|sso|process|node|web-identity)|client-sso|nested-clients|event-streams)\//;
    for (const name of names) {
      expect(
        bundles[name]?.modules.filter((module) => needless.test(module)),
        name,
      ).toEqual([]);
    }
  });

  test("are the same bytes when they are made again", async () => {
    const again = mkdtempSync(join(tmpdir(), "slipway-bundles-"));
    try {
      await bundle(again, ["create-cell", "ota-package"]);
      for (const file of ["create-cell/index.mjs", "ota-package/index.mjs"]) {
        expect(readFileSync(join(again, file)).equals(readFileSync(join(dir, file)))).toBe(true);
      }
      expect(existsSync(join(again, "create-bucket"))).toBe(false);
    } finally {
      rmSync(again, { recursive: true, force: true });
    }
  });

  test("of a function that is not declared are refused", async () => {
    await expect(bundle(dir, ["nobody"])).rejects.toThrow("no function is named nobody");
  });
});

describe("the budget", () => {
  const of = (bytes: Record<string, number>, reasons: Record<string, string> = {}): Budget => ({ bytes, reasons });

  test.each([
    { note: "what is as recorded", was: of({ a: 1_000 }), now: { a: 1_000 }, says: [] },
    { note: "a quarter more", was: of({ a: 1_000 }), now: { a: 1_250 }, says: [] },
    { note: "less", was: of({ a: 1_000 }), now: { a: 10 }, says: [] },
    {
      note: "more than that",
      was: of({ a: 1_000 }),
      now: { a: 1_251 },
      says: [/^a: 1\.0 KB recorded, 1\.3 KB now, 25% more/],
    },
    { note: "a new function", was: of({}), now: { a: 1 }, says: [/^a: 0\.0 KB, and no figure recorded/] },
    {
      note: "a function that is gone",
      was: of({ a: 1 }, { b: "why" }),
      now: {},
      says: [/^a: recorded, and no/, /^b: recorded, and no/],
    },
    {
      note: "one over the limit",
      was: of({ a: MAX_BYTES }),
      now: { a: MAX_BYTES + 1 },
      says: [/^a: 500\.0 KB is over 500\.0 KB/],
    },
    {
      note: "one over the limit for a reason",
      was: of({ a: MAX_BYTES }, { a: "why" }),
      now: { a: MAX_BYTES + 1 },
      says: [],
    },
  ])("of $note", ({ was, now, says }) => {
    const problems = overBudget(was, now as Record<string, number>);
    expect(problems).toHaveLength(says.length);
    for (const [index, pattern] of says.entries()) expect(problems[index]).toMatch(pattern);
  });

  test("that is renewed keeps the reasons that are still needed", () => {
    const was = of({ a: MAX_BYTES + 1, b: MAX_BYTES + 1 }, { a: "large", b: "was large" });
    expect(recorded(was, { a: MAX_BYTES + 2, b: 5 })).toEqual(of({ a: MAX_BYTES + 2, b: 5 }, { a: "large" }));
  });
});
