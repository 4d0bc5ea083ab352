import * as z from "zod";
import type { StoredFile } from "./file.ts";
import { ownArtifacts, sourcesOf } from "./package.ts";

/** A file of a folder as the Greengrass Development Kit has them: its text, or where its bytes are. */
export const FolderFile = z
  .object({
    path: z.string().meta({ description: "Where it goes, below the folder" }),
    size: z.int(),
    text: z.string().optional().meta({ description: "What it holds, of files that are made for this" }),
    sha256: z.string().optional(),
    download: z.object({ url: z.url(), expiresAt: z.iso.datetime() }).optional(),
  })
  .meta({ id: "FolderFile" });

export interface FolderPlan {
  /** Files that are made for the folder, by path. */
  readonly texts: ReadonlyMap<string, string>;
  /** Where each of the version's files goes, in the order of these places. */
  readonly files: readonly { readonly path: string; readonly file: StoredFile }[];
}

export interface FolderSource {
  readonly name: string;
  readonly version: string;
  readonly publisher?: string | undefined;
  readonly region: string;
  readonly recipe: { readonly format: "json" | "yaml"; readonly text: string };
  readonly files: readonly StoredFile[];
}

const CONFIG = "gdk-config.json";
const ARTIFACTS = "artifacts/";

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/**
 * The folder that the Greengrass Development Kit builds the version from. Sources that are packaged lie at its top, where the
 * kit's `zip` takes them; else a command of the folder's own puts the artifacts into their place, flat, as the kit uploads
 * nothing of folders. From 1.5.0 on the kit leaves out of a ZIP just what it is told to.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/gdk-cli-configuration-file.html
 * https://github.com/aws-greengrass/aws-greengrass-gdk-cli/blob/main/gdk/build_system/Zip.py
 * https://github.com/aws-greengrass/aws-greengrass-gdk-cli/blob/main/gdk/commands/component/PublishCommand.py
 */
export const folderOf = (source: FolderSource): FolderPlan => {
  const { name, version, recipe, files } = source;
  const recipeFile = `recipe.${recipe.format}`;
  const sources = sourcesOf(files);
  const reserved = new Set([CONFIG, recipeFile, "greengrass-build", "zip-build"]);
  const isZipped =
    ownArtifacts(files).length === 0 &&
    sources.length > 0 &&
    sources.every(({ path }) => !reserved.has(path.split("/")[1] ?? ""));
  const build = isZipped
    ? { build_system: "zip", options: { zip_name: "", excludes: [] } }
    : { build_system: "custom", custom_build_command: ["sh", "-c", copying(name, version, recipeFile)] };
  const config = {
    gdk_version: "1.5.0",
    component: {
      [name]: {
        author: source.publisher ?? name,
        version,
        build,
        publish: { bucket: "<PLACEHOLDER_BUCKET>", region: source.region },
      },
    },
  };
  const placed = files.flatMap((file) => {
    if (file.path.startsWith("src/")) return [{ path: isZipped ? file.path.slice("src/".length) : file.path, file }];
    return isZipped ? [] : [{ path: ARTIFACTS + nameOf(file.path), file }];
  });
  return {
    texts: new Map([
      [CONFIG, `${JSON.stringify(config, null, 2)}\n`],
      [recipeFile, recipe.text],
    ]),
    files: placed.sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
};

const copying = (name: string, version: string, recipeFile: string): string =>
  `mkdir -p ${ARTIFACTS} && cp -R ${ARTIFACTS}. greengrass-build/artifacts/${name}/${version}/ && cp ${recipeFile} greengrass-build/recipes/`;
