import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

const REFUSED = [
  ["functions/api", "../../local/cloud.ts"],
  ["functions/tasks", "../../stacks/tables.ts"],
  ["functions/http", "../../tests/unit/moment.ts"],
  ["workflows", "../local/step-functions.ts"],
  ["shared/aws", "../../local/cloud.ts"],
  ["shared/node", "../../local/cloud.ts"],
  ["shared/node", "@aws-sdk/client-iot"],
  ["shared/deployment", "@aws-sdk/lib-dynamodb"],
  ["shared/deployment", "@smithy/core"],
  ["shared/intent", "../aws/table.ts"],
  ["shared/intent", "@aws-lambda-powertools/logger"],
  ["shared/workspace", "@middy/core"],
  ["shared", "./aws/table.ts"],
  ["shared", "../functions/declared.ts"],
  ["shared/declared", "../../workflows/tasks.ts"],
  ["local/device", "../endpoints.ts"],
  ["local/device", "../mqtt/topics.ts"],
  ["local/device", "../iot/certificates.ts"],
  ["local/device", "../../local/cloud.ts"],
  ["local/device", "../../shared/aws/iot.ts"],
  ["local/device", "../../functions/declared.ts"],
  ["local/device", "../../tests/local/until.ts"],
] as const;

const ALLOWED = [
  ["functions/api", "../../shared/aws/table.ts"],
  ["functions/tasks", "../../workflows/tasks.ts"],
  ["shared/aws", "@aws-sdk/client-iot"],
  ["shared/aws", "./settings.ts"],
  ["shared/node", "../keys.ts"],
  ["shared/node", "zod"],
  ["local", "../functions/declared.ts"],
  ["tests/unit", "../../local/cloud.ts"],
  ["tests/integration", "../../local/device/device.ts"],
  ["local/device", "./folder.ts"],
  ["local/device", "../../shared/registration/token.ts"],
  ["local/device", "../../shared/json.ts"],
  ["local/device", "mqtt"],
] as const;

/** A module of its own for each case, in a folder laid out like the project. */
const fileOf = (folder: string, specifier: string): string =>
  `${folder}/imports-${specifier.replace(/[^a-z0-9]+/gi, "-")}.ts`;

describe("the linter", () => {
  let project: string;
  const refused = new Set<string>();

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), "import-rules-"));
    for (const file of ["biome.json", ".gitignore"]) await copyFile(join(ROOT, file), join(project, file));
    for (const [folder, specifier] of [...REFUSED, ...ALLOWED]) {
      const file = join(project, fileOf(folder, specifier));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `import { x } from "${specifier}";\n\nexport const y = x;\n`);
    }
    const report = await new Promise<string>((resolve) => {
      const biome = join(ROOT, "node_modules/.bin/biome");
      const options = ["lint", "--reporter=json", "--max-diagnostics=none", "."];
      execFile(biome, options, { cwd: project }, (_error, stdout) => resolve(stdout));
    });
    const { diagnostics, summary } = JSON.parse(report) as {
      diagnostics: { category: string; location: { path: string | { file: string } } }[];
      summary: { errors: number };
    };
    expect(summary.errors).toBe(diagnostics.length);
    for (const { category, location } of diagnostics) {
      if (category !== "lint/style/noRestrictedImports") continue;
      refused.add(typeof location.path === "string" ? location.path : location.path.file);
    }
  });
  afterAll(() => rm(project, { recursive: true }));

  const isRefused = (folder: string, specifier: string) =>
    [...refused].some((path) => path === fileOf(folder, specifier) || path.endsWith(`/${fileOf(folder, specifier)}`));

  test.each(REFUSED)("refuses in %s an import of %s", (folder, specifier) => {
    expect(isRefused(folder, specifier)).toBe(true);
  });

  test.each(ALLOWED)("lets %s import %s", (folder, specifier) => {
    expect(isRefused(folder, specifier)).toBe(false);
  });
});
