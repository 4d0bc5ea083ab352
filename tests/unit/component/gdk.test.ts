import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { StoredFile } from "../../../shared/component/file.ts";
import { folderOf } from "../../../shared/component/gdk.ts";

const file = (path: string, more: object = {}): StoredFile => ({
  pk: "v",
  sk: path,
  type: "file",
  path,
  size: 1,
  sha256: "0",
  createdAt: "",
  ...more,
});

const folder = (...files: StoredFile[]) => {
  const name = "com.example.A";
  const recipe = { format: "yaml", text: "recipe" } as const;
  const { texts, files: placed } = folderOf({ name, version: "1.0.0", region: "eu-central-1", recipe, files });
  const config = JSON.parse(texts.get("gdk-config.json") ?? "");
  return {
    texts,
    config: config.component[name],
    gdk: config.gdk_version,
    paths: placed.map(({ path }) => path),
    placed,
  };
};

describe("the folder of a version for the Greengrass Development Kit", () => {
  test("has sources that are packaged at its top, and no package: the kit's zip makes it, with all of them", () => {
    const sources = [file("src/main.py"), file("src/.env"), file("src/lib/test_a.py")];
    const { config, gdk, paths, texts } = folder(...sources, file("dist/com.example.A.zip", { packagedFrom: "x" }));
    expect(paths).toEqual([".env", "lib/test_a.py", "main.py"]);
    expect(config).toEqual({
      author: "com.example.A",
      version: "1.0.0",
      build: { build_system: "zip", options: { zip_name: "", excludes: [] } },
      publish: { bucket: "<PLACEHOLDER_BUCKET>", region: "eu-central-1" },
    });
    expect(gdk).toBe("1.5.0");
    expect([...texts.keys()]).toEqual(["gdk-config.json", "recipe.yaml"]);
  });

  test.each(["src/recipe.yaml", "src/gdk-config.json", "src/greengrass-build/a", "src/zip-build/a"])(
    "keeps sources in a folder of theirs where %s would be in the way",
    (path) => {
      const packed = file("dist/com.example.A.zip", { packagedFrom: "x" });
      const { config, paths } = folder(file(path), packed);
      expect(paths).toEqual(["artifacts/com.example.A.zip", path]);
      expect(config.build.build_system).toBe("custom");
    },
  );

  test("has artifacts flat, and a command that puts them and the recipe where the kit looks for them", () => {
    const { config, placed, texts } = folder(file("dist/lib/a.py"), file("dist/main.sh"), file("src/main.ts"));
    const dir = mkdtempSync(join(tmpdir(), "slipway-gdk-"));
    try {
      for (const path of [...texts.keys(), ...placed.map(({ path }) => path)]) {
        mkdirSync(dirname(join(dir, path)), { recursive: true });
        writeFileSync(join(dir, path), path);
      }
      // As `gdk component build` does before it runs the command.
      const built = join(dir, "greengrass-build", "artifacts", "com.example.A", "1.0.0");
      mkdirSync(built, { recursive: true });
      mkdirSync(join(dir, "greengrass-build", "recipes"));
      const [command, ...given] = config.build.custom_build_command as string[];
      execFileSync(command ?? "", given, { cwd: dir });
      expect(readdirSync(built).sort()).toEqual(["a.py", "main.sh"]);
      expect(readdirSync(join(dir, "greengrass-build", "recipes"))).toEqual(["recipe.yaml"]);
      expect(readdirSync(join(dir, "src"))).toEqual(["main.ts"]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("of a version without files has the recipe alone, and can be built all the same", () => {
    const { config, paths } = folder();
    expect(paths).toEqual([]);
    expect(config.build.custom_build_command.at(-1)).toContain("mkdir -p artifacts/");
  });
});
