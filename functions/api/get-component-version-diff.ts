import { allItems, eachItem, getItem } from "../../shared/aws/table.ts";
import type { StoredComponent } from "../../shared/component/component.ts";
import { diffJson, fileChanges, type VersionDiff } from "../../shared/component/diff.ts";
import type { StoredFile } from "../../shared/component/file.ts";
import { filesToBe } from "../../shared/component/package.ts";
import { bytesOf, MAX_RECIPE_BYTES } from "../../shared/component/recipe.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { aboutVersion, portableRecipe, readRecipe } from "../../shared/component/version-recipe.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { endpoint } from "../http/endpoint.ts";
import { decodeCursor, encodeCursor } from "../http/paging.ts";
import { findComponent, findVersion } from "../http/resources.ts";

/** Files that are read at a time, of each version. */
const AT_A_TIME = 500;

/**
 * A page has changes of the recipe, and from where those end on changes of files. Where the next one begins is how many of the
 * former were told, or the path of the last of the latter: so a page of files reads neither recipes nor the files before it.
 */
export const handler = endpoint(componentRoutes, "getComponentVersionDiff", async ({ workspace, params, query }) => {
  const component = await findComponent(workspace, params.component);
  const [from, to] = await Promise.all([
    findVersion(workspace, component.id, params.from),
    findVersion(workspace, component.id, params.version),
  ]);
  const list = `${from.id} ${to.id}`;
  const place = placeIn(list, query.cursor);
  const told = typeof place === "number" ? place : 0;
  const changed = typeof place === "string" ? [] : await recipeChanges(workspace, component, from, to);
  const recipe = changed.slice(told, told + query.limit);
  const after = typeof place === "string" ? place : undefined;

  const room = query.limit - recipe.length;
  const files: VersionDiff["files"] = [];
  let next = told + recipe.length < changed.length ? told + recipe.length : undefined;
  if (next === undefined) {
    for await (const change of fileChanges(filesOf(from, after), filesOf(to, after), after)) {
      if (files.length < room) files.push(change);
      else {
        next = told + recipe.length;
        break;
      }
    }
  }
  return {
    body: {
      from: { id: from.id, version: from.version },
      to: { id: to.id, version: to.version },
      recipe,
      files,
      ...(next !== undefined && { nextCursor: encodeCursor(list, files.at(-1)?.path ?? next) }),
    },
  };
});

/** @throws AppError `invalid-cursor` */
const placeIn = (list: string, cursor: string | undefined): number | string | undefined => {
  const place = cursor === undefined ? undefined : decodeCursor(list, cursor);
  if (place === undefined || (typeof place === "string" && place !== "")) return place;
  if (typeof place === "number" && Number.isInteger(place) && place >= 0) return place;
  throw new AppError("invalid-cursor", "cursor must be the nextCursor of this list's page before");
};

/** A version's files, from the one in the place of this path on. */
async function* filesOf({ id }: StoredVersion, path?: string): AsyncGenerator<StoredFile> {
  const key = path === undefined ? undefined : keys.file(id, path);
  const first = key && (await getItem<StoredFile>(key));
  if (first !== undefined) yield first;
  yield* eachItem<StoredFile>({ partition: partitions.files(id), limit: AT_A_TIME, after: key?.sk });
}

const recipeChanges = async (
  workspace: StoredWorkspace,
  component: StoredComponent,
  from: StoredVersion,
  to: StoredVersion,
): Promise<VersionDiff["recipe"]> => {
  const recipes = await Promise.all([from, to].map((version) => recipesOf(workspace, component, version)));
  const [before, after] = recipes.some(({ whole }) => whole === undefined)
    ? recipes.map(({ bare }) => bare())
    : recipes.map(({ whole }) => whole);
  return diffJson(before, after);
};

/** A version's recipe, if it has no more bytes than Greengrass takes, and without the artifacts that its files make. */
const recipesOf = async (workspace: StoredWorkspace, component: StoredComponent, version: StoredVersion) => {
  const files = await allItems<StoredFile>(partitions.files(version.id));
  const about = aboutVersion(workspace, component, version);
  const { text = "", document } = readRecipe(version, about, filesToBe(component.name, files));
  return {
    whole: bytesOf(text) > MAX_RECIPE_BYTES ? undefined : portableRecipe(document, about),
    bare: () => portableRecipe(readRecipe(version, about).document, about),
  };
};
