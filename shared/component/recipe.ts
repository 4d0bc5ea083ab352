import * as z from "zod";
import { JsonObject } from "../json.ts";

/** AWS IoT Greengrass V2, component recipe reference. Only what the short form can say. */
export const ShortRecipe = z
  .strictObject({
    platform: z
      .strictObject({ os: z.string().min(1).default("*"), architecture: z.string().min(1).optional() })
      .default({ os: "*" })
      .meta({ description: "Devices that it runs on; os `*` for all" }),
    install: z.string().min(1).max(4096).optional().meta({ description: "Shell script run once per version" }),
    run: z.string().min(1).max(4096).optional().meta({ description: "Shell script that is the component" }),
    configuration: JsonObject.optional().meta({ description: "Default configuration, which deployments merge into" }),
  })
  .meta({ id: "ShortRecipe", description: "From this Slipway builds the Greengrass recipe" });
export type ShortRecipe = z.infer<typeof ShortRecipe>;

export interface RecipeSource {
  readonly name: string;
  readonly version: string;
  readonly publisher?: string | undefined;
  readonly description?: string | undefined;
  readonly recipe: ShortRecipe;
  readonly bucket: string;
  /** Paths below the version's prefix, such as `dist/main.sh`. */
  readonly artifacts: readonly string[];
  /** The one of them that is Slipway's package of the sources, which a device unpacks. */
  readonly packaged?: string | undefined;
}

/** Where a version's files lie in its workspace's bucket. */
export const artifactKey = (component: string, version: string, path: string): string =>
  `components/${component}/${version}/${path}`;

/**
 * The Greengrass recipe of a version, RecipeFormatVersion 2020-01-25, with every `dist/` file as an artifact that its
 * component may read and execute. `Platform.runtime: "*"` lets nucleus lite take it too.
 */
export const buildRecipe = (source: RecipeSource): object => ({
  RecipeFormatVersion: "2020-01-25",
  ComponentName: source.name,
  ComponentVersion: source.version,
  ComponentType: "aws.greengrass.generic",
  ...(source.description !== undefined && { ComponentDescription: source.description }),
  ComponentPublisher: source.publisher ?? source.name,
  ...(source.recipe.configuration !== undefined && {
    ComponentConfiguration: { DefaultConfiguration: source.recipe.configuration },
  }),
  Manifests: [
    {
      Platform: { ...source.recipe.platform, runtime: "*" },
      Lifecycle: {
        ...(source.recipe.install !== undefined && { Install: source.recipe.install }),
        ...(source.recipe.run !== undefined && { Run: source.recipe.run }),
      },
      Artifacts: [...source.artifacts].sort().map((path) => ({
        Uri: `s3://${source.bucket}/${artifactKey(source.name, source.version, path)}`,
        Unarchive: path === source.packaged ? "ZIP" : "NONE",
        Permission: { Read: "OWNER", Execute: "OWNER" },
      })),
    },
  ],
});
