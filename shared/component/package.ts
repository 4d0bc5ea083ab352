import { createHash } from "node:crypto";
import { memberInAnyCase } from "../json.ts";
import type { StoredFile } from "./file.ts";
import { foldPath } from "./path.ts";

/** Files below `dist/` that people or tools put there: Slipway's own package is none of them. */
export const ownArtifacts = (files: readonly StoredFile[]): StoredFile[] =>
  files.filter(({ path, packagedFrom }) => path.startsWith("dist/") && packagedFrom === undefined);

export const artifactsOf = (files: readonly StoredFile[]): StoredFile[] =>
  files.filter(({ path }) => path.startsWith("dist/"));

export const sourcesOf = (files: readonly StoredFile[]): StoredFile[] =>
  files.filter(({ path }) => path.startsWith("src/"));

/** The paths of the files that a version has once its sources are packaged, and the one that is the package. */
export const filesToBe = (
  component: string,
  files: readonly StoredFile[],
): { readonly files: readonly string[]; readonly packaged?: string } => {
  const [own, sources] = [ownArtifacts(files), sourcesOf(files)];
  const paths = [...own, ...sources].map(({ path }) => path);
  if (own.length > 0 || sources.length === 0) return { files: paths };
  const packaged = packagePath(component);
  return { files: [...paths, packaged], packaged };
};

export const packageOf = (files: readonly StoredFile[]): StoredFile | undefined =>
  files.find(({ packagedFrom }) => packagedFrom !== undefined);

/** Where the package of the sources goes. A device unpacks it into `{artifacts:decompressedPath}/{component}/`. */
export const packagePath = (component: string): string => `dist/${component}.zip`;

/** What makes two packages the same: the sources' paths and contents. */
export const fingerprintOf = (sources: readonly StoredFile[]): string => {
  const hash = createHash("sha256");
  for (const line of sources.map(({ path, sha256 }) => `${sha256} ${path}\n`).sort()) hash.update(line);
  return hash.digest("hex");
};

interface Artifact {
  readonly uri: string;
  readonly unarchive: unknown;
  readonly digest: unknown;
}

const listIn = (value: unknown, name: string): unknown[] => {
  const list = memberInAnyCase(value, name);
  return Array.isArray(list) ? list : [];
};

/** The artifacts that a recipe names, in all its manifests. */
export const artifactsIn = (recipe: unknown): Artifact[] =>
  listIn(recipe, "Manifests")
    .flatMap((manifest) => listIn(manifest, "Artifacts"))
    .map((artifact) => ({
      uri: String(memberInAnyCase(artifact, "Uri") ?? ""),
      unarchive: memberInAnyCase(artifact, "Unarchive"),
      digest: memberInAnyCase(artifact, "Digest"),
    }));

/**
 * The paths of what a device unpacks, for each manifest: a device goes by one of them.
 * @param prefix the URI of the version's folder
 */
export const unarchivedPaths = (recipe: unknown, prefix: string): string[][] =>
  listIn(recipe, "Manifests").map((manifest) => [
    ...new Set(
      artifactsIn({ Manifests: [manifest] }).flatMap(({ uri, unarchive }) =>
        unarchive === "ZIP" && uri.startsWith(prefix) ? [uri.slice(prefix.length)] : [],
      ),
    ),
  ]);

/**
 * Two artifacts that would be one on a device: a file name is there once, and an archive is unpacked into a folder of its
 * name without the ending. https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html
 * @returns what clashes, for people
 */
export const artifactClash = (artifacts: readonly StoredFile[], unarchived: readonly string[]): string | undefined => {
  const nameOf = (path: string) => path.split("/").at(-1) ?? path;
  const twice = (paths: readonly string[], name: (path: string) => string) => {
    const seen = new Map<string, string>();
    for (const path of paths) {
      const other = seen.get(foldPath(name(path)));
      if (other !== undefined) return [other, path].sort();
      seen.set(foldPath(name(path)), path);
    }
    return undefined;
  };
  const files = twice(
    artifacts.map(({ path }) => path),
    nameOf,
  );
  if (files !== undefined) return `${files.join(" and ")} would be the same file on the device`;
  const folders = twice(unarchived, (path) => nameOf(path).replace(/\.[^.]+$/, ""));
  return folders === undefined ? undefined : `${folders.join(" and ")} would be unpacked into the same folder`;
};

/**
 * What of a published recipe is not what was checked: an artifact's bytes changed before Greengrass read them.
 * @param recipe as Greengrass gives it back, with its digests
 */
export const digestMismatch = (
  recipe: unknown,
  artifacts: readonly StoredFile[],
  prefix: string,
): string | undefined => {
  const expected = new Map(artifacts.map(({ path, sha256 }) => [path, Buffer.from(sha256, "hex").toString("base64")]));
  for (const { uri, digest } of artifactsIn(recipe)) {
    if (!uri.startsWith(prefix)) continue;
    const path = uri.slice(prefix.length);
    if (expected.get(path) !== digest) return `${path} was changed while it was being published`;
  }
  return undefined;
};
