import * as z from "zod";

/** What the keys of all versions' files begin with. */
export const ARTIFACTS = "components/";

/** Where a version's files lie in its workspace's bucket. */
export const artifactKey = (component: string, version: string, path: string): string =>
  `${ARTIFACTS}${component}/${version}/${path}`;

/** What is where {@link artifactKey} says; undefined for any other key. */
export const placeOfArtifact = (
  key: string,
): { readonly component: string; readonly version: string; readonly path: string } | undefined => {
  const [, component, version, path] = /^components\/([^/]+)\/([^/]+)\/(.+)$/s.exec(key) ?? [];
  return component && version && path ? { component, version, path } : undefined;
};

/** https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html */
export const MAX_RECIPE_BYTES = 16_000;

/** In UTF-8. */
export const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

export const RecipeText = z
  .strictObject({
    format: z.enum(["json", "yaml"]),
    text: z.string().min(1).max(MAX_RECIPE_BYTES).meta({ description: "Kept byte for byte" }),
  })
  .meta({
    id: "RecipeText",
    description:
      "A Greengrass recipe of one's own. What it is published with may stand in for what is known then: ComponentName " +
      "`{COMPONENT_NAME}`, ComponentVersion `{COMPONENT_VERSION}`, ComponentPublisher `{COMPONENT_AUTHOR}`, and in " +
      "artifacts' URIs `s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/` for the version's `dist/`",
  });
export type RecipeText = z.infer<typeof RecipeText>;

/** The placeholder of the Greengrass Development Kit for where a version's artifacts lie. */
export const ARTIFACTS_FOLDER = "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/";
