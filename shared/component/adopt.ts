import type { VersionFacts } from "../deployment/versions.ts";
import type { Moment } from "../ids.ts";
import { keys } from "../keys.ts";
import { OF_AWS } from "../names.ts";
import { born } from "../resource.ts";
import type { Key, Write } from "../writes.ts";
import type { StoredComponent } from "./component.ts";
import { noteDependant } from "./dependant.ts";
import { factsOf } from "./facts.ts";
import type { StoredFile } from "./file.ts";
import type { ComponentType } from "./short-form.ts";
import { type StoredVersion, versionItems } from "./version.ts";

/** A version of a component that AWS publishes: what others may depend on. */
export interface StoredPublicVersion extends Key {
  readonly type: "public-version";
  readonly name: string;
  readonly version: string;
  readonly arn: string;
  readonly status: "published";
  /** 0 for what the first import of the component found: with it the component is known, to deployments of any age. */
  readonly catalogueNumber: number;
  readonly dependencies?: VersionFacts["dependencies"];
  readonly runtimes?: VersionFacts["runtimes"];
}

/** The claim of a name of AWS's, and the intent of the import that made it. */
export interface PublicClaim extends Key {
  readonly workspaceId: typeof OF_AWS;
  readonly intentId: string;
}

export const claimPublicName = (name: string, intentId: string): Write => ({
  do: "create",
  item: { ...keys.componentName(name), type: "name", workspaceId: OF_AWS, intentId },
  otherwise: { code: "name-taken", detail: `${name} is known` },
});

/** A version of AWS's, as resolution knows it. @param recipe as Greengrass has it */
export const publicVersion = (
  name: string,
  { version, arn }: { readonly version: string; readonly arn: string },
  recipe: string,
  catalogueNumber: number,
): Write => {
  const { dependencies, runtimes } = factsOf({ version, document: JSON.parse(recipe) }, catalogueNumber);
  const item: StoredPublicVersion = {
    ...keys.publicVersion(name, version),
    type: "public-version",
    ...{ name, version, arn, status: "published", catalogueNumber },
    ...(dependencies !== undefined && { dependencies }),
    ...(runtimes !== undefined && { runtimes }),
  };
  return { do: "create", item: { ...item }, otherwise: { code: "name-taken", detail: `${name} ${version} is known` } };
};

export interface Adopted {
  readonly version: string;
  readonly arn: string;
  /** As Greengrass has it. */
  readonly recipe: string;
  readonly document: Record<string, unknown>;
  readonly componentType: ComponentType;
  readonly files: readonly Pick<StoredFile, "path" | "size" | "sha256">[];
  /** URIs of what could not be read, or is not what Greengrass has. */
  readonly missing: readonly string[];
  readonly catalogueNumber: number;
}

/** A version that Greengrass has, as a published one of Slipway's. */
export const adoptVersion = (component: StoredComponent, adopted: Adopted, moment: Moment): Write[] => {
  const { files, missing, recipe, document, ...known } = adopted;
  const facts = factsOf({ version: known.version, document }, known.catalogueNumber);
  const { dependencies, runtimes } = facts;
  const id = moment.newId("component-version");
  const version: StoredVersion = {
    ...keys.version(component.id, id),
    type: "component-version",
    id,
    workspaceId: component.workspaceId,
    componentId: component.id,
    component: component.name,
    ...known,
    recipeText: { format: "json", text: JSON.stringify(document) },
    document,
    status: "published",
    ...(dependencies !== undefined && { dependencies }),
    ...(runtimes !== undefined && { runtimes }),
    imported: { at: moment.now.toISOString(), missing: [...missing] },
    artifactBytes: files.reduce((sum, { size }) => sum + size, 0),
    ...born(moment.now),
  };
  const createdAt = moment.now.toISOString();
  return [
    ...versionItems(component, version),
    ...noteDependant(version, facts),
    { do: "create", item: { ...keys.publishedRecipe(id), type: "published-recipe", text: recipe } },
    ...files.map(
      (file): Write => ({ do: "create", item: { ...keys.file(id, file.path), type: "file", ...file, createdAt } }),
    ),
  ];
};
