import { allItems } from "../../shared/aws/table.ts";
import type { StoredFile } from "../../shared/component/file.ts";
import { artifactsOf, packageOf } from "../../shared/component/package.ts";
import { artifactKey, buildRecipe } from "../../shared/component/recipe.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { partitions } from "../../shared/keys.ts";
import { desiredComponent, desiredVersion, desiredWorkspace } from "./desired.ts";
import type { TaskInput } from "./task.ts";

/** A version that is being published, with its files. */
export interface Draft {
  readonly version: StoredVersion;
  readonly bucket: string;
  readonly files: readonly StoredFile[];
}

export const desiredDraft = async (input: TaskInput): Promise<Draft> => {
  const version = await desiredVersion(input);
  const { bucket } = await desiredWorkspace(input);
  return { version, bucket, files: await allItems<StoredFile>(partitions.files(version.id)) };
};

export const keyIn = ({ version }: Draft, path: string): string =>
  artifactKey(version.component, version.version, path);

/** What the URIs of a version's artifacts begin with. */
export const uriPrefix = (draft: Draft): string => `s3://${draft.bucket}/${keyIn(draft, "")}`;

/** The recipe that Greengrass is given. */
export const recipeOf = async (input: TaskInput, { version, bucket, files }: Draft): Promise<object> => {
  const component = await desiredComponent(input);
  return buildRecipe({
    name: component.name,
    version: version.version,
    publisher: component.publisher,
    description: version.description ?? component.description,
    recipe: version.recipe,
    bucket,
    artifacts: artifactsOf(files).map(({ path }) => path),
    packaged: packageOf(files)?.path,
  });
};
